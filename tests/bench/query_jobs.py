"""Query jobs of Bulk API 2.0: `python -m tests.bench.query_jobs [RECORDS]`, 1,000,000 by default.

The server keeps its org in a file; a client in a process of its own creates the job, polls it and downloads all pages.
The floor, taken in the same run on the same file: sqlite3 and csv.writer with nothing between them. Meanwhile a third
process reads a record again and again. Exits 1 when a bound is missed.
"""

from __future__ import annotations

import csv
import http.client
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mock_server.org.org import Org
from tests.bench.served import serving

Show = Callable[[str, str, str, bool], None]
DATA = "/services/data/v60.0"
FIELDS = ("Id", "FirstName", "LastName", "Email", "Phone", "CreatedDate")
SOQL = f"SELECT {', '.join(FIELDS)} FROM Contact"
RATIO, P99_MS, LINEAR, MEMORY_MB = 2.5, 100.0, 1.3, 300.0
ROUNDS = 3
_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Address:
    port: int
    token: str

    def ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request(method, DATA + path, None if body is None else json.dumps(body), headers)
        return connection.getresponse()

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port)


# -- the other processes


def run_job(address: Address, soql: str) -> dict[str, Any]:
    """Run a query job from its creation to the last byte of its result; return seconds, rows and bytes."""
    connection, begin = address.connection(), time.perf_counter()
    job = json.loads(address.ask(connection, "POST", "/jobs/query", {"operation": "query", "query": soql}).read())
    path = f"/jobs/query/{job['id']}"
    while json.loads(address.ask(connection, "GET", path).read())["state"] != "JobComplete":
        time.sleep(0.02)
    complete = time.perf_counter() - begin
    rows = size = 0
    locator = ""
    while locator != "null":
        answer = address.ask(connection, "GET", f"{path}/results?locator={locator}")
        while piece := answer.read(1 << 18):
            size += len(piece)
        rows += int(answer.headers["Sforce-NumberOfRecords"])
        locator = answer.headers["Sforce-Locator"]
    taken = time.perf_counter() - begin
    assert address.ask(connection, "DELETE", path).status == 204
    return {"complete": complete, "taken": taken, "rows": rows, "bytes": size}


def read_on(address: Address, record: str) -> None:
    """Read one record until the input is closed; print the milliseconds of each."""
    connection, taken = address.connection(), []
    stop = time.perf_counter() + 600
    print("ready", flush=True)
    import select

    while not select.select([sys.stdin], [], [], 0.002)[0] and time.perf_counter() < stop:
        begin = time.perf_counter()
        address.ask(connection, "GET", f"/sobjects/Contact/{record}").read()
        taken.append((time.perf_counter() - begin) * 1000)
    print(json.dumps(taken))


def _spawn(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.query_jobs", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# -- the server and its floor


def fill(file: Path, count: int) -> str:
    """Make an org with contacts in a file; return the id of one."""
    org = Org(1, data=file)
    org.directory.seed()
    contact = org.schema.get("Contact")
    assert contact is not None
    user, moment = org.directory.default_user.id, "2026-01-01T00:00:00.000+0000"
    audit = dict.fromkeys(("OwnerId", "CreatedById", "LastModifiedById"), user)
    audit |= dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), moment)
    first = ""
    for start in range(0, count, _AT_ONCE):
        rows = [
            {
                "Id": org.ids.take("003"), "FirstName": f"Ada{n % 1000}", "LastName": f"Example {n}",
                "Email": f"ada{n}@example.com", "Phone": "555-0100", "Title": "Engineer", **audit,
            }
            for n in range(start, min(count, start + _AT_ONCE))
        ]  # fmt: skip
        with org.store.transaction():
            org.store.put_many(contact, rows)
        first = first or str(rows[0]["Id"])
    org.close()
    return first


def floor(file: Path, folder: Path) -> float:
    """Return the seconds of fetching the same rows and writing them as CSV."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    begin = time.perf_counter()
    names = ", ".join(f'"{name}"' for name in FIELDS)
    with (folder / "floor.csv").open("w", newline="") as out:
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows(connection.execute(f'SELECT {names} FROM "Contact" WHERE "IsDeleted" = 0 ORDER BY "Id"'))
    taken = time.perf_counter() - begin
    connection.close()
    return taken


def own_memory(pid: int) -> float:
    """Return the memory in MB that a process has for itself: pages of files do not count."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        found = {line.split(":")[0]: line.split()[1] for line in file if line.startswith("Rss")}
    return int(found["RssAnon"]) / 1024


def job_of(address: Address, soql: str = SOQL) -> dict[str, Any]:
    process = _spawn("job", str(address.port), address.token, soql)
    told: dict[str, Any] = json.loads(process.communicate()[0])
    return told


def main(count: int, show: Show) -> None:
    folder_of = tempfile.TemporaryDirectory()
    with folder_of as name:
        folder = Path(name)
        small, large = count // 10, count
        seconds: dict[int, float] = {}
        for rows in (small, large):
            file = folder / f"{rows}.db"
            record = fill(file, rows)
            with serving(folder, "--data", str(file)) as served:
                address, pid = Address(served.port, served.token), served.pid
                job_of(address, "SELECT Id FROM Contact LIMIT 10")
                before = own_memory(pid)
                pairs, most, waits = _measure(address, pid, file, folder, record)
                told = pairs[0][0]
                assert told["rows"] == rows, told
                assert told["bytes"] > (folder / "floor.csv").stat().st_size * 0.95
            seconds[rows] = statistics.median(one["taken"] for one, _ in pairs)
            if rows == small:
                continue
            bare = statistics.median(one for _, one in pairs)
            ratio = statistics.median(one["taken"] / under for one, under in pairs)
            measured = f"{seconds[rows]:.2f} s of {bare:.2f} s = {ratio:.2f}"
            show(f"query job of {rows:,} rows to CSV, in pages", measured, f"<= {RATIO} of bare", ratio <= RATIO)
            high = statistics.quantiles(waits, n=100)[98]
            measured = f"{high:.0f} ms, longest {max(waits):.0f} ms, of {len(waits)}"
            show("other requests meanwhile, p99", measured, f"< {P99_MS:.0f} ms", high < P99_MS)
            show(
                "memory of its own meanwhile",
                f"{most - before:.0f} MB",
                f"< {MEMORY_MB:.0f} MB",
                most - before < MEMORY_MB,
            )
        growth = (seconds[large] / large) / (seconds[small] / small)
        measured = f"{seconds[small] / small * 1e6:.2f} and {seconds[large] / large * 1e6:.2f} us = {growth:.2f}"
        show(f"time a row, {small:,} and {large:,}", measured, f"<= {LINEAR}", growth <= LINEAR)


def _measure(
    address: Address, pid: int, file: Path, folder: Path, record: str
) -> tuple[list[tuple[dict[str, Any], float]], float, list[float]]:
    """Return pairs of a job and its floor, the most memory, and the milliseconds of other requests during jobs."""
    pairs, most, waits = [], 0.0, []
    for turn in range(ROUNDS):
        process = _spawn("job", str(address.port), address.token, SOQL)
        while process.poll() is None:
            most = max(most, own_memory(pid))
            time.sleep(0.02)
        pairs.append((json.loads(process.communicate()[0]), floor(file, folder)))
        if turn == 0:
            # Those others are not part of the bare work: they are measured during a job of its own.
            reader = _spawn("read", str(address.port), address.token, record)
            assert reader.stdout is not None
            reader.stdout.readline()
            job_of(address)
            waits = json.loads(reader.communicate("stop\n")[0])
    return pairs, most, waits


if __name__ == "__main__":
    if sys.argv[1:2] == ["job"]:
        print(json.dumps(run_job(Address(int(sys.argv[2]), sys.argv[3]), sys.argv[4])))
    elif sys.argv[1:2] == ["read"]:
        read_on(Address(int(sys.argv[2]), sys.argv[3]), sys.argv[4])
    else:
        missed: list[str] = []

        def line(work: str, measured: str, bound: str, ok: bool) -> None:
            print(f"{work:50} {measured:60} {bound:18} {'ok' if ok else 'UNDER'}", flush=True)
            if not ok:
                missed.append(work)

        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, line)
        sys.exit(bool(missed))
