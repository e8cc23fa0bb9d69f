"""Compares what an input asked for with what the org holds or a dead letter says, whatever form either has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.evidence import Evidence

_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def differing(record: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the fields of a record whose value another one does not have; field names in any case.

    References through a parent's key (`Account: {...}`, `Account.Key__c`) are left out: they are stored as ids.
    """
    values = {name.lower(): value for name, value in other.items()}
    if all(name.lower() in values and value == values[name.lower()] for name, value in record.items()):
        return []  # as a rule it is: the rest is for the exceptions
    return [
        name
        for name, value in record.items()
        if name != "attributes"
        and "." not in name
        and not isinstance(value, Mapping)
        and not same(value, values.get(name.lower()))
    ]


Parents = Mapping[tuple[str, str], Collection[str]]
"""Ids of records by a field in lower case and a value that it has had."""


def parents_of(evidence: Evidence) -> Parents:
    """Return the records that inputs may refer to by a parent's key; nothing where no input does."""
    wanted = {key.lower() for given in evidence.inputs for _, key, _ in _references(given.record)}
    found: dict[tuple[str, str], set[str]] = {}
    for commit in evidence.commits if wanted else ():
        for name, value in commit.values.items():
            if value is not None and name.lower() in wanted:
                found.setdefault((name.lower(), str(value).casefold()), set()).add(commit.id)
    return found


def misplaced(record: Mapping[str, Any], stored: Mapping[str, Any], parents: Parents) -> list[str]:
    """Return the references by a parent's key (`Account: {Number__c: A-1}`) that lead to another record.

    Those to parents that nobody knows are left out.
    """
    wrong = []
    for relation, key, value in _references(record):
        name = relation.lower()
        field = f"{name[:-3]}__c" if name.endswith("__r") else f"{name}id"
        meant = parents.get((key.lower(), str(value).casefold()))
        if meant and field in stored and stored[field] not in meant:
            wrong.append(f"{relation}.{key}")
    return wrong


def _references(record: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield the relation, key field and value of each reference by a parent's key."""
    for name, value in record.items():
        if isinstance(value, Mapping) and name != "attributes":
            keys = [key for key in value if key != "attributes"]
            if len(keys) == 1 and value[keys[0]] is not None:
                yield name, keys[0], value[keys[0]]


def same(left: Any, right: Any) -> bool:
    """Tell whether two values are the same to Salesforce: `1` and `1.0`, two writings of one moment, empty and null."""
    if left == right:
        return True
    if isinstance(left, int | float) or isinstance(right, int | float):
        return _number(left) == _number(right) is not None
    return _plain(left) == _plain(right) or _same_id(left, right)


def _number(value: Any) -> float | None:
    """Return a number or boolean in any writing as a number. Two texts are never compared so: `007` is not `7`."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return float(value.lower() == "true")
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _plain(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _DATETIME.match(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if "@" in text:
        return text.casefold()  # Salesforce keeps email addresses in lower case
    return text or None


def _same_id(left: Any, right: Any) -> bool:
    if not (isinstance(left, str) and isinstance(right, str) and len(left) != len(right)):
        return False
    return left[:15] == right[:15] and bool(_ID.fullmatch(left) and _ID.fullmatch(right))
