"""Virtual time in a Python command: the same engine, with the server's side at the other end of a line."""

from __future__ import annotations

import _socket
import concurrent.futures.thread as pools
import os
import threading
from collections.abc import Iterable
from functools import partial
from typing import Any

from harness.vtime import engine, flight
from harness.vtime.actors import Ended
from harness.vtime.conductor import SECOND, Conductor
from harness.vtime.run import Watchdog
from harness.vtime.wire import Line

_LATE = 70
"""Exit status of a command that had to be given up."""


class RemoteSide:
    """The server's side, asked over a line. It speaks through the bare socket: the caller is an actor."""

    def __init__(self, address: str) -> None:
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        sock.connect(address)
        self._line = Line(sock)
        hello = self._ask("hello")
        self.epoch: int = hello["epoch"]
        self.ports = frozenset(hello["ports"])
        self.deadline: float | None = hello["deadline"]
        self.stuck: float = hello["stuck"]
        self.alarms: list[float] = hello["alarms"]
        self._due: int | None = None

    def _ask(self, do: str, value: Any = None) -> Any:
        try:
            self._line.send([do, value])
            return self._line.receive()
        except EOFError:
            # The harness has gone; nobody wants to know any more.
            os._exit(_LATE)

    def settle(self) -> None:
        self._due = self._ask("settle")

    def next_due(self) -> int | None:
        return self._due

    def advance(self, elapsed: int) -> None:
        self._ask("advance", elapsed)

    def now(self) -> int:
        return int(self._ask("now"))

    def in_flight(self, sources: Iterable[Any]) -> bool:
        seen = [list(one) for one in flight.seen(sources, self.ports)]
        return bool(seen) and bool(self._ask("in_flight", seen))

    def hold(self) -> None:
        self._ask("hold")

    def release(self) -> None:
        self._ask("release")

    def drain(self) -> None:
        """The other end does it, once this process has ended."""

    def ring(self, number: int) -> None:
        self._ask("ring", number)

    def end(self, conductor: Conductor) -> None:
        """Tell how the run ended."""
        failure = conductor.failure
        self._ask(
            "end",
            {
                "seconds": conductor.elapsed / SECOND,
                "timed_out": conductor.timed_out,
                "failure": None if failure is None else [type(failure).__name__, str(failure)],
                "leftover": conductor.leftover,
            },
        )


def begin(address: str) -> None:
    """Take this process into virtual time, until its end."""
    side = RemoteSide(address)
    conductor = Conductor(side, epoch=side.epoch, deadline=side.deadline)
    for number, seconds in enumerate(side.alarms):
        conductor.at(seconds, partial(side.ring, number))
    watchdog = Watchdog(conductor, wall=1e9, stuck=side.stuck)
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            watchdog.look()
            if watchdog.gave_up:
                side.end(conductor)
                os._exit(_LATE)

    threading.Thread(target=look, name="virtual time watchdog", daemon=True).start()
    force = engine.installed(conductor)
    force.__enter__()
    side.hold()
    root = conductor.newcomer("the main thread", threading.main_thread())
    conductor.begin(root)

    def end() -> None:
        # The interpreter would join what is no daemon; so does this, in virtual time.
        try:
            pools._python_exit()
            for actor in conductor.keeping():
                assert actor.thread is not None
                actor.thread.join()
        except Ended:
            pass
        finally:
            conductor.close()
            over.set()
            side.end(conductor)
            side.release()
            force.__exit__(None, None, None)

    register: Any = vars(threading)["_register_atexit"]
    register(end)
