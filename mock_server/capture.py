"""Declared objects whose changes are captured: `changeDataCapture: [Account, Order__c]`, from YAML or JSON.

Each is the name of an object or of its change event. More than five are what an org with the add-on has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_server.documents import Problem, Steps
from mock_server.faults.reader import read_each, shown
from mock_server.faults.shapes import TEXT, Shape
from mock_server.org.automation import HookError
from mock_server.org.captured import NotCapturable

if TYPE_CHECKING:
    from mock_server.org.captured import Entity
    from mock_server.org.org import Org

NOUN = "an object"


@dataclass(frozen=True, slots=True)
class DeclaredCapture:
    name: str

    def check(self, org: Org) -> None:
        """Raise HookError for an object whose changes the org cannot capture."""
        try:
            org.captured.name_of(self.name)
        except NotCapturable as wrong:
            raise HookError(str(wrong), (), wrong.known, wrong.name) from None

    def add_to(self, org: Org) -> Entity:
        """Capture the object's changes. Raises HookError."""
        self.check(org)
        return org.captured.add(self.name)


def read(value: object, path: Steps, problems: list[Problem]) -> tuple[DeclaredCapture, ...]:
    """Read a list of declarations; what is wrong with them is added to the problems."""
    names: set[str] = set()

    def one(value: object, path: Steps, problems: list[Problem]) -> DeclaredCapture | None:
        found = read_one(value, path, problems)
        if found is not None and found.name in names:
            problems.append(Problem(path, f"{found.name} is named twice"))
        names.add(found.name if found is not None else "")
        return found

    return read_each(value, path, problems, "changeDataCapture must be a list of objects", one)


def read_one(value: object, path: Steps, problems: list[Problem]) -> DeclaredCapture | None:
    """Read one declaration; None where something is wrong with it."""
    if isinstance(value, str) and value:
        return DeclaredCapture(value)
    problems.append(Problem(path, f"an object is given by its name, not {shown(value)}"))
    return None


def as_json(one: Entity) -> str:
    """Return an object as it is declared."""
    return one.name


def shape() -> Shape:
    """Return the JSON Schema of a declaration."""
    return {**TEXT, "description": "an object whose changes are told on /data/ChangeEvents: Account, Order__c"}
