"""Walks an org through the phases of a scenario while its subject runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from harness.plans import PhasePlan
    from harness.vtime.trial import Alarm, VirtualTime
    from mock_server.control.client import ControlClient


_LOOK = 0.01
"""Seconds between two looks for the first request."""


class Timeline:
    """A `with` block in which the org's phase changes as time goes by: from the first request on, for how long a
    program takes to start says nothing about it. In virtual time, where that takes no time, from the beginning."""

    def __init__(self, control: ControlClient, phases: Sequence[PhasePlan], virtual: VirtualTime | None = None) -> None:
        self._virtual = virtual
        self._control = control
        self._phases = phases
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._walk, name="phases", daemon=True)

    @property
    def walked(self) -> bool:
        """Whether the last phase has begun, in real time."""
        return not (self._phases and self._thread.is_alive())

    def _walk(self) -> None:
        while not self._control.journal():
            if self._over.wait(_LOOK):
                return
        for before, phase in pairwise(self._phases):
            if before.seconds is None or self._over.wait(before.seconds):
                return
            self._control.set_phase(phase.name)

    def __enter__(self) -> Self:
        if self._phases:
            # The first phase is in force before the subject sends anything.
            self._control.set_phase(self._phases[0].name)
            if self._virtual is None:
                self._thread.start()
            else:
                self._virtual.alarms += self._changes(self._control.clock().now)
        return self

    def _changes(self, moment: float) -> Iterator[Alarm]:
        for before, phase in pairwise(self._phases):
            if before.seconds is None:
                return
            moment += before.seconds
            yield moment, partial(self._control.set_phase, phase.name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._virtual is not None:
            self._virtual.alarms.clear()
        elif self._phases:
            self._thread.join(10)
