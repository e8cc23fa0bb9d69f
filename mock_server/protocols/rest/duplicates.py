"""Duplicate rules over REST: what a caller wishes of them, and what an answer shows of the records they found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mock_server.operations import Call
from mock_server.org.records.changes import RowResult
from mock_server.protocols.rest.replies import base_of

# Begins at the beginning of a word alone: a header of one long word would be tried from each of its letters.
_PAIR = re.compile(r"(?<![A-Za-z])([A-Za-z]++)\s*+=\s*+([A-Za-z]++)")


@dataclass(frozen=True, slots=True)
class Wishes:
    """The Sforce-Duplicate-Rule-Header. `runAsCurrentUser` changes nothing: who saves sees what he may see."""

    allow_save: bool = False
    include_details: bool = False


_NONE = Wishes()


def duplicate_wishes(header: str | None) -> Wishes:
    """Read `allowSave=true; includeRecordDetails=true`; the pairs stand apart by comma or semicolon, in any case."""
    if not header:
        return _NONE
    given = {name.lower(): value.lower() == "true" for name, value in _PAIR.findall(header)}
    return Wishes(given.get("allowsave", False), given.get("includerecorddetails", False))


def show_duplicates(call: Call, results: Sequence[RowResult], wishes: Wishes) -> None:
    """Give the records in the errors of duplicate rules their urls, or all of their fields, if they are wished for."""
    for result in results:
        for error in result.errors:
            for match in error.extra.get("duplicates", {}).get("matchResults", ()):
                name = match["entityType"]
                ids = [one["record"]["Id"] for one in match["matchRecords"]]
                whole = (
                    call.org.read(call.session, name, ids, None, base=base_of(call))
                    if wishes.include_details
                    else [None] * len(ids)
                )
                for one, identifier, record in zip(match["matchRecords"], ids, whole, strict=True):
                    url = f"{base_of(call)}/{name}/{identifier}"
                    one["record"] = record or {"attributes": {"type": name, "url": url}, "Id": identifier}
