"""The saves of jobs: what faults make of their rows, and what the journal tells of them.

Rows belong to the request that brought them: its operation is what row faults are written for, its journal entry is
where the rows are noted, as they are saved.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mock_server.faults.engine import row_key

if TYPE_CHECKING:
    from mock_server.faults.engine import Faults
    from mock_server.journal import Journal
    from mock_server.operations import Call
    from mock_server.org.jobs import Batch, Job, Jobs
    from mock_server.org.org import Org
    from mock_server.org.records.changes import RowResult
    from mock_server.org.records.tables import Table


class JobSaves:
    """Watches the saves of one org's jobs."""

    def __init__(self, org: Org, faults: Faults, journal: Journal) -> None:
        self._org = org
        self._faults = faults
        self._journal = journal
        self._calls: dict[int, Call] = {}
        """By the journal's number: the requests that brought rows which are not all saved yet."""
        org.on_jobs = self.watch

    def watch(self, jobs: Jobs) -> None:
        jobs.saves = self

    def brought(self, call: Call) -> None:
        """Keep a request that has brought rows. Its content lies with the job."""
        call.body = b""
        self._calls[call.entry.number] = call

    def save(self, job: Job, batch: Batch, table: Table, give_up: bool) -> list[RowResult]:
        exchange = batch.exchange or job.exchange
        call = self._calls.get(exchange)
        who = self._org.jobs.who(job)
        if call is None:
            # It came before the org was last opened: neither its faults nor its journal are there any more.
            return self._org.write_table(who, table, exchange=exchange, give_up=give_up)
        noted = self._journal.takes(call.entry, len(table.rows))
        armed = not self._faults.empty
        if not (armed or noted):
            return self._org.write_table(who, table, exchange=exchange, give_up=give_up)
        changes = table.changes(self._org.schema_of(who))
        after = None
        if armed:
            after = self._faults.rows(call, changes, [row_key(self._org, change) for change in changes])
            refused = {place: change.refusal for place, change in enumerate(changes) if change.refusal is not None}
            table = replace(table, refusals=refused)
        results = self._org.write_table(who, table, exchange=exchange, give_up=give_up)
        if after is not None:
            results = self._faults.after_rows(results, after)
        if noted:
            self._journal.rows(call.entry, changes, results)
        return results

    def ended(self, job: Job) -> None:
        for number in {job.exchange, *(batch.exchange for batch in self._org.jobs.batches_of(job))}:
            self._calls.pop(number, None)
