"""Change events as one subscriber sees them: without the fields that he may not read.

Sources: Change Data Capture Developer Guide, "Field-Level Security", "Required Permissions for Receiving Change
Events".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mock_server.org.events.changes.telling import without
from mock_server.org.events.changes.types import event_type
from mock_server.org.events.model import Event
from mock_server.org.events.view import View
from mock_server.org.schema.derived import changing

if TYPE_CHECKING:
    from mock_server.org.events.channel import Channel
    from mock_server.org.identity.access import Access
    from mock_server.org.schema import Schema
    from mock_server.org.schema.types import SObject

_ALL_DATA_ALONE = frozenset({"Task", "Event"})
"""Objects that have no permission "View All" of their own."""


def may_follow(access: Access, sobject: SObject) -> bool:
    """Tell whether a user may be told of all changes of an object."""
    if sobject.name == "User":
        return access.may("ViewAllUsers")
    if access.may("ViewAllData"):
        return True
    return sobject.name not in _ALL_DATA_ALONE and "viewAll" in access.rights(sobject)


class Seen(View):
    """A channel as a user sees it, without the events of objects that he may not follow (any more)."""

    __slots__ = ("_access", "_schema")

    def __init__(self, channel: Channel, access: Callable[[], Access | None], schema: Schema) -> None:
        super().__init__(channel)
        self._access = access
        self._schema = schema

    def seen(self, events: Sequence[Event]) -> list[Event]:
        access = self._access()
        if access is None:
            return list(events)
        return [one for one in (self._seen(event, access) for event in events) if one is not None]

    def _seen(self, event: Event, access: Access) -> Event | None:
        entity = changing(event.name)
        sobject = None if entity is None else self._schema.get(entity)
        if sobject is None:
            return event
        if not may_follow(access, sobject):
            return None
        hidden = _hidden(access, sobject)
        if not hidden:
            return event
        key = f"seen without {','.join(hidden)}"
        known = event.forms.get(key)
        if known is None:
            known = event.forms[key] = without(event, frozenset(hidden))
        assert isinstance(known, Event)
        return known


def _hidden(access: Access, sobject: SObject) -> tuple[str, ...]:
    """Return the paths of the fields that a user may not read."""
    kind = event_type(sobject)
    found = access.shapes.get(kind)
    if found is None:
        fields = sobject.by_name
        found = access.shapes[kind] = tuple(
            cell.path for name, cell in kind.cells.items() if not access.sees(sobject, fields[name])
        )
    assert isinstance(found, tuple)
    return found
