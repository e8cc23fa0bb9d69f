"""Waits: the pauses between a failed request and the next one that carries on with it, each counted once.

A whole batch waits once, however many rows it has: a wait stands between a failed request and the first later one that
carries any of what failed. Where that splits a batch or joins several, the failed request that ended last counts.
Requests refused for an ended session are no failures in this sense, and what is sent right after one has not waited.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from harness.exchanges import NO_ANSWER
from harness.lookups import Lookups

if TYPE_CHECKING:
    from harness.evidence import Evidence
    from harness.exchanges import Exchange, Failure

AT_ONCE = 0.05
"""Seconds: whoever sends again sooner has not waited."""
_RETRIED = ("transient", "ambiguous", "quota")
_READS = ("rest.query.", "rest.sobject.", "rest.collections.", "rest.composite")
"""Reads that are retried when they fail; others (a job's status, limits) are asked again and again anyway."""
_OF_A_JOB = ("upload", "close", "abort", "results")
"""Steps of a job that are retried; one creation says what another one says, so that nobody knows which is retried."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Wait:
    """The pause between the end of `before`, as the client saw it, and the start of `after`.

    `number` counts the waits of its chain, from 1. `least` is smaller where the client may count in another way: where
    rows of different ages go together, where failed requests and failed rows are counted apart, or where an ended
    session was an attempt or none. `chain` is the
    number of the first request of the chain. `busy` are the seconds of the pause in which other requests were under
    way, `others` the requests that began in it.
    `interrupted`: a look-up of what is to be sent again failed in the pause, and was perhaps waited for in its turn.
    """

    before: Exchange
    after: Exchange
    kind: Failure
    number: int
    least: int
    chain: int
    busy: float = 0.0
    others: int = 0
    interrupted: bool = False

    @property
    def gap(self) -> float:
        return max(0.0, self.after.at - self.before.end)

    @property
    def idle(self) -> float:
        """The part of the pause in which nothing else was under way."""
        return max(0.0, self.gap - self.busy)


@dataclass(frozen=True, slots=True)
class Waits:
    """All waits of a trial, in the order of the requests that ended them.

    `resends` are the requests that a client library sent by itself, at once and once, when a kept connection turned
    out to be dead (RFC 9112, section 9.3.1): they are neither waits nor attempts of the subject's own.
    """

    all: tuple[Wait, ...] = ()
    resends: frozenset[int] = frozenset()

    def __iter__(self) -> Iterator[Wait]:
        return iter(self.all)


@dataclass(slots=True)
class _State:
    """Where one input, or one request that is known by what it says, stands. `before` is its last failure."""

    before: Exchange
    kind: Failure
    root: int
    requests: int = 0
    rows: int = 0
    total: int = 0
    sessions: int = 0
    """Refusals for an ended session: whether they are attempts, clients see differently."""

    @property
    def least(self) -> int:
        return self.requests or self.rows


_Thing = tuple[object, "Failure | None", bool]
"""What a request carries: a key, how it failed, and whether that was the failure of a single row."""


def waits_of(evidence: Evidence) -> Waits:
    """Find all waits. Linear in the attempts."""
    walk = _Walk(*_things(evidence))
    ends = [leg.last for leg in evidence.legs[:-1]]
    for exchange in evidence.sendings:
        while ends and exchange.number > ends[0]:
            ends.pop(0)
            walk.states.clear()  # a subject that is started anew goes on with nothing
            walk.steps_failed = 0
        if not exchange.is_login:
            walk.step(exchange)
    kept = [(key, wait) for key, wait in walk.found if key not in walk.crowded]
    traffic = _Traffic(evidence.sendings)
    interrupted = _interrupted(evidence, [wait for _, wait in kept]) | _after_failed_creations(evidence, kept)
    found = (traffic.weigh(wait, interrupted=wait.after.number in interrupted) for _, wait in kept)
    return Waits(tuple(found), frozenset(walk.resends))


def _interrupted(evidence: Evidence, waits: Sequence[Wait]) -> set[int]:
    """Return the requests before which a look-up of an input that they carry has failed since its last failure."""
    failed = [
        exchange.number
        for exchange in evidence.exchanges
        if exchange.failure is not None and not (exchange.is_write or exchange.is_login)
    ]
    around = {
        wait.after.number: wait.before.number
        for wait in waits
        if bisect_right(failed, wait.before.number) < bisect_left(failed, wait.after.number)
    }
    if not around:
        return set()
    lookups = Lookups(evidence, failed=True)
    return {
        attempt.number
        for place, chain in enumerate(evidence.chains)
        for attempt in chain
        if attempt.number in around and lookups.between(place, around[attempt.number], attempt.number)
    }


def _after_failed_creations(evidence: Evidence, kept: Sequence[tuple[object, Wait]]) -> set[int]:
    """Return the loads before which a job could not be created: their wait holds those of the creation."""
    failed = [one.number for one in evidence.exchanges if one.job_role == "create" and one.failure is not None]
    return {
        wait.after.number
        for _, wait in kept
        if wait.after.job_role is not None
        and bisect_right(failed, wait.before.number) < bisect_left(failed, wait.after.number)
    }


def _things(evidence: Evidence) -> tuple[dict[int, list[_Thing]], set[int]]:
    """Return what failed some time, by the requests that carried it, and the requests that carried what never did."""
    found: dict[int, list[_Thing]] = {}
    smooth: set[int] = set()
    for place, chain in enumerate(evidence.chains):
        if all(attempt.failure is None for attempt in chain):
            smooth.update(attempt.exchange.number for attempt in chain)
            continue
        for attempt in chain:
            of_row = attempt.exchange.failure is None
            found.setdefault(attempt.exchange.number, []).append((place, attempt.failure, of_row))
    return found, smooth


def _is_retried(exchange: Exchange) -> bool:
    """Tell whether a request that carries no input is sent again because it failed, and for nothing else."""
    return exchange.operation.startswith(_READS) or exchange.job_role in _OF_A_JOB


class _Walk:
    def __init__(self, things: dict[int, list[_Thing]], smooth: set[int]) -> None:
        self._things = things
        self._smooth = smooth
        self._waited: set[int] = set()
        self.states: dict[object, _State] = {}
        self.found: list[tuple[object, Wait]] = []
        self.resends: set[int] = set()
        self.steps_failed = 0
        """Requests about jobs that failed so far: whether a client counts them with its loads, nobody knows."""
        self.crowded: set[object] = set()
        """Requests that several workers send alike: which of them goes on with which cannot be told."""

    def step(self, exchange: Exchange) -> None:
        things = self._things.get(exchange.number)
        if things is None:
            if exchange.job_role is not None and exchange.failure in _RETRIED:
                self.steps_failed += 1
            if exchange.number in self._smooth or not _is_retried(exchange):
                return
            things = [(exchange.repeat, exchange.failure, False)]
        states = [self.states.get(thing[0]) for thing in things]
        before = self._before(exchange, things, states)
        resent = before is not None and self._is_resend(before, exchange)
        if resent:
            self.resends.add(exchange.number)
        if before is not None and before.before.number not in self._waited:
            self._waited.add(before.before.number)
            if before.kind != "session" and not resent:
                fresh = exchange.number in self._smooth or any(state is None for state in states)
                known = [state.least for state in states if state is not None and state.least]
                number = max((state.total + state.sessions for state in states if state is not None), default=1)
                if exchange.job_role is not None:
                    number += self.steps_failed - (before.total if exchange.number not in self._things else 0)
                least = 1 if fresh else min(known, default=1)
                wait = Wait(before.before, exchange, before.kind, max(1, number), least, before.root)
                self.found.append((things[0][0], wait))
        for thing, state in zip(things, states, strict=True):
            self._settle(exchange, thing, state, resent)

    def _before(self, exchange: Exchange, things: Sequence[_Thing], states: Sequence[_State | None]) -> _State | None:
        """Return the failure that this request goes on with: of several the one that ended last."""
        last: _State | None = None
        for thing, state in zip(things, states, strict=True):
            if state is None:
                continue
            if exchange.at < state.before.end:
                self.crowded.add(thing[0])
            elif last is None or state.before.end > last.before.end:
                last = state
        return last

    def _is_resend(self, state: _State, exchange: Exchange) -> bool:
        before = state.before
        return (
            before.outcome in NO_ANSWER
            and before.left is None
            and before.number not in self.resends
            and exchange.repeat == before.repeat
            and exchange.method in _SAFE_METHODS
            and exchange.at - before.end < AT_ONCE
        )

    def _settle(self, exchange: Exchange, thing: _Thing, state: _State | None, resent: bool) -> None:
        key, failure, of_row = thing
        if failure in _RETRIED:
            if state is None:
                state = self.states[key] = _State(exchange, failure, exchange.number)
            state.before, state.kind = exchange, failure
            if not resent:
                state.total += 1
                state.rows += of_row
                state.requests = 0 if of_row else state.requests + 1
        elif failure == "session":
            if state is None:
                state = self.states[key] = _State(exchange, failure, exchange.number)
            state.before, state.kind = exchange, failure
            state.sessions += 1
        else:
            self.states.pop(key, None)


class _Traffic:
    """What was under way when: the union of all exchanges, and where each began."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._begun = sorted(exchange.at for exchange in exchanges)
        self._starts: list[float] = []
        self._ends: list[float] = []
        for start, end in sorted((exchange.at, exchange.end) for exchange in exchanges):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)
        lengths = (end - start for start, end in zip(self._starts, self._ends, strict=True))
        self._sums = [0.0, *accumulate(lengths)]

    def weigh(self, wait: Wait, *, interrupted: bool) -> Wait:
        start, end = wait.before.end, wait.after.at
        others = bisect_left(self._begun, end) - bisect_right(self._begun, start)
        busy = self._until(end) - self._until(start)
        return replace(wait, busy=max(0.0, busy), others=max(0, others), interrupted=interrupted)

    def _until(self, moment: float) -> float:
        """Return for how many seconds before a moment anything was under way."""
        place = bisect_right(self._starts, moment)
        if not place:
            return 0.0
        return self._sums[place - 1] + min(moment, self._ends[place - 1]) - self._starts[place - 1]
