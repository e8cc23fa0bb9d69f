"""How the rows of jobs are saved: the seam at which faults and the journal watch, and what is there without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mock_server.org.jobs.model import Batch, Job
from mock_server.org.records.changes import RowResult
from mock_server.org.records.tables import Table

if TYPE_CHECKING:
    from mock_server.org.jobs.jobs import Jobs


class Saves(Protocol):
    """How the rows of jobs are saved: what faults and the journal make of it is for who is above."""

    def save(self, job: Job, batch: Batch, table: Table, give_up: bool) -> list[RowResult]:
        """Save rows of a batch. Raises LockHeld, with nothing done."""

    def chunked(self, job: Job, batch: Batch) -> bool:
        """Tell whether rows are to be saved a chunk at a time, as somebody decides about each."""

    def reread(self, job: Job) -> None:
        """Note that a job, with its batches, is again as it was kept last: what it has done since is undone."""

    def ended(self, job: Job) -> None:
        """Note that a job will save no more."""


class PlainSaves:
    """Saves rows without anybody watching."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def save(self, job: Job, batch: Batch, table: Table, give_up: bool) -> list[RowResult]:
        exchange = batch.exchange or job.exchange
        return self._jobs.org.write_table(self._jobs.who(job), table, exchange=exchange, give_up=give_up)

    def chunked(self, job: Job, batch: Batch) -> bool:
        return False

    def reread(self, job: Job) -> None:
        return

    def ended(self, job: Job) -> None:
        return
