"""Jobs that outlive the subject: they are let run, so that what is judged is how things end, not where they stood."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING

from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.org import OrgHandle

_UNDER_WAY = frozenset({"UploadComplete", "InProgress"})
_BATCHES_UNDER_WAY = frozenset({"Queued", "InProgress"})
_LOOKS = 12
"""Times that the clock is moved on: by a second, then by twice as much each time, an hour in all."""
_PATIENCE = 5.0
"""Wall seconds for which jobs may go on, as long as they get anywhere."""


def finish_jobs(org: OrgHandle) -> None:
    """Wait until no job is under way, moving a virtual clock on; one that is stuck is left where it is."""
    virtual = org.control.clock().mode == "virtual"
    pause = threading.Event()
    before, until, step = _standing(org), wall() + _PATIENCE, 1.0
    for _ in range(_LOOKS) if virtual else count():
        if not before or wall() > until:
            return
        if virtual:
            org.clock.advance(step)
            step *= 2
        pause.wait(0.02)
        now = _standing(org)
        if now != before:
            until = wall() + _PATIENCE
        before = now


def _standing(org: OrgHandle) -> list[tuple[str, str, int]]:
    """Return the jobs that are under way, and how far each is."""
    return [
        (job["id"], job["state"], job["processed"])
        for job in org.control.jobs()
        if job["state"] in _UNDER_WAY
        or (job["api"] == "classic" and any(batch["state"] in _BATCHES_UNDER_WAY for batch in job["batches"]))
    ]
