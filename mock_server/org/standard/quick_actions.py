"""The quick actions that every org has: those that make one record, and that log a call.

Source: REST API Developer Guide, "Quick Actions"; Salesforce Help, "Predefined fields of standard quick actions".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mock_server.org.schema import Schema
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

    def values(self, sobject: SObject, context: str | None = None, context_object: str | None = None) -> dict[str, str]:
        """Return what a new record starts with; tasks and events belong to the record they are made at."""
        found = dict(self.preset)
        if self.kind == "LogACall":
            statuses = {entry.value for entry in sobject.by_name["Status"].picklist}
            if "Completed" not in statuses:
                del found["Status"]
        if context and "WhatId" in sobject.by_name:
            found["WhoId" if context_object in ("Contact", "Lead") else "WhatId"] = context
        return found


_ACTIONS = (
    QuickAction(
        "LogACall", "Log a Call", "Task", ("Subject", "Description", "WhoId", "WhatId"), "LogACall",
        {"Subject": "Call", "Status": "Completed", "TaskSubtype": "Call"},
    ),
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


def quick_actions(schema: Schema) -> Iterator[tuple[QuickAction, SObject]]:
    """Yield the actions whose records the user may make."""
    for action in _ACTIONS:
        sobject = schema.get(action.target)
        if sobject is not None and sobject.is_("createable"):
            yield action, sobject
