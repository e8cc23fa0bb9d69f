"""Virtual time for the runs of a trial: which org's clock, how long at most, and what happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.vtime import run
from harness.vtime.run import Outcome

if TYPE_CHECKING:
    from harness.vtime.side import LocalSide
    from mock_server.api import Server

Alarm = tuple[float, Callable[[], None]]
"""A moment (seconds since 1970) and what is done then."""


@dataclass
class VirtualTime:
    """Virtual time on one org. `deadline` is in its seconds, `wall` in real ones; both hold for each run.

    `alarms` are taken out when they have been rung: what one run has not reached is left for the next.
    """

    server: Server
    org_id: str
    deadline: float | None = None
    wall: float = run.WALL_LIMIT
    stuck: float = run.STUCK
    alarms: list[Alarm] = field(default_factory=list)

    def side(self) -> LocalSide:
        from harness.vtime.side import LocalSide

        return LocalSide(self.server, self.org_id)

    def call(self, function: Callable[[], object]) -> Outcome:
        """Call a function in virtual time, on a thread of its own; see `run.call`."""
        from harness.vtime.local import bypass

        side = self.side()
        return run.call(
            function,
            side,
            deadline=self.deadline,
            wall=self.wall,
            stuck=self.stuck,
            alarms=self.ahead(side.epoch),
            changes=bypass(),
        )

    @contextmanager
    def block(self) -> Iterator[list[Outcome]]:
        """Run the block in virtual time; see `run.block`."""
        from harness.vtime.local import bypass

        side = self.side()
        with run.block(
            side,
            deadline=self.deadline,
            wall=self.wall,
            stuck=self.stuck,
            alarms=self.ahead(side.epoch),
            changes=bypass(),
        ) as outcomes:
            yield outcomes

    def ahead(self, epoch: int) -> list[Alarm]:
        """Return the alarms in seconds from `epoch` (nanoseconds since 1970)."""
        return [(moment - epoch / 1e9, self._ringing((moment, work))) for moment, work in self.alarms]

    def _ringing(self, alarm: Alarm) -> Callable[[], None]:
        def ring() -> None:
            self.alarms.remove(alarm)
            alarm[1]()

        return ring
