"""The header Sforce-Auto-Assign: whether assignment rules choose the owner of accounts, cases and leads.

Source: REST API Developer Guide, "Assignment Rule Header". The org has AssignmentRule records and no entries of them,
which no API but the metadata one writes: no rule ever chooses anybody, and a record is its creator's.
"""

from __future__ import annotations

from collections.abc import Sequence

from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.records.changes import Change

_ASSIGNED = frozenset({"account", "case", "lead"})


def check_assignment(call: Call, changes: Sequence[Change]) -> None:
    """Refuse a header that names no rule of this org.

    Raises INVALID_HEADER for what is neither TRUE, FALSE nor an id, INVALID_CROSS_REFERENCE_KEY for an unknown rule.
    """
    wish = call.headers.get("Sforce-Auto-Assign")
    if wish is None or not any(change.sobject.lower() in _ASSIGNED for change in changes):
        return
    if wish.strip().lower() in ("true", "false"):
        return
    identifier = to_18(wish.strip())
    if identifier is None:
        raise errors.INVALID_HEADER(name="Sforce-Auto-Assign")
    seen = call.schema.get("AssignmentRule") is not None
    if not seen or not call.org.sees(call.session, "AssignmentRule", identifier):
        raise errors.INVALID_CROSS_REFERENCE_KEY()
