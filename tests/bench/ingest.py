"""Ingest jobs of Bulk API 2.0: `python -m tests.bench.ingest [RECORDS]`, 1,000,000 by default.

A client in a process of its own uploads a CSV file of six fields, closes the job and polls it until JobComplete. The
floor, taken in the same run from the same file: csv.reader and sqlite3's executemany, with a unique index and ON
CONFLICT DO UPDATE. Meanwhile a third process reads a record again and again. Exits 1 when a bound is missed.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.query_jobs import DATA, Address, own_memory
from tests.bench.query_jobs import _spawn as spawn_reader
from tests.bench.served import serving

Show = Callable[[str, str, str, bool], None]
RATIO, P99_MS, LINEAR, MEMORY_MB = 3.0, 100.0, 1.3, 300.0
COLUMNS = ("External_Id__c", "FirstName", "LastName", "Email", "Phone", "Title")
FIELDS = """
fields:
  Contact:
    External_Id__c: {type: text, length: 64, externalId: true, unique: true}
"""
LARGEST = 150_000_000
"""Bytes of the largest upload."""


def write_rows(file: Path, first: int, count: int, more: str = "") -> int:
    """Write rows as CSV; return the bytes. `more` makes them longer."""
    with file.open("w", newline="") as out:
        out.write(",".join(COLUMNS) + "\n")
        for n in range(first, first + count):
            out.write(
                f"EXT-{n:08d},First{n % 977},Last{n},user{n}@example.com,+1 555 {n % 10000:04d},Title {n % 50}{more}\n"
            )
    return file.stat().st_size


def floor(file: Path) -> float:
    """Return the seconds of reading rows and writing them, with nothing between."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (Id INTEGER PRIMARY KEY, e TEXT, a TEXT, b TEXT, c TEXT, d TEXT, f TEXT)")
    connection.execute("CREATE UNIQUE INDEX i ON t (e)")
    begin = time.perf_counter()
    with file.open(newline="") as lines:
        reader = csv.reader(lines)
        next(reader)
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO t (e, a, b, c, d, f) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (e) DO UPDATE SET "
            "a = excluded.a, b = excluded.b, c = excluded.c, d = excluded.d, f = excluded.f",
            reader,
        )
        connection.execute("COMMIT")
    taken = time.perf_counter() - begin
    connection.close()
    return taken


def run_job(address: Address, file: Path) -> dict[str, Any]:
    """Run an upsert from its upload to JobComplete; return seconds and counts."""
    connection = address.connection()
    new = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "External_Id__c", "lineEnding": "LF"}
    job = json.loads(address.ask(connection, "POST", "/jobs/ingest", new).read())
    path = f"/jobs/ingest/{job['id']}"
    begin = time.perf_counter()
    with file.open("rb") as content:
        headers = {"Authorization": f"Bearer {address.token}", "Content-Type": "text/csv"}
        headers["Content-Length"] = str(file.stat().st_size)
        connection.request("PUT", f"{DATA}{path}/batches", content, headers)
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        answer.read()
    uploaded = time.perf_counter() - begin
    address.ask(connection, "PATCH", path, {"state": "UploadComplete"}).read()
    while (told := json.loads(address.ask(connection, "GET", path).read()))["state"] not in ("JobComplete", "Failed"):
        time.sleep(0.05)
    taken = time.perf_counter() - begin
    assert told["state"] == "JobComplete", told
    assert told["numberRecordsFailed"] == 0, told
    return {"taken": taken, "uploaded": uploaded, "rows": told["numberRecordsProcessed"]}


@contextmanager
def loading(folder: Path) -> Iterator[tuple[Address, int, str]]:
    """Serve an org with an external id; yield its address, the process's id and the id of a contact."""
    schema = folder / "fields.yaml"
    schema.write_text(FIELDS)
    with serving(folder, "--schema", str(schema)) as served:
        (record,) = served.control.seed("Contact", [{"LastName": "Read"}])
        yield Address(served.port, served.token), served.pid, record


def _job(address: Address, file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.ingest", "job", str(address.port), address.token, str(file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def job_of(address: Address, file: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(_job(address, file).communicate()[0])
    return told


def main(count: int, show: Show) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = folder / "small.csv", folder / "large.csv"
        few = max(1, count // 100)
        write_rows(large, 0, count)
        with loading(folder) as (address, _, record):
            # New rows each time, as in the large file.
            little = []
            for turn in range(5):
                write_rows(small, count + turn * few, few)
                little.append(job_of(address, small)["taken"])
        with loading(folder) as (address, _, record):
            bare = floor(large)
            told = job_of(address, large)
            bare = statistics.mean((bare, floor(large)))
            assert told["rows"] == count, told
            ratio = told["taken"] / bare
            measured = f"{told['taken']:.2f} s of {bare:.2f} s = {ratio:.2f}"
            show(f"ingest job of {count:,} rows, upsert by key", measured, f"<= {RATIO} of bare", ratio <= RATIO)
            quick = statistics.median(little)
            growth = (told["taken"] / count) / (quick / few)
            measured = f"{quick / few * 1e6:.2f} and {told['taken'] / count * 1e6:.2f} us = {growth:.2f}"
            show(f"time a row, {few:,} and {count:,}", measured, f"<= {LINEAR}", growth <= LINEAR)
            reader = spawn_reader("read", str(address.port), address.token, record)
            assert reader.stdout is not None
            reader.stdout.readline()
            job_of(address, large)
            waits = json.loads(reader.communicate("stop\n")[0])
            high = statistics.quantiles(waits, n=100)[98]
            measured = f"{high:.0f} ms, longest {max(waits):.0f} ms, of {len(waits)}"
            show("other requests meanwhile, p99", measured, f"< {P99_MS:.0f} ms", high < P99_MS)
        with loading(folder) as (address, pid, _):
            memory(address, pid, folder, show, few)


def memory(address: Address, pid: int, folder: Path, show: Show, few: int) -> None:
    """Measure what a server needs for itself while it takes the largest upload there may be."""
    file, small = folder / "largest.csv", folder / "small.csv"
    size = write_rows(file, 0, 1000, more="x" * 40)
    size = write_rows(file, 0, LARGEST * 960 // size, more="x" * 40)
    # The first job loads what jobs need; the pages of a small database are memory.
    write_rows(small, 90_000_000, few)
    job_of(address, small)
    before = most = own_memory(pid)
    job = _job(address, file)
    while job.poll() is None:
        most = max(most, own_memory(pid))
        time.sleep(0.02)
    assert json.loads(job.communicate()[0])["rows"] > 0
    work = f"memory of its own, ingesting {size / 1e6:.0f} MB"
    show(work, f"{most - before:.0f} MB", f"< {MEMORY_MB:.0f} MB", most - before < MEMORY_MB)


if __name__ == "__main__":
    if sys.argv[1:2] == ["job"]:
        print(json.dumps(run_job(Address(int(sys.argv[2]), sys.argv[3]), Path(sys.argv[4]))))
    else:
        missed: list[str] = []

        def line(work: str, measured: str, bound: str, ok: bool) -> None:
            print(f"{work:50} {measured:60} {bound:18} {'ok' if ok else 'UNDER'}", flush=True)
            if not ok:
                missed.append(work)

        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, line)
        sys.exit(bool(missed))
