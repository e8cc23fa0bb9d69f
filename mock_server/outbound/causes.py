"""What messages and callouts have in common when they are declared: `object`, `on`, and `when` or `criteria`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from mock_server.faults.reader import Reader, shown
from mock_server.faults.shapes import TEXT, Shape
from mock_server.org.automation import HookError
from mock_server.org.outbound.causes import ALWAYS, Cause, Event, condition
from mock_server.org.outbound.targets import BadTarget, admitted, check, filled, host_of

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.schema.types import Field, SObject

KEYS = ("object", "on", "when", "criteria", "filter")


@dataclass(frozen=True, slots=True)
class DeclaredCause:
    """Events, and a condition as it was written: a formula, or criteria as workflow rules have them."""

    on: tuple[Event, ...]
    given: Mapping[str, Any]

    @property
    def said(self) -> bool:
        return bool(self.on or self.given)

    def check(self, org: Org, sobject: SObject, default: tuple[Event, ...]) -> Cause:
        """Return the cause for an object. Raises HookError."""
        from mock_server.org.formula.problems import FormulaError
        from mock_server.org.schema.criteria import condition_of
        from mock_server.org.schema.errors import SchemaError

        on = frozenset(self.on or default)
        if not self.given:
            return Cause(on)
        renamed = {"when": "condition"}
        given = {renamed.get(key, key): value for key, value in self.given.items()}
        back = {"condition": "when"}
        try:
            text = condition_of((), given, sobject.name, _Fields(sobject))
        except SchemaError as error:
            path = tuple(back.get(str(step), step) if place == 0 else step for place, step in enumerate(error.path))
            near = (error.nearest,) if error.nearest else ()
            raise HookError(error.message, path, error.allowed or near, error.nearest) from None
        if text != ALWAYS:
            try:
                condition(org.schema, sobject, text)
            except FormulaError as error:
                raise HookError(f"{text!r:.60} is no condition of {sobject.name}: {error.text}", "when") from None
        return Cause(on, text)


class _Fields:
    def __init__(self, sobject: SObject) -> None:
        self._sobject = sobject

    def find(self, name: str) -> Field | None:
        return self._sobject.field(name)

    def nearest(self, name: str) -> str | None:
        from mock_server.documents import nearest

        return nearest(name, [field.name for field in self._sobject.fields])


def read(reader: Reader, events: tuple[Event, ...]) -> DeclaredCause:
    """Read `on`, `when`, `criteria` and `filter`."""
    when = reader.text("when")
    if "when" in reader and "criteria" in reader:
        reader.refuse("criteria", "a condition is a formula (when) or criteria, not both")
    given = {key: reader.data[key] for key in ("criteria", "filter") if key in reader}
    return DeclaredCause(_events(reader, events), given if when is None else {"when": when, **given})


def _events(reader: Reader, events: tuple[Event, ...]) -> tuple[Event, ...]:
    value = reader.data.get("on")
    if value is None:
        return ()
    if value == [] or not isinstance(value, str | list):
        reader.refuse("on", f"on must be an event or a list of them, not {shown(value)}", events)
        return ()
    listed = [value] if isinstance(value, str) else value
    for place, event in enumerate(listed):
        if event not in events:
            at = ("on",) if isinstance(value, str) else ("on", place)
            reader.refuse(at, f"there is no event {shown(event)}", events, event)
    return tuple(cast("Event", event) for event in listed if event in events)


def sobject_of(org: Org, name: str) -> SObject:
    """Return an object. Raises HookError."""
    found = org.schema.get(name)
    if found is None:
        raise HookError(f"this org has no object {name}", "object", org.schema.names(), name)
    return found


def check_url(org: Org, url: str, key: str | tuple[str | int, ...]) -> None:
    """Raise HookError for a URL that nothing can, or may, be sent to."""
    try:
        check(url)
        host = host_of(filled(url, "http://localhost"))
    except BadTarget as error:
        raise HookError(str(error), key) from None
    if not admitted(host, org.outbound.hosts):
        text = f"{host[:100]} is not this machine: name it in callout_hosts to send there"
        raise HookError(text, key, sorted(org.outbound.hosts), host)


def shapes(events: tuple[Event, ...]) -> dict[str, Shape]:
    event: Shape = {"enum": list(events)}
    return {
        "object": TEXT,
        "on": {
            "anyOf": [event, {"type": "array", "items": event, "minItems": 1}],
            "description": "what sets it going; become: created so that the condition holds, or changed so",
        },
        "when": {**TEXT, "description": "a condition, as a formula: ISPICKVAL(Status, 'Closed')"},
        "criteria": {"type": "array", "description": "or criteria: [{field: Status, operator: equals, value: Closed}]"},
        "filter": {**TEXT, "description": "how criteria are joined: 1 AND (2 OR 3)"},
    }
