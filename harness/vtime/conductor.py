"""The conductor: lets one thread of the subject run at a time, and moves time when all of them wait."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.vtime import blocked, originals, reach, report
from harness.vtime.actors import Actor, Deadlock, Ended, Wait, actors

if TYPE_CHECKING:
    from harness.vtime.side import Side

SECOND = 1_000_000_000
_FAR = 1 << 62
_PATIENCE = 0.2
"""Real seconds that threads outside virtual time have to wake an actor before a dead-lock is one."""
_YIELDS = 1000
"""Times that actors may ask for nothing but the others' turn before that counts as waiting."""
_TOLD = 50
"""Times that a thread is told that the run is over before it is left parked."""


class Conductor:
    """Virtual time of one run: its clock, its actors, and the server that they talk to.

    `elapsed` is virtual time since the beginning, in nanoseconds. `epoch` is what clocks show then, in nanoseconds
    since 1970; `deadline` is in seconds of virtual time.
    """

    def __init__(self, side: Side, *, epoch: int, deadline: float | None = None) -> None:
        self.side = side
        self.elapsed = 0
        self.epoch = epoch
        # Whole seconds, so that differences of the clock come out as round as what was asked for.
        self.steady = -(-originals.monotonic_ns() // SECOND) * SECOND
        self.deadline = None if deadline is None else round(deadline * SECOND)
        self.root: Actor | None = None
        self.running: Actor | None = None
        self.turn = 0
        """Counts the changes of who runs."""
        self.over: str | None = None
        """Why the run is over; None while it is not."""
        self.timed_out = False
        self.failure: BaseException | None = None
        """What ended the run from outside: a dead-lock, a thread that never waited."""
        self.leftover: list[str] = []
        self.listening: set[int] = set()
        """Ports on which the subject itself listens."""
        self._parked: list[Actor] = []
        self._all: list[Actor] = []
        self._numbers = itertools.count(1)
        self._alarms: list[tuple[int, int, Callable[[], None]]] = []
        self._mutex = originals.allocate_lock()
        self._yields = 0
        self._held_since: dict[int, float] = {}
        self._closing = self._forgotten = False
        self._lost: list[Actor] = []
        """Actors whose turn has gone on to others while they were blocked in a lock that virtual time does not know."""

    # -- time

    def time_ns(self) -> int:
        return self.epoch + self.elapsed

    def monotonic_ns(self) -> int:
        return self.steady + self.elapsed

    def due(self, timeout: float | None) -> int | None:
        """Return the moment `timeout` seconds from now; None for never."""
        if timeout is None or timeout >= _FAR / SECOND:
            return None
        return self.elapsed + max(0, round(timeout * SECOND))

    def at(self, seconds: float, work: Callable[[], None]) -> None:
        """Have `work` done when so many seconds of the run have gone by."""
        heapq.heappush(self._alarms, (max(0, round(seconds * SECOND)), next(self._numbers), work))

    # -- actors

    def newcomer(self, name: str, thread: threading.Thread | None) -> Actor:
        """Return a new actor; it waits for its first turn."""
        actor = Actor(self, next(self._numbers), name, thread)
        self._all.append(actor)
        return actor

    def forget_one(self, actor: Actor) -> None:
        """Take back a newcomer whose thread could not be started."""
        self._all.remove(actor)

    def begin(self, actor: Actor) -> None:
        """Make the calling thread the root actor: it has the turn."""
        actor.ident, actor.native = originals.get_ident(), threading.get_native_id()
        self.root = self.running = actor
        actors[actor.ident] = actor

    def queue(self, actor: Actor) -> None:
        """Let a newcomer's first turn come; `enter`, on its own thread, waits for it."""
        actor.wait = Wait("its first turn", due=self.elapsed)
        self._parked.append(actor)

    def enter(self, actor: Actor) -> None:
        actor.ident, actor.native = originals.get_ident(), threading.get_native_id()
        actor.baton.acquire()
        actors[actor.ident] = actor
        actor.wait = None
        self._tell(actor)

    def leave(self, actor: Actor) -> None:
        """End an actor, on its own thread: the turn goes on to the next."""
        actors.pop(actor.ident, None)
        actor.finished = True
        if self.running is actor:
            with self._mutex:
                if self.running is actor:
                    self._hand_on(actor)

    def park(self, wait: Wait) -> bool:
        """Wait; return True when what was waited for is there, False when its time has come first.

        Raises Ended when the run is over, Deadlock when nothing can ever happen again.
        """
        actor = actors[originals.get_ident()]
        self._tell(actor)
        self._park(actor, wait)
        self._tell(actor)
        return actor.ready

    def _park(self, actor: Actor, wait: Wait) -> None:
        actor.wait = wait
        actor.ready = False
        actor.yielding = wait.due is not None and wait.due <= self.elapsed
        # Before the mutex is asked for: who holds it may be waiting for this very actor to park.
        self._parked.append(actor)
        mine = False
        # An actor that was blocked outside virtual time has lost its turn meanwhile, perhaps to nobody.
        if self.running is actor or self.running is None:
            with self._mutex:
                if self.running is actor or (self.running is None and actor in self._parked):
                    try:
                        mine = self._hand_on(actor) is actor
                    except BaseException:
                        # An interrupt. It keeps the turn for what it does about it.
                        if actor in self._parked:
                            self._parked.remove(actor)
                        raise
        if not mine:
            actor.baton.acquire()
        actor.wait = None

    def _tell(self, actor: Actor) -> None:
        """Raise in an actor that the run is over, if it is."""
        if self.over is None or (actor is self.root and self._closing):
            return
        actor.told += 1
        if actor.told > _TOLD:
            # It swallows everything. A thread cannot be ended from outside; this one does not run any more.
            with self._mutex:
                actor.deaf = True
                if self.running is actor:
                    self._hand_on(actor)
            while True:
                actor.baton.acquire()
        if actor.told == 1 and isinstance(self.failure, Deadlock):
            raise Deadlock(str(self.failure))
        raise Ended(self.over)

    def _hand_on(self, leaving: Actor) -> Actor | None:
        """Choose who runs next and let it; with the mutex held."""
        chosen = self._next()
        self.turn += 1
        self.running = chosen
        if chosen is not None and chosen is not leaving:
            chosen.baton.release()
        return chosen

    @property
    def choosing(self) -> bool:
        """Tell whether the next to run is being chosen: the server may be at work meanwhile."""
        return self._mutex.locked()

    def hand_over(self, stuck: Actor, turn: int) -> bool:
        """Take the turn from an actor that is blocked outside virtual time; tell whether it was still its turn."""
        if not self._mutex.acquire(True, 1.0):
            return False
        try:
            if self.running is not stuck or self.turn != turn or (not self._parked and self.over is None):
                return False
            self._lost.append(stuck)
            self.running = None
            self._hand_on(stuck)
            return True
        finally:
            self._mutex.release()

    # -- who is next

    def _next(self) -> Actor | None:
        """Return the next actor to run, moving time as far as it takes; None when there is none left."""
        spent = 0.0
        while True:
            self.side.settle()
            if not self._parked:
                return None
            chosen = self._ended() if self.over is not None else self._able()
            if chosen is not None:
                self._parked.remove(chosen)
                return chosen
            if self._outside() or self._astray():
                continue
            due = self._first_due()
            if due is None:
                if spent < _PATIENCE:
                    # Threads outside virtual time may hold what an actor waits for.
                    originals.sleep(0.002)
                    spent += 0.002
                    continue
                self._deadlock()
                continue
            spent = 0.0
            self._advance(due)

    def _able(self) -> Actor | None:
        """Return the first, in the order parked, whose wait is over."""
        parked = self._parked
        ready = self._ready_files(parked)
        for actor in parked:
            wait = actor.wait
            assert wait is not None
            if actor.number in ready or (wait.until is not None and wait.until()):
                actor.ready = True
                self._yields = 0
                return actor
            if wait.due is not None and wait.due <= self.elapsed:
                self._yields = self._yields + 1 if actor.yielding else 0
                if self._yields > _YIELDS:
                    self._spin()
                return actor
        return None

    def _spin(self) -> None:
        """Let time go by for actors that spin: what they spin for can only come with it. Each step is twice as long."""
        step = self.elapsed + (SECOND // 1000 << min(self._yields - _YIELDS, 20))
        due = self._first_due(after=self.elapsed)
        self._advance(step if due is None else min(step, due))

    def _ready_files(self, parked: list[Actor]) -> set[int]:
        ready: set[int] = set()
        polled = None
        by_file: dict[int, list[int]] = {}
        for actor in parked:
            wait = actor.wait
            if wait is None or wait.file is None:
                continue
            number = wait.file()
            if number < 0:
                ready.add(actor.number)
                continue
            if polled is None:
                polled = originals.poll()
            if number in by_file:
                by_file[number].append(actor.number)
            else:
                by_file[number] = [actor.number]
            polled.register(number, wait.events)
        if polled is not None:
            for number, _ in polled.poll(0):
                ready.update(by_file[number])
        return ready

    def _first_due(self, after: int = -1) -> int | None:
        """Return when something happens next: an actor's time, the server's; alarms only if they come before."""
        dues = [actor.wait.due for actor in self._parked if actor.wait and actor.wait.due is not None]
        served = self.side.next_due()
        if served is not None:
            dues.append(served)
        dues = [due for due in dues if due > after]
        return min(dues) if dues else None

    def _advance(self, due: int) -> None:
        """Move time to `due`, or to an alarm or the deadline before it."""
        first = self._alarms[0][0] if self._alarms else due
        if self.deadline is not None and min(due, first) > self.deadline:
            self._move(self.deadline)
            self.timed_out = True
            self.end(f"the deadline of {self.deadline / SECOND:g} s has passed")
        elif self._alarms and first <= due:
            _, _, work = heapq.heappop(self._alarms)
            self._move(first)
            self._ring(work)
        else:
            self._move(due)

    def _ring(self, work: Callable[[], None]) -> None:
        """Do an alarm's work, outside virtual time: it may call the server."""
        ident = originals.get_ident()
        actor = actors.pop(ident, None)
        self.side.release()
        try:
            work()
        finally:
            self.side.hold()
            if actor is not None:
                actors[ident] = actor

    def _move(self, due: int) -> None:
        self.elapsed = max(self.elapsed, due)
        self.side.advance(self.elapsed)

    def follow(self, elapsed: int) -> None:
        """Catch up with a clock that the control plane has moved."""
        self.elapsed = max(self.elapsed, elapsed)

    def _astray(self) -> bool:
        """Wait a moment for actors that have lost their turn and run all the same; tell whether there are any."""
        self._lost = [actor for actor in self._lost if not actor.finished and actor not in self._parked]
        if all(blocked.in_lock(actor.ident, actor.native) for actor in self._lost):
            return False
        originals.sleep(0.0005)
        return True

    def _outside(self) -> bool:
        """Wait a little in real time while an actor waits for the outside world; tell whether that was so.

        Time stands still until the answer is there, or has not come within the wait's own time-out, taken as real.
        """
        now = originals.monotonic()
        held: dict[int, float] = {}
        files = []
        for actor in self._parked:
            wait = actor.wait
            if wait is None or wait.file is None or not reach.outside(wait.source, self):
                continue
            key = id(wait)
            since = self._held_since.get(key, now)
            held[key] = since
            allowed = reach.LONGEST if wait.due is None else min(reach.LONGEST, (wait.due - self.elapsed) / SECOND)
            if now - since < allowed:
                files.append((wait.file(), wait.events))
        self._held_since = held
        if not files:
            return self.side.in_flight([a.wait.source for a in self._parked if a.wait and a.wait.file is not None])
        polled = originals.poll()
        for number, events in files:
            polled.register(number, events)
        polled.poll(20)
        return True

    # -- the end

    def end(self, why: str, failure: BaseException | None = None) -> None:
        """Say that the run is over: every thread of the subject is told so where it would wait next."""
        if self.over is None:
            self.over, self.failure = why, failure

    def _ended(self) -> Actor | None:
        """Return the next actor to be told that the run is over; the root comes last."""
        return next((actor for actor in self._parked if actor is not self.root), self._parked[0])

    def _deadlock(self) -> None:
        failure = Deadlock(report.deadlock([*self._parked, *self._lost], self))
        self.end("the threads of the subject wait for each other", failure)

    def close(self) -> None:
        """End the run, on the root's thread: threads that are left over are told, and have their last turns."""
        root = self.root
        assert root is not None
        if self._forgotten:
            return
        others = [actor for actor in self._all if actor is not root and not actor.finished]
        self.leftover += [report.line(actor) for actor in others if not report.idle(actor)]
        self._closing = True
        self.over = self.over or "the subject has returned"
        if others:
            self._park(root, Wait("the end of its threads"))
        root.finished = True
        self.forget()

    def forget(self) -> None:
        """Take every actor out of virtual time."""
        self._forgotten = True
        for actor in self._all:
            actors.pop(actor.ident, None)

    def keeping(self) -> list[Actor]:
        """Return the actors that would keep the interpreter from ending."""
        return [actor for actor in self._all if actor.keeps and not actor.finished]


@contextmanager
def outside() -> Iterator[None]:
    """A block in which the calling thread is no actor: it waits in real time, and the server runs freely."""
    ident = originals.get_ident()
    actor = actors.pop(ident, None)
    if actor is None:
        yield
        return
    side = actor.conductor.side
    actor.abroad = True
    side.release()
    try:
        yield
    finally:
        side.hold()
        actor.conductor.follow(side.now())
        actor.abroad = False
        actors[ident] = actor
