"""What a scenario says, read and checked: plain frozen data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.letters import LetterMap
from harness.service_plans import EffectsPlan, ServicePlan, Step
from mock_server.control.client import ControlError
from mock_server.documents import Document, DocumentError, Problem, Steps
from mock_server.seeding.plans import FieldPlan, Records


@dataclass(frozen=True, slots=True)
class OrgPlan:
    """The org before the subject starts. `records` stand parents first; `schema` holds existing paths."""

    schema: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    objects: Mapping[str, Any] = field(default_factory=dict)
    records: tuple[Records, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    users: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    speaker: str | Mapping[str, Any] | None = None
    """The user whose credentials the subject gets (`as`): a username, or a definition of his own."""
    automation: tuple[Mapping[str, Any], ...] = ()
    apps: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    security: Mapping[str, Any] = field(default_factory=dict)
    declared: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """What else of the org's own code is declared, by kind (`apexrest`)."""


@dataclass(frozen=True, slots=True)
class InputPlan:
    """Inputs to make up. `parents` are the seeded records that a `Ref` picks from."""

    sobject: str
    key: str
    count: int
    fields: Mapping[str, FieldPlan]
    parents: tuple[Records, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class InputFile:
    """Inputs read from a file."""

    sobject: str
    key: str
    file: str
    rows: tuple[Mapping[str, Any], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """The retry policy that the subject claims; None where it claims nothing. Times are in seconds."""

    attempts: int | None = None
    base: float | None = None
    factor: float | None = None
    cap: float | None = None
    jitter: float | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class PhasePlan:
    """A stretch of the timeline with faults of its own. `seconds` is None for the last one."""

    name: str
    seconds: float | None
    faults: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Scenario:
    """One scenario. `name` is what `sfmock prove` takes: a catalogue name, or the file. `deadline` is in seconds.

    `skip` gives the reason of each waived property; `expect` the parameters of each required one. With a `service`, the
    subject runs until it is ended, and `events` happen in the org meanwhile.
    """

    name: str
    file: str
    title: str
    document: Document = field(repr=False, compare=False)
    story: str = ""
    org: OrgPlan = field(default_factory=OrgPlan)
    inputs: tuple[InputPlan | InputFile, ...] = ()
    policy: Policy | None = None
    faults: tuple[Mapping[str, Any], ...] = ()
    phases: tuple[PhasePlan, ...] = ()
    time: Literal["real", "virtual"] = "real"
    deadline: float | None = None
    dead_letters: LetterMap | None = None
    skip: Mapping[str, str] = field(default_factory=dict)
    expect: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    service: ServicePlan | None = None
    events: tuple[Step, ...] = ()
    effects: EffectsPlan = field(default_factory=EffectsPlan)

    def refused(self, *errors: ControlError, under: Sequence[str | int] = ("org",)) -> DocumentError:
        """Return what the control plane refused as an error that says where in the scenario it stands.

        `under` is the part of the scenario that the request was made from.
        """
        return self.document.error(
            Problem((*under, *_steps(error.path)), error.message, error.allowed, error.nearest) for error in errors
        )


_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def _steps(path: str) -> Steps:
    """Take `fields.Contact[0]` apart."""
    return tuple(int(number) if number else name for number, name in _STEP.findall(path))
