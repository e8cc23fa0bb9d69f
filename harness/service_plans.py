"""What a scenario says of a service: how it is run, what happens in the org meanwhile, where its effects are seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mock_server.seeding.plans import FieldPlan, Records

ReadyWord = Literal["subscribed", "first_request", "port"]
Signal = Literal["SIGTERM", "SIGKILL"]
ChangeVerb = Literal["publish", "create", "update", "delete", "undelete"]
SERVICE = "{service}"
"""Stands in URLs for the address where a service that is called shall listen."""
GRACE = 5.0
"""Seconds that a service has to end when it is asked to."""
QUIET = 2.0
"""Wall seconds without anything happening after which a service counts as having come to rest."""


@dataclass(frozen=True, slots=True)
class Ready:
    """When a service counts as ready: a word, a line that it prints, or a URL that answers. `word` None: see `line`.

    `port` is when something listens at SFMOCK_SERVICE_PORT.
    """

    word: ReadyWord | None = None
    line: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """The subject is a service: it runs until it is ended. `ready` is None where the scenario leaves it to the harness.

    `grace` and `quiet` are wall seconds.
    """

    ready: Ready | None = None
    grace: float = GRACE
    quiet: float = QUIET


@dataclass(frozen=True, slots=True)
class ChangeStep:
    """Somebody publishes events, or changes records. `every` are the wall seconds between two of them; 0 for all at
    once, in one transaction. `where` is a SOQL condition that chooses what is changed; else it is the oldest."""

    verb: ChangeVerb
    sobject: str
    count: int
    fields: Mapping[str, FieldPlan] = field(default_factory=dict)
    key: str | None = None
    every: float = 0.0
    by: Literal["another", "subject"] = "another"
    where: str | None = None
    parents: tuple[Records, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class RestartStep:
    """The service is ended, and started again: after the steps of `meanwhile`, and `down` seconds of clock time."""

    by: Signal
    down: float = 0.0
    meanwhile: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class AdvanceStep:
    """The org's clock is moved on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitStep:
    """Wall seconds go by; None: until the service has come to rest."""

    seconds: float | None


Step = ChangeStep | RestartStep | AdvanceStep | WaitStep


@dataclass(frozen=True, slots=True)
class SinkPlan:
    """How the sink answers. `times` requests, or all, get `status`; `taken`: what they bring counts all the same.

    `slow` are the seconds that it takes for every answer.
    """

    slow: float = 0.0
    status: int | None = None
    times: int | None = None
    taken: bool = False


@dataclass(frozen=True, slots=True)
class EffectsPlan:
    """Where it is seen, besides the effects file, that an event was handled: the sink, records by a key of theirs."""

    sink: SinkPlan = field(default_factory=SinkPlan)
    sobject: str | None = None
    key: str | None = None


def all_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield every step, those of `meanwhile` behind their restart."""
    for step in steps:
        yield step
        if isinstance(step, RestartStep):
            yield from all_steps(step.meanwhile)


def place_of(steps: Sequence[Step], wanted: Step, at: tuple[str | int, ...] = ("events",)) -> tuple[str | int, ...]:
    """Return where a step stands in the scenario; empty for one that is not among them."""
    for place, step in enumerate(steps):
        here = (*at, place)
        if step is wanted:
            return here
        if isinstance(step, RestartStep):
            found = place_of(step.meanwhile, wanted, (*here, "restart", "meanwhile"))
            if found:
                return found
    return ()
