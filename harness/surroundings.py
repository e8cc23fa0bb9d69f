"""What stands around a service in a trial: the sink, its port, the clock as it was moved, and what came of events."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from harness.effects import read_effects
from harness.event_linking import Place, Seen, link_events
from harness.evidence import Leg
from harness.happenings import Happenings
from harness.plans import Scenario
from harness.service_plans import SERVICE, ChangeStep, all_steps
from harness.service_watch import EffectsTail
from harness.sink import Sink, free_port
from mock_server.control.client import ControlError
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.org import OrgHandle
    from mock_server.control.client import CommitRow


@dataclass
class Surroundings:
    """A `with` block in which the sink listens. `moved` are the moments at which the clock was moved, and how far."""

    scenario: Scenario
    effects: Path
    port: int = field(default_factory=free_port)
    moved: list[tuple[float, float]] = field(default_factory=list)
    leg: int = 0
    quiet: bool = False
    org: OrgHandle = field(init=False)
    _offset: float = 0.0
    _seeded: int = 0
    _events: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sink = Sink(self.scenario.effects.sink, now=self.now, leg=lambda: self.leg)
        self.tail = EffectsTail(self.effects)

    def __enter__(self) -> Self:
        self.sink.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sink.__exit__(kind, error, trace)

    @property
    def environment(self) -> dict[str, str]:
        return {"SFMOCK_SINK": self.sink.url, "SFMOCK_SERVICE_PORT": str(self.port)}

    def of(self, org: OrgHandle) -> None:
        """Take an org for the one whose clock counts; tell it where it finds the service."""
        self.org = org
        self._offset = org.clock.now() - wall()
        self._seeded = max((event["replay_id"] for event in self._published()), default=0)
        if self.is_called:
            org.control.send_to(f"http://127.0.0.1:{self.port}")

    # -- time

    def now(self) -> float:
        """Return the clock second, as far as the harness alone moves the clock, without asking the org."""
        return wall() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the org's clock on. What was published until now is noted: it may not be retained any longer."""
        self._published()
        self.moved.append((self.now(), seconds))
        self._offset = self.org.clock.advance(seconds) - wall()

    # -- where the service is called

    @property
    def is_called(self) -> bool:
        """Whether the org is to call the service."""
        return SERVICE in repr(self.scenario.org.declared)

    def located(self, url: str) -> str:
        """Put the service's address in place of `{service}`: with its scheme, unless one stands before it."""
        host = f"127.0.0.1:{self.port}"
        return url.replace(f"http://{SERVICE}", f"http://{host}").replace(SERVICE, f"http://{host}")

    # -- what came of events

    def look(self) -> None:
        self.tail.look(self.now, self.leg)

    def end_leg(self) -> None:
        """Take what the run has left behind, and what comes from now on for that of the next one."""
        self.tail.look(self.now, self.leg, ended=True)
        self.leg += 1

    def happened(self) -> int:
        """Count what the service has shown so far."""
        return self.tail.size + len(self.sink.calls)

    def happenings(
        self, entries: Sequence[Mapping[str, Any]], commits: Sequence[CommitRow], legs: Sequence[Leg]
    ) -> Happenings:
        plan = self.scenario.effects
        return link_events(
            events=self._published(),
            entries=entries,
            commits=commits,
            legs=legs,
            seen=Seen(read_effects(self.effects).handled, self.tail.at, self.tail.leg),
            sink=tuple(self.sink.calls),
            place=Place(plan.sobject.lower(), plan.key.lower()) if plan.sobject and plan.key else None,
            keys=self._keys,
            user=self.org.user_id,
            seeded=self._seeded,
            moved=tuple(self.moved),
            service=True,
            quiet=self.quiet,
        )

    def _published(self) -> list[dict[str, Any]]:
        """Return all events that were seen published, retained or not."""
        since = max(self._events, default=0)
        for event in self.org.control.events(since):
            self._events[event["replay_id"]] = event
        return list(self._events.values())

    def send_what_waits(self) -> bool:
        """Have the org send at once what it would send again later; tell whether there was anything."""
        if not self.is_called:
            return False
        told = self.org.control.outbound()
        waiting = [item for item in (*told["messages"], *told["callouts"]) if item["state"] == "queued"]
        for item in waiting:
            with contextlib.suppress(ControlError):  # it was sent meanwhile
                self.org.control.retry_outbound(item["id"])
        return bool(waiting)

    @cached_property
    def _keys(self) -> dict[str, str]:
        """The key field of each object, by its name in lower case."""
        found: dict[str, str] = {}
        for plan in self.scenario.inputs:
            found.setdefault(plan.sobject.lower(), plan.key)
        for step in all_steps(self.scenario.events):
            if isinstance(step, ChangeStep) and step.key is not None:
                found.setdefault(step.sobject.lower(), step.key)
        return found
