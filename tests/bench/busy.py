"""`python -m tests.bench.busy [ROWS]`: how long small requests take beside a job, in memory, in a file, with a trigger.

Exits 1 where the slowest in a hundred takes longer than 100 ms while the job runs. A busy machine makes it longer.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections import defaultdict
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

from tests.bench.served import serving

BOUND = 100.0
"""Milliseconds."""
SCHEMA = "fields:\n  Contact:\n    Key__c: {type: text, length: 40, externalId: true, unique: true}\n"
TRIGGER = "automation:\n  - {object: Contact, on: [insert, update], name: ContactTrigger, cost: {soql: 1 per chunk}}\n"
HEADER = "Key__c,LastName,FirstName,Email,Phone,Title\n"
JOB = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Key__c"}


class Client:
    def __init__(self, port: int, token: str = "") -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=300)
        self._token = token

    def __call__(self, method: str, path: str, body: object = None, kind: str = "application/json") -> bytes:
        content = json.dumps(body) if isinstance(body, dict) else body
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        self._connection.request(method, path, content, headers)  # type: ignore[arg-type]
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return text


def measure(rows: int, folder: Path, *more: str) -> tuple[float, dict[str, list[float]]]:
    """Return how long a job took, in seconds, and by phase how long small requests did, in milliseconds."""
    (folder / "schema.yaml").write_text(SCHEMA)
    base, phase, ended = "/services/data/v60.0", ["upload"], threading.Event()
    took: dict[str, list[float]] = defaultdict(list)
    with serving(folder, "--schema", str(folder / "schema.yaml"), *more) as served:
        port, token = served.port, served.token
        client = Client(port, token)
        account = json.loads(client("POST", f"{base}/sobjects/Account", {"Name": "Acme"}))["id"]
        soql = quote("SELECT Id, Name FROM Account LIMIT 10")
        client("GET", f"{base}/query?q={soql}")  # the first one loads the grammar

        def ask() -> None:
            small = Client(port, token)
            while not ended.is_set():
                for method, path, body in (
                    ("GET", f"/sobjects/Account/{account}", None),
                    ("POST", "/sobjects/Account", {"Name": "x"}),
                    ("GET", f"/query?q={soql}", None),
                ):
                    now, begun = phase[0], time.perf_counter()
                    small(method, base + path, body)
                    took[now].append((time.perf_counter() - begun) * 1000)
                    time.sleep(0.005)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            job = f"{base}/jobs/ingest/" + json.loads(client("POST", f"{base}/jobs/ingest", JOB))["id"]
            text = HEADER + "".join(
                f"K{n:09d},Hopper{n},Grace,grace{n}@example.test,+1 555 {n:07d},Rear Admiral\n" for n in range(rows)
            )
            client("PUT", f"{job}/batches", text, "text/csv")
            phase[0], begun = "ingest", time.perf_counter()
            client("PATCH", job, {"state": "UploadComplete"})
            wait(client, job)
            lasted = time.perf_counter() - begun
            phase[0] = "query"
            asked = {"operation": "query", "query": "SELECT Id, Key__c, LastName, FirstName, Email, Phone FROM Contact"}
            job = f"{base}/jobs/query/" + json.loads(client("POST", f"{base}/jobs/query", asked))["id"]
            wait(client, job)
            phase[0] = "download"
            client("GET", f"{job}/results")
        finally:
            ended.set()
            asking.join()
    return lasted, took


def wait(client: Client, job: str) -> None:
    while (told := json.loads(client("GET", job)))["state"] != "JobComplete":
        if told["state"] in ("Failed", "Aborted"):
            raise RuntimeError(f"the job has failed: {told}")
        time.sleep(0.2)


def main(rows: int) -> int:
    slow = False
    print(f"small requests beside jobs of {rows:,} rows, milliseconds: median, slowest in a hundred, slowest")
    for name in ("memory", "file", "trigger"):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            (folder / "trigger.yaml").write_text(TRIGGER)
            more = {
                "file": ["--data", str(folder / "org.db")], "trigger": ["--config", str(folder / "trigger.yaml")],
            }.get(name, [])  # fmt: skip
            lasted, took = measure(rows, folder, *more)
        print(f"{name}: ingested in {lasted:.1f} s")
        for phase, times in took.items():
            times.sort()
            late = times[len(times) * 99 // 100]
            slow = slow or (late > BOUND and len(times) > 300)
            print(f"  {phase:9} {times[len(times) // 2]:7.1f} {late:7.1f} {times[-1]:7.1f}   of {len(times)}")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
