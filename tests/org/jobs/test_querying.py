"""Query jobs in the org: they begin again after a restart, end by what happens meanwhile, and see what their user may."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mock_server.org.errors import ApiError
from mock_server.org.identity.sessions import Session
from mock_server.org.jobs import Job, NewJob
from mock_server.org.jobs.querying import Querying
from mock_server.org.org import Org
from mock_server.org.query import queries, running
from mock_server.org.records.changes import Change

COUNT = 1200
SOQL = "SELECT Id, LastName FROM Contact"


@pytest.fixture(autouse=True)
def aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take each query for one that takes long."""
    monkeypatch.setattr(running, "_STEPS", 100)
    monkeypatch.setattr(queries, "_BRIEF", 0)


def opened(file: Path | None = None) -> tuple[Org, Session]:
    org = Org(1, data=file)
    org.directory.seed()
    who = org.sessions.open(org.directory.default_user, org.directory.default_app, ("api",))
    return org, who


def fill(org: Org, who: Session) -> None:
    for start in range(0, COUNT, 200):
        rows = [Change("create", "Contact", {"LastName": f"N{n}"}) for n in range(start, start + 200)]
        assert all(result.success for result in org.write(who, rows, all_or_none=True))


def ask(org: Org, who: Session, **more: Any) -> Job:
    return org.jobs.ask(who, NewJob("query", "query", "Contact", 60.0, query=SOQL, **more))


async def ended(job: Job) -> str:
    for _ in range(10_000):
        if job.over:
            return job.state
        await asyncio.sleep(0.002)
    raise AssertionError(job)


async def swept(org: Org) -> None:
    """Wait until nothing is left of what is gone."""
    while org.store.connection.execute('SELECT COUNT(*) FROM "sf_gone"').fetchone()[0]:
        await asyncio.sleep(0.002)


def result(org: Org, job: Job) -> list[bytes]:
    return b"".join(org.jobs.page(job, None, COUNT + 1).pieces).splitlines()[1:]


def first_part(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return what is set once a job has kept a part of its result."""
    keep = Querying._keep
    kept = asyncio.Event()

    def held(self: Querying, job: Job, part: Any) -> None:
        keep(self, job, part)
        kept.set()

    monkeypatch.setattr(Querying, "_keep", held)
    return kept


async def test_what_is_complete_is_there_after_a_restart(tmp_path: Path) -> None:
    org, who = opened(tmp_path / "org.db")
    fill(org, who)
    job = ask(org, who)
    assert await ended(job) == "JobComplete"
    before, locator = result(org, job), org.jobs.page(job, None, 500).following
    org.close()
    org, who = opened(tmp_path / "org.db")
    again = org.jobs.find(who, job.id)
    assert (again.state, again.processed) == ("JobComplete", COUNT)
    assert result(org, again) == before
    assert org.jobs.page(again, locator, 100).rows == 100
    org.close()


async def test_a_job_that_is_interrupted_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    org, who = opened(tmp_path / "org.db")
    fill(org, who)
    kept = first_part(monkeypatch)
    job = ask(org, who)
    await asyncio.wait_for(kept.wait(), 30)
    assert (job.state, 0 < job.processed < COUNT) == ("InProgress", True)
    org.close()
    monkeypatch.undo()
    org, who = opened(tmp_path / "org.db")
    again = org.jobs.find(who, job.id)
    assert again.state == "InProgress"
    (gone,) = org.query(who, "SELECT Id FROM Contact LIMIT 1", base="").records
    org.write(who, [Change("delete", "Contact", {}, gone["Id"])], all_or_none=True)
    org.resume_jobs()
    assert await ended(again) == "JobComplete"
    assert (again.processed, again.retries, len(set(result(org, again)))) == (COUNT - 1, 1, COUNT - 1)
    await swept(org)
    owners = org.store.connection.execute('SELECT DISTINCT "Owner" FROM "sf_parts"').fetchall()
    assert owners == [(org.jobs.querying.owner(again),)]
    org.close()


async def test_an_aborted_job_reads_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    org, who = opened()
    fill(org, who)
    kept = first_part(monkeypatch)
    job = ask(org, who)
    await asyncio.wait_for(kept.wait(), 30)
    org.jobs.abort(job)
    processed = job.processed
    await asyncio.sleep(0.05)
    assert (job.state, job.processed) == ("Aborted", processed)
    assert org.jobs.page(job, None, 10).rows == 0
    org.close()


async def test_a_job_runs_for_a_user_without_a_session() -> None:
    org, who = opened()
    fill(org, who)
    job = ask(org, who)
    org.sessions.expire()
    assert await ended(job) == "JobComplete"
    assert job.processed == COUNT
    org.close()


async def test_a_job_fails_whose_field_is_gone_when_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    org, who = opened()
    plain = Querying.plan
    job = ask(org, who)
    monkeypatch.setattr(
        Querying, "plan", lambda *given, **more: plain(given[0], given[1], "SELECT Nme FROM Contact", **more)
    )
    assert await ended(job) == "Failed"
    assert job.error.startswith("INVALID_FIELD : \nSELECT Nme FROM Contact")
    org.close()


async def test_a_defect_ends_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    org, who = opened()
    fill(org, who)

    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Querying, "_keep", broken)
    job = ask(org, who)
    assert await ended(job) == "Failed"
    assert job.error == "InternalServerError : An unexpected error occurred"
    org.close()


async def test_several_jobs_run_side_by_side() -> None:
    org, who = opened()
    fill(org, who)
    jobs = [ask(org, who, delimiter=one) for one in ("COMMA", "PIPE", "TAB", "CARET", "SEMICOLON", "BACKQUOTE")]
    assert [await ended(job) for job in jobs] == ["JobComplete"] * 6
    assert [job.processed for job in jobs] == [COUNT] * 6
    assert len({b"".join(org.jobs.page(job, None, 1).pieces) for job in jobs}) == 6
    org.close()


async def test_a_result_that_is_removed_meanwhile_does_not_pass_for_whole() -> None:
    org, who = opened()
    fill(org, who)
    job = ask(org, who)
    await ended(job)
    pieces = org.jobs.page(job, None, COUNT).pieces
    next(pieces)
    next(pieces)
    org.jobs.delete(job)
    await swept(org)
    with pytest.raises(ApiError):
        list(pieces)
    org.close()
