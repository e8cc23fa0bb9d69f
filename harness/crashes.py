"""Crash points: fault rules that end the subject's process in the middle of an exchange.

The mock holds the exchange; what kills the subject is here, beside it, where its process is known.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mock_server.control.client import ControlClient

How = Literal["kill", "stop"]
_LOOK = 0.01
"""Seconds between two looks at what has fired."""


def is_crash(rule: Mapping[str, Any]) -> bool:
    """Tell whether a fault rule ends the subject's process."""
    return rule.get("subject") is not None


class Crashes:
    """The crash points of one org. What has struck once is not acted upon again, whichever run it struck."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control
        self._acted: dict[str, int] = {}

    @contextmanager
    def watched(self, end: Callable[[How], None]) -> Iterator[Callable[[], bool]]:
        """Call `end` as soon as a crash point strikes; the function that is yielded tells whether one did.

        After the block nothing is ended any more.
        """
        over = threading.Event()
        struck: list[How] = []

        def look() -> None:
            while not over.wait(_LOOK):
                for how in self._news():
                    if not over.is_set():
                        struck.append(how)
                        end(how)

        watcher = threading.Thread(target=look, name="crash points", daemon=True)
        watcher.start()
        try:
            yield lambda: bool(struck)
        finally:
            over.set()
            watcher.join(10)

    def _news(self) -> Iterable[How]:
        for fault in self._control.faults():
            if is_crash(fault.rule) and fault.fired > self._acted.get(fault.name, 0):
                self._acted[fault.name] = fault.fired
                yield fault.rule["subject"]
