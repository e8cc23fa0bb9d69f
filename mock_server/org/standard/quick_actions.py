"""Quick actions: those that every org has, which make one record or log a call, and those of its metadata.

Source: REST API Developer Guide, "Quick Actions"; Metadata API Developer Guide, "QuickAction"; Salesforce Help,
"Predefined fields of standard quick actions".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mock_server.org.ids import stable_id
from mock_server.org.records.changes import Change
from mock_server.org.schema import Schema
from mock_server.org.schema.errors import Path
from mock_server.org.schema.types import SObject


@dataclass(frozen=True, slots=True)
class QuickAction:
    name: str
    label: str
    target: str
    fields: tuple[str, ...]
    kind: str = "Create"
    preset: Mapping[str, str] = field(default_factory=dict)
    """Values that a new record has unless the caller gives others."""
    context: str | None = None
    """The object at whose records it is done; None for a global action."""
    parent: str | None = None
    """The field that leads from a new record to the one where the action is done."""
    own: bool = False

    @property
    def enum_or_id(self) -> str:
        return stable_id("09D", f"{self.context}.{self.name}") if self.own else self.name

    def values(self, sobject: SObject, context: str | None = None, context_object: str | None = None) -> dict[str, str]:
        """Return what a new record starts with; tasks and events belong to the record they are made at."""
        found = dict(self.preset)
        if self.kind == "LogACall" and not self.own:
            statuses = {entry.value for entry in sobject.by_name["Status"].picklist}
            if "Completed" not in statuses:
                del found["Status"]
        if context and self.parent:
            found[self.parent] = context
        elif context and "WhatId" in sobject.by_name and self.kind != "Update":
            found["WhoId" if context_object in ("Contact", "Lead") else "WhatId"] = context
        return found

    def change(
        self, sobject: SObject, given: Mapping[str, Any], context: str | None, context_object: str | None
    ) -> Change:
        """Return the save that the action is: what the caller gives, in front of what a record starts with."""
        known = {name.lower() for name in given}
        start = self.values(sobject, context, context_object)
        fields = {name: value for name, value in start.items() if name.lower() not in known} | dict(given)
        if self.kind == "Update":
            return Change("update", sobject.name, fields, id=context)
        return Change("create", sobject.name, fields)


_CALL = {"Subject": "Call", "Status": "Completed", "TaskSubtype": "Call"}
_ACTIONS = (
    QuickAction("LogACall", "Log a Call", "Task", ("Subject", "Description", "WhoId", "WhatId"), "LogACall", _CALL),
    QuickAction("NewAccount", "New Account", "Account", ("Name", "Phone")),
    QuickAction("NewCase", "New Case", "Case", ("ContactId", "Status", "Subject", "Description")),
    QuickAction("NewContact", "New Contact", "Contact", ("Name", "Email", "Phone", "AccountId", "Title")),
    QuickAction(
        "NewEvent", "New Event", "Event",
        ("Subject", "Description", "StartDateTime", "EndDateTime", "IsAllDayEvent", "Location", "WhoId", "WhatId"),
    ),
    QuickAction("NewLead", "New Lead", "Lead", ("Name", "Email", "Phone", "Company", "Title")),
    QuickAction(
        "NewOpportunity", "New Opportunity", "Opportunity", ("Name", "AccountId", "CloseDate", "StageName", "Amount")
    ),
    QuickAction(
        "NewTask", "New Task", "Task", ("Subject", "ActivityDate", "WhoId", "WhatId", "OwnerId", "Status", "Priority")
    ),
)  # fmt: skip


def checked(schema: Schema, defined: Mapping[str, Any]) -> tuple[dict[str, QuickAction], list[tuple[Path, str]]]:
    """Return the actions that a schema allows, and what to say of the parts that it does not."""
    kept: dict[str, QuickAction] = {}
    notes: list[tuple[Path, str]] = []
    for full, one in defined.items():
        path = ("quickActions", full)
        if not isinstance(one, Mapping) or not isinstance(one.get("target"), str):
            notes.append((path, f"quick action {full} is no mapping with a target; it is left out"))
            continue
        sobject = schema.get(one["target"])
        if sobject is None:
            notes.append((path, f"quick action {full} is about {one['target']}, which the org has not; it is left out"))
            continue
        preset = {name: value for name, value in dict(one.get("preset") or {}).items() if name in sobject.by_name}
        fields = tuple(name for name in one.get("fields") or () if name in sobject.by_name)
        missing = {*(one.get("fields") or ()), *(one.get("preset") or {})} - sobject.by_name.keys()
        if missing:
            notes.append((path, f"quick action {full} names fields that {sobject.name} has not: {sorted(missing)}"))
        parent = one.get("parent")
        kept[full] = QuickAction(
            str(one.get("name") or full.rpartition(".")[2]),
            str(one.get("label") or full),
            sobject.name,
            fields,
            str(one.get("kind") or "Create"),
            preset,
            one.get("context"),
            parent if parent in sobject.by_name else None,
            own=True,
        )
    return kept, notes


def quick_actions(org: Schema, seen: Schema, context: str | None) -> Iterator[tuple[QuickAction, SObject]]:
    """Yield an object's own actions and the global ones, as far as the user may save their records.

    `org` has the actions of metadata, `seen` the objects as the user sees them.
    """
    for action in (*org.quick_actions.values(), *_ACTIONS):
        sobject = seen.get(action.target)
        right = "updateable" if action.kind == "Update" else "createable"
        if action.context in (None, context) and sobject is not None and sobject.is_(right):
            yield action, sobject
