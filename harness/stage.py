"""A stage: one org made ready, the runs of a subject on it, and what they leave behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.crashes import Crashes, is_crash
from harness.definitions import definitions, uniqueness
from harness.effects import Effects, read_effects
from harness.evidence import AfterName, ArmedFault, Evidence, Leg, LegName, Process
from harness.happenings import Happenings
from harness.jobs_left import finish_jobs
from harness.linking import link
from harness.phases import Timeline
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.letters import BrokenLetter, Letter, QueueReader
    from harness.scenario import Scenario
    from harness.subjects import Run, Subject
    from harness.surroundings import Surroundings
    from mock_server.documents import Steps

_SETTLING = 2.0
"""Seconds to wait for exchanges that outlive the subject."""
_MOST_RESTARTS = 100
"""A crash point that strikes at every start would never let a subject end."""


@dataclass
class Stage:
    """One org with its folder, inputs and queue. `legs` and `after` grow with each run."""

    scenario: Scenario
    run: Run
    queue: QueueReader
    seed: int = 0
    around: Surroundings | None = None
    """What stands around a service; None for a subject that ends by itself."""
    healed_at: float | None = None
    legs: list[Leg] = field(default_factory=list)
    after: dict[AfterName, Evidence] = field(default_factory=dict)
    _armed: list[ArmedFault] = field(default_factory=list)
    _delivered: int | None = None
    """The last journal entry of the runs that deliver, once the others have begun."""
    _letters: Sequence[Letter | BrokenLetter] = ()
    _effects: Effects | None = None
    _commits: int = 0
    _over: list[dict[str, Any]] = field(default_factory=list)
    _unique: dict[tuple[str, str], bool] = field(init=False)
    _seeded: int | None = None

    def __post_init__(self) -> None:
        # Now: the subject may do anything to the files of a schema.
        self._unique = uniqueness(definitions(self.scenario))
        if self.around is not None or any("meanwhile" in rule for _, rule in fault_rules(self.scenario)):
            commits = self.run.org.control.commits()
            self._seeded = commits[-1].number if commits else 0

    # -- the runs that deliver

    def deliver(
        self,
        subject: Subject,
        *,
        faults: bool = True,
        resumable: bool = False,
        timeout: float | None = None,
        under: AbstractContextManager[object] | None = None,
    ) -> None:
        """Run the subject, again after each crash, and, when it is resumable, once more after the faults have stopped.

        `timeout` are the wall seconds of a run under faults, where they are to be fewer than the trial's. `under` is
        entered and left with the faults. Raises SubjectError when the subject cannot be started.
        """
        if not faults:
            self.leg("faults", lambda: subject.run(self.run))
            return
        run = self.run if timeout is None else replace(self.run, timeout=min(self.run.timeout, timeout))
        if any(is_crash(rule) for _, rule in fault_rules(self.scenario)):
            run = replace(run, crashes=Crashes(run.org.control))
        with self.faults(), under or nullcontext():
            process = self.leg("faults", lambda: subject.run(run))
            while process.crashed and len(self.legs) <= _MOST_RESTARTS:
                process = self.leg("restart", lambda: subject.run(run))
        if resumable:
            self.heal()
            self.leg("heal", lambda: subject.run(self.run))

    def leg(self, name: LegName, work: Callable[[], Process]) -> Process:
        """Carry out one run and note what it spans."""
        first, began = self._begin()
        process = work()
        self._end(name, process, first, began)
        return process

    @contextmanager
    def block(self) -> Iterator[None]:
        """Take what happens in the block for the one run of the subject."""
        first, began = self._begin()
        started = wall()
        virtual = self.run.virtual
        if virtual is None:
            yield
            process = Process(None, wall() - started)
        else:
            from harness.vtime.subjects import ended

            with virtual.block() as outcomes:
                yield
            process = replace(ended(outcomes[0]), seconds=wall() - started)
        self._end("faults", process, first, began)

    def _begin(self) -> tuple[int, float]:
        # The run before this one has ended: what it left is known, and a fresh org has none.
        return (self._over[-1]["number"] if self._over else 0) + 1, self.run.org.clock.now()

    def _end(self, name: LegName, process: Process, first: int, began: float) -> None:
        last = self._last_entry(settled=True)
        self.legs.append(Leg(name, process, first, last, began, self.run.org.clock.now(), len(self.letters())))

    def end_leg(self, name: LegName, process: Process, first: int, began: float) -> None:
        """Note a run of a service, which began with a journal entry to come and at a clock second."""
        assert self.around is not None
        self.around.end_leg()
        self._end(name, process, first, began)

    def happenings(self) -> Happenings:
        """Return what has happened with events so far."""
        if self.around is None:
            return Happenings()
        return self.around.happenings(self._journal(), self.run.org.control.commits(), self.legs)

    @contextmanager
    def faults(self) -> Iterator[Timeline]:
        """Put the scenario's faults in force, and walk through its phases until the block ends."""
        rules = [rule for _, rule in fault_rules(self.scenario)]
        if rules:
            self.run.org.control.add_faults(rules)
        with Timeline(self.run.org.control, self.scenario.phases, self.run.virtual) as timeline:
            yield timeline

    def heal(self) -> None:
        """Stop all faults; what they did until now is kept."""
        # Asked again, before a run after delivery, there is nothing in force any more.
        self._armed = self._armed or self._in_force()
        self.run.org.control.clear_faults()
        if self.around is not None and self.healed_at is None:
            self.around.sink.heal()
            self.healed_at = self.around.now()

    # -- the runs after delivery

    def follow(
        self, name: AfterName, work: Callable[[], Process], *, newer: Mapping[int, Mapping[str, Any]] | None = None
    ) -> Evidence:
        """Carry out a run after delivery, without faults; return what it did, and the state at its end.

        `newer` are values that somebody else wrote before it.
        """
        control = self.run.org.control
        if self._delivered is None:
            self._delivered = self._last_entry(settled=True)
            self._letters = self.letters()
            self._effects = self.effects()
            self._commits = len(control.commits())
            self.heal()
        since = self._last_entry(settled=True)
        process = work()
        entries = self._settled()
        jobs = self._jobs(entries)
        self.after[name] = link(
            entries=entries,
            commits=control.commits(),
            inputs=self.run.inputs,
            letters=self.letters(),
            process=process,
            policy=self.scenario.policy,
            canaries=self.run.canaries,
            skipped=self.run.skipped,
            since=since,
            clock=self.scenario.time,
            deadline=self.scenario.deadline,
            newer=newer,
            jobs=jobs,
        )
        return self.after[name]

    # -- what they leave behind

    def letters(self) -> list[Letter | BrokenLetter]:
        """Return the letters of this stage: those that the queue did not hold before."""
        return self.queue.since()

    def effects(self) -> Effects:
        """Return what the subject says it took in."""
        return read_effects(Path(self.run.environment["SFMOCK_EFFECTS"]))

    def evidence(self) -> Evidence:
        """Return the evidence of the runs that deliver, with that of the others under `after`."""
        control = self.run.org.control
        entries, commits, letters = self._settled(), control.commits(), self._letters
        jobs = self._jobs(entries)
        if self._delivered is None:
            letters = self.letters()
        else:
            entries = [entry for entry in entries if entry["number"] <= self._delivered]
            commits = commits[: self._commits]
        return link(
            entries=entries,
            commits=commits,
            inputs=self.run.inputs,
            letters=letters,
            process=self.legs[-1].process,
            policy=self.scenario.policy,
            canaries=self.run.canaries,
            faults=self._armed or self._in_force(),
            skipped=self.run.skipped,
            legs=self.legs,
            after=self.after,
            clock=self.scenario.time,
            deadline=self.scenario.deadline,
            healed=self._healed(),
            unique=self._unique,
            effects=self._effects or self.effects(),
            jobs=jobs,
            seeded=self._seeded,
            happenings=Happenings() if self.around is None else self.around.happenings(entries, commits, self.legs),
        )

    def _jobs(self, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the org's jobs of the Bulk APIs, which it has only where requests were about any."""
        return self.run.org.control.jobs(rows=True) if _about_jobs(entries) else []

    def _healed(self) -> float | None:
        """Return the clock time at which the faults stopped: for a run of its own, or for a phase named `heal`."""
        if self.healed_at is not None:
            return self.healed_at
        healing = next((leg for leg in self.legs if leg.name == "heal"), None)
        if healing is not None:
            return healing.began
        names = [phase.name for phase in self.scenario.phases]
        entries = self._over
        if not entries or "heal" not in names or self.scenario.phases[names.index("heal")].faults:
            return None
        before = self.scenario.phases[: names.index("heal")]
        # The phases begin with the first request; in virtual time a program takes none to start.
        return float(entries[0]["at"]) + sum(phase.seconds or 0.0 for phase in before)

    def _in_force(self) -> list[ArmedFault]:
        found = self.run.org.control.faults()
        return [ArmedFault(fault.name, fault.matched, fault.fired, fault.rule) for fault in found]

    def _last_entry(self, *, settled: bool = False) -> int:
        entries = self._settled() if settled else self._journal()
        return entries[-1]["number"] if entries else 0

    def _settled(self) -> list[dict[str, Any]]:
        """Return the journal once no exchange is under way any more, or after a short while."""
        pause = threading.Event()
        until = wall() + _SETTLING
        entries = self._journal()
        while (self._hurry(entries) or any(entry["end"] is None for entry in entries)) and wall() < until:
            pause.wait(0.02)
            entries = self._journal()
        if _about_jobs(entries):
            finish_jobs(self.run.org)
            # What a job saves is noted on the request that brought its rows, long after that was answered.
            self._over.clear()
            entries = self._journal()
        return entries

    def _hurry(self, entries: Sequence[dict[str, Any]]) -> bool:
        """Let requests that the network holds back for a second delivery arrive now; tell whether there are any."""
        arrived = {entry["copy_of"] for entry in entries}
        held = [entry["again_at"] for entry in entries if entry["again_at"] and entry["number"] not in arrived]
        clock = self.run.org.clock
        wait = max(held) - clock.now() if held else 0.0
        if wait > 0:
            clock.advance(wait)
        return bool(held)

    def _journal(self) -> list[dict[str, Any]]:
        """Return the journal. What is over is asked for once: journals are long, and asked for at every run."""
        since = self._over[-1]["number"] if self._over else 0
        news = self.run.org.control.journal(since)
        still = next((place for place, entry in enumerate(news) if entry["end"] is None), len(news))
        self._over += news[:still]
        return [*self._over, *news[still:]]


def _about_jobs(entries: Sequence[dict[str, Any]]) -> bool:
    return any(entry.get("job") for entry in entries)


def fault_rules(scenario: Scenario) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Yield every fault rule and its place in the scenario; those of a phase are bound to it."""
    for number, rule in enumerate(scenario.faults):
        yield ("faults", number), dict(rule)
    for place, phase in enumerate(scenario.phases):
        for number, rule in enumerate(phase.faults):
            bound = {**rule, "when": {**(rule.get("when") or {}), "phase": phase.name}}
            yield ("phases", place, "faults", number), bound


def emptied(run: Run, folder: Path) -> Run:
    """Return the run with an empty work folder in place of its own: as on a machine that has forgotten everything."""
    folder.mkdir(parents=True)
    return replace(run, workdir=folder, environment={**run.environment, "SFMOCK_WORKDIR": str(folder)})
