"""The harness's end of the line to a Python command that runs in virtual time."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.vtime import flight
from harness.vtime.wire import Line

if TYPE_CHECKING:
    from harness.vtime.side import LocalSide
    from harness.vtime.trial import VirtualTime

_HOOK = Path(__file__).parent / "hook"


class Host:
    """A `with` block in which one Python command can join virtual time. `environment` is what it needs for that."""

    def __init__(self, virtual: VirtualTime) -> None:
        self._side: LocalSide = virtual.side()
        self._deadline = virtual.deadline
        self._stuck = virtual.stuck
        self._alarms = virtual.ahead(self._side.epoch)
        self._folder = tempfile.mkdtemp(prefix="sfmock-")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(os.path.join(self._folder, "line"))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, name="virtual time", daemon=True)
        self._held = False
        self.joined = threading.Event()
        """Set once the command is in virtual time."""
        self.ended: dict[str, Any] | None = None
        """How it ended, in its own words; None where it could not say."""

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that take a Python command into virtual time, on top of those `given`."""
        paths = [str(_HOOK), *filter(None, given.get("PYTHONPATH", "").split(os.pathsep))]
        return {"PYTHONPATH": os.pathsep.join(paths), "SFMOCK_VTIME": str(self._listener.getsockname())}

    def __enter__(self) -> Host:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A listener that is shut down lets its waiting `accept` go.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        shutil.rmtree(self._folder, ignore_errors=True)
        if self.joined.is_set():
            self._side.hold()
            try:
                self._side.drain()
            finally:
                self._side.release()

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection:
            line = Line(connection)
            try:
                while True:
                    do, value = line.receive()
                    line.send(_ANSWERS[do](self, value))
            except EOFError:
                pass
            finally:
                if self._held:
                    self._release(None)

    def _hello(self, _: Any) -> dict[str, Any]:
        return {
            "epoch": self._side.epoch,
            "ports": sorted(self._side.ports),
            "deadline": self._deadline,
            "stuck": self._stuck,
            "alarms": [seconds for seconds, _ in self._alarms],
        }

    def _settle(self, _: Any) -> int | None:
        self._side.settle()
        return self._side.next_due()

    def _hold(self, _: Any) -> None:
        self._side.hold()
        self._held = True
        self.joined.set()

    def _release(self, _: Any) -> None:
        self._held = False
        self._side.release()

    def _end(self, value: dict[str, Any]) -> None:
        self.ended = value


_ANSWERS: dict[str, Callable[[Host, Any], Any]] = {
    "hello": Host._hello,
    "settle": Host._settle,
    "advance": lambda host, elapsed: host._side.advance(elapsed),
    "now": lambda host, _: host._side.now(),
    "in_flight": lambda host, seen: host._side.flying([flight.Seen.of(one) for one in seen]),
    "hold": Host._hold,
    "release": Host._release,
    "ring": lambda host, number: host._alarms[number][1](),
    "end": Host._end,
}
