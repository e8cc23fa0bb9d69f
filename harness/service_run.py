"""Runs a service through the steps of a scenario: starts it, has things happen in its org, ends it, starts it again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.crashes import Crashes, is_crash
from harness.evidence import LegName, Process
from harness.org_steps import OrgSteps
from harness.plans import Scenario
from harness.readiness import Readiness
from harness.service_plans import AdvanceStep, ChangeStep, RestartStep, Signal, Step, WaitStep
from harness.service_watch import Pulse
from harness.services import Service, start
from harness.stage import fault_rules
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.phases import Timeline
    from harness.stage import Stage

TICK = 0.02
"""Wall seconds between two looks at a service."""
READY_LIMIT = 30.0
"""Wall seconds that a service may take to be ready."""
CONVERGE_LIMIT = 60.0
"""Wall seconds that a service may take to come to rest."""
_BACK_OFF = 5
"""So many times `quiet` a service that is cut off, or owes effects, may take, where it declares no cap of its waits."""
_MOST_ROUNDS = 5
"""How often, at the end, what a service did not take is sent to it once more."""
MOST_FALLS = 5
"""How often a service that ends by itself is started again, as whoever supervises it would do."""
_FALL_PAUSE = 0.1


@dataclass
class ServiceRun:
    """One pass of a service through the steps. `small` is the baseline: a few of everything, and no restarts.

    `channels` are those that the service is known to subscribe to. `why` says what went wrong with its start or its
    end, empty where nothing did; `quiet` whether it came to rest.
    """

    stage: Stage
    subject: object
    small: bool
    channels: frozenset[str] = frozenset()
    progress: Callable[[str], None] = lambda _: None
    why: str = ""
    quiet: bool = False
    _service: Service | None = None
    _first: int = 1
    _began: float = 0.0
    _falls: int = 0
    _struck: bool = False
    _awaited: bool = False
    """Whether somebody waits for it to be ready."""
    _watch: ExitStack = field(default_factory=ExitStack)
    _pause: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        scenario, run = self.stage.scenario, self.stage.run
        assert scenario.service is not None and self.stage.around is not None
        self._plan, self._around = scenario.service, self.stage.around
        self._control = run.org.control
        self._until = wall() + run.timeout
        self._crashes = Crashes(self._control) if not self.small and _can_crash(scenario) else None
        self._steps = OrgSteps(scenario, run.org, self.stage.seed, small=self.small)

    # -- the whole of it

    def run(self) -> None:
        """Go through all steps, let the faults stop, and the service come to rest; then end it.

        Raises SubjectError when it cannot be started.
        """
        try:
            with ExitStack() as faults:
                timeline = None if self.small else faults.enter_context(self.stage.faults())
                self._start()
                self._carry_out(self.stage.scenario.events)
                if timeline is not None:
                    self._rest()
                    self._walk(timeline)
            if not self.small:
                self.stage.heal()
            self.quiet = self._around.quiet = self._converge()
            self._end("SIGTERM", last=True)
        finally:
            if self._service is not None:  # an interrupt, or an error of the harness's own
                self._watch.close()
                self._service.end("SIGKILL", 0.0, 0.0)

    def _carry_out(self, steps: Sequence[Step]) -> None:
        for place, step in enumerate(steps):
            if wall() > self._until:
                self.why = self.why or f"its time was up before step {place + 1} of events"
                return
            if isinstance(step, ChangeStep):
                self._steps.change(step, self._breathe)
            elif isinstance(step, RestartStep):
                self._restart(step)
            elif self.small:
                continue
            elif isinstance(step, AdvanceStep):
                self._around.advance(step.seconds)
            elif isinstance(step, WaitStep):
                self._breathe(step.seconds) if step.seconds is not None else self._rest()

    def _restart(self, step: RestartStep) -> None:
        if self.small:
            self._carry_out(step.meanwhile)
            return
        self._end(step.by)
        self._carry_out(step.meanwhile)
        if step.down:
            self._around.advance(step.down)
        self._start()

    # -- one run of the service

    def _start(self) -> None:
        self._tell("running" if not self.stage.legs else f"running again ({len(self.stage.legs)})")
        self._first, self._began = self._control.activity().last + 1, self._around.now()
        self._service = start(self.subject, self.stage.run)
        self._struck = False
        self._watch = ExitStack()
        if self._crashes is not None:
            self._watch.enter_context(self._crashes.watched(self._strike))
        if not self._awaited:
            self._awaited = True
            try:
                self._wait_until_ready()
            finally:
                self._awaited = False

    def _strike(self, how: str) -> None:
        self._struck = True
        if self._service is not None:
            self._service.ask("kill" if how == "kill" else "stop")

    def _readiness(self) -> Readiness:
        return Readiness(self._around, self._plan.ready, self._first, self.channels, self._plan.quiet)

    def _wait_until_ready(self) -> None:
        """Wait for the service, or for the one that takes its place: it may be struck down as often as rules will."""
        service, ready, until = self._service, self._readiness(), min(wall() + READY_LIMIT, self._until)
        while wall() < until:
            if self._service is not service:
                service, ready, until = self._service, self._readiness(), min(wall() + READY_LIMIT, self._until)
            if service is None or ready.now(service):
                return
            self._breathe(TICK)
        if self.small or not self.why:
            self.why = self.why or f"it was not ready ({ready.wanted}) in time"

    def _end(self, by: Signal | None, *, last: bool = False) -> Process | None:
        service, self._service = self._service, None
        if service is None:
            return None
        self._watch.close()
        ended = None if not service.alive() else by
        process = service.end(ended, self._plan.grace, self._around.now())
        name: LegName = "faults" if not self.stage.legs else "restart"
        if not last and (by is not None or self._struck):
            process = replace(process, crashed=True)
        if last and not self.quiet and not self.small:
            process = replace(process, timed_out=True, exit_code=None)
        self.stage.end_leg(name, process, self._first, self._began)
        return process

    # -- what goes on while it runs

    def _breathe(self, seconds: float) -> None:
        """Let time go by; a service that falls meanwhile is started again."""
        until = wall() + seconds
        while True:
            self._look()
            left = until - wall()
            if left <= 0:
                return
            self._pause.wait(min(TICK, left))

    def _look(self) -> None:
        self._around.look()
        service = self._service
        if service is None or service.alive():
            return
        process = self._end(None)
        assert process is not None
        if not self._struck:
            self._falls += 1
            self.why = self.why or _fell(process)
            if self.small or self._falls > MOST_FALLS:
                return
            self._pause.wait(_FALL_PAUSE)
        self._start()

    def _rest(self) -> bool:
        """Wait until nothing has happened for a while; tell whether that came about."""
        self._tell("waiting until it has come to rest")
        until = min(wall() + CONVERGE_LIMIT, self._until)
        quiet = self._plan.quiet
        pulse = Pulse(self._control, self._around.happened, self._control.activity().last)
        while wall() < until:
            self._breathe(min(TICK * 2, quiet))
            still = pulse.look()
            if still < quiet:
                continue
            if self._service is None or still >= self._patience() or self._at_rest(pulse):
                return True
        return False

    def _converge(self) -> bool:
        """Wait until it has come to rest and nothing waits to be sent to it again; tell whether that came about."""
        for _ in range(_MOST_ROUNDS):
            if not self._rest():
                return False
            if self._service is None or not self._around.send_what_waits():
                break
        return True

    def _patience(self) -> float:
        policy = self.stage.scenario.policy
        cap = policy.cap if policy is not None else None
        return max(self._plan.quiet, 2 * cap) if cap is not None else self._plan.quiet * _BACK_OFF

    def _at_rest(self, pulse: Pulse) -> bool:
        """Tell whether a service has nothing to catch up with: it listens, and owes no effect."""
        happenings = self.stage.happenings()
        if not happenings.subscribed:
            return True
        handled = {one.event.replay_id for one in happenings.handled if one.event is not None}
        owed = any(one.replay_id not in handled for one in happenings.delivered)
        return pulse.held and not (owed and happenings.handled)

    def _walk(self, timeline: Timeline) -> None:
        """Let the phases of the scenario go by to the last one."""
        while not timeline.walked and wall() < self._until:
            self._breathe(TICK)

    def _tell(self, what: str) -> None:
        self.progress(f"{self.stage.scenario.name}: {'baseline' if self.small else 'with faults'}, {what}")


def _can_crash(scenario: Scenario) -> bool:
    return any(is_crash(rule) for _, rule in fault_rules(scenario))


def _fell(process: Process) -> str:
    said = process.error or process.signal or f"exit status {process.exit_code}"
    return f"it ended by itself ({said})"
