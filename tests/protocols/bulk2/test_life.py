"""The life of an ingest job: its states, who may do what to it and when, lists, and its end after seven days."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from mock_server import api
from mock_server.control.client import ControlClient
from mock_server.protocols.bulk2 import listing
from tests.conftest import FIELDS, Rest
from tests.protocols.bulk2.desk import (
    JOBS,
    change,
    ended,
    load,
    new_job,
    result,
    rows,
    state,
    told,
    upload,
)
from tests.waiting import PATIENCE, until

CLOSE = "bulk2.ingest.close"
ROWS = "LastName\n" + "".join(f"L{n}\n" for n in range(1000))


@pytest.fixture
def control(rest: Rest, server: api.Server) -> ControlClient:
    return server.control.for_org(rest.org.id)


def half_done(rest: Rest, control: ControlClient, content: str = ROWS) -> str:
    """Return a job that hangs when half of its rows are done."""
    control.add_fault({"on": CLOSE, "job": {"stuck": 0.5}})
    job = new_job(rest)
    upload(rest, job, content)
    change(rest, job, "UploadComplete")
    until(lambda: told(rest, job).get("numberRecordsProcessed") == content.count("\n") // 2)
    return job


def put_in(rest: Rest, control: ControlClient, wanted: str) -> str:
    """Return a job in a state."""
    if wanted == "Open":
        return new_job(rest)
    if wanted == "InProgress":
        return half_done(rest, control)
    job = new_job(rest)
    upload(rest, job, "Nothing\nx\n" if wanted == "Failed" else "LastName\nx\n")
    if wanted == "Aborted":
        change(rest, job, "Aborted")
    else:
        change(rest, job, "UploadComplete")
    if wanted in ("JobComplete", "Failed"):
        assert ended(rest, job)["state"] == wanted
    return job


def second(job: str) -> str:
    return (
        f"Found multipe contents for job: <{job[:15]}>, please 'Close' / 'Abort' / 'Delete' the current Job then create "
        "a new Job and make sure you only do 'PUT' once on a given Job."
    )


def test_a_content_is_taken_once(rest: Rest) -> None:
    """R: so the platform says it, as it spells it; what came first stays."""
    job = new_job(rest)
    assert upload(rest, job, "LastName\nA\n").status_code == 201
    answer = upload(rest, job, "LastName\nB\nC\n")
    assert (answer.status_code, answer.json()) == (400, [{"errorCode": "INVALIDJOB", "message": second(job)}])
    change(rest, job, "UploadComplete")
    assert state(ended(rest, job)) == ("JobComplete", 1, 0)
    assert [row["LastName"] for row in rows(rest, job, "successfulResults")] == ["A"]


@pytest.mark.parametrize("wanted", ["InProgress", "JobComplete", "Failed", "Aborted"])
def test_what_is_closed_takes_no_content(rest: Rest, control: ControlClient, wanted: str) -> None:
    job = put_in(rest, control, wanted)
    before = told(rest, job)
    answer = upload(rest, job, "LastName\nlate\n")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")
    assert told(rest, job) == before


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", "text/csv; charset=x-none"]
)
def test_only_csv_is_taken(rest: Rest, kind: str) -> None:
    job = new_job(rest)
    answer = upload(rest, job, "LastName\nA\n", **{"Content-Type": kind})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert upload(rest, job, "LastName\nA\n").status_code == 201


@pytest.mark.parametrize(
    ("wanted", "to", "status", "message"),
    [
        ("JobComplete", "Aborted", 400, "Aborting already Completed Job not allowed"),  # R
        ("Failed", "Aborted", 400, "Aborting already Completed Job not allowed"),
        ("Aborted", "Aborted", 400, "Aborting already Completed Job not allowed"),
        ("Aborted", "UploadComplete", 400, "Closing already aborted Job not allowed"),  # R
        ("JobComplete", "UploadComplete", 400, "Closing already Completed Job not allowed"),
        ("InProgress", "UploadComplete", 400, "Closing already Completed Job not allowed"),
        ("Open", "JobComplete", 400, "Changing a Job to state JobComplete not allowed"),
        ("Open", "UploadComplete", 200, ""),
        ("Open", "Aborted", 200, ""),
        ("InProgress", "Aborted", 200, ""),
    ],
)  # fmt: skip
def test_which_changes_of_state_there_are(
    rest: Rest, control: ControlClient, wanted: str, to: str, status: int, message: str
) -> None:
    job = put_in(rest, control, wanted)
    answer = change(rest, job, to)
    assert answer.status_code == status
    if message:
        assert answer.json() == [{"errorCode": "INVALIDJOBSTATE", "message": message}]
        assert told(rest, job)["state"] == wanted


@pytest.mark.parametrize("body", [{}, {"state": None}, {"state": "Done"}, {"state": 5}, []])
def test_what_is_no_state_changes_nothing(rest: Rest, body: Any) -> None:
    job = new_job(rest)
    answer = rest.patch(f"{JOBS}/{job}", json=body)
    assert (answer.status_code, told(rest, job)["state"]) == (400, "Open")


@pytest.mark.parametrize(
    ("wanted", "status"),
    [("Open", 400), ("InProgress", 400), ("JobComplete", 204), ("Failed", 204), ("Aborted", 204)],
)
def test_which_jobs_can_be_deleted(rest: Rest, control: ControlClient, wanted: str, status: int) -> None:
    job = put_in(rest, control, wanted)
    answer = rest.delete(f"{JOBS}/{job}")
    assert answer.status_code == status
    if status == 204:
        assert answer.content == b""
        gone = rest.get(f"{JOBS}/{job}")
        assert (gone.status_code, gone.json()[0]["errorCode"]) == (404, "NOT_FOUND")
        assert rest.get(f"{JOBS}/{job}/successfulResults").status_code == 404
    else:
        assert answer.json()[0]["errorCode"] == "INVALIDJOBSTATE"
        assert told(rest, job)["state"] == wanted


def test_a_job_that_is_aborted_half_way_keeps_what_it_saved(rest: Rest, control: ControlClient) -> None:
    job = half_done(rest, control)
    during = told(rest, job)
    assert (during["state"], during["numberRecordsProcessed"]) == ("InProgress", 500)
    assert len(rows(rest, job, "successfulResults")) == 500
    assert result(rest, job, "unprocessedrecords") == "LastName\n"  # D: of failed or aborted jobs
    assert change(rest, job, "Aborted").json()["state"] == "Aborted"
    after = told(rest, job)
    assert state(after) == ("Aborted", 500, 0)
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 500
    left = result(rest, job, "unprocessedrecords")
    assert left == "LastName\n" + "".join(f'"L{n}"\n' for n in range(500, 1000))
    assert "numberRecordsFailed" in after
    (known,) = control.jobs()
    assert [(one["state"], one["done"]) for one in known["batches"]] == [("NotProcessed", 500)]
    noted = [one["job"]["rows"] for one in control.journal() if one["operation"] == "bulk2.ingest.results.unprocessed"]
    assert noted == [0, 500]


def test_a_job_that_is_aborted_before_its_end_can_give_all_back(rest: Rest) -> None:
    job = new_job(rest)
    upload(rest, job, 'LastName,Title\nA,"x ""y"""\n')
    assert result(rest, job, "unprocessedrecords") == "LastName,Title\n"
    change(rest, job, "Aborted")
    assert result(rest, job, "unprocessedrecords") == 'LastName,Title\n"A","x ""y"""\n'
    assert state(told(rest, job)) == ("Aborted", 0, 0)


def test_results_of_a_job_that_has_not_begun_are_empty(rest: Rest) -> None:
    job = new_job(rest)
    assert result(rest, job, "successfulResults/") == '"sf__Id","sf__Created"\n'
    assert result(rest, job, "unprocessedrecords/") == ""


@pytest.mark.parametrize("accept", ["text/csv", "application/json", "*/*", "image/png"])
def test_results_are_csv_whatever_is_accepted(rest: Rest, accept: str) -> None:
    job = load(rest, "LastName\nA\n")
    answer = rest.get(f"{JOBS}/{job['id']}/successfulResults", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv")


@pytest.mark.parametrize("identifier", ["750000000000000AAA", "750000000000000", "x", "003000000000000AAA"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PUT", "/batches"), ("GET", "/successfulResults"),
        ("GET", "/failedResults"), ("GET", "/unprocessedrecords"),
    ],
)  # fmt: skip
def test_a_job_that_nobody_knows(rest: Rest, identifier: str, method: str, path: str) -> None:
    """R simple-salesforce#699."""
    answer = rest(method, f"{JOBS}/{identifier}{path}", json={"state": "Aborted"})
    assert (answer.status_code, answer.json()) == (
        404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}],
    )  # fmt: skip


def test_a_job_goes_by_its_id_of_15_characters_too(rest: Rest) -> None:
    job = new_job(rest)
    assert rest.get(f"{JOBS}/{job[:15]}").json()["id"] == job


def test_another_user_s_job_is_for_those_who_see_to_all(rest: Rest, server: api.Server, control: ControlClient) -> None:
    job = new_job(rest)
    rights = {"objects": {"Contact": ["read", "create"]}}
    few = control.create_user({"username": "few@bulk.test", "system": ["ApiEnabled"], **rights})
    more = control.create_user({
        "username": "more@bulk.test", "system": ["ApiEnabled", "ManageDataIntegrations"], **rights,
    })  # fmt: skip
    stranger, manager = (Rest(server.url, one.access_token, one) for one in (few, more))
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PUT", "/batches"), ("GET", "/failedResults")):
        answer = stranger(method, f"{JOBS}/{job}{path}", json={"state": "Aborted"})
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDUSER")
    assert told(rest, job)["state"] == "Open"
    assert [one["id"] for one in stranger.get(JOBS).json()["records"]] == [job]  # D: all jobs of the org
    assert change(manager, job, "Aborted").json()["state"] == "Aborted"
    own = new_job(stranger)
    assert told(rest, own)["createdById"] == few.user_id


def test_rows_are_saved_with_the_rights_of_whose_job_it_is(
    rest: Rest, server: api.Server, control: ControlClient
) -> None:
    info = control.create_user({
        "username": "few@bulk.test", "system": ["ApiEnabled"], "objects": {"Contact": ["read", "create"]},
        "fields": {"Contact": {"Legacy__c": "read"}},
    })  # fmt: skip
    few = Rest(server.url, info.access_token, info)
    (refused,) = rows(few, load(few, "LastName,Legacy__c\nA,B\n"), "failedResults")
    assert refused["sf__Error"].startswith("INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: Legacy__c.")
    job = load(few, "LastName\nA\n")
    assert state(job) == ("JobComplete", 1, 0)
    (record,) = rest.query("SELECT CreatedById FROM Contact").json()["records"]
    assert record["CreatedById"] == info.user_id


def test_the_list_of_jobs(rest: Rest, control: ControlClient) -> None:
    first, last = new_job(rest), load(rest, "LastName\nA\n")["id"]
    answer = rest.get(JOBS)
    body = answer.json()
    assert (answer.status_code, list(body), body["done"], body["nextRecordsUrl"]) == (
        200, ["done", "records", "nextRecordsUrl"], True, None,
    )  # fmt: skip
    assert [(one["id"], one["state"], one["jobType"]) for one in body["records"]] == [
        (first, "Open", "V2Ingest"), (last, "JobComplete", "V2Ingest"),
    ]  # fmt: skip
    assert "contentUrl" in body["records"][0]
    for query, count in {
        "jobType=V2Ingest": 2, "jobType=Classic": 0, "jobType=BigObjectIngest": 0, "isPkChunkingEnabled=true": 0,
        "isPkChunkingEnabled=false": 2, "concurrencyMode=parallel": 2, "concurrencyMode=serial": 0,
    }.items():  # fmt: skip
        assert len(rest.get(f"{JOBS}?{query}").json()["records"]) == count, query
    assert rest.get(f"{JOBS}?jobType=Other").status_code == 400
    assert rest.get(f"{JOBS}?queryLocator=x").status_code == 400


def test_a_list_comes_page_by_page(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    assert listing.MOST == 1000
    monkeypatch.setattr(listing, "MOST", 3)
    made = [new_job(rest) for _ in range(5)]
    page = rest.get(f"{JOBS}?jobType=V2Ingest").json()
    assert (page["done"], len(page["records"])) == (False, 3)
    rest_of_it = rest.get(page["nextRecordsUrl"]).json()
    assert (rest_of_it["done"], rest_of_it["nextRecordsUrl"]) == (True, None)
    assert [one["id"] for one in page["records"] + rest_of_it["records"]] == made


def test_seven_days_after_its_end_a_job_is_gone(rest: Rest, control: ControlClient) -> None:
    job = load(rest, "LastName\nA\n")["id"]
    still = new_job(rest)
    control.advance(7 * 86_400 - 60)
    rest.token = control.mint_token()
    assert told(rest, job)["state"] == "JobComplete"
    assert told(rest, still)["state"] == "Open"
    control.advance(120)
    assert rest.get(f"{JOBS}/{job}").status_code == 404
    assert rest.get(f"{JOBS}/{job}/failedResults").status_code == 404
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 1


def test_hooks_have_their_time(server: api.Server) -> None:
    made = server.control.create_org(fields=FIELDS, clock="virtual")
    rest, control = Rest(server.url, made.access_token, made), server.control.for_org(made.id)
    plain = load(rest, "LastName\n" + "x\n" * 400)
    assert plain["apexProcessingTime"] == 0
    control.add_automation({"object": "Contact", "on": ["insert"], "cost": {"cpu": "2 per record"}})
    job = load(rest, "LastName\n" + "x\n" * 400)
    assert state(job) == ("JobComplete", 400, 0)
    assert 800 <= job["apexProcessingTime"] <= job["apiActiveProcessingTime"] < 2000


def test_a_job_lasts_as_long_as_its_transactions(server: api.Server) -> None:
    """In virtual time: three chunks of a second each, one after the other, as one batch."""
    made = server.control.create_org(fields=FIELDS, clock="virtual", settings={"transaction_time": "1s"})
    rest, control = Rest(server.url, made.access_token, made), server.control.for_org(made.id)
    job = new_job(rest)
    upload(rest, job, "LastName\n" + "x\n" * 600)
    change(rest, job, "UploadComplete")
    for expected in (
        ("InProgress", 200), ("InProgress", 400), ("InProgress", 600), ("JobComplete", 600), ("JobComplete", 600),
    ):  # fmt: skip
        until(lambda: ((now := told(rest, job))["state"], now["numberRecordsProcessed"]) == expected)  # noqa: B023
        control.advance(1)
    after = told(rest, job)
    assert (after["totalProcessingTime"], after["apiActiveProcessingTime"]) == (3000, 3000)
    server.control.delete_org(made.id)


def test_a_job_is_told_in_the_journal_at_each_call(rest: Rest, control: ControlClient) -> None:
    job = load(rest, "LastName\nA\n,\n\n")
    rows(rest, job, "failedResults")
    noted = {one["operation"]: one["job"] for one in control.journal() if one["operation"].startswith("bulk2.")}
    assert {one["id"] for one in noted.values()} == {job["id"]}
    assert noted["bulk2.ingest.create"]["state"] == "Open"
    assert noted["bulk2.ingest.close"]["state"] == "UploadComplete"
    poll = noted["bulk2.ingest.poll"]
    assert (poll["state"], poll["processed"], poll["failed"]) == ("JobComplete", 2, 1)
    failed = noted["bulk2.ingest.results.failed"]
    assert (failed["results"], failed["rows"], failed["api"], failed["operation"], failed["sobject"]) == (
        "failed", 1, "ingest", "insert", "Contact",
    )  # fmt: skip


def test_an_upload_that_breaks_off_leaves_nothing(rest: Rest, server: api.Server) -> None:
    job = new_job(rest)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as raw:
        raw.sendall(
            f"PUT /services/data/v60.0/jobs/ingest/{job}/batches HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/csv\r\n"
            f"Authorization: Bearer {rest.token}\r\nContent-Length: 1000\r\n\r\nLastName\nA".encode()
        )
    control = server.control.for_org(rest.org.id)
    until(lambda: control.journal()[-1]["end"] is not None)
    assert told(rest, job)["state"] == "Open"
    assert upload(rest, job, "LastName\nB\n").status_code == 201
    change(rest, job, "UploadComplete")
    assert state(ended(rest, job)) == ("JobComplete", 1, 0)


def test_two_gigabytes_are_refused_before_they_come(rest: Rest, server: api.Server) -> None:
    job = new_job(rest)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as raw:
        raw.sendall(
            f"PUT /services/data/v60.0/jobs/ingest/{job}/batches HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/csv\r\n"
            f"Authorization: Bearer {rest.token}\r\nContent-Length: {2 << 30}\r\n\r\nLastName\nA".encode()
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 413 ")
    assert told(rest, job)["state"] == "Open"
