"""Duplicate rules: a record that a matching rule finds already there is refused, or let pass by who was warned.

Each alternative of a rule has an index over the forms that its fields are compared in, so that a save costs one lookup
a rule and chunk, however many records there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.alike import METHODS, alike
from mock_server.org.records.rows import Row
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import person_name, quoted
from mock_server.org.schema.types import DuplicateRule, MatchItem, SObject

MOST_MATCHES = 100
_BETWEEN = "\x1f"
_PARTS = ("FirstName", "LastName")


def find(store: Store, rows: list[Row]) -> None:
    """Fail the rows, all of one object and no deletes, that duplicate stored records or earlier rows."""
    for rule in rows[0].sobject.duplicate_rules:
        if not rule.active:
            continue
        found: dict[int, list[str]] = {}
        for items in rule.alternatives:
            for row, matches in _matches(store, rows, rule, items):
                known = found.setdefault(id(row), [])
                known += [one for one in matches if one not in known]
        for row in rows:
            ids = found.get(id(row))
            if ids and not row.errors and not _lets_pass(rule, row):
                row.fail(_refusal(rule, row.sobject, ids[:MOST_MATCHES], _action(rule, row)))


def _action(rule: DuplicateRule, row: Row) -> str:
    return rule.on_create if row.verb == "create" else rule.on_update


def _lets_pass(rule: DuplicateRule, row: Row) -> bool:
    """Tell whether a duplicate may be saved: the rule warns nobody, or its caller was warned."""
    return _action(rule, row) == "allow" and (row.change.duplicates_known or not rule.alert)


def _matches(
    store: Store, rows: list[Row], rule: DuplicateRule, items: Sequence[MatchItem]
) -> Iterator[tuple[Row, list[str]]]:
    """Yield rows with the ids of what they are alike to by all of the items."""
    sobject = rows[0].sobject
    keys: list[tuple[Row, str]] = []
    for row in rows:
        if row.errors or not _concerned(row, items):
            continue
        forms = [alike(METHODS[item.method], _value(row, item.field)) for item in items]
        if any(not form and not item.blank_matches for form, item in zip(forms, items, strict=True)) or not any(forms):
            continue
        keys.append((row, _BETWEEN.join(forms)))
    if not keys:
        return
    stored: dict[str, list[str]] = {}
    for key, identifier in _stored(store, sobject, rule, items, sorted({key for _, key in keys})):
        stored.setdefault(key, []).append(identifier)
    earlier: dict[str, list[str]] = {}
    for row, key in keys:
        others = [one for one in (*stored.get(key, ()), *earlier.get(key, ())) if one != row.id]
        if others:
            yield row, others
        # What is refused is there for nobody.
        if row.id and (not others or _lets_pass(rule, row)) and row.id not in stored.get(key, ()):
            earlier.setdefault(key, []).append(row.id)


def _concerned(row: Row, items: Sequence[MatchItem]) -> bool:
    """Tell whether a row sets what the items look at; an update that does not is nobody's duplicate anew."""
    if row.verb == "create":
        return True
    names = {item.field for item in items}
    if "Name" in names and person_name(row.sobject, row.sobject.by_name["Name"]):
        names |= set(_PARTS)
    return not names.isdisjoint(row.values)


def _value(row: Row, name: str) -> Any:
    if person_name(row.sobject, row.sobject.by_name[name]):
        return " ".join(part for part in map(row.now, _PARTS) if part)
    return row.now(name)


def _stored(
    store: Store, sobject: SObject, rule: DuplicateRule, items: Sequence[MatchItem], keys: list[str]
) -> Iterator[tuple[str, str]]:
    forms = [f"sf_alike('{METHODS[item.method]}', {quoted(item.field)})" for item in items]
    key = " || char(31) || ".join(forms)
    table = quoted(sobject.name)
    # A kept database may have the index of a rule that compared otherwise.
    index = quoted(f"{sobject.name}.{rule.name}.{crc32(key.encode())}")
    run = store.connection.execute
    run(f'CREATE INDEX IF NOT EXISTS {index} ON {table} ({key}) WHERE "IsDeleted" = 0')
    marks = ",".join("?" * len(keys))
    yield from run(f'SELECT {key}, "Id" FROM {table} WHERE ({key}) IN ({marks}) AND "IsDeleted" = 0', keys)  # noqa: S608


def _refusal(rule: DuplicateRule, sobject: SObject, ids: list[str], action: str) -> ApiError:
    """Return the error with the body of a duplicateResult; what its records hold is for the protocol to fill in."""
    error = errors.DUPLICATES_DETECTED()
    if rule.message:
        error.message = rule.message
    exact = all(METHODS[item.method] == "exact" for items in rule.alternatives for item in items)
    matches = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {"attributes": {"type": sobject.name}, "Id": identifier},
        }
        for identifier in ids
    ]
    error.extra["duplicates"] = {
        "allowSave": action == "allow",
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": sobject.name,
        "errorMessage": error.message,
        "matchResults": [
            {
                "entityType": sobject.name,
                "errors": [],
                "matchEngine": "ExactMatchEngine" if exact else "FuzzyMatchEngine",
                "matchRecords": matches,
                "rule": rule.matching,
                "size": len(matches),
                "success": True,
            }
        ],
    }
    return error
