"""A trial: one subject under one scenario, first without faults, then with them, each time on a fresh org."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import inputs as input_rows
from harness import seeding
from harness.evidence import ArmedFault, Evidence, Process
from harness.inputs import Input
from harness.judge import judge, judge_laws
from harness.letters import DeadLetters, JsonlQueue
from harness.linking import link
from harness.org import OrgHandle
from harness.phases import Phase, Timeline
from harness.properties import ParameterError, read_parameters, registry
from harness.result import Baseline, TrialResult
from harness.scenario import Scenario
from harness.subjects import CallableSubject, Run, Subject, canaries_of, environment_of
from mock_server.control.client import ControlError
from mock_server.documents import DocumentError, nearest
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from mock_server.api import Server

BASELINE_ROWS = 20
"""Inputs of each kind that a baseline delivers."""
WALL_LIMIT = 600.0
"""Seconds a subject may take when nothing else is said."""
_SETTLING = 2.0
"""Seconds to wait for exchanges that outlive the subject."""

Progress = Callable[[str], None]


def check(scenario: Scenario) -> None:
    """Refuse a scenario that cannot be run. Raises DocumentError; nothing has been run then."""
    problems = [f"{scenario.name}: {problem}" for problem in _problems(scenario)]
    if problems:
        raise DocumentError(problems)


def _problems(scenario: Scenario) -> Iterator[str]:
    claims = registry()
    if scenario.time == "virtual":
        yield "`time: virtual` needs a subject whose clock the harness can move; write `time: real`"
    for key, names in (("expect", scenario.expect), ("skip", scenario.skip)):
        for name in names:
            if name not in claims:
                near = nearest(name, claims)
                hint = f"; did you mean {near!r}?" if near else ""
                yield f"{key}: there is no property {name!r}{hint} (allowed: {', '.join(claims)})"
    for name, given in scenario.expect.items():
        if name in claims:
            try:
                read_parameters(claims[name], given)
            except ParameterError as error:
                yield f"expect: {error}"


@dataclass
class Trial:
    """Runs one scenario on a server. `dead_letters` is a queue of the subject's own choice, in place of a file.

    `timeout` is in wall seconds. `keep` keeps the scratch folders. `progress` is told what is going on.
    """

    server: Server
    scenario: Scenario
    seed: int = 0
    timeout: float | None = None
    dead_letters: DeadLetters | None = None
    rows: Sequence[Input] | None = None
    keep: bool = False
    progress: Progress = field(default=lambda _: None)

    def rehearse(self) -> None:
        """Make the scenario's org and arm its faults, to no end but to see that both can be. Raises DocumentError."""
        try:
            with self._org() as org:
                seeding.seed(org.control, self.scenario.org, seed=self.seed)
                org.control.add_faults(_timeline(self.scenario)[0])
        except ControlError as error:
            raise DocumentError([f"{self.scenario.name}: {error}"]) from None

    def run(self, subject: Subject) -> TrialResult:
        """Run the baseline and, when it is met, the scenario. Raises SubjectError, and what `check` raises."""
        check(self.scenario)
        started = wall()
        folder = Path(tempfile.mkdtemp(prefix="sfmock-"))
        try:
            return self._run(subject, folder, started)
        finally:
            if not self.keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _run(self, subject: Subject, folder: Path, started: float) -> TrialResult:
        self.progress(f"{self.scenario.name}: baseline")
        baseline = self._baseline(subject, folder / "baseline")
        judgement = evidence = None
        if baseline.met:
            self.progress(f"{self.scenario.name}: running with faults")
            evidence = self._once(subject, folder / "faults", self.inputs(), faults=True)
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
            kept=folder if self.keep else None,
        )

    def inputs(self, most: int | None = None) -> list[Input]:
        """Return what the subject is given to deliver; `most` of each kind."""
        if self.rows is not None:
            return list(self.rows)[:most]
        return input_rows.generate(self.scenario.inputs, seed=self.seed, most=most)

    def _baseline(self, subject: Subject, folder: Path) -> Baseline:
        evidence = self._once(subject, folder, self.inputs(BASELINE_ROWS), faults=False)
        verdicts = judge_laws(evidence)
        return Baseline(verdicts, evidence, _unmet(evidence))

    def _once(self, subject: Subject, folder: Path, rows: Sequence[Input], *, faults: bool) -> Evidence:
        with self.stage(folder, rows) as stage:
            if not faults:
                return stage.collect(subject.run(stage.run))
            with stage.faults():
                process = subject.run(stage.run)
            return stage.collect(process)

    @contextmanager
    def stage(self, folder: Path, rows: Sequence[Input]) -> Iterator[Stage]:
        """Make a fresh org, seeded, with its folder, inputs and queue; the org is gone after the block."""
        with self._org() as org:
            seeding.seed(org.control, self.scenario.org, seed=self.seed)
            work = folder / "work"
            work.mkdir(parents=True)
            paths = {
                "SFMOCK_INPUTS": folder / "inputs.jsonl",
                "SFMOCK_DLQ": folder / "dead-letters.jsonl",
                "SFMOCK_EFFECTS": folder / "effects.jsonl",
                "SFMOCK_WORKDIR": work,
            }
            input_rows.write_jsonl(rows, paths["SFMOCK_INPUTS"])
            queue = self.dead_letters or JsonlQueue(paths["SFMOCK_DLQ"], mapping=self.scenario.dead_letters)
            run = Run(
                org=org,
                inputs=tuple(rows),
                dlq_path=paths["SFMOCK_DLQ"],
                workdir=work,
                environment=environment_of(org, paths, self.seed),
                canaries=canaries_of(org),
                timeout=self._limit(),
            )
            # A queue of the subject's own may hold letters from before.
            yield Stage(self.scenario, run, queue, earlier=len(queue.read()))

    @contextmanager
    def _org(self) -> Iterator[OrgHandle]:
        control, spec = self.server.control, self.scenario.org
        info = control.create_org(
            fields=spec.fields, objects=spec.objects, limits=spec.limits, seed=self.seed, journal="whole"
        )
        try:
            yield OrgHandle(info, self.server)
        finally:
            control.delete_org(info.id)

    def _limit(self) -> float:
        limits = [limit for limit in (self.timeout, self.scenario.deadline) if limit is not None]
        return min(limits, default=WALL_LIMIT)


@dataclass(frozen=True)
class Stage:
    """One org made ready for one run, and the way to collect what the run leaves behind."""

    scenario: Scenario
    run: Run
    queue: DeadLetters
    earlier: int

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Put the scenario's faults in force, and walk through its phases until the block ends."""
        rules, phases = _timeline(self.scenario)
        self.run.org.control.add_faults(rules)
        with Timeline(self.run.org.control, phases):
            yield

    def collect(self, process: Process) -> Evidence:
        """Return the evidence of the run, once no exchange is under way any more."""
        control, policy = self.run.org.control, self.scenario.policy
        return link(
            entries=_settled(control.journal),
            commits=control.commits(),
            inputs=self.run.inputs,
            letters=list(self.queue.read())[self.earlier :],
            process=process,
            attempts=policy.attempts if policy else None,
            canaries=self.run.canaries,
            faults=[ArmedFault(fault.name, fault.matched, fault.fired) for fault in control.faults()],
            skipped=self.run.skipped,
        )


def _timeline(scenario: Scenario) -> tuple[list[dict[str, Any]], list[Phase]]:
    """Return all fault rules, those of a phase bound to it, and the phases."""
    rules = [dict(rule) for rule in scenario.faults]
    phases = []
    for phase in scenario.phases:
        phases.append(Phase(phase.name, phase.seconds))
        rules += [{**rule, "when": {**rule.get("when", {}), "phase": phase.name}} for rule in phase.faults]
    return rules, phases


def _settled(journal: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the journal once no exchange is under way any more, or after a short while."""
    pause = threading.Event()
    until = wall() + _SETTLING
    entries = journal()
    while any(entry["end"] is None for entry in entries) and wall() < until:
        pause.wait(0.02)
        entries = journal()
    return entries


def _unmet(evidence: Evidence) -> str:
    """Say why a baseline does not count as a steady state; empty when it does."""
    broken = [verdict for verdict in judge_laws(evidence) if verdict.status == "violated"]
    if broken:
        return f"{broken[0].property} was violated: {broken[0].reason}"
    if evidence.process.timed_out:
        return "the subject did not end in time"
    if evidence.letters:
        return f"{len(evidence.letters)} of {len(evidence.inputs)} inputs were dead-lettered"
    return ""


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
