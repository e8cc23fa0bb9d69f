"""Large orgs: the database moves into a file, long queries read beside the writer, large results lie in a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.query import queries, running
from mock_server.org.query.spool import Spool
from mock_server.org.records import database
from mock_server.org.records.changes import Change

BASE = "/services/data/v60.0/sobjects"


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Org, Session]]:
    """An org whose database has moved into a file, with 1,000 contacts."""
    monkeypatch.setattr(database, "LARGE", 1 << 16)
    monkeypatch.setattr(database, "_LOOK_AFTER", 400)
    monkeypatch.setattr(running, "_STEPS", 100)
    monkeypatch.setattr(running, "_IN_MEMORY", 500)
    org = Org(1, start=1_800_000_000.0)
    org.directory.seed()
    who = org.sessions.open(org.directory.default_user, org.directory.default_app, ("api",))
    add(org, who, 0, 1000)
    assert org.store.in_file
    yield org, who
    org.close()


def add(org: Org, who: Session, first: int, count: int) -> None:
    for start in range(first, first + count, 200):
        rows = [Change("create", "Contact", {"LastName": f"Contact {n:04d}"}) for n in range(start, start + 200)]
        assert all(result.success for result in org.write(who, rows, all_or_none=True))


def names(page: queries.Page) -> list[str]:
    return [record["LastName"] for record in page.records]


QUERY = "SELECT LastName FROM Contact WHERE LastName LIKE 'Contact%' ORDER BY LastName"


async def test_a_long_query_reads_a_snapshot_while_others_write(
    large: tuple[Org, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    org, who = large
    begun, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    spool = running.Lane.spool

    def slowly(lane: running.Lane, plan: object) -> object:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(60)
        return spool(lane, plan)  # type: ignore[arg-type]

    monkeypatch.setattr(running.Lane, "spool", slowly)
    asked = asyncio.create_task(org.query_aside(who, QUERY, base=BASE, size=300))
    await asyncio.wait_for(begun.wait(), 60)
    add(org, who, 1000, 200)
    assert org.query(who, "SELECT COUNT() FROM Contact", base=BASE).total == 1200
    go_on.set()
    page = await asyncio.wait_for(asked, 60)
    assert page.total == 1000
    assert names(page) == [f"Contact {number:04d}" for number in range(300)]
    read = names(page)
    while page.cursor:
        page = org.more(who, page.cursor, size=300, base=BASE)
        read += names(page)
    assert read == [f"Contact {number:04d}" for number in range(1000)]


async def test_the_children_of_a_long_query_are_those_of_its_snapshot(
    large: tuple[Org, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    org, who = large
    (account,) = org.write(who, [Change("create", "Account", {"Name": "Lone"})], all_or_none=True)
    loop, spool = asyncio.get_running_loop(), running.Lane.spool

    async def meanwhile() -> None:
        row = Change("create", "Contact", {"LastName": "Late", "AccountId": account.id})
        assert org.write(who, [row], all_or_none=True)[0].success

    def slowly(lane: running.Lane, plan: object) -> object:
        rows = spool(lane, plan)  # type: ignore[arg-type]
        asyncio.run_coroutine_threadsafe(meanwhile(), loop).result(60)
        return rows

    monkeypatch.setattr(running.Lane, "spool", slowly)
    monkeypatch.setattr(running, "_STEPS", 1)
    soql = "SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Name LIKE 'L%'"
    page = await asyncio.wait_for(org.query_aside(who, soql, base=BASE), 60)
    assert org.query(who, "SELECT COUNT() FROM Contact WHERE LastName = 'Late'", base=BASE).total == 1
    assert [record["Contacts"] for record in page.records] == [None]


async def test_a_long_query_that_nobody_waits_for_ends(
    large: tuple[Org, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    org, who = large
    begun, ended = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    execute = running.Lane._execute

    def endlessly(lane: running.Lane, plan: object, arguments: object) -> object:
        if lane.connection is org.store.connection:
            return execute(lane, plan, arguments)  # type: ignore[arg-type]
        loop.call_soon_threadsafe(begun.set)
        forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(sf_fold(i)) FROM n"
        try:
            return lane.connection.execute(forever)
        finally:
            loop.call_soon_threadsafe(ended.set)

    monkeypatch.setattr(running.Lane, "_execute", endlessly)
    asked = asyncio.create_task(org.query_aside(who, QUERY, base=BASE))
    await asyncio.wait_for(begun.wait(), 60)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await asyncio.wait_for(ended.wait(), 60)


async def test_short_and_long_queries_answer_alike(large: tuple[Org, Session]) -> None:
    org, who = large
    for soql in (
        QUERY,
        "SELECT COUNT() FROM Contact WHERE LastName LIKE '%7'",
        "SELECT COUNT(Id) n FROM Contact GROUP BY AccountId",
        "SELECT Id, LastName FROM Contact WHERE LastName = 'Contact 0007'",
        "SELECT LastName, (SELECT Id FROM Cases) FROM Contact ORDER BY LastName LIMIT 3",
        "SELECT LastName FROM Contact WHERE CreatedDate = TODAY AND CreatedById = '005Kd000000000BIAQ' LIMIT 5",
    ):
        plain = org.query(who, soql, base=BASE)
        for _ in range(2):  # known to be long the second time
            aside = await org.query_aside(who, soql, base=BASE)
            assert (aside.total, aside.records) == (plain.total, plain.records)


def test_restore_and_copies_of_a_large_org(large: tuple[Org, Session]) -> None:
    org, who = large
    kept = org.snapshot()
    folder = Path(org.store._folder.name) if org.store._folder else Path()
    add(org, who, 1000, 200)
    org.restore(kept)
    assert org.query(who, "SELECT COUNT() FROM Contact", base=BASE).total == 1000
    add(org, who, 1000, 400)
    assert org.query(who, "SELECT COUNT() FROM Contact", base=BASE).total == 1400
    assert not folder.exists()
    (mode,) = org.store.connection.execute("PRAGMA journal_mode").fetchone()
    assert mode == "wal"


def test_the_file_goes_with_the_org(large: tuple[Org, Session]) -> None:
    org, _ = large
    assert org.store._folder is not None
    folder = Path(org.store._folder.name)
    assert folder.exists()
    org.close()
    assert not folder.exists()


@pytest.mark.parametrize(("start", "end"), [(0, 3), (1999, 2001), (0, 4100), (3999, 5000), (4100, 4200), (7, 7)])
def test_a_spool_slices_as_a_list(start: int, end: int) -> None:
    rows = [(str(number), number, None, 0.5) for number in range(4100)]
    spool = Spool()
    for first in range(0, len(rows), 700):
        spool.add(rows[first : first + 700])
    assert len(spool) == len(rows)
    assert spool[start:end] == rows[start:end]
