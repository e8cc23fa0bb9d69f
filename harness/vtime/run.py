"""Runs a subject in virtual time: a function on a thread of its own, or the block that a test is in."""

from __future__ import annotations

import _thread
import asyncio
import ctypes
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.vtime import blocked, engine, originals, report
from harness.vtime.actors import Actor, Ended
from harness.vtime.conductor import SECOND, Conductor, outside
from harness.vtime.patching import Change
from harness.vtime.processes import NotInVirtualTime

if TYPE_CHECKING:
    from harness.vtime.side import Side

WALL_LIMIT = 60.0
"""Real seconds that a run in virtual time may take."""
STUCK = 10.0
"""Real seconds that one thread may run without waiting for anything that virtual time knows."""
_LOOK = 0.02
"""Real seconds between two looks at a run."""
_QUIET = 0.04
"""Real seconds without a wait after which a look is taken at what a thread does."""


class Stuck(RuntimeError):
    """A thread of the subject never waited: it computes for ever, or it is blocked outside virtual time."""


@dataclass(frozen=True)
class Outcome:
    """How a run in virtual time ended. `seconds` are virtual. `failure` is what ended it from outside the subject."""

    seconds: float
    timed_out: bool
    error: BaseException | None
    failure: BaseException | None
    leftover: tuple[str, ...]


class Watchdog:
    """Looks after a conductor in real time: a thread that does not wait any more must not hang the trial."""

    def __init__(self, conductor: Conductor, *, wall: float, stuck: float) -> None:
        self._conductor = conductor
        self._until = originals.monotonic() + wall
        self._wall = wall
        self._stuck = stuck
        self._turn = -1
        self._since = originals.monotonic()
        self.gave_up = False

    def look(self) -> None:
        """See whether the run still gets on; end it when it does not."""
        conductor, now = self._conductor, originals.monotonic()
        actor, turn = conductor.running, conductor.turn
        if turn != self._turn or actor is None or actor.abroad or conductor.choosing:
            self._turn, self._since = turn, now
        stood = now - self._since
        if actor is not None and stood > _QUIET and not actor.abroad and blocked.in_lock(actor.ident, actor.native):
            # A lock older than the trial, whose holder may be waiting for its turn.
            conductor.hand_over(actor, turn)
        if now > self._until:
            if conductor.over is None:
                where = "" if actor is None else f"\n  {report.line(actor)}"
                conductor.end(
                    f"the run took more than {self._wall:g} s of real time",
                    Stuck(
                        f"the run took more than {self._wall:g} s of real time, at {conductor.elapsed / SECOND:g} s of "
                        f"virtual time{where}"
                    ),
                )
                conductor.timed_out = True
            if actor is not None:
                self._interrupt(actor, turn)
            self._until = now + 1.0
        elif actor is not None and stood > self._stuck:
            text = (
                f"{actor.name} has run for {stood:.0f} s of real time without waiting for anything that virtual time "
                "can see: it computes, or it is blocked in a place that virtual time does not reach (a wait inside an "
                f"extension module, a lock made before the trial, a file); write `time: real` in the scenario\n"
                f"{report.stack(actor.ident)}"
            )
            conductor.end(f"{actor.name} never waited", Stuck(text))
            self._interrupt(actor, turn)
            self._since = now - self._stuck + 1.0

    def _interrupt(self, actor: Actor, turn: int) -> None:
        """End an actor that does not wait; where that cannot be done, go on without it."""
        if actor.told == 0:
            actor.told += 1
            main = threading.main_thread().ident
            if actor.ident == main:
                signal.pthread_kill(main, signal.SIGINT)
            else:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(actor.ident), ctypes.py_object(Ended))
            return
        if self._conductor.hand_over(actor, turn) and actor is self._conductor.root:
            self.gave_up = True


def _outcome(conductor: Conductor, error: BaseException | None) -> Outcome:
    return Outcome(
        conductor.elapsed / SECOND,
        conductor.timed_out,
        None if isinstance(error, Ended) else error,
        conductor.failure,
        tuple(conductor.leftover),
    )


def call(
    function: Callable[[], object],
    side: Side,
    *,
    deadline: float | None = None,
    wall: float = WALL_LIMIT,
    stuck: float = STUCK,
    alarms: Iterable[tuple[float, Callable[[], None]]] = (),
    changes: Iterable[Change] = (),
) -> Outcome:
    """Call a function on a thread of its own, in virtual time; return once it and its threads have ended.

    `alarms` are done on the way, at their seconds of virtual time, by a thread that is outside it. An exception of the
    function is in the outcome.
    """
    conductor = _conductor(side, deadline, alarms)
    failure: list[BaseException] = []
    done = originals.allocate_lock()
    done.acquire()
    root = conductor.newcomer("the subject", None)

    def body() -> None:
        conductor.begin(root)
        try:
            function()
        except BaseException as error:
            failure.append(error)
        try:
            conductor.close()
        finally:
            done.release()

    with _in_force(conductor, changes):
        watchdog = Watchdog(conductor, wall=wall, stuck=stuck)
        _thread.start_new_thread(body, ())
        try:
            while not done.acquire(True, _LOOK) and not watchdog.gave_up:
                watchdog.look()
        except BaseException:
            conductor.end("the trial was interrupted")
            for _ in range(40):
                if done.acquire(True, 0.05):
                    break
            raise
    return _outcome(conductor, failure[0] if failure else None)


@contextmanager
def block(
    side: Side,
    *,
    deadline: float | None = None,
    wall: float = WALL_LIMIT,
    stuck: float = STUCK,
    alarms: Iterable[tuple[float, Callable[[], None]]] = (),
    changes: Iterable[Change] = (),
) -> Iterator[list[Outcome]]:
    """Run the block's own thread in virtual time. The list holds the outcome after the block.

    A dead-lock, and a thread that never waits, leave the block as its error.
    """
    if type(asyncio._get_running_loop()).__module__.partition(".")[0] == "uvloop":
        raise NotInVirtualTime("the test runs on uvloop, which virtual time cannot reach; use asyncio's own event loop")
    conductor = _conductor(side, deadline, alarms)
    outcomes: list[Outcome] = []
    over = threading.Event()
    watchdog = Watchdog(conductor, wall=wall, stuck=stuck)

    def look() -> None:
        while not over.wait(_LOOK):
            watchdog.look()

    watcher = threading.Thread(target=look, name="virtual time watchdog", daemon=True)
    watcher.start()
    error: BaseException | None = None
    try:
        with _in_force(conductor, changes):
            conductor.begin(conductor.newcomer(threading.current_thread().name, threading.current_thread()))
            try:
                yield outcomes
            except BaseException as raised:
                error = raised
            finally:
                conductor.close()
    finally:
        over.set()
    outcomes.append(_outcome(conductor, error))
    if conductor.failure is not None:
        raise conductor.failure from None
    if error is not None and not (isinstance(error, Ended) and conductor.timed_out):
        raise error


def _conductor(side: Side, deadline: float | None, alarms: Iterable[tuple[float, Callable[[], None]]]) -> Conductor:
    conductor = Conductor(side, epoch=side.epoch, deadline=deadline)
    for seconds, work in alarms:
        conductor.at(seconds, work)
    return conductor


@contextmanager
def _in_force(conductor: Conductor, changes: Iterable[Change]) -> Iterator[None]:
    with engine.installed(conductor, changes):
        conductor.side.hold()
        try:
            yield
            conductor.side.drain()
        finally:
            conductor.forget()
            conductor.side.release()


__all__ = ["Outcome", "Stuck", "block", "call", "outside"]
