"""Faults of the jobs of Bulk 1.0, and of its batches: what a client sees of them."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.conftest import Rest
from tests.protocols.bulk1.wire import JSON, XML, Wire, info, told
from tests.waiting import until

ROWS = "LastName\n" + "".join(f"L{number}\n" for number in range(6))


@pytest.fixture
def control(rest: Rest, server: Any) -> Any:
    return server.control.for_org(rest.org.id)


def state(answer: requests.Response) -> tuple[str, str]:
    return told(answer, "state"), told(answer, "numberRecordsProcessed")


def becomes(wire: Wire, path: str, expected: tuple[str, str]) -> None:
    until(lambda: state(wire("GET", path)) == expected, f"it never was {expected}")


def test_a_batch_that_hangs_lets_others_by_and_goes_on(wire: Wire, control: Any) -> None:
    name = control.add_fault({"on": "bulk1.batch.create", "job": {"stuck": 0.5}, "when": {"times": 1}})
    job = wire.job()
    first, second = wire.add(job, ROWS), wire.add(job, ROWS)
    assert state(wire.ended(second)) == ("Completed", "6")
    becomes(wire, first, ("InProgress", "3"))
    control.remove_fault(name)
    assert state(wire.ended(first)) == ("Completed", "6")


def test_a_job_that_hangs_goes_on_when_rules_are_cleared(wire: Wire, control: Any) -> None:
    control.add_fault({"on": "bulk1.job.create", "job": "stuck"})
    job = wire.job()
    batch = wire.add(job, ROWS)
    becomes(wire, batch, ("InProgress", "0"))
    control.clear_faults()
    assert state(wire.ended(batch)) == ("Completed", "6")


def test_a_batch_fails_half_way_and_its_job_goes_on(wire: Wire, control: Any) -> None:
    message = "InternalServerError : A node went down"
    control.add_fault({"on": "bulk1.batch.create", "job": {"failed": 0.5, "message": message}, "when": {"times": 1}})
    job = wire.job()
    first, second = wire.add(job, ROWS), wire.add(job, ROWS)
    last = wire.ended(first)
    assert state(last) == ("Failed", "3")
    assert told(last, "stateMessage") == message
    assert state(wire.ended(second)) == ("Completed", "6")
    assert told(wire("GET", job), "state") == "Open"


def test_a_job_that_fails_takes_what_waits_along(wire: Wire, control: Any) -> None:
    name = control.add_fault({"on": "bulk1.job.create", "job": "stuck"})
    job = wire.job(concurrencyMode="Serial")
    first, second = wire.add(job, ROWS), wire.add(job, ROWS)
    control.add_fault({"on": "bulk1.job.close", "job": {"failed": 0.5}})
    wire("POST", job, info(state="Closed"), **XML)
    control.remove_fault(name)
    assert state(wire.ended(first)) == ("Failed", "3")
    assert told(wire.ended(second), "state") == "NotProcessed"
    assert told(wire("GET", job), "state") == "Failed"


def test_an_administrator_aborts_a_job(wire: Wire, control: Any) -> None:
    control.add_fault({"on": "bulk1.job.create", "job": {"aborted": 0.5}})
    job = wire.job()
    batch = wire.add(job, ROWS)
    assert state(wire.ended(batch)) == ("Failed", "3")
    assert told(wire("GET", job), "state") == "Aborted"
    assert told(wire("POST", job, info(state="Closed"), **XML), "exceptionCode") == "InvalidJobState"


def test_expired_results_are_those_of_an_unknown_job(wire: Wire, control: Any) -> None:
    job = wire.job()
    batch = wire.add(job, ROWS)
    wire.ended(batch)
    wire("POST", job, info(state="Closed"), **XML)
    control.add_fault({"on": "bulk1.batch.results", "job": {"results": "expired"}})
    answer = wire("GET", f"{batch}/result")
    assert (answer.status_code, told(answer, "exceptionCode")) == (400, "InvalidJob")
    assert wire("GET", job).status_code == 400


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("CSV", ROWS),
        ("JSON", "[" + ",".join(f'{{"LastName": "L{number}"}}' for number in range(6)) + "]"),
        (
            "XML",
            '<sObjects xmlns="http://www.force.com/2009/06/asyncapi/dataload">'
            + "".join(f"<sObject><LastName>L{number}</LastName></sObject>" for number in range(6))
            + "</sObjects>",
        ),
    ],
)
def test_half_of_the_results_look_whole(wire: Wire, control: Any, kind: str, content: str) -> None:
    media = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}[kind]
    if kind == "JSON":
        answer = wire("POST", "/job", '{"operation": "insert", "object": "Contact", "contentType": "JSON"}', **JSON)
        job = f"/job/{told(answer, 'id')}"
    else:
        job = wire.job(contentType=kind)
    batch = wire.add(job, content, media)
    wire.ended(batch)
    whole = wire("GET", f"{batch}/result").text
    control.add_fault({"on": "bulk1.batch.results", "job": {"results": "truncated"}, "when": {"times": 1}})
    cut = wire("GET", f"{batch}/result")
    assert cut.status_code == 200
    count = {"CSV": lambda text: text.count("\n") - 1, "JSON": lambda text: text.count('"success"'),
             "XML": lambda text: text.count("<result>")}[kind]  # fmt: skip
    assert (count(whole), count(cut.text)) == (6, 3)
    if kind == "JSON":
        assert len(cut.json()) == 3
    if kind == "XML":
        assert cut.text.rstrip().endswith("</results>")
    assert wire("GET", f"{batch}/result").text == whole


def test_the_id_of_a_result_is_not_known_any_more(wire: Wire, control: Any, rest: Rest) -> None:
    rest.post("/sobjects/Contact", json={"LastName": "L"})
    job = wire.job(operation="query")
    batch = wire.add(job, "SELECT Id FROM Contact")
    wire.ended(batch)
    result = told(wire("GET", f"{batch}/result"), "result")
    control.add_fault({"on": "bulk1.batch.download", "job": {"results": "gone"}, "when": {"times": 1}})
    assert wire("GET", f"{batch}/result/{result}").status_code == 400
    assert wire("GET", f"{batch}/result/{result}").status_code == 200


def test_a_lost_answer_leaves_a_job_that_nobody_knows_of(wire: Wire, control: Any) -> None:
    control.add_fault({"on": "bulk1.job.create", "reply": "lost", "when": {"times": 1}})
    with pytest.raises(requests.ConnectionError):
        wire.job()
    job = wire.job()
    jobs = control.jobs()
    assert len(jobs) == 2
    control.add_fault({"on": "bulk1.batch.create", "reply": "lost", "when": {"times": 1}})
    with pytest.raises(requests.ConnectionError):
        wire.add(job, ROWS)
    wire.ended(wire.add(job, ROWS))
    assert told(wire("GET", job), "numberRecordsProcessed") == "12"


def test_rows_of_a_batch_fail_by_rule(wire: Wire, control: Any) -> None:
    control.add_fault({"on": "bulk1.batch.create", "records": {"every": 3}, "error": "UNABLE_TO_LOCK_ROW"})
    last, result = wire.load(ROWS)
    assert (told(last, "state"), told(last, "numberRecordsFailed")) == ("Completed", "2")
    failed = [number for number, line in enumerate(result.text.splitlines()[1:]) if "UNABLE_TO_LOCK_ROW" in line]
    assert failed == [2, 5]
