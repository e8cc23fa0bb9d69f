"""Ingest jobs over HTTP: what each call answers, and what becomes of the rows."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

from tests.conftest import Rest
from tests.waiting import until

CSV = {"Content-Type": "text/csv"}


def new_job(rest: Rest, **said: Any) -> dict[str, Any]:
    answer = rest.post("/jobs/ingest", json={"object": "Contact", "operation": "insert", **said})
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def ended(rest: Rest, job: dict[str, Any]) -> dict[str, Any]:
    """Poll a job until it has ended."""

    def told() -> dict[str, Any]:
        found: dict[str, Any] = rest.get(f"/jobs/ingest/{job['id']}").json()
        return found

    until(lambda: told()["state"] in ("JobComplete", "Failed", "Aborted"))
    return told()


def load(rest: Rest, content: str, **said: Any) -> dict[str, Any]:
    """Take a content from creation to the end of its job."""
    job = new_job(rest, **said)
    answer = rest("PUT", f"/jobs/ingest/{job['id']}/batches", data=content.encode(), headers=CSV)
    assert answer.status_code == 201, answer.text
    assert rest.patch(f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"}).status_code == 200
    return ended(rest, job)


def rows(rest: Rest, job: dict[str, Any], kind: str) -> list[dict[str, str]]:
    answer = rest.get(f"/jobs/ingest/{job['id']}/{kind}/")
    assert answer.status_code == 200
    return list(csv.DictReader(StringIO(answer.text)))


def test_a_job_tells_how_many_rows_failed_and_which(rest: Rest) -> None:
    job = load(rest, "LastName,Email\nLovelace,ada@example.com\n,nobody@example.com\n")
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 2, 1)
    (good,) = rows(rest, job, "successfulResults")
    (bad,) = rows(rest, job, "failedResults")
    assert (good["LastName"], good["sf__Created"]) == ("Lovelace", "true")
    assert bad["sf__Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    found = rest.query("SELECT Id, Email FROM Contact").json()["records"]
    assert [(record["Id"], record["Email"]) for record in found] == [(good["sf__Id"], "ada@example.com")]


def test_the_rows_of_a_job_stand_in_the_journal_with_the_request_that_brought_them(rest: Rest, server: Any) -> None:
    load(rest, "LastName\nLovelace\n\nByron\n")
    entries = [one for one in server.control.for_org(rest.org.id).journal() if one["operation"].startswith("bulk2.")]
    uploads = [one for one in entries if one["operation"] == "bulk2.ingest.upload"]
    assert [row["values"]["LastName"] for row in uploads[0]["rows"]] == ["Lovelace", "Byron"]
    assert [row["success"] for row in uploads[0]["rows"]] == [True, True]
    assert {one["operation"]: one["job"]["state"] for one in entries}["bulk2.ingest.poll"] == "JobComplete"


def test_row_faults_strike_the_rows_of_a_job(rest: Rest, server: Any) -> None:
    server.control.for_org(rest.org.id).add_fault(
        {"on": "bulk2.ingest.upload", "records": {"every": 2}, "error": "UNABLE_TO_LOCK_ROW"}
    )
    job = load(rest, "LastName\nLovelace\nByron\n")
    assert job["numberRecordsFailed"] == 1
    (bad,) = rows(rest, job, "failedResults")
    assert (bad["LastName"], bad["sf__Error"].partition(":")[0]) == ("Byron", "UNABLE_TO_LOCK_ROW")


def test_the_control_plane_knows_every_job(rest: Rest, server: Any) -> None:
    control = server.control.for_org(rest.org.id)
    assert control.jobs() == []
    job = load(rest, "LastName\nLovelace\n\n#N/A\n")
    (told,) = control.jobs()
    numbers = {entry["operation"]: entry["number"] for entry in control.journal()}
    (batch,) = told.pop("batches")
    assert told.pop("ended") >= told.pop("created")
    assert told == {
        "id": job["id"], "api": "ingest", "operation": "insert", "sobject": "Contact", "state": "JobComplete",
        "concurrency": "Parallel", "user": rest.org.user_id, "processed": 2, "failed": 1, "retries": 0, "error": None,
        "exchanges": {
            "created": numbers["bulk2.ingest.create"],
            "content": numbers["bulk2.ingest.upload"],
            "closed": numbers["bulk2.ingest.close"],
        },
    }  # fmt: skip
    assert (batch["number"], batch["state"], batch["records"], batch["done"], batch["failed"], batch["exchange"]) == (
        0, "Completed", 2, 2, 1, numbers["bulk2.ingest.upload"],
    )  # fmt: skip
