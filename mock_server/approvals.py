"""Declared approval processes: `[{name: Big_Deal, object: Opportunity, steps: [{approvers: boss@acme.test}]}]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_server.code_reading import flag, texts
from mock_server.documents import Problem, Steps
from mock_server.faults.reader import Reader, read_each, shown
from mock_server.faults.shapes import TEXT, Shape, mapping
from mock_server.org.approvals.processes import EDITABILITY, ApprovalProcess, ApprovalStep
from mock_server.org.automation import HookError

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.schema.types import SObject

NOUN = "a process"
_CHANGES = {"onSubmit": "Submit", "onApprove": "Approve", "onReject": "Reject", "onRecall": "Removed"}
KEYS = (
    "name", "object", "label", "description", "entryCriteria", "recordEditability", "finalApprovalRecordLock",
    "finalRejectionRecordLock", "steps", *_CHANGES,
)  # fmt: skip
_STEP = ("name", "approvers", "unanimous", "criteria")


@dataclass(frozen=True, slots=True)
class DeclaredProcess:
    """A process as it was read."""

    process: ApprovalProcess

    def check(self, org: Org) -> ApprovalProcess:
        """Return the process with its object's exact name. Raises HookError for what this org does not have."""
        from dataclasses import replace

        process = self.process
        sobject = org.schema.get(process.sobject)
        if sobject is None:
            text = f"this org has no object {process.sobject}"
            raise HookError(text, "object", org.schema.names(), process.sobject)
        process = replace(process, sobject=sobject.name)
        org.approvals.check(process)
        _check_condition(org, sobject, process.entry, ("entryCriteria",))
        for number, step in enumerate(process.steps):
            _check_condition(org, sobject, step.criteria, ("steps", number, "criteria"))
            for username in step.approvers:
                if org.directory.user(username) is None:
                    names = sorted(org.accesses.usernames)
                    raise HookError(f"there is no user {username}", ("steps", number, "approvers"), names, username)
        for key, action in _CHANGES.items():
            for name, value in process.changes.get(action, {}).items():
                _check_value(sobject, name, value, (key, name))
        return process

    def add_to(self, org: Org) -> ApprovalProcess:
        """Put the process in force. Raises HookError."""
        from mock_server.org.approvals.rows import define

        process = org.approvals.add(self.check(org))
        define(org, process)
        return process


def _check_value(sobject: SObject, name: str, value: Any, path: tuple[str | int, ...]) -> None:
    from mock_server.org.errors import ApiError
    from mock_server.org.records.plans import plan_of
    from mock_server.org.records.values import Misfit

    slot = plan_of(sobject).slot(name)
    if slot is None:
        fields = [one.name for one in sobject.fields]
        raise HookError(f"{sobject.name} has no field {name}", path, fields, name)
    if not slot.updateable:
        raise HookError(f"{sobject.name}.{name} cannot be changed", path)
    try:
        if value is not None:
            slot.coerce(value)
    except Misfit as misfit:
        raise HookError(f"{shown(value)} is no value of {sobject.name}.{name}: {misfit.text}", path) from None
    except ApiError as error:
        raise HookError(f"{shown(value)} is no value of {sobject.name}.{name}: {error.message}", path) from None


def _check_condition(org: Org, sobject: SObject, condition: str | None, path: tuple[str | int, ...]) -> None:
    from mock_server.org.approvals.acting import asking
    from mock_server.org.errors import ApiError

    if condition is None:
        return
    try:
        org.queries.run(asking(sobject.name, condition), user_id="", size=1, base="")
    except ApiError as error:
        message = error.message.strip().rpartition("\n")[2]
        raise HookError(f"{condition!r:.60} is no condition of {sobject.name}: {message}", path) from None


def read(value: object, path: Steps, problems: list[Problem]) -> tuple[DeclaredProcess, ...]:
    """Read a list of declarations; what is wrong with them is added to the problems."""
    return read_each(value, path, problems, "approvals must be a list of processes", read_one)


def read_one(value: object, path: Steps, problems: list[Problem]) -> DeclaredProcess | None:
    """Read one declaration; None where something is wrong with it."""
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"a process must be a mapping, not {shown(value)}", KEYS))
        return None
    before = len(problems)
    reader = Reader(value, path, problems)
    reader.only(KEYS, "a process")
    for key in ("name", "object", "steps"):
        if key not in reader:
            reader.refuse((), f"a process needs {key}")
    name, sobject = reader.text("name"), reader.text("object")
    editability = reader.choice("recordEditability", EDITABILITY)
    changes = {action: dict(given.data) for key, action in _CHANGES.items() if (given := reader.mapping(key))}
    process = ApprovalProcess(
        name or "",
        sobject or "",
        _steps(reader),
        reader.text("label") or "",
        reader.text("description"),
        reader.text("entryCriteria"),
        "AdminOrCurrentApprover" if editability == "AdminOrCurrentApprover" else "AdminOnly",
        flag(reader, "finalApprovalRecordLock", True),
        flag(reader, "finalRejectionRecordLock", False),
        changes,
        dict(value),
    )
    return None if len(problems) > before else DeclaredProcess(process)


def _steps(reader: Reader) -> tuple[ApprovalStep, ...]:
    value = reader.data.get("steps")
    if value is None:
        return ()
    if not isinstance(value, list) or not value:
        reader.refuse("steps", f"steps must be a list of at least one, not {shown(value)}")
        return ()
    found: list[ApprovalStep] = []
    for place, item in enumerate(value):
        if not isinstance(item, Mapping):
            reader.refuse(("steps", place), f"a step must be a mapping, not {shown(item)}", _STEP)
            continue
        inner = Reader(item, (*reader.path, "steps", place), reader.problems)
        inner.only(_STEP, "a step of a process")
        name = inner.text("name") or f"Step_{place + 1}"
        if any(one.name == name for one in found):
            inner.refuse("name", f"there is a step {name} already")
        found.append(
            ApprovalStep(name, texts(inner, "approvers"), flag(inner, "unanimous", False), inner.text("criteria"))
        )
    return tuple(found)


def as_json(process: ApprovalProcess) -> dict[str, Any]:
    """Return a process as it is declared, with the id that it has."""
    return {**(process.declared or {}), "id": process.id}


def shape() -> Shape:
    """Return the JSON Schema of a declaration."""
    condition: Shape = {**TEXT, "description": "a condition of SOQL: Amount > 1000"}
    names: Shape = {"anyOf": [TEXT, {"type": "array", "items": TEXT}], "description": "usernames"}
    yes: Shape = {"type": "boolean"}
    step = mapping({"name": TEXT, "approvers": names, "unanimous": yes, "criteria": condition})
    return mapping(
        {
            "name": {**TEXT, "pattern": "^[A-Za-z][A-Za-z0-9_]*$"},
            "object": TEXT,
            "label": TEXT,
            "description": TEXT,
            "entryCriteria": condition,
            "recordEditability": {"enum": list(EDITABILITY), "description": "who may change a record in approval"},
            "finalApprovalRecordLock": {**yes, "description": "whether an approved record stays locked (true)"},
            "finalRejectionRecordLock": {**yes, "description": "whether a rejected record stays locked (false)"},
            "steps": {"type": "array", "items": step, "minItems": 1},
            **{key: {"type": "object", "description": "values that fields get"} for key in _CHANGES},
        },
        required=("name", "object", "steps"),
        description="an approval process",
    )
