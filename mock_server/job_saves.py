"""The saves of jobs: what faults make of their rows, and what the journal tells of them.

Rows belong to the request that brought them: its operation is what row faults are written for, its journal entry is
where the rows are noted, as they are saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mock_server.faults.engine import SavedRows, row_key

if TYPE_CHECKING:
    from mock_server.faults.engine import Faults
    from mock_server.journal import Journal
    from mock_server.operations import Call
    from mock_server.org.jobs import Batch, Job, Jobs
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Change, RowResult
    from mock_server.org.records.tables import Table

_WITH_CONTENT, _CONTENT = "bulk2.ingest.create", "bulk2.ingest.upload"


@dataclass(slots=True)
class Decided:
    """What rules have decided of the rows of a batch from one on: a save that met a lock is tried again with that."""

    start: int
    changes: Sequence[Change]
    keys: Sequence[str]
    late: bool
    """Whether there are rules to ask about rows that are saved."""

    def holds(self, start: int, count: int) -> bool:
        return self.start <= start and start + count <= self.start + len(self.changes)


class JobSaves:
    """Watches the saves of one org's jobs."""

    def __init__(self, org: Org, faults: Faults, journal: Journal) -> None:
        self._org = org
        self._faults = faults
        self._journal = journal
        self._calls: dict[int, Call] = {}
        """By the journal's number: the requests that brought rows which are not all saved yet."""
        self._decided: dict[str, Decided] = {}
        """By batch."""
        self._foreseen: set[int] = set()
        org.on_jobs = self.watch

    def watch(self, jobs: Jobs) -> None:
        jobs.saves = self

    def brought(self, call: Call) -> None:
        """Keep a request that has brought rows. Its content lies with the job."""
        call.body = b""
        if call.operation.name == _WITH_CONTENT:
            # Whichever way a content comes, rules for its rows are written for one operation.
            call = replace(call, operation=self._faults.operations.by_name[_CONTENT])
        self._calls[call.entry.number] = call

    @property
    def waiting(self) -> int:
        """How many requests have brought rows that are not all saved yet."""
        return len(self._calls)

    def save(self, job: Job, batch: Batch, table: Table, give_up: bool) -> list[RowResult]:
        exchange = batch.exchange or job.exchange
        call = self._calls.get(exchange)
        who = self._org.jobs.who(job)
        if call is None:
            # It came before the org was last opened: neither its faults nor its journal are there any more.
            return self._org.write_table(who, table, exchange=exchange, give_up=give_up)
        count = len(table.rows)
        noted = self._journal.takes(call.entry, count)
        if not self._faults.strikes_rows(call):
            results = self._org.write_table(who, table, exchange=exchange, give_up=give_up)
            if noted:
                self._journal.rows(call.entry, table.changes(self._org.schema_of(who)), results, batch.number)
            return results
        decided = self._decided.get(batch.id)
        if decided is None or not decided.holds(batch.done, count):
            decided = self._decided[batch.id] = self._decide(call, job, batch, table)
        part = slice(batch.done - decided.start, batch.done - decided.start + count)
        changes, keys = decided.changes[part], decided.keys[part]
        refused = {place: change.refusal for place, change in enumerate(changes) if change.refusal is not None}
        lost = frozenset(place for place, change in enumerate(changes) if change.lost)
        table = replace(table, refusals=refused, lost=lost)
        results = self._org.write_table(who, table, exchange=exchange, give_up=give_up)
        if decided.late:
            results = self._faults.after_rows(results, SavedRows(call, changes, keys))
        if noted:
            self._journal.rows(call.entry, changes, results, batch.number)
        return results

    def chunked(self, job: Job, batch: Batch) -> bool:
        call = self._calls.get(batch.exchange or job.exchange)
        return call is not None and self._faults.strikes_rows(call)

    def _decide(self, call: Call, job: Job, batch: Batch, table: Table) -> Decided:
        number = call.entry.number
        if number not in self._foreseen:
            self._foreseen.add(number)
            if self._faults.looks_ahead(call):
                rows = (change for exchange, change in self._org.jobs.untouched(job) if exchange == number)
                self._faults.foresee(call, rows)
        changes = table.changes(self._org.schema_of(self._org.jobs.who(job)))
        keys = [row_key(self._org, change) for change in changes]
        return Decided(batch.done, changes, keys, self._faults.rows(call, changes, keys) is not None)

    def reread(self, job: Job) -> None:
        for batch in self._org.jobs.batches_of(job):
            call = self._calls.get(batch.exchange or job.exchange)
            if call is not None:
                self._journal.take_back(call.entry, batch.number, batch.done)

    def ended(self, job: Job) -> None:
        batches = self._org.jobs.batches_of(job)
        for number in {job.exchange, *(batch.exchange for batch in batches)}:
            self._calls.pop(number, None)
            self._foreseen.discard(number)
        for batch in batches:
            self._decided.pop(batch.id, None)
