"""Declared invocable actions: `[{name: Score_Lead, inputs: {leadId: {type: ID, required: true}}, ...}]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_server.code_reading import check_saves, flag, program, steps_shape, texts
from mock_server.documents import Problem, Steps
from mock_server.faults.reader import Reader, read_each, shown
from mock_server.faults.shapes import TEXT, Shape, mapping
from mock_server.org.apex.actions import KINDS, TYPES, Action, Invocation, Parameter
from mock_server.org.apex.steps import Program
from mock_server.org.automation import HookError

if TYPE_CHECKING:
    from mock_server.org.org import Org

NOUN = "an action"
KEYS = (
    "name", "type", "label", "description", "inputs", "outputs", "profiles", "permissionSets", "mode", "steps",
    "values",
)  # fmt: skip
ROOTS = ("input", "user")
"""What places of an action may begin with."""
MODES = ("user", "system")
_PARAMETER = ("type", "required", "many", "label", "description")
MANY = 2_000


@dataclass(frozen=True, slots=True)
class DeclaredCode:
    """What an action runs whose steps are declared."""

    program: Program

    def __call__(self, call: Invocation) -> Mapping[str, Any] | None:
        scope = {"input": call.inputs, "user": {"id": call.user_id, "username": call.username}}
        found = self.program.run(scope, call.org).body
        return found if isinstance(found, Mapping) else None


@dataclass(frozen=True, slots=True)
class DeclaredAction:
    """An action that is known by its inputs, steps and outputs."""

    action: Action
    program: Program

    def check(self, org: Org) -> None:
        """Raise HookError for what this org does not have, or has already."""
        org.actions.check(self.action)
        check_saves(self.program, org)

    def add_to(self, org: Org) -> Action:
        """Put the action in force. Raises HookError."""
        self.check(org)
        return org.actions.add(self.action)


def read(value: object, path: Steps, problems: list[Problem]) -> tuple[DeclaredAction, ...]:
    """Read a list of declarations; what is wrong with them is added to the problems."""
    return read_each(value, path, problems, "actions must be a list of actions", read_one)


def read_one(value: object, path: Steps, problems: list[Problem]) -> DeclaredAction | None:
    """Read one declaration; None where something is wrong with it."""
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"an action must be a mapping, not {shown(value)}", KEYS))
        return None
    before = len(problems)
    reader = Reader(value, path, problems)
    reader.only(KEYS, "an action")
    name = reader.text("name")
    if "name" not in reader:
        reader.refuse((), "an action needs name")
    kind = reader.choice("type", KINDS) or "flow"
    label, description = reader.text("label"), reader.text("description")
    inputs, outputs = _parameters(reader, "inputs"), _parameters(reader, "outputs")
    profiles, sets = texts(reader, "profiles"), texts(reader, "permissionSets")
    mode = reader.choice("mode", MODES)
    code = program(reader, ROOTS, {"values": reader.data.get("values")}, http=False)
    names = [one.name for one in outputs]
    values = reader.mapping("values")
    for key in values.data if values is not None else ():
        if key not in names:
            reader.refuse(("values", str(key)), f"the action has no output {shown(key)}", names, key)
    if len(problems) > before or name is None:
        return None
    action = Action(
        name,
        kind,
        DeclaredCode(code),
        label or name,
        description,
        inputs,
        outputs,
        profiles,
        sets,
        mode == "system",
        declared=dict(value),
    )
    return DeclaredAction(action, code)


def _parameters(reader: Reader, key: str) -> tuple[Parameter, ...]:
    given = reader.mapping(key)
    found = []
    for name in given.data if given is not None else ():
        assert given is not None
        value = given.data[name]
        if isinstance(value, str) or value is None:
            value = {"type": value or "STRING"}
        if not isinstance(value, Mapping):
            given.refuse(str(name), f"{name} is a type or a mapping, not {shown(value)}", TYPES)
            continue
        inner = Reader(value, (*given.path, str(name)), given.problems)
        inner.only(_PARAMETER if key == "inputs" else tuple(one for one in _PARAMETER if one != "required"), "it")
        kind = str(value.get("type") or "STRING").upper()
        if kind not in TYPES:
            at = "type" if isinstance(given.data[name], Mapping) else ()
            inner.refuse(at, f"there is no type {shown(value.get('type'))}", TYPES, kind)
            continue
        most = MANY if flag(inner, "many", False) else 1
        texts_of = inner.text("label") or "", inner.text("description") or ""
        found.append(Parameter(str(name), kind, flag(inner, "required", False), most, *texts_of))
    return tuple(found)


def read_parameters(given: Mapping[str, Any], key: str) -> tuple[Parameter, ...]:
    """Read the inputs or outputs that code gives. Raises HookError for the first that is wrong."""
    problems: list[Problem] = []
    found = _parameters(Reader({key: given}, (), problems), key)
    for problem in problems:
        raise HookError(problem.message, problem.path, problem.allowed)
    return found


def as_json(action: Action) -> dict[str, Any]:
    """Return an action as it is declared; one of code has `code: true`."""
    told: dict[str, Any] = {"name": action.name, "type": action.kind}
    for key, listed in (("inputs", action.inputs), ("outputs", action.outputs)):
        told[key] = {one.name: one.type for one in listed}
    return told | (dict(action.declared) if action.declared is not None else {}) | {"code": action.declared is None}


def shape() -> Shape:
    """Return the JSON Schema of a declaration."""
    kind: Shape = {"enum": [*TYPES, *(one.lower() for one in TYPES)]}
    yes: Shape = {"type": "boolean"}
    about = {"type": kind, "many": {**yes, "description": "it is a list"}, "label": TEXT, "description": TEXT}
    names: Shape = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}

    def parameters(keys: dict[str, Shape]) -> Shape:
        return {"type": "object", "additionalProperties": {"anyOf": [kind, mapping(keys), {"type": "null"}]}}

    return mapping(
        {
            "name": {**TEXT, "pattern": "^[A-Za-z][A-Za-z0-9_]*$"},
            "type": {"enum": list(KINDS), "description": "flow, or apex"},
            "label": TEXT,
            "description": TEXT,
            "inputs": parameters({**about, "required": yes}),
            "outputs": parameters(about),
            "profiles": {**names, "description": "whose users may call it"},
            "permissionSets": {**names, "description": "whose users may call it"},
            "mode": {"enum": list(MODES), "description": "whose permissions its steps have: user or system"},
            "steps": steps_shape(http=False),
            "values": {"type": "object", "description": "what the outputs hold, with places"},
        },
        required=("name",),
        description="an invocable action",
    )
