"""What a trial left behind, linked: each input with its attempts, its records, its dead letters and its end."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from harness.effects import Effects
from harness.happenings import Happenings

if TYPE_CHECKING:
    from harness.exchanges import Exchange, Failure
    from harness.inputs import Input
    from harness.jobs import Job
    from harness.letters import BrokenLetter, Letter
    from harness.loads import Load
    from harness.lookups import Lookups
    from harness.plans import Policy
    from harness.viewpoints import Disagreement
    from harness.waits import Waits
    from mock_server.control.client import CommitRow

LegName = Literal["faults", "restart", "heal"]
"""The runs that deliver: under faults, again after each crash, and once more when the faults have stopped."""
AfterName = Literal["redrive", "redrive again", "redelivery", "rerun", "impostor"]
"""The runs after delivery: the dead letters twice, then all inputs with an empty work folder, and with the old one; a
few inputs to a server that nobody should trust."""


class Outcome(Enum):
    """How an input ended. LANDED: the org holds one record for it. LOST: neither there nor in the dead letters."""

    LANDED = "landed"
    DEAD_LETTERED = "dead-lettered"
    SKIPPED = "skipped"
    LOST = "lost"
    DUPLICATED = "duplicated"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time an input was sent.

    `success` and `codes` are what the org decided about the row; `heard` is whether the client was told. `failure` is
    what the client had to make of it, None for a success it was told. Of a row that went by a job, `exchange` is the
    sending of its load (harness.jobs): it ends when the client knew what had become of the rows. `sure` is False where
    the row was never decoded and is known from a repetition of the request or from its path. `values` is what the row
    said. `rules` are the faults that touched this row: those of its request, and those of single rows where this one
    failed.
    """

    exchange: Exchange
    verb: str
    fingerprint: str
    success: bool
    committed: bool
    codes: tuple[str, ...]
    failure: Failure | None
    sure: bool
    heard: bool
    values: Mapping[str, Any] = field(default_factory=dict, compare=False)
    rules: tuple[str, ...] = ()
    tried: int = 1
    """How many attempts it may be counted as: each step of a job that failed may be one."""

    @property
    def number(self) -> int:
        return self.exchange.number


@dataclass(frozen=True, slots=True)
class Stop:
    """How a service took it that it was asked to stop (SIGTERM). `at` are clock seconds.

    It had ended `seconds` of wall time later; `forced`: not within its `grace`, so that it was killed.
    """

    at: float
    seconds: float
    grace: float
    forced: bool


@dataclass(frozen=True, slots=True)
class Process:
    """How the subject ended. `exit_code` is None for a callable or a subject that was stopped; `seconds` are wall time.

    `virtual` are the seconds of virtual time that it took, None in real time.
    `leaks` names the secrets seen in its output. `output` is the end of what it printed, `alerts` counts
    the lines in it that call for somebody (errors, and what stands on stderr), up to a few. `crashed` is True where the
    trial killed it on purpose, at a crash point. `peak` are the bytes of memory that it had resident at the most, where
    they were measured. `stop` tells of a service how it was ended; None where it was killed, or ended by itself.
    """

    exit_code: int | None
    seconds: float
    output: str = ""
    timed_out: bool = False
    crashed: bool = False
    signal: str | None = None
    error: str | None = None
    leaks: tuple[str, ...] = ()
    alerts: int = 0
    virtual: float | None = None
    peak: int | None = None
    stop: Stop | None = None


@dataclass(frozen=True, slots=True)
class Canary:
    """A secret that must show up nowhere. `pattern` is a regular expression; only `name` is ever reported.

    `payload`: it is a field of an input, so that the record in a dead letter holds it by right, and nothing else does.
    """

    name: str
    pattern: str
    payload: bool = False


@dataclass(frozen=True, slots=True)
class ArmedFault:
    """A fault rule and how often it met a request and struck it. `rule` is the rule as it was written."""

    name: str
    matched: int
    fired: int
    rule: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a fault really touched: requests, by their numbers, the attempts in them, and the places of the inputs."""

    rule: str
    exchanges: tuple[int, ...]
    attempts: int
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Leg:
    """One run of the subject that delivers. `first` and `last` are the numbers of the journal entries it spans.

    `began` and `ended` are clock seconds. `letters` counts the dead letters there were at its end.
    """

    name: LegName
    process: Process
    first: int
    last: int
    began: float
    ended: float
    letters: int


@dataclass(frozen=True, slots=True)
class Stray:
    """A committed record of an input's object that stands for no input."""

    sobject: str
    id: str
    exchange: int


@dataclass(frozen=True, slots=True)
class Interception:
    """What an impostor with an untrusted certificate saw: TLS connections that it was asked for, and requests that it
    got all the same, by method and path."""

    offered: int
    taken: tuple[str, ...]


class Footprint(NamedTuple):
    """What one run took to handle its rows. `peak` is the most memory that was resident at one moment, `size` what the
    rows themselves take, both in bytes; `handled` is how many of them were dealt with."""

    rows: int
    peak: int
    size: int
    handled: int


@dataclass(frozen=True)
class Evidence:
    """Everything a property may look at. Tuples named after inputs are in the order of the inputs.

    `records` holds the ids of the live records of each input, `stored` the last known values of each record by lower
    case field name, `writers` the exchanges that wrote it. `letters_of` holds the places in `letters` of each input's
    letters; `letters` is None when there is no queue to look at. `unlinked` are requests that failed before their rows
    were read and were never repeated. `commits` are the changes of records, the harness's own seeding among them
    (`exchange` 0). `policy` is what the subject declared. `process` is the last run of `legs`. `effects` is what the
    subject says it took in, `baseline` the evidence of the run without faults that came first. `copies` are requests
    that the network delivered a second time: they are no attempts of the subject's. `interception` is what the
    impostor saw, in the run of that name. `jobs` are those of the Bulk APIs, `loads` what was brought into them.

    `after` holds the runs that followed delivery. Each has evidence of its own: its exchanges, chains and commits are
    those of that run alone, its outcomes, records and letters the state at its end. `newer` are values that somebody
    else wrote into the records of inputs before such a run. `broken_queue` is a delivery on another org, with another
    journal, whose dead-letter queue could not be written.

    `seeded` is the number of the last commit before the first run, known where the scenario has somebody else change
    records afterwards: those changes are of no exchange either. `memory` is what the subject took for few rows and for
    many, and once more for twice as many where it had grown, on other orgs.

    `happenings` is what happened with events: published, delivered, handled.

    `clock` says how exactly times can be judged. `deadline` is how many seconds of clock time the subject had.
    `healed` is the clock time from which on no fault was in force, None where they never stopped. `unique` tells of
    each field that the scenario defines, by object and name in lower case, whether no two records may share its value.
    """

    exchanges: tuple[Exchange, ...]
    inputs: tuple[Input, ...]
    chains: tuple[tuple[Attempt, ...], ...]
    outcomes: tuple[Outcome, ...]
    records: tuple[tuple[str, ...], ...]
    stored: Mapping[str, Mapping[str, Any]]
    writers: Mapping[str, tuple[int, ...]]
    strays: tuple[Stray, ...]
    letters: tuple[Letter | BrokenLetter, ...] | None
    letters_of: tuple[tuple[int, ...], ...]
    unlinked: tuple[Exchange, ...]
    process: Process
    policy: Policy | None
    canaries: tuple[Canary, ...]
    faults: tuple[ArmedFault, ...]
    commits: tuple[CommitRow, ...] = ()
    legs: tuple[Leg, ...] = ()
    after: Mapping[AfterName, Evidence] = field(default_factory=dict)
    clock: Literal["real", "virtual"] = "real"
    deadline: float | None = None
    healed: float | None = None
    unique: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    effects: Effects = field(default_factory=Effects)
    baseline: Evidence | None = None
    copies: tuple[Exchange, ...] = ()
    interception: Interception | None = None
    newer: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    broken_queue: Evidence | None = None
    jobs: tuple[Job, ...] = ()
    loads: tuple[Load, ...] = ()
    seeded: int | None = None
    memory: tuple[Footprint, ...] | None = None
    happenings: Happenings = field(default_factory=Happenings)

    @cached_property
    def sendings(self) -> tuple[Exchange, ...]:
        """The exchanges, those that brought rows into a job until the client knew what had become of them."""
        if not self.loads:
            return self.exchanges
        loads = {load.number: load.sending for load in self.loads}
        return tuple(loads.get(exchange.number, exchange) for exchange in self.exchanges)

    @cached_property
    def most_jobs(self) -> int:
        """About how many jobs the subject wants to load with: whose creation a request is, it does not say."""
        before = len(self.baseline.jobs) if self.baseline is not None else 0
        return max(1, before, len(self.jobs)) + len(self.inputs) // 1000

    @cached_property
    def elsewhere(self) -> tuple[CommitRow, ...]:
        """What somebody else changed while the subject ran (`meanwhile`)."""
        if self.seeded is None:
            return ()
        return tuple(commit for commit in self.commits if not commit.exchange and commit.number > self.seeded)

    @cached_property
    def waits(self) -> Waits:
        """The pauses between failed requests and those that carry on with them."""
        from harness.waits import waits_of

        return waits_of(self)

    @cached_property
    def exposures(self) -> Mapping[str, Exposure]:
        """What each fault really touched, by its name; latencies too."""
        from harness.exposure import exposures_of

        return exposures_of(self)

    @cached_property
    def disagreements(self) -> tuple[Disagreement, ...]:
        """Where two viewpoints of the same event do not agree."""
        from harness.viewpoints import disagreements_of

        return disagreements_of(self)

    @property
    def loose_keys(self) -> tuple[str, ...]:
        """The key fields of inputs (`Contact.External_Id__c`) that the scenario defines without making them unique."""
        keys = dict.fromkeys((given.sobject, given.key_field) for given in self.inputs)
        return tuple(
            f"{sobject}.{name}" for sobject, name in keys if self.unique.get((sobject.lower(), name.lower())) is False
        )

    def leg_of(self, number: int) -> int:
        """Return the place in `legs` of the run that a journal entry belongs to; 0 where there are none."""
        return max(0, min(bisect_left(self._lasts, number), len(self._lasts) - 1))

    def runs_begun(self, number: int) -> int:
        """Return how many runs had begun at a journal entry: its own counts, 0 where the runs are not known."""
        return bisect_right(self._firsts, number)

    @cached_property
    def by_run(self) -> tuple[tuple[Exchange, ...], ...]:
        """The exchanges of each of `legs`."""
        numbers = [exchange.number for exchange in self.exchanges]
        return tuple(
            self.exchanges[bisect_left(numbers, leg.first) : bisect_right(numbers, leg.last)] for leg in self.legs
        )

    @cached_property
    def _firsts(self) -> list[int]:
        return [leg.first for leg in self.legs]

    @cached_property
    def _lasts(self) -> list[int]:
        return [leg.last for leg in self.legs]

    def by_leg(self, chain: Sequence[Attempt]) -> list[Sequence[Attempt]]:
        """Cut a chain where the subject was started anew: a budget of attempts is that of one run."""
        if len(self.legs) < 2 or len(chain) < 2:
            return [chain] if chain else []
        if self.leg_of(chain[0].number) == self.leg_of(chain[-1].number):
            return [chain]
        found: dict[int, list[Attempt]] = {}
        for attempt in chain:
            found.setdefault(self.leg_of(attempt.number), []).append(attempt)
        return list(found.values())

    def stopped_after(self, number: int) -> bool:
        """Tell whether the run that made a request was killed on purpose, or stopped by its time limit."""
        process = self.legs[self.leg_of(number)].process if self.legs else self.process
        return process.crashed or process.timed_out

    def cut_off(self, place: int, attempt: Attempt) -> bool:
        """Tell whether an input's failed attempt was the last of a run only because that run was stopped.

        Whoever is dead has not given up. A dead letter says that it had been given up all the same, and so does a
        refusal for good after which the run went on with other requests.
        """
        if not self.stopped_after(attempt.number):
            return False
        chain, leg = self.chains[place], self.leg_of(attempt.number)
        if any(later.number > attempt.number and self.leg_of(later.number) == leg for later in chain):
            return False
        # A later run, that tried again, has letters of its own.
        known = self.legs[leg].letters if self.legs and chain[-1] is not attempt else None
        if any(known is None or number < known for number in self.letters_of[place]):
            return False
        return attempt.failure != "permanent" or self._last_begun[leg] < attempt.exchange.end

    def unknowable(self, place: int) -> bool:
        """Tell whether the client could not learn that an input is in the org, although it went on trying.

        The reply was lost after the work was done, and nothing that it asked later was answered.
        """
        chain = self.chains[place]
        done = [attempt.number for attempt in chain if attempt.committed]
        told = any(attempt.heard and (attempt.success or "DUPLICATE_VALUE" in attempt.codes) for attempt in chain)
        if not done or told or self._lookups.between(place, done[0], self.exchanges[-1].number + 1):
            return False
        spent = self.attempts is not None and len(chain) >= self.attempts
        return spent or chain[-1].number > done[-1] or self._last_refused_read > done[-1]

    @cached_property
    def _lookups(self) -> Lookups:
        from harness.lookups import Lookups

        return Lookups(self)

    @cached_property
    def _last_refused_read(self) -> int:
        """The number of the last read that came to nothing; 0 without one."""
        failed = (one.number for one in self.exchanges if one.failure and not (one.is_write or one.is_login))
        return max(failed, default=0)

    @cached_property
    def _last_begun(self) -> dict[int, float]:
        """The clock time of the last request of each run, by its place in `legs`."""
        found: dict[int, float] = {}
        for exchange in self.exchanges:
            leg = self.leg_of(exchange.number)
            found[leg] = max(exchange.at, found.get(leg, exchange.at))
        return found

    @property
    def attempts(self) -> int | None:
        """The declared budget of attempts."""
        return self.policy.attempts if self.policy else None

    @property
    def deliveries(self) -> list[Process]:
        """How the runs that deliver ended, in their order."""
        return [leg.process for leg in self.legs] or [self.process]

    @property
    def processes(self) -> list[Process]:
        """How all runs ended: those that deliver, then those after delivery."""
        return self.deliveries + [process for run in self.after.values() for process in run.deliveries]

    def landed(self, place: int) -> bool:
        """Tell whether the org holds at least one record for the input."""
        return bool(self.records[place])

    def with_outcome(self, outcome: Outcome) -> list[int]:
        """Return the places of the inputs that ended so."""
        return [place for place, ended in enumerate(self.outcomes) if ended is outcome]

    def last_entries(self, places: list[int], most: int = 5) -> tuple[int, ...]:
        """Return the journal entries of the inputs' last attempts, a few, each once."""
        numbers = dict.fromkeys(self.chains[place][-1].number for place in places if self.chains[place])
        return tuple(list(numbers)[:most])

    def name(self, place: int) -> str:
        """Return how a report names an input."""
        return f"{self.inputs[place].sobject} {self.inputs[place].key}"
