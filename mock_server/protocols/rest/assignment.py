"""The header Sforce-Auto-Assign: whether assignment rules choose the owner of accounts, cases and leads.

Source: REST API Developer Guide, "Assignment Rule Header": without it the active rule is asked, as with TRUE.
"""

from __future__ import annotations

from collections.abc import Sequence

from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.records.changes import Change

_ASSIGNED = frozenset({"account", "case", "lead"})


def ask_for_assignment(call: Call, changes: Sequence[Change]) -> None:
    """Have saves of accounts, cases and leads ask the rule that the header names, or the active one.

    Raises INVALID_HEADER for what is neither TRUE, FALSE nor an id, INVALID_CROSS_REFERENCE_KEY for an unknown rule.
    """
    assigned = [change for change in changes if change.sobject.lower() in _ASSIGNED]
    if not assigned:
        return
    wish = call.headers.get("Sforce-Auto-Assign", "TRUE").strip()
    if wish.lower() == "false":
        return
    rule = ""
    if wish.lower() != "true":
        rule = to_18(wish) or ""
        if not rule:
            raise errors.INVALID_HEADER(name="Sforce-Auto-Assign")
        seen = call.schema.get("AssignmentRule") is not None
        if not seen or not call.org.sees(call.session, "AssignmentRule", rule):
            raise errors.INVALID_CROSS_REFERENCE_KEY()
    for change in assigned:
        change.assign = rule
