"""Every effect on every operation of the Bulk APIs: it strikes, or is refused with a reason when the rule is added."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import orjson
import pytest

from mock_server.faults.effects import BY_KEY
from mock_server.faults.rule import RuleError
from mock_server.operations import Call, Operation, Reply
from mock_server.org.jobs.doom import Doom
from mock_server.routing import Registry
from tests.faults.conftest import DATA, Lab
from tests.faults.test_jobs import new, settled

ASYNC = "/services/async/60.0/job"
ROWS = b"LastName\nL\nL\n"
QUERY = {"operation": "query", "query": "SELECT Id FROM Contact"}


async def send(lab: Lab, method: str, path: str, body: Any = b"", kind: str = "application/json") -> Reply:
    """Send a request of either API."""
    path, _, query = path.partition("?")
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    is_file = path.endswith("/batches")
    call = Call(
        operation=Operation("unknown", "*", "", "read"),
        method=method,
        raw_path=path if path.startswith("/services") else DATA + path,
        raw_query=query,
        headers={"Authorization": f"Bearer {lab.token}", "X-SFDC-Session": lab.token, "Content-Type": kind},
        body=b"" if is_file else data,
        base_url="http://127.0.0.1:8080",
        upload=BytesIO(data) if is_file else None,
    )
    return await lab.gate.handle(call)


async def told(lab: Lab, *request: Any, key: str = "id") -> str:
    return str(orjson.loads((await send(lab, *request)).body)[key])


async def opened(lab: Lab) -> str:
    return await told(lab, "POST", "/jobs/ingest", {"object": "Contact", "operation": "insert"})


async def ingested(lab: Lab) -> str:
    identifier = await new(lab, 2)
    await settled(lab)
    return identifier


async def asked(lab: Lab) -> str:
    await ingested(lab)
    identifier = await told(lab, "POST", "/jobs/query", QUERY)
    await settled(lab)
    return identifier


async def hanging(lab: Lab) -> str:
    identifier = await told(lab, "POST", "/jobs/query", QUERY)
    lab.org.jobs.dooms.add(identifier, Doom(stuck=True), "test")
    await settled(lab)
    return identifier


async def classic(lab: Lab, operation: str = "insert") -> str:
    said = {"operation": operation, "object": "Contact", "contentType": "CSV"}
    return f"{ASYNC}/{await told(lab, 'POST', ASYNC, said)}"


async def batch(lab: Lab, operation: str = "insert", content: bytes = ROWS) -> str:
    job = await classic(lab, operation)
    await send(lab, "POST", f"{job}/batch", content, "text/csv")
    await settled(lab)
    *_, last = [one for made in lab.org.jobs for one in lab.org.jobs.batches_of(made) if made.api == "classic"]
    return f"{job}/batch/{last.id}"


async def result(lab: Lab) -> str:
    await ingested(lab)
    path = await batch(lab, "query", b"SELECT Id FROM Contact")
    reply = await send(lab, "GET", f"{path}/result")
    body = reply.body if reply.pieces is None else b"".join(reply.pieces)
    return f"{path}/result/{body.partition(b'<result>')[2].partition(b'<')[0].decode()}"


ABORTED = {"state": "Aborted"}
REQUESTS: dict[str, Callable[[Lab], Awaitable[tuple[Any, ...]]]] = {}


def of_job(name: str, make: Callable[[Lab], Awaitable[str]], method: str, path: str, *rest: Any) -> None:
    async def prepare(lab: Lab) -> tuple[Any, ...]:
        return method, path.format(await make(lab)), *rest

    REQUESTS[name] = prepare


async def nothing(lab: Lab) -> str:
    return ""


CLOSED = b'{"state": "Closed"}'
of_job("bulk2.ingest.create", nothing, "POST", "/jobs/ingest", {"object": "Contact", "operation": "insert"})
of_job("bulk2.ingest.upload", opened, "PUT", "/jobs/ingest/{}/batches", ROWS, "text/csv")
of_job("bulk2.ingest.close", opened, "PATCH", "/jobs/ingest/{}", {"state": "UploadComplete"})
of_job("bulk2.ingest.abort", opened, "PATCH", "/jobs/ingest/{}", ABORTED)
of_job("bulk2.ingest.poll", opened, "GET", "/jobs/ingest/{}")
of_job("bulk2.ingest.list", opened, "GET", "/jobs/ingest")
of_job("bulk2.ingest.delete", ingested, "DELETE", "/jobs/ingest/{}")
of_job("bulk2.ingest.results.successful", ingested, "GET", "/jobs/ingest/{}/successfulResults")
of_job("bulk2.ingest.results.failed", ingested, "GET", "/jobs/ingest/{}/failedResults")
of_job("bulk2.ingest.results.unprocessed", ingested, "GET", "/jobs/ingest/{}/unprocessedrecords")
of_job("bulk2.query.create", nothing, "POST", "/jobs/query", QUERY)
of_job("bulk2.query.poll", asked, "GET", "/jobs/query/{}")
of_job("bulk2.query.list", asked, "GET", "/jobs/query")
of_job("bulk2.query.abort", hanging, "PATCH", "/jobs/query/{}", ABORTED)
of_job("bulk2.query.delete", asked, "DELETE", "/jobs/query/{}")
of_job("bulk2.query.results", asked, "GET", "/jobs/query/{}/results?maxRecords=1")
of_job("bulk2.query.pages", asked, "GET", "/jobs/query/{}/resultPages")
of_job("bulk1.job.create", nothing, "POST", ASYNC, {"operation": "insert", "object": "Contact", "contentType": "CSV"})
of_job("bulk1.job.poll", classic, "GET", "{}")
of_job("bulk1.job.close", classic, "POST", "{}", CLOSED)
of_job("bulk1.job.abort", classic, "POST", "{}", {"state": "Aborted"})
of_job("bulk1.batch.create", classic, "POST", "{}/batch", ROWS, "text/csv")
of_job("bulk1.batch.list", classic, "GET", "{}/batch")
of_job("bulk1.batch.poll", batch, "GET", "{}")
of_job("bulk1.batch.request", batch, "GET", "{}/request")
of_job("bulk1.batch.results", batch, "GET", "{}/result")
of_job("bulk1.batch.download", result, "GET", "{}")


def test_there_is_a_request_of_each_operation(registry: Registry) -> None:
    assert set(REQUESTS) == {name for name in registry.by_name if name.startswith("bulk")} - {"bulk1.unknown"}


async def met(lab: Lab, name: str, **rule: Any) -> Reply:
    """Send a request of an operation under a rule, which must have struck it."""
    prepared = await REQUESTS[name](lab)
    lab.fault(name="rule", on=name, **rule)
    reply = await send(lab, *prepared)
    assert lab.last.operation == name
    assert [strike.rule for strike in lab.last.strikes] == ["rule"], reply.body
    return reply


@pytest.mark.parametrize("name", REQUESTS)
async def test_every_answer_can_be_another(lab: Lab, name: str) -> None:
    assert (await met(lab, name, status=503, body="maintenance")).status == 503
    lab.faults.clear()
    assert (await met(lab, name, status=502, at="after")).status == 502


@pytest.mark.parametrize("name", REQUESTS)
async def test_every_request_meets_errors_in_its_own_form(lab: Lab, name: str) -> None:
    reply = await met(lab, name, error="REQUEST_LIMIT_EXCEEDED", level="request")
    if name.startswith("bulk1."):
        assert b"xceptionCode" in reply.body
    else:
        assert orjson.loads(reply.body)[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
    assert reply.status >= 400
    lab.faults.clear()
    assert (await met(lab, name, session="expire")).status in (400, 401)


@pytest.mark.parametrize("name", REQUESTS)
async def test_every_request_meets_outages_and_limits(lab: Lab, name: str) -> None:
    assert (await met(lab, name, outage={"down": "1h"})).status == 503
    lab.faults.clear()
    assert (await met(lab, name, limit={"name": "DailyApiRequests", "remaining": 0})).status in (400, 403)


@pytest.mark.parametrize("name", REQUESTS)
async def test_every_answer_can_be_lost_on_its_way(lab: Lab, name: str) -> None:
    assert (await met(lab, name, reply="lost")).delivery == "none"
    assert lab.last.outcome == "lost"
    lab.faults.clear()
    assert (await met(lab, name, reply="reset")).delivery == "none"
    assert lab.last.outcome == "reset"
    lab.faults.clear()
    assert (await met(lab, name, reply="truncated")).delivery == "cut"
    lab.faults.clear()
    assert (await met(lab, name, reply="trickle")).delivery == "trickle"
    lab.faults.clear()
    assert (await met(lab, name, reply="malformed")).status < 300


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_rule_of_jobs_strikes_or_says_why_not(lab: Lab, name: str) -> None:
    begins = name in {
        "bulk2.ingest.create", "bulk2.ingest.upload", "bulk2.ingest.close", "bulk2.query.create",
        "bulk1.job.create", "bulk1.job.close", "bulk1.batch.create",
    }  # fmt: skip
    brings = ".results" in name or name in ("bulk1.batch.download", "bulk2.query.pages")
    for job in ("stuck", {"slow": "5m"}, {"failed": 0.5}, {"aborted": 0.5}):
        if begins:
            await met(lab, name, job=job)
        else:
            with pytest.raises(RuleError, match=name):
                lab.fault(on=name, job=job)
        lab.faults.clear()
    if begins or brings:
        await met(lab, name, job={"results": "expired"})
    else:
        with pytest.raises(RuleError, match=name):
            lab.fault(on=name, job={"results": "expired"})


@pytest.mark.parametrize("name", REQUESTS)
def test_rows_are_of_uploads_alone(lab: Lab, name: str) -> None:
    rules: list[dict[str, Any]] = [
        {"lock": "hold"},
        {"upload": "cut"},
        {"error": "UNABLE_TO_LOCK_ROW", "level": "row"},
        {"error": "UNABLE_TO_LOCK_ROW", "records": {"first": 1}},
        {"event": "lost"},
    ]
    for rule in rules:
        if name in ("bulk2.ingest.upload", "bulk1.batch.create"):
            lab.fault(on=name, **rule)
        else:
            with pytest.raises(RuleError, match=name):
                lab.fault(on=name, **rule)


def test_these_are_all_effects() -> None:
    assert set(BY_KEY) == {
        "error", "status", "latency", "reply", "session", "outage", "limit", "lock", "job", "upload", "meanwhile",
        "subject", "event",
    }  # fmt: skip


async def test_an_upload_that_breaks_off_leaves_the_job_open(lab: Lab) -> None:
    lab.fault(on="bulk2.ingest.upload", upload="cut", when={"times": 1})
    identifier = await opened(lab)
    path = f"/jobs/ingest/{identifier}/batches"
    assert (await send(lab, "PUT", path, ROWS, "text/csv")).delivery == "none"
    assert lab.last.outcome == "reset"
    assert await told(lab, "GET", f"/jobs/ingest/{identifier}", key="state") == "Open"
    assert (await send(lab, "PUT", path, ROWS, "text/csv")).status == 201
    await send(lab, "PATCH", f"/jobs/ingest/{identifier}", {"state": "UploadComplete"})
    await settled(lab)
    assert await told(lab, "GET", f"/jobs/ingest/{identifier}", key="numberRecordsProcessed") == "2"


async def test_lost_answers_make_a_second_job_of_the_same_rows(lab: Lab) -> None:
    lab.fault(on="bulk2.ingest.create", reply="lost", when={"times": 1})
    lab.fault(on="bulk2.ingest.close", reply="lost", when={"times": 1})
    said = {"object": "Contact", "operation": "insert"}
    assert (await send(lab, "POST", "/jobs/ingest", said)).delivery == "none"
    for _ in range(2):
        identifier = await opened(lab)
        await send(lab, "PUT", f"/jobs/ingest/{identifier}/batches", ROWS, "text/csv")
        await send(lab, "PATCH", f"/jobs/ingest/{identifier}", {"state": "UploadComplete"})
        await settled(lab)
    assert [(job.state, job.processed) for job in lab.org.jobs] == [
        ("Open", 0), ("JobComplete", 2), ("JobComplete", 2),
    ]  # fmt: skip
    assert len(lab.contacts()) == 4


async def test_a_lost_answer_to_an_upload_is_met_by_the_next_one(lab: Lab) -> None:
    lab.fault(on="bulk2.ingest.upload", reply="lost", when={"times": 1})
    identifier = await opened(lab)
    path = f"/jobs/ingest/{identifier}/batches"
    assert (await send(lab, "PUT", path, ROWS, "text/csv")).delivery == "none"
    again = await send(lab, "PUT", path, ROWS, "text/csv")
    assert again.status == 400
    assert orjson.loads(again.body)[0]["errorCode"].startswith("INVALIDJOB")


async def test_a_request_that_comes_twice_makes_two_jobs(lab: Lab) -> None:
    lab.fault(on="bulk2.ingest.create", reply="duplicated", when={"times": 1})
    await opened(lab)
    lab.org.clock.advance(2)
    await settled(lab)
    assert len(list(lab.org.jobs)) == 2
