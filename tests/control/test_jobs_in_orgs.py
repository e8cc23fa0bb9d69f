"""What becomes of jobs when their org is copied, put back, emptied or removed while they run."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mock_server import api
from mock_server.control.client import ControlError, OrgInfo
from tests.conftest import FIELDS
from tests.waiting import until

ROWS = 2000
CHUNK = 20
"""Seconds that a chunk of rows takes."""
CSV = b"LastName,FirstName\n" + b"".join(b"Hopper,G%d\n" % number for number in range(ROWS))


class Client:
    """A client of one org."""

    def __init__(self, server: api.Server, org: OrgInfo) -> None:
        self.url = server.url
        self.steer = server.control.for_org(org.id)
        self.token = self.steer.mint_token()

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.request(method, f"{self.url}/services/data/v60.0{path}", headers=headers, timeout=20, **options)

    def job(self) -> str:
        made = self("POST", "/jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()["id"]
        assert self("PUT", f"/jobs/ingest/{made}/batches", data=CSV).status_code == 201
        assert self("PATCH", f"/jobs/ingest/{made}", json={"state": "UploadComplete"}).status_code == 200
        return str(made)

    def told(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = self("GET", f"/jobs/ingest/{job}").json()
        return found

    def until(self, job: str, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Poll a job until it has come so far; its org's clock goes on by a chunk each time."""

        def look() -> dict[str, Any]:
            if enough(told := self.told(job)):
                return told
            self.steer.advance(CHUNK)
            return {}

        return until(look)

    def count(self) -> int:
        return len(self.steer.records("SELECT Id FROM Contact"))


def under_way(told: dict[str, Any]) -> bool:
    return told["state"] == "InProgress" and told["numberRecordsProcessed"] > 0


def over(told: dict[str, Any]) -> bool:
    return told["state"] in ("JobComplete", "Failed", "Aborted")


def complete(told: dict[str, Any]) -> bool:
    return bool((told["state"], told["numberRecordsProcessed"]) == ("JobComplete", ROWS))


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing may fail behind the scenes."""
    with caplog.at_level(logging.WARNING):
        yield
    assert [record.getMessage() for record in caplog.records if record.name in ("sfmock", "asyncio")] == []


@pytest.fixture(params=["memory", "file"])
def client(request: pytest.FixtureRequest, server: api.Server, tmp_path: Path) -> Iterator[Client]:
    """A client of an org whose chunks take so long that a job is under way until the clock goes on."""
    if request.param == "memory":
        made = server.control.create_org(fields=FIELDS, settings={"transaction_time": f"{CHUNK}s"})
        yield Client(server, made)
        server.control.delete_org(made.id)
    else:
        with api.start(data=str(tmp_path / "org.db"), transaction_time=CHUNK) as own:
            (made,) = own.control.orgs()
            yield Client(own, made)


def test_a_job_goes_on_from_where_it_was_when_a_snapshot_is_put_back(client: Client) -> None:
    job = client.job()
    client.until(job, under_way)
    name = client.steer.snapshot()
    client.until(job, complete)
    client.steer.restore(name)
    assert client.told(job)["state"] == "InProgress"
    assert client.told(job)["numberRecordsProcessed"] < ROWS
    client.until(job, complete)
    assert client.count() == ROWS


def test_a_snapshot_of_before_knows_no_job(client: Client) -> None:
    name = client.steer.snapshot()
    job = client.job()
    client.until(job, under_way)
    client.steer.restore(name)
    assert client("GET", f"/jobs/ingest/{job}").status_code >= 400
    assert client.count() == 0
    again = client.job()
    client.until(again, complete)
    assert client.count() == ROWS


def test_a_reset_ends_what_runs(client: Client) -> None:
    job = client.job()
    client.until(job, under_way)
    client.steer.reset()
    assert client("GET", f"/jobs/ingest/{job}").status_code >= 400
    assert client.count() == 0
    client.until(client.job(), complete)
    assert client.count() == ROWS


def test_a_file_takes_jobs_along(client: Client, server: api.Server, tmp_path: Path) -> None:
    job = client.job()
    client.until(job, under_way)
    file = str(tmp_path / "kept.db")
    client.steer.write_snapshot(file)
    client.until(job, complete)
    other = server.control.create_org(fields=FIELDS)
    steer = server.control.for_org(other.id)
    steer.read_snapshot(file)
    there = Client(server, other)
    there.until(job, complete)
    assert there.count() == ROWS
    server.control.delete_org(other.id)


def test_a_clone_works_off_its_own_copy(server: api.Server) -> None:
    made = server.control.create_org(fields=FIELDS, settings={"transaction_time": f"{CHUNK}s"})
    client = Client(server, made)
    job = client.job()
    client.until(job, under_way)
    cloned = client.steer.clone()
    copy = Client(server, cloned)
    for one in (client, copy):
        one.until(job, complete)
        assert one.count() == ROWS
    for org in (made, cloned):
        server.control.delete_org(org.id)


def test_an_org_may_be_removed_while_its_job_runs(server: api.Server) -> None:
    made = server.control.create_org(fields=FIELDS, settings={"transaction_time": f"{CHUNK}s"})
    client = Client(server, made)
    client.until(client.job(), under_way)
    server.control.delete_org(made.id)
    assert client("GET", "/limits").status_code == 401
    assert server.control.health()["status"] == "ok"


def test_no_snapshot_is_written_over_the_file_that_the_org_lives_in(tmp_path: Path) -> None:
    file = tmp_path / "org.db"
    with api.start(data=str(file)) as own:
        with pytest.raises(ControlError, match="the org itself is kept in it"):
            own.control.write_snapshot(str(file))
        assert own.control.health()["status"] == "ok"


def test_the_room_of_a_job_goes_back_to_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "org.db"
    with api.start(data=str(file)) as own:
        client = Client(own, own.control.orgs()[0])
        made = client("POST", "/jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()["id"]
        before = _size(file)
        assert (
            client("PUT", f"/jobs/ingest/{made}/batches", data=b"LastName\n" + b"x\n" * 10_000_000).status_code == 201
        )
        assert _size(file) > before + 20_000_000
        assert client("PATCH", f"/jobs/ingest/{made}", json={"state": "Aborted"}).status_code == 200
        assert client("DELETE", f"/jobs/ingest/{made}").status_code == 204
        answers = []

        def given_back() -> bool:
            answers.append(client("GET", "/limits").status_code)
            return _size(file) <= before + 1_000_000

        until(given_back)
        # Others are answered meanwhile, again and again.
        assert len(answers) > 3
        assert set(answers) == {200}
        assert file.with_name("org.db-wal").stat().st_size < 128 << 20


def _size(file: Path) -> int:
    """Return the bytes of a database, as one who opens it sees it."""
    found = sqlite3.connect(file)
    (pages,), (size,) = (found.execute(f"PRAGMA {of}").fetchone() for of in ("page_count", "page_size"))
    found.close()
    return int(pages * size)
