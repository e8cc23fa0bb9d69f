"""Rules that act on records which are saved: workflow rules with their field updates, and assignment rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.org.schema.criteria import Fields, condition_of
from mock_server.org.schema.errors import Path, SchemaError, brief
from mock_server.org.schema.given import flag, mapping, text, texts
from mock_server.org.schema.types import AssignmentEntry, AssignmentRule, FieldUpdate, Named, WorkflowRule

_WHENS = ("create", "save", "become")
_CONDITION = ("condition", "criteria", "filter")
_NAMED = {"user": "User", "queue": "Queue", "recordType": "RecordType"}


def workflow_rule(path: Path, name: str, given: Any, sobject: str, fields: Fields) -> WorkflowRule:
    """Read a rule: its condition, `on` (create, save, or become: saved so that it comes to hold), what it does."""
    mapping(path, given, (*_CONDITION, "on", "set", "send", "active", "label", "description", "lenient"))
    when = text(path, given, "on", "become")
    if when not in _WHENS:
        raise SchemaError.unknown((*path, "on"), "moment", when, _WHENS)
    wanted = given.get("set", {})
    if not isinstance(wanted, Mapping):
        raise SchemaError((*path, "set"), "a mapping of fields to formulas is needed here: {Status__c: \"'Late'\"}")
    return WorkflowRule(
        name,
        condition_of(path, given, sobject, fields),
        when,  # type: ignore[arg-type]
        tuple(_update((*path, "set", one), one, value, fields) for one, value in wanted.items()),
        flag(path, given, "active", True),
        text(path, given, "label", name),
        text(path, given, "description", None, most=1000),
        texts(path, given, "send"),
    )


def _update(path: Path, name: Any, given: Any, fields: Fields) -> FieldUpdate:
    found = fields.find(str(name))
    if found is None:
        raise SchemaError(path, f"there is no field {brief(name)} to set", (), fields.nearest(str(name)))
    if given is None or isinstance(given, str):
        return FieldUpdate(found.name, found.name, given)
    mapping(path, given, ("formula", "value", "name", *_NAMED))
    return FieldUpdate(
        text(path, given, "name", found.name),
        found.name,
        text(path, given, "formula", None, most=20_000),
        text(path, given, "value", None, most=1000),
        _named(path, given),
    )


def _named(path: Path, given: Mapping[str, Any]) -> Named | None:
    """Return who or what is named, if anybody is."""
    for key, kind in _NAMED.items():
        name = text(path, given, key, None)
        if name is not None:
            return Named(kind, name)  # type: ignore[arg-type]
    return None


def assignment_rule(path: Path, name: str, given: Any, sobject: str, fields: Fields) -> AssignmentRule:
    """Read a rule: entries in their order, each with a condition and the user or queue whom it assigns to."""
    mapping(path, given, ("active", "entries", "label", "lenient"))
    entries = given.get("entries", [])
    if not isinstance(entries, list):
        raise SchemaError((*path, "entries"), "a list is needed here: [{criteria: [...], queue: Support}]")
    made = []
    for place, one in enumerate(entries):
        here = (*path, "entries", place)
        mapping(here, one, (*_CONDITION, "user", "queue"))
        holder = _named(here, one)
        made.append(AssignmentEntry(condition_of(here, one, sobject, fields), holder))
    return AssignmentRule(name, tuple(made), flag(path, given, "active", True), text(path, given, "label", name))
