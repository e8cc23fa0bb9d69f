"""A trial: one subject under one scenario, first without faults, then with them, each time on a fresh org."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import inputs as input_rows
from harness import seeding
from harness.broken_queue import deliver_without_queue
from harness.crashes import is_crash
from harness.definitions import check as check_definitions
from harness.definitions import definitions
from harness.evidence import AfterName, Evidence
from harness.growth import measured
from harness.inputs import Input
from harness.judge import judge, judge_laws
from harness.letters import DeadLetterQueue, JsonlQueue, QueueReader, as_queue
from harness.org import OrgHandle
from harness.properties import read_parameters, registry
from harness.properties.bulk.memory import MemoryBounded
from harness.properties.giving_up import SinkFailureSurvived
from harness.properties.redrive import NotStale
from harness.redrive import Redrive, Redriver
from harness.result import Baseline, TrialResult
from harness.scenario import Scenario
from harness.service_plans import RestartStep, all_steps, place_of
from harness.service_run import ServiceRun
from harness.stage import Stage, emptied, fault_rules
from harness.steady import unmet
from harness.subjects import CallableSubject, CommandSubject, Run, Subject, canaries_of, environment_of
from harness.surroundings import Surroundings
from mock_server.control.client import ControlError
from mock_server.documents import Problem
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.vtime.trial import VirtualTime
    from mock_server.api import Server

BASELINE_ROWS = 20
"""Inputs of each kind that a baseline delivers."""
WALL_LIMIT = 600.0
"""Seconds a subject may take when nothing else is said."""
EPOCH = 1_772_323_200
"""What an org's virtual clock shows at first: 2026-03-01T00:00:00Z."""
_MOST_NOTES = 3
MOST_SEED = 2**53 - 1
"""The greatest seed: what every JSON reader takes for the same number."""
Progress = Callable[[str], None]


def check(scenario: Scenario, subject: Subject | None = None) -> None:
    """Refuse a scenario that is well written but cannot be run here. Raises DocumentError before anything has run."""
    if scenario.service is not None:
        check_service(scenario, subject)
    if scenario.time == "virtual" and isinstance(subject, CommandSubject):
        from harness.vtime.commands import refusal

        why = refusal(subject.command)
        if why is not None:
            raise scenario.document.error([Problem(("time",), why, ("real",))])
    check_definitions(scenario)


def check_service(scenario: Scenario, subject: Subject | None) -> None:
    """Refuse a service in virtual time, and the death of a function. Raises DocumentError."""
    if scenario.time == "virtual":
        text = "a service runs in real time: its connections are open while nothing happens, in any language"
        raise scenario.document.error([Problem(("time",), f"{text}; move its org's clock with advance", ("real",))])
    if subject is None or getattr(subject, "has_process", False):
        return
    text = "a function cannot be killed: write `by: SIGTERM`, or give the service as a command"
    problems = [
        Problem((*place_of(scenario.events, step), "restart"), text)
        for step in all_steps(scenario.events)
        if isinstance(step, RestartStep) and step.by == "SIGKILL"
    ]
    if problems:
        raise scenario.document.error(problems)


def check_crashes(scenario: Scenario, subject: Subject | None = None) -> None:
    """Refuse crash points where there is no process to kill, or its death would stop time. Raises DocumentError."""
    text = "a crash point needs a subject with a process of its own, one that can be killed: a command"
    if getattr(subject, "has_process", False):
        if scenario.time == "real":
            return
        # A process that dies takes the half of virtual time with it that runs in it.
        text = "a crash point needs real time: write `time: real`, or leave out --time virtual"
    problems = [Problem((*place, "subject"), text) for place, rule in fault_rules(scenario) if is_crash(rule)]
    if problems:
        raise scenario.document.error(problems)


@dataclass
class Trial:
    """Runs one scenario on a server.

    `dead_letters` is a queue of the subject's own choice, in place of a file: a URL or path, an object with a `read`
    method, or a function that returns the letters.

    `timeout` is in wall seconds. `resumable` says that the subject takes up what is pending when it is run again: then
    it is, once the faults have stopped. `redrive` delivers dead letters again, twice: a command, or a function that
    gets the Run, whose inputs are those of the letters, and the letters. `login` names the org's user and app as the
    subject has them built in. `keep` keeps the scratch folders. `progress` is told what is going on.
    """

    server: Server
    scenario: Scenario
    seed: int = 0
    timeout: float | None = None
    dead_letters: DeadLetterQueue | None = None
    rows: Sequence[Input] | None = None
    resumable: bool = False
    redrive: Redrive | None = None
    login: Mapping[str, str] = field(default_factory=dict, repr=False)
    keep: bool = False
    progress: Progress = field(default=lambda _: None)
    _trouble: str = field(default="", init=False)

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed <= MOST_SEED:
            raise ValueError(f"a seed is a whole number from 0 to {MOST_SEED}, not {self.seed!r}")

    def rehearse(self) -> None:
        """Make the scenario's org and arm its faults, to no end but to see that both can be. Raises DocumentError."""
        check(self.scenario)
        refused = self.scenario.refused
        try:
            with self.org() as org:
                seeding.seed(org.control, self.scenario.org, seed=self.seed)
                unfit = seeding.check_inputs(org.control, self.scenario.inputs)
                if unfit:
                    raise refused(*unfit, under=())
                for place, rule in fault_rules(self.scenario):
                    try:
                        org.control.add_fault(rule)
                    except ControlError as error:
                        raise refused(error, under=place) from None
        except ControlError as error:
            raise refused(error) from None

    def run(self, subject: Subject) -> TrialResult:
        """Run the baseline and, when it is met, the scenario.

        Raises SubjectError, what `check` raises, and QueueError for dead letters that cannot be read.
        """
        check(self.scenario, subject)
        check_crashes(self.scenario, subject)
        started = wall()
        folder = Path(tempfile.mkdtemp(prefix="sfmock-"))
        try:
            with self._redirect(subject):
                return self._run(subject, folder, started)
        finally:
            if not self.keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _redirect(self, subject: Subject) -> AbstractContextManager[object]:
        """Lead a function of this process to the server; a command has its environment for that."""
        if not isinstance(subject, CallableSubject):
            return nullcontext()
        from harness.redirect import Redirect

        return Redirect.to(self.server)

    def _run(self, subject: Subject, folder: Path, started: float) -> TrialResult:
        self.progress(f"{self.scenario.name}: baseline")
        baseline = self._baseline(subject, folder / "baseline")
        judgement = evidence = None
        if baseline.met:
            self.progress(f"{self.scenario.name}: running with faults")
            evidence = replace(self._under_faults(subject, folder / "faults", baseline), baseline=baseline.evidence)
            self.progress(f"{self.scenario.name}: judging {len(evidence.exchanges)} requests")
            judgement = judge(evidence, expect=self.scenario.expect, skip=self.scenario.skip)
        return TrialResult(
            scenario=self.scenario.name,
            title=self.scenario.title,
            seed=self.seed,
            seconds=wall() - started,
            baseline=baseline,
            judgement=judgement,
            evidence=evidence,
            notes=((f"the service: {self._trouble}",) if self._trouble else ()) + _notes(evidence),
            kept=folder if self.keep else None,
        )

    def inputs(self, most: int | None = None) -> list[Input]:
        """Return what the subject is given to deliver; `most` of each kind."""
        if self.rows is not None:
            return list(self.rows)[:most]
        return input_rows.generate(self.scenario.inputs, seed=self.seed, most=most)

    def _baseline(self, subject: Subject, folder: Path) -> Baseline:
        with self.stage(folder, self.inputs(BASELINE_ROWS)) as stage:
            why = self._serve(stage, subject, small=True) if stage.around else ""
            if stage.around is None:
                stage.deliver(subject, faults=False)
            evidence = stage.evidence()
        return Baseline(judge_laws(evidence), evidence, unmet(evidence, why))

    def _serve(self, stage: Stage, subject: Subject, *, small: bool, channels: frozenset[str] = frozenset()) -> str:
        """Run the subject as a service; return what went wrong with it, empty where nothing did."""
        service = ServiceRun(stage, subject, small, channels, self.progress)
        service.run()
        return service.why

    def _under_faults(self, subject: Subject, folder: Path, baseline: Baseline) -> Evidence:
        with self.stage(folder, self.inputs()) as stage:
            if stage.around is not None:
                known = frozenset(one.channel for one in baseline.evidence.happenings.subscribed if not one.refused)
                self._trouble = self._serve(stage, subject, small=False, channels=known)
                return stage.evidence()
            stage.deliver(subject, resumable=self.resumable)
            if self.redrive is not None:
                self.progress(f"{self.scenario.name}: redrive")
                edits = NotStale.name in self.scenario.expect
                Redriver(self.redrive, edits).run(stage, folder)
            for name in self._wanted_after():
                self.progress(f"{self.scenario.name}: {name}")
                if name == "impostor":
                    self._mislead(stage, subject, folder / name)
                    continue
                run = stage.run if name == "rerun" else emptied(stage.run, folder / name)
                stage.follow(name, partial(subject.run, run))
            evidence = stage.evidence()
        wanted = self.scenario.expect.get(MemoryBounded.name)
        if wanted is not None and getattr(subject, "has_process", False):
            footprints = measured(self, subject, folder.parent / "memory", read_parameters(MemoryBounded(), wanted))
            evidence = replace(evidence, memory=footprints)
        if self.dead_letters is None and SinkFailureSurvived.name in self.scenario.expect:
            self.progress(f"{self.scenario.name}: with a dead-letter queue that cannot be written")
            took = sum(leg.process.seconds for leg in evidence.legs)
            with self.stage(folder.with_name("broken-queue"), self.inputs()) as stage:
                broken = deliver_without_queue(stage, subject, took=took, resumable=self.resumable)
            return replace(evidence, broken_queue=broken)
        return evidence

    def _mislead(self, stage: Stage, subject: Subject, folder: Path) -> None:
        """Run the subject against a server with an untrusted certificate. Comes last: what it gives up is no letter."""
        from harness.impostor import Impostor, misled

        run = emptied(stage.run, folder)
        with Impostor() as impostor:
            found = stage.follow("impostor", partial(subject.run, misled(run, impostor.address, folder)))
            stage.after["impostor"] = replace(found, interception=impostor.seen())

    def _wanted_after(self) -> tuple[AfterName, ...]:
        """Return the runs after delivery that a required property needs. They cost as much as the delivery."""
        claims = registry()
        needs = frozenset[str]().union(*(claims[name].needs for name in self.scenario.expect))
        names: tuple[AfterName, ...] = ("rerun", "redelivery", "impostor")
        return tuple(name for name in names if name in needs)

    @contextmanager
    def stage(self, folder: Path, rows: Sequence[Input]) -> Iterator[Stage]:
        """Make a fresh org, seeded, with its folder, inputs and queue; the org is gone after the block."""
        with ExitStack() as stack:
            work = folder / "work"
            work.mkdir(parents=True)
            paths = {
                "SFMOCK_INPUTS": folder / "inputs.jsonl",
                "SFMOCK_DLQ": folder / "dead-letters.jsonl",
                "SFMOCK_EFFECTS": folder / "effects.jsonl",
                "SFMOCK_WORKDIR": work,
            }
            around = None
            if self.scenario.service is not None:
                around = stack.enter_context(Surroundings(self.scenario, paths["SFMOCK_EFFECTS"]))
            org = stack.enter_context(self.org())
            seeding.seed(org.control, self.scenario.org, seed=self.seed)
            input_rows.write_jsonl(rows, paths["SFMOCK_INPUTS"])
            queue = self._queue(paths["SFMOCK_DLQ"])
            queue.mark()
            run = Run(
                org=org,
                inputs=tuple(rows),
                dlq_path=paths["SFMOCK_DLQ"],
                workdir=work,
                environment=environment_of(org, paths, self.seed) | (around.environment if around else {}),
                canaries=(*canaries_of(org), *input_rows.canaries(self.scenario.inputs)),
                timeout=self._limit(),
                virtual=self._virtual(org),
            )
            if around is not None:
                around.of(org)
            yield Stage(self.scenario, run, queue, self.seed, around)

    def _queue(self, path: Path) -> QueueReader:
        """Return the queue to read: the subject's own, or the file that the trial names."""
        mapping = self.scenario.dead_letters
        if self.dead_letters is None:
            return QueueReader(JsonlQueue(path, mapping))
        return QueueReader(as_queue(self.dead_letters, mapping), mapping)

    @contextmanager
    def org(self) -> Iterator[OrgHandle]:
        """Make the scenario's org, empty; it is gone after the block."""
        control, plan = self.server.control, self.scenario.org
        info = control.create_org(
            # Without sources the org gets what is written as it is, and says where in it a mistake is.
            schema=definitions(self.scenario).data if plan.schema else None,
            objects=None if plan.schema else plan.objects,
            fields=None if plan.schema else plan.fields,
            limits=plan.limits,
            settings=plan.settings,
            automation=plan.automation,
            declared=plan.declared,
            login=self.login,
            users=plan.users or None,
            speaker=plan.speaker,
            apps=plan.apps or None,
            security=plan.security or None,
            seed=self.seed,
            journal="whole",
            clock=self.scenario.time,
            clock_start=EPOCH if self.scenario.time == "virtual" else None,
        )
        try:
            yield OrgHandle(info, self.server)
        finally:
            control.delete_org(info.id)

    def _virtual(self, org: OrgHandle) -> VirtualTime | None:
        if self.scenario.time == "real":
            return None
        from harness.vtime.trial import VirtualTime

        virtual = VirtualTime(self.server, org.id, self.scenario.deadline)
        return virtual if self.timeout is None else replace(virtual, wall=self.timeout)

    def _limit(self) -> float:
        """Return the wall-clock limit of a run; a deadline in virtual time is none."""
        deadline = self.scenario.deadline if self.scenario.time == "real" else None
        limits = [limit for limit in (self.timeout, deadline) if limit is not None]
        return min(limits, default=WALL_LIMIT)


def _notes(evidence: Evidence | None) -> tuple[str, ...]:
    """Say which lines of SFMOCK_EFFECTS could not be read, a few of them."""
    broken = evidence.effects.broken if evidence else ()
    notes = [f"SFMOCK_EFFECTS, line {line.line}: {line.reason}" for line in broken[:_MOST_NOTES]]
    if len(broken) > _MOST_NOTES:
        notes.append(f"SFMOCK_EFFECTS: {len(broken) - _MOST_NOTES} more lines cannot be read")
    return tuple(notes)


def run_trial(
    scenario: Scenario,
    subject: Subject | Callable[[Run], object],
    *,
    server: Server | None = None,
    **options: Any,
) -> TrialResult:
    """Run one trial; a function stands for a CallableSubject, and a server is started where none is given.

    Options are the fields of Trial. Raises SubjectError and DocumentError.
    """
    chosen = subject if hasattr(subject, "run") else CallableSubject(subject)
    if server is not None:
        return Trial(server, scenario, **options).run(chosen)
    from mock_server import api

    with api.start(port=0) as own:
        return Trial(own, scenario, **options).run(chosen)
