"""Faults of single rows that a job brings: the same selectors, over chunks, batches and jobs."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import orjson
import pytest

from mock_server.faults.rule import RuleError
from mock_server.operations import Call, Operation
from mock_server.org.limits.bulk import BulkSettings
from tests.faults.conftest import DATA, Lab
from tests.faults.test_jobs import later, settled

UPLOAD = "bulk2.ingest.upload"
LOCK = "UNABLE_TO_LOCK_ROW"
FIELDS = "LastName,External_Id__c,Email"


async def load(lab: Lab, keys: list[str], wait: float = 0.0, **said: Any) -> list[str]:
    """Upsert contacts by a job; return the keys of those that failed, in the order of the file."""
    body = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "External_Id__c", **said}
    identifier = orjson.loads((await lab.send("POST", "/jobs/ingest", body)).body)["id"]
    content = "".join([FIELDS + "\n", *(f"L,{key},{key.lower()}@example.com\n" for key in keys)])
    assert (await lab.put(f"/jobs/ingest/{identifier}/batches", content)).status == 201
    await lab.send("PATCH", f"/jobs/ingest/{identifier}", {"state": "UploadComplete"})
    await settled(lab)
    while wait > 0:
        await later(lab, 1)
        wait -= 1
    reply = await lab.send("GET", f"/jobs/ingest/{identifier}/failedResults")
    body = reply.body if reply.pieces is None else b"".join(reply.pieces)
    failed = list(csv.DictReader(StringIO(body.decode())))
    assert all(row["sf__Error"].startswith(f"{LOCK}:") for row in failed), failed
    return [row["External_Id__c"] for row in failed]


def keys(*numbers: int) -> list[str]:
    return [f"K{number:04d}" for number in numbers]


ALL = keys(*range(1000))


@pytest.mark.parametrize("batch_size", [10_000, 300])
@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ({"first": 3}, ALL[:3]),
        ({"last": 3}, ALL[-3:]),
        ({"every": 250}, keys(249, 499, 749, 999)),
        ({"keys": ["K0001", "K0999", "K5555"]}, keys(1, 999)),
        ({"where": "Email = 'k0500@example.com' OR External_Id__c LIKE '%998'"}, keys(500, 998)),
        ({"where": "External_Id__c LIKE 'K00%'", "last": 2}, keys(98, 99)),
    ],
)
async def test_each_selector_chooses_among_all_rows_of_a_job(
    lab: Lab, selector: dict[str, Any], chosen: list[str], batch_size: int
) -> None:
    lab.org.bulk = BulkSettings(batch_size)
    lab.fault(on=UPLOAD, records=selector, error=LOCK)
    assert await load(lab, ALL) == chosen
    assert lab.counters() == [(1, 1)]
    entry = next(one for one in lab.journal if one.operation == UPLOAD)
    assert [(one.point, one.rows) for one in entry.strikes] == [("row", len(chosen))]
    # The choice sticks to the keys.
    assert await load(lab, ALL[::-1]) == chosen[::-1]


async def test_a_share_is_drawn_for_each_key(lab: Lab) -> None:
    lab.fault(on=UPLOAD, records={"fraction": 0.1}, error=LOCK)
    failed = await load(lab, ALL)
    assert 60 < len(failed) < 140
    assert await load(lab, ALL[::-1]) == failed[::-1]


async def test_each_record_has_its_own_attempts_over_later_jobs(lab: Lab) -> None:
    lab.fault(on=UPLOAD, records={"every": 2}, when={"times": 2, "per": "key"}, error=LOCK)
    mine = keys(0, 1, 2, 3)
    assert await load(lab, mine) == keys(1, 3)
    assert await load(lab, keys(1)) == keys(1)
    assert await load(lab, keys(1, 3)) == keys(3)
    assert await load(lab, mine) == []


async def test_times_count_jobs_where_nothing_else_is_said(lab: Lab) -> None:
    lab.fault(on=UPLOAD, records={"first": 2}, when={"skip": 1, "times": 1}, error=LOCK)
    assert await load(lab, ALL[:3]) == []
    assert await load(lab, ALL[:3]) == ALL[:2]
    assert await load(lab, ALL[:3]) == []


async def test_rows_may_be_saved_and_told_as_failed(lab: Lab) -> None:
    lab.fault(on=UPLOAD, records={"keys": ["K0001"]}, error=LOCK, at="after")
    assert await load(lab, keys(0, 1)) == keys(1)
    assert lab.contacts() == keys(0, 1)


async def test_a_lock_that_others_hold_fails_the_rows_that_meet_it(lab: Lab) -> None:
    await load(lab, keys(0, 1, 2))
    lab.fault(on=UPLOAD, records={"keys": ["K0001"]}, lock="hold")
    assert await load(lab, keys(0, 1, 2), wait=11) == keys(1)
    lab.faults.clear()
    lab.fault(on=UPLOAD, records={"keys": ["K0002"]}, lock="hold", lasts=4)
    lab.org.locks.clear()
    assert await load(lab, keys(0, 1, 2), wait=5) == []


async def test_a_chunk_that_waits_for_a_lock_is_struck_once(lab: Lab) -> None:
    await load(lab, keys(0, 1))
    lab.fault(on=UPLOAD, records={"keys": ["K0000"]}, when={"times": 1, "per": "key"}, error=LOCK)
    (held,) = lab.org.store.connection.execute("SELECT Id FROM Contact WHERE External_Id__c = 'K0001'").fetchone()
    lab.org.locks.hold_elsewhere([held], 3)
    assert await load(lab, keys(0, 1), wait=4) == keys(0)
    assert await load(lab, keys(0, 1)) == []


async def test_a_rule_for_an_object_strikes_its_jobs(lab: Lab) -> None:
    lab.fault(on=UPLOAD, where={"sobject": "Account"}, error=LOCK)
    lab.fault(on="bulk2.ingest.close", where={"sobject": "Contact"}, latency=0)
    assert await load(lab, keys(0)) == []
    assert lab.counters() == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    "rule",
    [
        {"status": 503, "at": "after"},
        {"latency": "1s", "at": "after"},
        {"reply": "lost"},
        {"error": "SERVER_UNAVAILABLE", "level": "request", "at": "after"},
    ],
)
def test_what_strikes_an_answer_cannot_choose_rows_that_are_saved_later(lab: Lab, rule: dict[str, Any]) -> None:
    with pytest.raises(RuleError, match="are saved after its answer, which"):
        lab.fault(on=UPLOAD, records={"first": 1}, **rule)


async def test_rows_that_come_with_the_creation_meet_the_rules_for_uploads(lab: Lab) -> None:
    lab.fault(on=UPLOAD, records={"every": 2}, error=LOCK)
    said = orjson.dumps({"object": "Contact", "operation": "insert", "contentType": "CSV"}).decode()
    body = (
        '--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name="job"\r\n\r\n'
        f"{said}\r\n--B\r\nContent-Type: text/csv\r\n"
        'Content-Disposition: form-data; name="content"; filename="content"\r\n\r\n'
        "LastName,External_Id__c\nL,K0000\nL,K0001\n\r\n--B--\r\n"
    )
    call = Call(
        operation=Operation("unknown", "*", "", "read"),
        method="POST",
        raw_path=DATA + "/jobs/ingest",
        raw_query="",
        headers={"Authorization": f"Bearer {lab.token}", "Content-Type": "multipart/form-data; boundary=B"},
        body=body.encode(),
        base_url="http://127.0.0.1:8080",
    )
    identifier = orjson.loads((await lab.gate.handle(call)).body)["id"]
    await settled(lab)
    job = orjson.loads((await lab.send("GET", f"/jobs/ingest/{identifier}")).body)
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 2, 1)
    assert lab.contacts() == keys(0)
    (entry,) = [one for one in lab.journal if one.operation == "bulk2.ingest.create"]
    assert [(one.rule, one.rows) for one in entry.strikes] == [("fault-1", 1)]
    assert [result.success for result in entry.results] == [True, False]
