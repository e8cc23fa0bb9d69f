"""Breaks the dead-letter queue: a folder stands where its file would be, so that no letter can be written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from harness.evidence import Evidence
    from harness.stage import Stage
    from harness.subjects import Subject

_OBSTACLE = "the trial put this folder here"
_PATIENCE, _SLACK = 3.0, 5.0
"""A subject that waits for its queue is waited for this many times as long as the delivery took, and some seconds."""


def deliver_without_queue(stage: Stage, subject: Subject, *, took: float, resumable: bool) -> Evidence:
    """Deliver under faults with a queue that cannot be written; once more with it mended when it is resumable.

    `took` are the wall seconds of the delivery with a queue. It works for root too, whom no file mode stops.
    """
    patience = _SLACK + _PATIENCE * took
    stage.deliver(subject, resumable=resumable, timeout=patience, under=_broken(stage.run.dlq_path))
    return stage.evidence()


@contextmanager
def _broken(place: Path) -> Iterator[None]:
    place.mkdir()
    (place / _OBSTACLE).touch()
    try:
        yield
    finally:
        if place.is_dir():
            shutil.rmtree(place)
