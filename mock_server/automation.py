"""Declared automation: `[{object: Contact, on: [insert, update], cost: {soql: 1 per record}}]`, from YAML or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mock_server.documents import Problem, Steps
from mock_server.faults.reader import Reader, read_each, shown
from mock_server.faults.shapes import TEXT, Shape, mapping
from mock_server.org.automation import EVENTS, MOMENTS, UNITS, Automation, Cost, Hook, Share

KEYS = ("object", "on", "name", "at", "cost")
_SHARE_FORM = "a whole number, alone or followed by `per record` or `per chunk`"


@dataclass(frozen=True, slots=True)
class DeclaredHook:
    """A trigger that does nothing but spend."""

    sobject: str
    on: tuple[str, ...]
    at: str
    name: str
    cost: Cost

    def check(self, automation: Automation) -> Hook:
        """Raise HookError for an object that the org does not have."""
        return automation.checked(self.sobject, self.on, at=self.at, name=self.name, cost=self.cost)

    def add_to(self, automation: Automation) -> Hook:
        """Put the hook in force. Raises HookError."""
        return automation.add(self.sobject, self.on, at=self.at, name=self.name, cost=self.cost)


def read(value: object, path: Steps, problems: list[Problem]) -> tuple[DeclaredHook, ...]:
    """Read a list of declarations; what is wrong with them is added to the problems."""
    return read_each(value, path, problems, "automation must be a list of hooks", read_one)


def read_one(value: object, path: Steps, problems: list[Problem]) -> DeclaredHook | None:
    """Read one declaration; None where something is wrong with it."""
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"a hook must be a mapping, not {shown(value)}", KEYS))
        return None
    before = len(problems)
    reader = Reader(value, path, problems)
    reader.only(KEYS, "a hook")
    sobject = reader.text("object")
    for key in ("object", "on", "cost"):
        if key not in reader:
            reader.refuse((), f"a hook needs {key}")
    on = _events(reader)
    at = reader.choice("at", MOMENTS) or "before"
    name = reader.text("name") or f"{sobject}Trigger"
    cost = _cost(reader)
    return None if len(problems) > before or sobject is None else DeclaredHook(sobject, on, at, name, cost)


def _events(reader: Reader) -> tuple[str, ...]:
    value = reader.data.get("on")
    if value is None:
        return ()
    if value == [] or not isinstance(value, str | list):
        reader.refuse("on", f"on must be an event or a list of them, not {shown(value)}", EVENTS)
        return ()
    listed = [value] if isinstance(value, str) else value
    for place, event in enumerate(listed):
        if event not in EVENTS:
            at = ("on",) if isinstance(value, str) else ("on", place)
            reader.refuse(at, f"there is no event {shown(event)}", EVENTS, event)
    return tuple(event for event in listed if event in EVENTS)


def _cost(reader: Reader) -> Cost:
    given = reader.mapping("cost")
    if given is None:
        return Cost()
    given.only(tuple(UNITS), "a cost")
    shares: list[tuple[str, Share]] = []
    for unit, value in given.data.items():
        share = Share.read(value)
        if unit in UNITS and share is None:
            given.refuse(unit, f"{unit} must be {_SHARE_FORM}, not {shown(value)}")
        elif share is not None and unit in UNITS:
            shares.append((unit, share))
    if not given.data:
        reader.refuse("cost", "an empty cost spends nothing", UNITS)
    return Cost(tuple(shares))


def as_json(hook: Hook) -> dict[str, Any]:
    """Return a hook as it is declared; one of code has `code: true` and no cost."""
    told: dict[str, Any] = {"name": hook.name, "object": hook.sobject, "on": sorted(hook.on, key=EVENTS.index)}
    told |= {"at": hook.at, "cost": {unit: str(share) for unit, share in hook.cost.shares}}
    return told | {"code": hook.work is not None}


def shape() -> Shape:
    """Return the JSON Schema of a declaration."""
    share: Shape = {
        "description": _SHARE_FORM,
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {
                "type": "string",
                "pattern": r"^\s*\d{1,12}\s*([Pp][Ee][Rr]\s+([Rr][Ee][Cc][Oo][Rr][Dd]|[Cc][Hh][Uu][Nn][Kk]))?\s*$",
            },
        ],
    }
    events: Shape = {"enum": list(EVENTS)}
    return mapping(
        {
            "object": TEXT,
            "on": {"anyOf": [events, {"type": "array", "items": events, "minItems": 1}]},
            "name": {**TEXT, "description": "what its errors call it: ContactTrigger"},
            "at": {"enum": list(MOMENTS), "description": "before or after the save (before)"},
            "cost": {
                **mapping(
                    {unit: {**share, "description": f"{what}: {_SHARE_FORM}"} for unit, (_, _, what) in UNITS.items()}
                ),
                "description": "what it spends each time it runs, of what one transaction has",
            },
        },
        required=("object", "on", "cost"),
        description="a trigger, known by what it costs",
    )
