"""What the Bulk APIs are allowed a day, and what is said when it is used up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Rest
from tests.protocols.bulk1.wire import Wire, told
from tests.protocols.bulk2.test_ingest import CSV, ended, load, new_job, rows

BATCHES, RECORDS, OPEN = "DailyBulkApiBatches", "DailyBulkApiRecords", "OpenBulkApiJobs"


@pytest.fixture
def rest(server: Any) -> Iterator[Rest]:
    """An org whose batches are of two records."""
    org = server.control.create_org(settings={"bulk_batch_size": 2})
    client = Rest(server.url, org.access_token, org)
    yield client
    client.http.close()
    server.control.delete_org(org.id)


@pytest.fixture
def control(rest: Rest, server: Any) -> Any:
    return server.control.for_org(rest.org.id)


def left(rest: Rest, name: str = BATCHES) -> int:
    remaining: int = rest.get("/limits").json()[name]["Remaining"]
    return remaining


def test_batches_of_both_apis_count_against_one_allocation(rest: Rest) -> None:
    before = left(rest)
    load(rest, "LastName\n" + "L\n" * 5)
    assert before - left(rest) == 3
    Wire(rest).load("LastName\nL\n")
    assert before - left(rest) == 4
    assert rest.get("/limits").json()[BATCHES]["Max"] == 15_000
    load(rest, "LastName\n")
    assert before - left(rest) == 4  # the empty batch of a job does not count


def test_a_job_whose_batches_run_out_fails_with_the_rest_unprocessed(rest: Rest, control: Any) -> None:
    control.set_limit(BATCHES, remaining=2)
    job = load(rest, "LastName\n" + "".join(f"L{number}\n" for number in range(7)))
    assert (job["state"], job["numberRecordsProcessed"]) == ("Failed", 4)
    assert job["errorMessage"] == "ExceededQuota : ApiBatchItems Limit exceeded."
    assert [row["LastName"] for row in rows(rest, job, "unprocessedrecords")] == ["L4", "L5", "L6"]
    assert len(rows(rest, job, "successfulResults")) == 4


def test_without_batches_no_job_is_made_until_a_day_has_gone(rest: Rest, control: Any) -> None:
    control.set_limit(BATCHES, remaining=0)
    refused = rest.post("/jobs/ingest", json={"object": "Contact", "operation": "insert"})
    assert refused.status_code == 400
    assert refused.json() == [{"errorCode": "EXCEEDEDQUOTA", "message": "ApiBatchItems Limit exceeded."}]
    query = rest.post("/jobs/query", json={"operation": "query", "query": "SELECT Id FROM Contact"})
    assert query.status_code == 200
    wire = Wire(rest)
    answer = wire("POST", f"{wire.job()}/batch", "LastName\nL\n", **{"Content-Type": "text/csv"})
    assert answer.status_code == 400
    assert (told(answer, "exceptionCode"), told(answer, "exceptionMessage")) == (
        "ExceededQuota",
        "ApiBatchItems Limit exceeded.",
    )


def test_records_of_a_day_are_counted_though_no_resource_tells(rest: Rest, control: Any) -> None:
    assert RECORDS not in rest.get("/limits").json()
    assert control.limits()[RECORDS] == {"Max": 150_000_000, "Remaining": 150_000_000}
    control.set_limit(RECORDS, maximum=5)
    job = load(rest, "LastName\n" + "L\n" * 6)
    assert (job["state"], job["numberRecordsProcessed"]) == ("Failed", 4)
    assert job["errorMessage"].startswith("ExceededQuota : ")
    assert control.limits()[RECORDS]["Remaining"] == 1
    last, _ = Wire(rest).load("LastName\nL\nL\n")
    assert told(last, "state") == "Failed"
    assert told(last, "stateMessage").startswith("ExceededQuota : ")


def test_so_many_jobs_can_be_open(rest: Rest, control: Any) -> None:
    control.set_limit(OPEN, maximum=2)
    first, _ = new_job(rest), new_job(rest)
    said = {"object": "Contact", "operation": "insert"}
    assert rest.post("/jobs/ingest", json=said).json()[0]["errorCode"] == "EXCEEDEDQUOTA"
    rest.patch(f"/jobs/ingest/{first['id']}", json={"state": "Aborted"})
    job = new_job(rest)
    assert rest("PUT", f"/jobs/ingest/{job['id']}/batches", data=b"LastName\nL\n", headers=CSV).status_code == 201
    rest.patch(f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
    assert ended(rest, job)["state"] == "JobComplete"
    new_job(rest)


def test_a_rule_uses_a_limit_up(rest: Rest, control: Any) -> None:
    control.add_fault({"on": "bulk2.ingest.close", "limit": {"name": BATCHES, "remaining": 0}})
    assert load(rest, "LastName\nL\n")["errorMessage"] == "ExceededQuota : ApiBatchItems Limit exceeded."
