"""Reads what the org sent by itself from the journal: outbound messages and callouts, attempt by attempt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from harness.happenings import CalledOut

_KINDS = ("outbound message", "callout")


def called_out(entries: Iterable[Mapping[str, Any]]) -> tuple[CalledOut, ...]:
    """Return the attempts that are over, in the order in which they began; of a message one for each notification."""
    listed = list(entries)
    rules = {entry["number"]: _rule(entry) for entry in listed if entry.get("call") is not None}
    return tuple(
        CalledOut(
            at=entry["at"],
            written=entry["at"] if told["written"] is None else told["written"],
            kind=told["kind"],
            name=told["name"],
            message=message,
            attempt=told["attempt"],
            records=records,
            seconds=told["seconds"],
            timeout=told["timeout"],
            status=told["status"],
            acknowledged=told["acknowledged"],
            # A copy that the network delivers is the doing of the rule that struck the first.
            rule=rules.get(entry["copy_of"] or entry["number"]),
            sequence=told["sequence"],
            exchange=entry["number"],
        )
        for entry in listed
        if (told := entry.get("call")) is not None and told["kind"] in _KINDS and entry["end"] is not None
        for message, records in _parts(told)
    )


def _parts(told: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what a receiver takes for one thing: a notification of a message, with its record, or a whole callout."""
    if told["kind"] == "outbound message" and told["notifications"]:
        yield from ((one, (record,)) for one, record in zip(told["notifications"], told["records"], strict=True))
    else:
        yield told["message"], tuple(told["records"])


def _rule(entry: Mapping[str, Any]) -> str | None:
    strikes = entry["strikes"]
    return str(strikes[0]["rule"]) if strikes else None
