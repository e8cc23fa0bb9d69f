"""Invocable actions: their inputs and outputs, what calls them, and an org's list of its own.

Source: Actions Developer Guide.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.automation.hooks import HookError
from mock_server.org.ids import to_18
from mock_server.org.registered import Registered

if TYPE_CHECKING:
    from mock_server.org.automation.inner import InnerOrg
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org

KINDS = ("apex", "flow")
"""The kinds of custom actions that an org may have of its own."""
LISTED = ("apex", "emailAlert", "flow", "quickAction", "sendNotification")
"""The kinds of custom actions that the platform lists; those that an org has none of are empty."""
MOST = 200
_NAME = re.compile(r"[A-Za-z]\w{0,79}", re.ASCII)


def _text(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _like(pattern: str) -> Callable[[Any], bool]:
    form = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


_TIME = r"\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?"
TYPES: dict[str, Callable[[Any], bool]] = {
    "STRING": _text,
    "TEXTAREA": _text,
    "PICKLIST": _text,
    "BOOLEAN": lambda value: isinstance(value, bool),
    "INTEGER": _whole,
    "LONG": _whole,
    "DOUBLE": _number,
    "DECIMAL": _number,
    "NUMBER": _number,
    "CURRENCY": _number,
    "DATE": _like(r"\d{4}-\d\d-\d\d"),
    "DATETIME": _like(r"\d{4}-\d\d-\d\dT" + _TIME),
    "TIME": _like(_TIME),
    "ID": lambda value: isinstance(value, str) and to_18(value) is not None,
    "REFERENCE": lambda value: isinstance(value, str) and to_18(value) is not None,
    "SOBJECT": lambda value: isinstance(value, Mapping),
}
"""What a value of each type is in JSON."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input or output. `most` is how many values it takes: one, or a list of up to so many."""

    name: str
    type: str = "STRING"
    required: bool = False
    most: int = 1
    label: str = ""
    description: str = ""

    def wrong(self, value: Any) -> str | None:
        """Return what is wrong with a value, None where nothing is."""
        fits = TYPES[self.type]
        if self.most > 1:
            if not isinstance(value, list) or not all(fits(one) for one in value):
                return f"Incorrect data type for the input parameter: {self.name}"
            return f"Too many values for the input parameter: {self.name}" if len(value) > self.most else None
        return None if fits(value) else f"Incorrect data type for the input parameter: {self.name}"


class ActionError(Exception):
    """Refuses one input of an action: a status code of the platform, and a text."""

    def __init__(self, code: str, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code, self.message, self.fields = code, message, tuple(fields)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What an action's code is called with: one of the inputs of the call. `inputs` has a key for every input."""

    inputs: Mapping[str, Any]
    org: InnerOrg
    user_id: str
    username: str
    number: int = 0
    """The place of this input in the call."""
    platform: Org | None = field(default=None, repr=False)
    """The org behind, for actions of the platform itself."""
    session: Session | None = field(default=None, repr=False)

    @staticmethod
    def fail(message: str, code: str = "INVALID_API_INPUT", fields: Sequence[str] = ()) -> ActionError:
        """Return what to raise for an input that is refused: `raise invocation.fail("too late")`."""
        return ActionError(code, message, fields)


Work = Callable[[Invocation], Mapping[str, Any] | None]
"""Returns the values of the outputs, None for none."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action. Errors of its inputs are told before its code runs."""

    name: str
    kind: str
    work: Work = field(repr=False)
    label: str = ""
    description: str | None = None
    inputs: tuple[Parameter, ...] = ()
    outputs: tuple[Parameter, ...] = ()
    profiles: tuple[str, ...] = ()
    permission_sets: tuple[str, ...] = ()
    system: bool = False
    since: float = 32.0
    declared: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def restricted(self) -> bool:
        return bool(self.profiles or self.permission_sets)

    def read(self, given: object) -> dict[str, Any]:
        """Return one input with all its keys. Raises ActionError."""
        if not isinstance(given, Mapping):
            raise ActionError("INVALID_API_INPUT", "An input must be an object of parameters")
        known = {one.name.lower(): one for one in self.inputs}
        values: dict[str, Any] = {one.name: None for one in self.inputs}
        for name, value in given.items():
            parameter = known.get(str(name).lower())
            if parameter is None:
                raise ActionError("INVALID_API_INPUT", f"Unknown input parameter: {str(name)[:100]}")
            if value is not None:
                wrong = parameter.wrong(value)
                if wrong is not None:
                    raise ActionError("INVALID_API_INPUT", wrong)
                values[parameter.name] = value
        for parameter in self.inputs:
            if parameter.required and values[parameter.name] in (None, ""):
                raise ActionError("INVALID_API_INPUT", f"Missing required input parameter: {parameter.name}")
        return values


class Actions(Registered[Action]):
    """The custom actions of one org."""

    def check(self, action: Action) -> None:
        """Raise HookError for an action that can never be called, or is there already."""
        if not _NAME.fullmatch(action.name):
            raise HookError(f"{action.name!r:.60} is no name of an action: letters, digits and _", "name")
        if action.kind not in KINDS:
            raise HookError(f"there is no kind {action.kind!r:.60}", "type", KINDS, action.kind)
        if not callable(action.work):
            raise HookError(f"an action must be a function, not {action.work!r:.60}", "work")
        if inspect.iscoroutinefunction(action.work):
            raise HookError("an action cannot be async: a transaction runs from end to end without a pause", "work")
        for key, listed in (("inputs", action.inputs), ("outputs", action.outputs)):
            for one in listed:
                if one.type not in TYPES:
                    raise HookError(f"there is no type {one.type!r:.60}", (key, one.name, "type"), TYPES, one.type)
        if self.find(action.kind, action.name) is not None:
            raise HookError(f"the {action.kind} action {action.name} is there already", "name")

    def of(self, kind: str) -> list[Action]:
        return [one for one in self._all if one.kind == kind]

    def find(self, kind: str, name: str) -> Action | None:
        return next((one for one in self._all if one.kind == kind and one.name.lower() == name.lower()), None)


def inputs_of(given: Any) -> list[Any]:
    """Return the inputs of a call. Raises ApiError where there are none, or too many."""
    listed = given.get("inputs") if isinstance(given, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise errors.NO_ACTION_INPUTS()
    if len(listed) > MOST:
        raise errors.TOO_MANY_INPUTS(limit=MOST)
    return listed
