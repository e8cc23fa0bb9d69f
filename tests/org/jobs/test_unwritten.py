"""Transactions of jobs that cannot be written, now or behind: nothing is told of them, and nothing is lost or twice."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from mock_server.journal import Journal
from mock_server.org.jobs import NewJob, scheduler
from mock_server.org.org import Org
from mock_server.org.records import behind, database
from mock_server.org.records.behind import Statement
from mock_server.org.records.changes import Change, RowResult
from tests.org.jobs.test_ingesting import begin, org_of, result, run, titles

ROWS = 3_000
CONTENT = "LastName,Title\n" + "".join(f"x,T{n}\n" for n in range(ROWS))


class Disk:
    """A disk on which the writer's transactions fail, by their numbers from 1."""

    def __init__(self, *failing: int) -> None:
        self.failing = failing
        self.written = 0

    def commit(self) -> None:
        self.written += 1
        if self.written in self.failing:
            raise full()


def full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def finish(disk: Disk) -> Any:
    usual = behind._finish

    def finished(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
        usual(_Failing(connection, disk), statements)  # type: ignore[arg-type]

    return finished


class _Failing:
    """A connection whose COMMIT fails where the disk says so."""

    def __init__(self, connection: sqlite3.Connection, disk: Disk) -> None:
        self._connection = connection
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            self._disk.commit()
        return self._connection.execute(sql, *values)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "_WAIT", 0.0)


def commits(org: Org) -> Counter[str]:
    return Counter(commit.id for commit in org.commits() if commit.sobject == "Contact")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("failing", [(1,), (2,), (3, 4), (14,)])
async def test_rows_that_could_not_be_written_behind_are_saved_again(
    failing: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(*failing)
    monkeypatch.setattr(behind, "_finish", finish(disk))
    org, who = org_of()
    job = begin(org, who, CONTENT)
    await run(job)
    everything = [f"T{n}" for n in range(ROWS)]
    assert disk.written >= max(failing)
    assert (job.state, job.processed, job.failed) == ("JobComplete", ROWS, 0)
    assert titles(org) == everything
    assert result(org, job, "successful") == everything
    found = commits(org)
    assert set(found.values()) == {1}
    assert len(found) == ROWS
    assert sys.getswitchinterval() == pytest.approx(0.005)
    org.close()


@pytest.mark.usefixtures("quick")
async def test_a_job_that_is_aborted_while_it_waits_for_the_disk_does_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    org, who = org_of()
    job = begin(org, who, CONTENT)
    await run(job, 1_000)
    with monkeypatch.context() as patched:
        patched.setattr(behind, "_finish", finish(Disk(1)))
        await run(job, job.processed + 1)
        org.jobs.written(*org.jobs)
        told = job.processed
        assert org.jobs.find(who, job.id).processed == told
        assert told == len(titles(org)) == len(result(org, job, "successful"))
        org.jobs.abort(job)
    for _ in range(100):
        await asyncio.sleep(0)
    assert (job.state, job.processed) == ("Aborted", told)
    assert len(titles(org)) == told
    assert len(commits(org)) == told
    assert [batch.state for batch in org.jobs.batches_of(job)] == ["Completed", "NotProcessed"]
    org.close()


async def test_a_state_that_cannot_be_written_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    org, who = org_of()
    job = org.jobs.create(who, NewJob("ingest", "insert", "Contact", 60.0))

    def refuse(sql: str, *values: object) -> None:
        raise full()

    with monkeypatch.context() as patched:
        patched.setattr(org.store, "write", refuse)
        with pytest.raises(sqlite3.OperationalError):
            org.jobs.abort(job)
        with pytest.raises(sqlite3.OperationalError):
            org.jobs.create(who, NewJob("ingest", "insert", "Contact", 60.0))
    assert org.jobs.find(who, job.id).state == "Open"
    assert list(org.jobs) == [job]
    org.jobs.abort(job)
    org.close()


def test_rows_whose_transaction_was_undone_are_noted_no_more() -> None:
    journal = Journal(keep=None)
    entry = journal.open(0.0, "bulk2.ingest.upload", "PUT", "/", "", b"")
    for batch, rows in ((1, ["a", "b"]), (0, ["c"]), (1, ["d"]), (2, ["e"])):
        changes = [Change("create", "Contact", {"LastName": name}) for name in rows]
        journal.rows(entry, changes, [RowResult(name, True, True) for name in rows], batch)
    journal.take_back(entry, 1, 1)
    journal.take_back(entry, 2, 1)
    assert [change.values["LastName"] for change in entry.changes] == ["c", "a", "e"]
    assert [result.id for result in entry.results] == ["c", "a", "e"]
    again = Change("create", "Contact", {"LastName": "f"})
    journal.rows(entry, [again], [RowResult("f", True, True)], 1)
    assert [result.id for result in entry.results] == ["c", "a", "f", "e"]


async def test_an_org_leaves_no_threads_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LARGE", 0)
    before = set(threading.enumerate())
    org, who = org_of()
    await run(begin(org, who, CONTENT), 1_000)
    begun = set(threading.enumerate()) - before
    assert {thread.name.partition("_")[0] for thread in begun} == {"sfmock log", "sfmock-writer"}
    org.close()
    assert not any(thread.is_alive() for thread in begun)
