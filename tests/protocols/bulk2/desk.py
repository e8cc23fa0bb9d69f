"""What tests of ingest jobs do again and again: make one, bring it to its end, read its results."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

from requests import Response

from tests.conftest import Rest
from tests.waiting import until

CSV = {"Content-Type": "text/csv"}
JOBS = "/jobs/ingest"


def create(rest: Rest, **said: Any) -> Response:
    """Create a job of contacts that are inserted, unless something else is said; None leaves a key out."""
    body = {"object": "Contact", "operation": "insert", **said}
    return rest.post(JOBS, json={key: value for key, value in body.items() if value is not None})


def new_job(rest: Rest, **said: Any) -> str:
    answer = create(rest, **said)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def upload(rest: Rest, job: str, content: str | bytes, **headers: str) -> Response:
    data = content.encode() if isinstance(content, str) else content
    return rest("PUT", f"{JOBS}/{job}/batches", data=data, headers={**CSV, **headers})


def change(rest: Rest, job: str, state: Any) -> Response:
    return rest.patch(f"{JOBS}/{job}", json={"state": state})


def told(rest: Rest, job: str) -> dict[str, Any]:
    answer: dict[str, Any] = rest.get(f"{JOBS}/{job}").json()
    return answer


def ended(rest: Rest, job: str) -> dict[str, Any]:
    """Poll a job until it has ended."""
    until(lambda: told(rest, job)["state"] in ("JobComplete", "Failed", "Aborted"))
    return told(rest, job)


def load(rest: Rest, content: str | bytes, **said: Any) -> dict[str, Any]:
    """Take a content from creation to the end of its job."""
    job = new_job(rest, **said)
    answer = upload(rest, job, content)
    assert answer.status_code == 201, answer.text
    assert change(rest, job, "UploadComplete").status_code == 200
    return ended(rest, job)


def result(rest: Rest, job: str | dict[str, Any], kind: str) -> str:
    """Return a result file: `successfulResults`, `failedResults` or `unprocessedrecords`."""
    identifier = job if isinstance(job, str) else job["id"]
    answer = rest.get(f"{JOBS}/{identifier}/{kind}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv"), answer.text
    return answer.content.decode()


def rows(rest: Rest, job: str | dict[str, Any], kind: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(result(rest, job, kind), newline=""), delimiter=delimiter))


def state(job: dict[str, Any]) -> tuple[str, int, int]:
    return job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]
