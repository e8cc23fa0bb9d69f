"""Jobs of an org that lives in a file: they outlive the server, however it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

VERSION = "v60.0"
SCHEMA = "fields:\n  Contact:\n    Key__c: {type: text, length: 40, externalId: true, unique: true}\n"
LOGIN = {"grant_type": "client_credentials", "client_id": "sfmock-client-id", "client_secret": "sfmock-client-secret"}
ROWS = 6000
QUICK = "seed: 0\n"
SLOW = "transaction_time: 20ms\n"
"""Batches side by side, and each chunk takes its time."""


class Served:
    """A server of its own process over one file, which can be ended and started again. Its token outlives it."""

    def __init__(self, folder: Path, config: str, schema: str = SCHEMA) -> None:
        self.folder = folder
        self.file = folder / "org.db"
        (folder / "schema.yaml").write_text(schema)
        (folder / "settings.yaml").write_text(config)
        self.process: subprocess.Popen[str] | None = None
        self.token = ""
        self.start()
        answer = requests.post(f"{self.url}/services/oauth2/token", data=LOGIN, timeout=60)
        self.token = answer.json()["access_token"]

    def start(self, **options: Any) -> None:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        arguments = ["serve", "--port", "0", "--ready-file", str(ready), "--data", str(self.file)]
        arguments += ["--schema", str(self.folder / "schema.yaml"), "--config", str(self.folder / "settings.yaml")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mock_server.cli", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options,
        )  # fmt: skip
        until = time.monotonic() + 60
        while not ready.exists():
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.02)
        self.ready: dict[str, Any] = json.loads(ready.read_text())
        self.url = self.ready["url"]

    def end(self, number: int = signal.SIGKILL) -> str:
        """End the server; return what it has said."""
        assert self.process is not None
        self.process.send_signal(number)
        said = self.process.communicate(timeout=120)[0]
        self.process = None
        return said

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        url = f"{self.url}{path}" if path.startswith("/_mock") else f"{self.url}/services/data/{VERSION}{path}"
        return requests.request(method, url, headers=headers, timeout=60, **options)

    def query(self, soql: str) -> Any:
        return self("GET", "/query", params={"q": soql}).json()

    def job(self, text: bytes, **more: str) -> str:
        """Upload rows and say that they are complete; return the job's id."""
        made = self("POST", "/jobs/ingest", json={"object": "Contact", "operation": "insert", **more}).json()
        path = f"/jobs/ingest/{made['id']}"
        assert self("PUT", f"{path}/batches", data=text, headers={"Content-Type": "text/csv"}).status_code == 201
        assert self("PATCH", path, json={"state": "UploadComplete"}).status_code == 200
        return str(made["id"])

    def poll(self, job: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + 60
        while True:
            told: dict[str, Any] = self("GET", f"/jobs/ingest/{job}").json()
            if until(told):
                return told
            assert time.monotonic() < end, told
            time.sleep(0.005)

    def results(self, job: str, kind: str) -> list[dict[str, str]]:
        answer = self("GET", f"/jobs/ingest/{job}/{kind}")
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def begin(config: str = QUICK) -> Served:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Served(folder, config))
        return made[-1]

    yield begin
    for served in made:
        if served.process is not None:
            served.process.kill()
            served.process.communicate()


def contacts(count: int, wrong: int = 0) -> bytes:
    """Return rows, each `wrong`-th without its name."""
    lines = ["LastName,FirstName,Key__c"]
    lines += [f"{'' if wrong and number % wrong == 0 else 'Hopper'},Grace,K{number}" for number in range(count)]
    return "\n".join(lines).encode()


def over(told: dict[str, Any]) -> bool:
    return told["state"] in ("JobComplete", "Failed", "Aborted")


@pytest.mark.parametrize(
    ("config", "share", "number"),
    [
        (QUICK, 0.4, signal.SIGKILL),
        pytest.param(SLOW, 0.2, signal.SIGKILL, marks=pytest.mark.heavy),
        pytest.param(QUICK, 0.0, signal.SIGKILL, marks=pytest.mark.heavy),
        pytest.param(QUICK, 0.8, signal.SIGKILL, marks=pytest.mark.heavy),
        pytest.param(SLOW, 0.0, signal.SIGKILL, marks=pytest.mark.heavy),
        pytest.param(SLOW, 0.9, signal.SIGKILL, marks=pytest.mark.heavy),
        pytest.param(SLOW, 0.5, signal.SIGTERM, marks=pytest.mark.heavy),
    ],
)
def test_a_job_goes_on_where_the_server_ended(
    serve: Callable[..., Served], config: str, share: float, number: int
) -> None:
    rows = ROWS // 2
    acknowledged = rows
    while acknowledged == rows:  # it was over too soon to be interrupted
        rows *= 2
        served = serve(config)
        single = served("POST", "/sobjects/Contact", json={"LastName": "Lovelace"}).json()["id"]
        job = served.job(contacts(rows, wrong=10))
        told = served.poll(job, lambda told: bool(told["numberRecordsProcessed"] >= share * rows))  # noqa: B023
        acknowledged = told["numberRecordsProcessed"]
    said = served.end(number)
    assert "Traceback" not in said
    served.start()
    after = served("GET", f"/jobs/ingest/{job}").json()
    assert after["numberRecordsProcessed"] >= acknowledged
    assert after["state"] in ("UploadComplete", "InProgress", "JobComplete")
    ended = served.poll(job, over)
    failed = rows // 10
    assert (ended["state"], ended["numberRecordsProcessed"], ended["numberRecordsFailed"]) == (
        "JobComplete", rows, failed,
    )  # fmt: skip
    assert served.query(f"SELECT Id FROM Contact WHERE Id = '{single}'")["totalSize"] == 1
    assert served.query("SELECT COUNT() FROM Contact WHERE Key__c != null")["totalSize"] == rows - failed
    good, bad = served.results(job, "successfulResults"), served.results(job, "failedResults")
    assert sorted(row["Key__c"] for row in good + bad) == sorted(f"K{number}" for number in range(rows))
    known = {row["Id"] for row in served.query("SELECT Id FROM Contact WHERE Key__c != null")["records"]}
    assert known <= {row["sf__Id"] for row in good}
    assert len({row["sf__Id"] for row in good}) == rows - failed
    assert served.results(job, "unprocessedrecords") == []


def test_a_job_that_is_over_is_remembered_with_its_results(serve: Callable[..., Served]) -> None:
    served = serve()
    job = served.job(contacts(300, wrong=100))
    before = served.poll(job, over)
    open_job = served("POST", "/jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()["id"]
    kinds = ("successfulResults", "failedResults", "unprocessedrecords")
    results = [served.results(job, kind) for kind in kinds]
    served.end(signal.SIGTERM)
    served.start()
    assert served("GET", f"/jobs/ingest/{job}").json() == before
    assert [served.results(job, kind) for kind in kinds] == results
    assert served("GET", f"/jobs/ingest/{open_job}").json()["state"] == "Open"
    assert served("PUT", f"/jobs/ingest/{open_job}/batches", data=b"LastName\nx\n").status_code == 201
    another = served("POST", "/jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()["id"]
    assert another not in (job, open_job)


@pytest.mark.heavy
def test_a_server_that_ends_in_the_middle_of_an_upload_leaves_the_job_open(serve: Callable[..., Served]) -> None:
    served = serve()
    job = served("POST", "/jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()["id"]
    path = f"/services/data/{VERSION}/jobs/ingest/{job}/batches"
    with socket.create_connection(("127.0.0.1", int(served.url.rsplit(":", 1)[1])), 10) as sock:
        sock.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {served.token}\r\n"
            f"Content-Type: text/csv\r\nContent-Length: 50000000\r\n\r\n".encode()
            + contacts(100_000)
        )
        served.end()
    served.start()
    told = served("GET", f"/jobs/ingest/{job}").json()
    assert told["state"] == "Open"
    assert served("PUT", f"/jobs/ingest/{job}/batches", data=contacts(10)).status_code == 201
    assert served("PATCH", f"/jobs/ingest/{job}", json={"state": "UploadComplete"}).status_code == 200
    assert served.poll(job, over)["numberRecordsProcessed"] == 10


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.heavy)])
def test_a_days_calls_outlive_the_server(serve: Callable[..., Served], number: int) -> None:
    served = serve()
    for _ in range(5):
        served("GET", "/sobjects")
    if number == signal.SIGKILL:
        time.sleep(2.5)  # they are written down every second
    used = [_used(served)]
    served.end(number)
    served.start()
    used.append(_used(served))
    assert used[0] >= 5
    assert used[1] >= used[0] - (number == signal.SIGKILL)


def _used(served: Served) -> int:
    limit = served("GET", "/_mock/limits").json()["DailyApiRequests"]
    return int(limit["Max"] - limit["Remaining"])


def test_a_file_serves_one_server_at_a_time(serve: Callable[..., Served]) -> None:
    served = serve()
    arguments = [sys.executable, "-m", "mock_server.cli", "serve", "--port", "0", "--data", str(served.file)]
    second = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)
    assert second.returncode == 2
    assert second.stderr == f"sfmock: cannot keep records in {served.file}: another server uses it\n"
    assert served("GET", "/limits").status_code == 200
    served.end()
    served.start()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_file_that_cannot_be_written_is_said_plainly(serve: Callable[..., Served]) -> None:
    served = serve()
    served.end(signal.SIGTERM)
    served.file.chmod(0o400)
    arguments = [sys.executable, "-m", "mock_server.cli", "serve", "--port", "0", "--data", str(served.file)]
    second = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)
    assert second.returncode == 2
    assert "cannot keep records in" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.heavy
def test_a_full_disk_loses_nothing_that_was_told(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    served = Served(tmp_path, QUICK)
    ready = tmp_path / "ready.json"
    served.end(signal.SIGTERM)
    most = served.file.stat().st_size + 3_000_000
    served.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    try:
        single = served("POST", "/sobjects/Contact", json={"LastName": "Lovelace"})
        assert single.status_code == 201
        made = served("POST", "/jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()["id"]
        path = f"/jobs/ingest/{made}"
        refused = served("PUT", f"{path}/batches", data=contacts(400_000))
        assert refused.status_code == 503
        assert refused.json()[0]["errorCode"] == "SERVER_UNAVAILABLE"
        assert served("GET", path).json()["state"] == "Open"
        assert served("PUT", f"{path}/batches", data=contacts(12_000)).status_code == 201
        assert served("PATCH", path, json={"state": "UploadComplete"}).status_code == 200
        seen: list[int] = []
        stuck = served.poll(made, lambda told: _rests(seen, told["numberRecordsProcessed"]))
        assert stuck["state"] == "InProgress"
        assert served("GET", "/limits").status_code == 200
    finally:
        said = served.end()
    assert "Traceback" not in said
    assert "disk I/O error" in said or "full" in said
    # With room it goes on.
    served.start()
    assert ready.exists()
    ended = served.poll(made, over)
    assert (ended["state"], ended["numberRecordsProcessed"]) == ("JobComplete", 12_000)
    assert served.query("SELECT COUNT() FROM Contact")["totalSize"] == 12_001
    served.end()


def _rests(seen: list[int], processed: int) -> bool:
    """Tell whether a job has not come any further for a while."""
    seen.append(processed)
    return len(seen) > 100 and seen[-100] == processed > 0


@pytest.mark.parametrize("where", ["head", pytest.param("middle", marks=pytest.mark.heavy)])
def test_a_damaged_file_is_said_plainly(serve: Callable[..., Served], where: str) -> None:
    served = serve()
    served.end(signal.SIGTERM)
    size = served.file.stat().st_size
    with served.file.open("r+b") as file:
        file.seek(16 if where == "head" else 4096)
        file.write(b"\xa5" * (80 if where == "head" else size - 4096))
    arguments = [sys.executable, "-m", "mock_server.cli", "serve", "--port", "0", "--data", str(served.file)]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"sfmock: cannot keep records in {served.file}: ")
    assert "Traceback" not in ended.stderr


JOB = """<?xml version="1.0" encoding="UTF-8"?><jobInfo xmlns="http://www.force.com/2009/06/asyncapi/dataload">
<operation>insert</operation><object>Contact</object><contentType>CSV</contentType></jobInfo>"""


def classic(served: Served, method: str, path: str, data: bytes | str | None = None, kind: str = "text/csv") -> str:
    headers = {"X-SFDC-Session": served.token, "Content-Type": f"{kind}; charset=UTF-8"}
    answer = requests.request(
        method, f"{served.url}/services/async/60.0/job{path}", data=data, headers=headers, timeout=60
    )
    assert answer.status_code < 300, answer.text
    return answer.text


def told(text: str, name: str) -> list[str]:
    return re.findall(f"<{name}>(.*?)</{name}>", text)


@pytest.mark.parametrize(("config", "share"), [(SLOW, 0.3), pytest.param(QUICK, 0.5, marks=pytest.mark.heavy)])
def test_batches_go_on_where_the_server_ended(serve: Callable[..., Served], config: str, share: float) -> None:
    served = serve(config)
    (job,) = told(classic(served, "POST", "", JOB, "application/xml"), "id")
    rows = contacts(ROWS, wrong=10).splitlines()
    batches = []
    for start in range(1, ROWS, ROWS // 3):
        part = b"\n".join([rows[0], *rows[start : start + ROWS // 3]])
        batches += told(classic(served, "POST", f"/{job}/batch", part), "id")
    end = time.monotonic() + 60
    while sum(map(int, told(classic(served, "GET", f"/{job}"), "numberRecordsProcessed"))) < share * ROWS:
        assert time.monotonic() < end
    served.end()
    served.start()
    while set(told(classic(served, "GET", f"/{job}/batch"), "state")) != {"Completed"}:
        assert time.monotonic() < end
        time.sleep(0.05)
    good = []
    for batch in batches:
        results = list(csv.DictReader(io.StringIO(classic(served, "GET", f"/{job}/batch/{batch}/result"))))
        assert len(results) == ROWS // 3
        good += [row["Id"] for row in results if row["Success"] == "true"]
    assert len(set(good)) == len(good) == ROWS - ROWS // 10
    assert served.query("SELECT COUNT() FROM Contact WHERE Key__c != null")["totalSize"] == len(good)


def test_results_of_a_query_and_its_locators_outlive_the_server(serve: Callable[..., Served]) -> None:
    served = serve()
    served.poll(served.job(contacts(3000)), over)
    asked = {"operation": "query", "query": "SELECT Id, Key__c FROM Contact"}
    job = served("POST", "/jobs/query", json=asked).json()["id"]
    end = time.monotonic() + 60
    while served("GET", f"/jobs/query/{job}").json()["state"] != "JobComplete":
        assert time.monotonic() < end
    path, keys, locator = f"/jobs/query/{job}/results", [], ""
    while locator != "null":
        page = served("GET", path, params={"maxRecords": 1000, **({"locator": locator} if locator else {})})
        assert page.status_code == 200
        keys += [row["Key__c"] for row in csv.DictReader(io.StringIO(page.text))]
        locator = page.headers["Sforce-Locator"]
        if len(keys) == 1000:
            served.end()
            served.start()
    assert sorted(keys) == sorted(f"K{number}" for number in range(3000))


@pytest.mark.heavy
def test_a_query_that_was_under_way_is_run_again(serve: Callable[..., Served]) -> None:
    served = serve()
    served.poll(served.job(contacts(20_000)), over)
    asked = {"operation": "query", "query": "SELECT Id, Key__c FROM Contact"}
    job = served("POST", "/jobs/query", json=asked).json()["id"]
    served.end()
    served.start()
    end = time.monotonic() + 60
    while (now := served("GET", f"/jobs/query/{job}").json())["state"] != "JobComplete":
        assert time.monotonic() < end, now
    assert now["numberRecordsProcessed"] == 20_000
    assert len(served("GET", f"/jobs/query/{job}/results").text.splitlines()) == 20_001
