"""The same contacts, sorted by account or not, in parallel or one batch after the other: over HTTP, by settings alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Rest
from tests.protocols.bulk1.wire import Wire, told
from tests.protocols.bulk2.test_ingest import CSV, new_job, rows

LOCKED = "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: "


@pytest.fixture
def rest(server: Any) -> Iterator[Rest]:
    settings = {"transaction_time": "4s", "bulk_batch_size": 10}
    org = server.control.create_org(clock="virtual", settings=settings)
    client = Rest(server.url, org.access_token, org)
    yield client
    client.http.close()
    server.control.delete_org(org.id)


@pytest.fixture
def control(rest: Rest, server: Any) -> Any:
    return server.control.for_org(rest.org.id)


@pytest.fixture
def accounts(rest: Rest, control: Any) -> list[str]:
    records = [{"attributes": {"type": "Account"}, "Name": f"A{number}"} for number in range(10)]
    made = rest.post("/composite/sobjects", json={"records": records}).json()
    control.advance(5)
    return [one["id"] for one in made]


def content(parents: list[str]) -> bytes:
    return "".join(["LastName,AccountId\n", *(f"L{place},{one}\n" for place, one in enumerate(parents))]).encode()


def run(rest: Rest, control: Any, parents: list[str]) -> dict[str, Any]:
    job = new_job(rest)
    rest("PUT", f"/jobs/ingest/{job['id']}/batches", data=content(parents), headers=CSV)
    rest.patch(f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
    for _ in range(60):
        told: dict[str, Any] = rest.get(f"/jobs/ingest/{job['id']}").json()
        if told["state"] == "JobComplete":
            return told
        control.advance(1)
    raise AssertionError(told)


def test_unsorted_rows_fail_for_locks_and_sorted_ones_do_not(rest: Rest, control: Any, accounts: list[str]) -> None:
    job = run(rest, control, accounts * 5)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (50, 20)
    assert all(row["sf__Error"].startswith(LOCKED) for row in rows(rest, job, "failedResults"))
    control.advance(60)
    job = run(rest, control, sorted(accounts * 5))
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (50, 0)


@pytest.mark.parametrize(("mode", "failed"), [("Parallel", 20), ("Serial", 0)])
def test_a_serial_job_of_bulk_1_avoids_locks(
    rest: Rest, control: Any, accounts: list[str], mode: str, failed: int
) -> None:
    wire = Wire(rest)
    job = wire.job(concurrencyMode=mode)
    batches = [wire.add(job, content(accounts)) for _ in range(5)]
    for _ in range(60):
        if all(told(wire("GET", batch), "state") == "Completed" for batch in batches):
            break
        control.advance(1)
    assert told(wire("GET", job), "numberRecordsFailed") == str(failed)
    assert told(wire("GET", job), "numberRecordsProcessed") == "50"
