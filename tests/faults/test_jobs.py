"""Faults of jobs: those that begin with one request and are seen in later ones."""

from __future__ import annotations

import asyncio
import csv
from io import StringIO
from typing import Any

import orjson
import pytest

from mock_server.faults.rule import RuleError
from tests.faults.conftest import Lab

CREATE, CLOSE = "bulk2.ingest.create", "bulk2.ingest.close"


async def new(lab: Lab, rows: int) -> str:
    """Make a job of some contacts, up to its end of upload."""
    reply = await lab.send("POST", "/jobs/ingest", {"object": "Contact", "operation": "insert"})
    identifier: str = orjson.loads(reply.body)["id"]
    content = "".join(["LastName,External_Id__c\n", *(f"L,K{number}\n" for number in range(rows))])
    assert (await lab.put(f"/jobs/ingest/{identifier}/batches", content)).status == 201
    await lab.send("PATCH", f"/jobs/ingest/{identifier}", {"state": "UploadComplete"})
    return identifier


async def settled(lab: Lab) -> None:
    """Let jobs go on as far as they can without the clock."""
    for _ in range(200):
        await asyncio.sleep(0)


async def later(lab: Lab, seconds: float) -> None:
    await settled(lab)
    lab.org.clock.advance(seconds)
    await settled(lab)


async def told(lab: Lab, identifier: str) -> dict[str, Any]:
    await settled(lab)
    told: dict[str, Any] = orjson.loads((await lab.send("GET", f"/jobs/ingest/{identifier}")).body)
    return told


async def state(lab: Lab, identifier: str) -> tuple[str, int]:
    job = await told(lab, identifier)
    return job["state"], job["numberRecordsProcessed"]


async def rows(lab: Lab, identifier: str, kind: str) -> list[str]:
    reply = await lab.send("GET", f"/jobs/ingest/{identifier}/{kind}")
    assert reply.status == 200
    body = reply.body if reply.pieces is None else b"".join(reply.pieces)
    return [row["External_Id__c"] for row in csv.DictReader(StringIO(body.decode()))]


@pytest.mark.parametrize("on", [CREATE, "bulk2.ingest.upload", CLOSE, "bulk2.*"])
async def test_a_stuck_job_goes_on_when_its_rule_is_taken_away(lab: Lab, on: str) -> None:
    lab.fault(name="hang", on=on, job="stuck")
    job = await new(lab, 3)
    await later(lab, 3600)
    assert await state(lab, job) == ("InProgress", 0)
    lab.faults.remove("hang")
    assert await state(lab, job) == ("JobComplete", 3)
    assert lab.contacts() == ["K0", "K1", "K2"]


async def test_a_job_may_get_stuck_on_its_way_and_its_client_aborts_it(lab: Lab) -> None:
    lab.fault(on=CREATE, job={"stuck": 0.5})
    job = await new(lab, 7)
    assert await state(lab, job) == ("InProgress", 3)
    await lab.send("PATCH", f"/jobs/ingest/{job}", {"state": "Aborted"})
    lab.faults.clear()
    assert await state(lab, job) == ("Aborted", 3)
    assert await rows(lab, job, "unprocessedrecords") == ["K3", "K4", "K5", "K6"]


async def test_what_is_stuck_in_one_phase_goes_on_in_the_next(lab: Lab) -> None:
    lab.fault(on=CREATE, job="stuck", when={"phase": "faults"})
    job = await new(lab, 2)
    assert await state(lab, job) == ("InProgress", 0)
    lab.faults.phase = "heal"
    assert await state(lab, job) == ("JobComplete", 2)
    assert await state(lab, await new(lab, 1)) == ("JobComplete", 1)


async def test_a_slow_job_takes_its_time_and_its_counts_grow(lab: Lab) -> None:
    lab.fault(on=CREATE, job={"slow": "5m"})
    job = await new(lab, 800)
    assert await state(lab, job) == ("InProgress", 0)
    await later(lab, 75)
    assert await state(lab, job) == ("InProgress", 200)
    await later(lab, 224)
    assert (await state(lab, job))[0] == "InProgress"
    await later(lab, 1)
    assert await state(lab, job) == ("JobComplete", 800)
    assert (await told(lab, job))["totalProcessingTime"] == 300_000


async def test_a_job_that_fails_half_way_says_which_rows_nobody_came_to(lab: Lab) -> None:
    lab.fault(on=CLOSE, job={"failed": 0.5, "message": "InternalServerError : A node went down"})
    job = await new(lab, 401)
    after = await told(lab, job)
    assert (after["state"], after["numberRecordsProcessed"]) == ("Failed", 200)
    assert after["errorMessage"] == "InternalServerError : A node went down"
    assert len(await rows(lab, job, "successfulResults")) == 200
    assert await rows(lab, job, "unprocessedrecords") == [f"K{number}" for number in range(200, 401)]


@pytest.mark.parametrize(("share", "done"), [(0, 0), (0.5, 2), (1, 5)])
async def test_an_administrator_aborts_a_job(lab: Lab, share: float, done: int) -> None:
    lab.fault(on=CREATE, job={"aborted": share})
    job = await new(lab, 5)
    assert await state(lab, job) == ("Aborted", done)
    assert len(lab.contacts()) == done


async def test_a_rule_strikes_jobs_of_its_object_as_often_as_it_says(lab: Lab) -> None:
    lab.fault(on=CLOSE, job="failed", where={"sobject": "Contact"}, when={"times": 1})
    other = orjson.loads((await lab.send("POST", "/jobs/ingest", {"object": "Account", "operation": "insert"})).body)
    await lab.send("PATCH", f"/jobs/ingest/{other['id']}", {"state": "UploadComplete"})
    assert (await state(lab, await new(lab, 1)))[0] == "Failed"
    assert (await state(lab, await new(lab, 1)))[0] == "JobComplete"
    assert lab.counters() == [(2, 1)]


async def test_a_strike_stands_in_the_journal(lab: Lab) -> None:
    lab.fault(name="hang", on=CREATE, job="stuck")
    await lab.send("POST", "/jobs/ingest", {"object": "Contact", "operation": "insert"})
    assert [(one.rule, one.effect, one.point) for one in lab.last.strikes] == [("hang", "job", "after")]


async def test_a_job_does_not_run_on_before_a_late_answer(lab: Lab) -> None:
    lab.fault(on=CLOSE, latency=5, at="after")
    lab.fault(on=CLOSE, job="stuck")
    making = asyncio.create_task(new(lab, 1))
    await later(lab, 5)
    assert await state(lab, await making) == ("InProgress", 0)


async def test_the_results_of_one_download_are_cut_at_a_row(lab: Lab) -> None:
    lab.fault(on="bulk2.ingest.results.*", job={"results": "truncated"}, when={"times": 1})
    job = await new(lab, 5)
    await settled(lab)
    assert await rows(lab, job, "successfulResults") == ["K0", "K1"]
    assert lab.last.job is not None
    assert lab.last.job.rows == 2
    assert len(await rows(lab, job, "successfulResults")) == 5


async def test_all_downloads_of_a_doomed_job_are_cut(lab: Lab) -> None:
    lab.fault(on=CREATE, job={"results": "truncated"})
    job = await new(lab, 5)
    await settled(lab)
    assert [len(await rows(lab, job, "successfulResults")) for _ in range(2)] == [2, 2]
    lab.faults.clear()
    assert len(await rows(lab, job, "successfulResults")) == 5


@pytest.mark.parametrize("on", [CREATE, "bulk2.ingest.results.successful"])
async def test_expired_results_are_those_of_a_job_that_nobody_knows(lab: Lab, on: str) -> None:
    lab.fault(on=on, job={"results": "expired"})
    job = await new(lab, 2)
    assert await state(lab, job) == ("JobComplete", 2)
    reply = await lab.send("GET", f"/jobs/ingest/{job}/successfulResults")
    assert (reply.status, orjson.loads(reply.body)[0]["errorCode"]) == (404, "NOT_FOUND")
    assert (await lab.send("GET", f"/jobs/ingest/{job}")).status == 404
    assert len(lab.contacts()) == 2


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"on": CREATE, "job": "stuk"}, "job is one of stuck, failed, aborted, or a mapping, not 'stuk'"),
        ({"on": CREATE, "job": "slow"}, "write `job: {slow: ...}`"),
        ({"on": CREATE, "job": {}}, "job needs what becomes of it"),
        ({"on": CREATE, "job": {"sloow": 1}}, "job has no key 'sloow'"),
        ({"on": CREATE, "job": {"slow": 0}}, "slow must be more than 0"),
        ({"on": CREATE, "job": {"failed": 2}}, "failed must be a number from 0 to 1, not 2"),
        ({"on": CREATE, "job": {"failed": 0.5, "aborted": 0.5}}, "a rule has one of"),
        ({"on": CREATE, "job": {"aborted": 0.5, "message": "x"}}, "message belongs to failed, not to aborted"),
        ({"on": CREATE, "job": {"failed": 0, "message": "a\nb"}}, "message must be one line"),
        ({"on": CREATE, "job": {"results": "expird"}}, "results must be one of expired, truncated, gone"),
        ({"on": CREATE, "job": 5}, "job must be a mapping, not 5"),
        ({"on": CREATE, "job": {"results": "gone"}}, "have no locator that could be gone"),
        ({"on": "rest.query.run", "job": "stuck"}, "neither begins a job nor brings results of one"),
        ({"on": "bulk2.ingest.results.failed", "job": "stuck"}, "begins no job; results of one can be"),
        ({"on": "bulk2.ingest.upload", "job": "stuck", "records": {"first": 1}}, "job is about whole jobs"),
    ],
)
def test_a_wrong_rule_is_refused(lab: Lab, rule: dict[str, Any], says: str) -> None:
    with pytest.raises(RuleError, match=says.replace("{", r"\{").replace("}", r"\}").replace(".", r"\.")):
        lab.fault(**rule)


async def test_a_download_is_cut_once_however_many_of_a_rules_operations_it_goes_through(lab: Lab) -> None:
    lab.fault(name="half", on="bulk2.*", job={"results": "truncated"})
    job = await new(lab, 8)
    await settled(lab)
    assert len(await rows(lab, job, "successfulResults")) == 4
    assert [(one.rule, one.effect, one.point) for one in lab.last.strikes] == [("half", "job", "reply")]
    assert await rows(lab, job, "failedResults") == []
    assert lab.last.strikes == []


async def test_a_slow_job_that_is_aborted_leaves_nobody_waiting(lab: Lab) -> None:
    lab.fault(on=CREATE, job={"slow": "1h"})
    job = await new(lab, 400)
    await settled(lab)
    await lab.send("PATCH", f"/jobs/ingest/{job}", {"state": "Aborted"})
    await settled(lab)
    assert await state(lab, job) == ("Aborted", 0)
    assert lab.org.clock.next_due() is None


async def test_what_a_rule_does_ends_with_the_time_that_it_is_for(lab: Lab) -> None:
    lab.fault(on=CREATE, job={"stuck": 0.5}, when={"between": ["0s", "3m"]})
    job = await new(lab, 4)
    await later(lab, 179)
    assert await state(lab, job) == ("InProgress", 2)
    await later(lab, 1)
    assert await state(lab, job) == ("JobComplete", 4)
    assert await state(lab, await new(lab, 4)) == ("JobComplete", 4)


async def test_a_job_is_slow_no_longer_than_its_rule_is_in_force(lab: Lab) -> None:
    lab.fault(on=CREATE, job={"slow": "1h"}, when={"between": ["0s", "3m"]})
    job = await new(lab, 4)
    await later(lab, 180)
    assert await state(lab, job) == ("JobComplete", 4)
