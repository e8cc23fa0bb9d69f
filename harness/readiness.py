"""Tells when a service is ready: it has subscribed, has asked the org anything, listens, or has said so."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.service_plans import Ready
from harness.sink import listens
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.services import Service
    from harness.surroundings import Surroundings

_SETTLING = 0.15
"""Wall seconds in which a service subscribes to all its channels, one after the other."""


@dataclass
class Readiness:
    """Asked again and again by `now`. `first` is the first journal entry of the run, `channels` what is subscribed to.

    Where the scenario does not say (`ready` is None), a service that Salesforce calls is ready when it listens, any
    other when it has subscribed, or, after its first request, has been still for `quiet` wall seconds.
    """

    around: Surroundings
    ready: Ready | None
    first: int
    channels: frozenset[str]
    quiet: float
    _count: int = 0
    _changed: float = field(default_factory=wall)

    @property
    def wanted(self) -> str:
        """What is waited for, in words."""
        ready = self._ready
        if ready.line is not None:
            return f"the line {ready.line!r}"
        return ready.url or str(ready.word).replace("_", " ")

    @property
    def _ready(self) -> Ready:
        if self.ready is not None:
            return self.ready
        return Ready("port") if self.around.is_called else Ready("subscribed")

    def now(self, service: Service) -> bool:
        ready = self._ready
        if ready.line is not None:
            return service.printed(ready.line)
        if ready.url is not None:
            return _answers(self.around.located(ready.url))
        if ready.word == "port":
            return listens(self.around.port)
        if ready.word == "first_request":
            return self.around.org.control.activity().last >= self.first
        return self._subscribed()

    def _subscribed(self) -> bool:
        entries = self.around.org.control.journal(self.first - 1)
        notes = [note for entry in entries for note in entry["events"] if note["what"] == "subscribed"]
        good = {note["channel"] for note in notes if not note["refused"]}
        count = len(entries) + len(notes)
        if count != self._count:
            self._count, self._changed = count, wall()
        still = wall() - self._changed
        if good:
            # One that is known to subscribe to more than these is given its time.
            return good >= self.channels and still >= _SETTLING
        return self.ready is None and not self.channels and bool(entries) and still >= self.quiet


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310  # of this machine, by the reader of scenarios
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, ValueError):
        return False
