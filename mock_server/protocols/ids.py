"""Rows that are known by their ids alone, of any objects."""

from __future__ import annotations

from collections.abc import Iterable

from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.records.changes import Change, Verb
from mock_server.org.schema import Schema


def rows_by_id(schema: Schema, verb: Verb, ids: Iterable[str]) -> list[Change]:
    """Return a change for each id; what belongs to no object is refused row by row."""
    changes = []
    for given in ids:
        identifier = to_18(given)
        sobject = schema.by_prefix(identifier[:3]) if identifier else None
        change = Change(verb, sobject.name if sobject else "", id=given)
        if identifier is None:
            change.refusal = errors.MALFORMED_ID(value=given)
        elif sobject is None:
            change.refusal = errors.INVALID_CROSS_REFERENCE_KEY()
        changes.append(change)
    return changes
