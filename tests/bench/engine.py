"""The engine by itself, without HTTP: `python -m tests.bench.engine [RECORDS]`, 1,000,000 by default.

Each figure stands beside its floor, taken in the same run: the same SQL typed by hand on the same database, or
sqlite3 and orjson with nothing between them. Times are medians. Exits 1 when a bound is missed.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change
from mock_server.org.schema import Schema

BASE = "/services/data/v60.0/sobjects"
FIELDS = {"Contact": {"Key__c": {"type": "text", "length": 40, "externalId": True, "unique": True}}}
RULED = {
    "Book__c": {"fields": {"Total__c": {"type": "rollup", "child": "Order__c", "reference": "Book__c", "operation": "sum", "field": "Price__c"}}},
    "Order__c": {
        "fields": {
            "Book__c": {"type": "masterdetail", "referenceTo": "Book__c"},
            "Price__c": {"type": "currency", "precision": 18, "scale": 2},
            "Count__c": {"type": "number", "precision": 6, "scale": 0},
            "Net__c": {"type": "currency", "precision": 18, "scale": 2, "formula": "Price__c * Count__c * 0.81"},
        },
        "validationRules": {
            "Positive": {"condition": "Price__c <= 0", "message": "Not for nothing."},
            "Bounded": {"condition": "AND(Net__c > 1000000, ISBLANK(Name))", "message": "Too much.", "field": "Price__c"},
        },
    },
}  # fmt: skip

Show = Callable[[str, str, str, bool], None]


def make_org(schema: Schema | None = None) -> tuple[Org, Session]:
    org = Org(1, schema=schema)
    org.directory.seed()
    return org, org.sessions.open(org.directory.default_user, org.directory.default_app, ("api",))


def fill(org: Org, who: Session, count: int) -> float:
    """Create accounts and contacts of ten fields; return records a second."""
    accounts = save(org, who, [Change("create", "Account", {"Name": f"Account {number}"}) for number in range(200)])
    begin = time.perf_counter()
    for first in range(0, count, 200):
        save(
            org,
            who,
            [
                Change(
                    "create",
                    "Contact",
                    {
                        "FirstName": f"Ada{number % 1000}", "LastName": f"Example {number}",
                        "Email": f"ada{number}@example.com", "Phone": "555-0100", "Title": "Engineer",
                        "AccountId": accounts[number % 200], "Department": f"D{number % 50}",
                        "MailingCity": "Paris", "Key__c": f"K{number}", "Description": "of the bench",
                    },
                )
                for number in range(first, first + 200)
            ],
        )  # fmt: skip
    return count / (time.perf_counter() - begin)


def save(org: Org, who: Session, changes: Sequence[Change]) -> list[str]:
    results = org.write(who, changes, all_or_none=True)
    failed = next((result for result in results if not result.success), None)
    if failed is not None:
        raise RuntimeError(failed.errors)
    return [str(result.id) for result in results]


def median(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def pairs(work: Callable[[], object], floor: Callable[[], object], times: int = 5) -> tuple[float, float, float]:
    """Return the median seconds of both, and the median of the ratios taken pair by pair."""
    taken = [(median(work, 1), median(floor, 1)) for _ in range(times)]
    return (
        statistics.median(a for a, _ in taken),
        statistics.median(b for _, b in taken),
        statistics.median(a / b for a, b in taken),
    )


def resident() -> float:
    """Return this process's memory in MB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def by_index(org: Org, who: Session) -> float:
    """Return the seconds of a filter on an indexed field, another key each time."""
    keys = itertools.count(17)

    def ask() -> None:
        page = org.query(who, f"SELECT Id, Name FROM Contact WHERE Key__c = 'K{next(keys)}'", base=BASE)
        assert page.total == 1

    ask()
    return median(ask, 200)


class Waits:
    """The longest time that something else had to wait while a query ran."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.002)
            now = time.perf_counter()
            self.longest = max(self.longest, now - last)
            last = now


async def long_ones(org: Org, who: Session, show: Show, count: int) -> None:
    def typed(sql: str) -> Callable[[], object]:
        return lambda: org.store.connection.execute(sql).fetchall()

    for work, soql, sql in (
        (
            "unindexed filter",
            "SELECT COUNT() FROM Contact WHERE Department = 'D7'",
            """SELECT COUNT(*) FROM "Contact" WHERE "Department" = 'D7' COLLATE NOCASE AND "IsDeleted" = 0""",
        ),
        (
            "aggregate",
            "SELECT Department, COUNT(Id) FROM Contact GROUP BY Department",
            """SELECT "Department", COUNT("Id") FROM "Contact" WHERE "IsDeleted" = 0
               GROUP BY "Department" COLLATE NOCASE""",
        ),
    ):
        waits = Waits()
        watch = asyncio.create_task(waits.watch())
        mine, bare = [], []
        for _ in range(5):
            begin = time.perf_counter()
            await org.query_aside(who, soql, base=BASE)
            mine.append(time.perf_counter() - begin)
            await asyncio.sleep(0.005)
            longest = waits.longest
            bare.append(median(typed(sql), 1))
            await asyncio.sleep(0.005)
            waits.longest = longest
        watch.cancel()
        ratio = statistics.median(a / b for a, b in zip(mine, bare, strict=True))
        show(
            f"{work} over {count:,}",
            f"{statistics.median(mine) * 1000:.0f} ms, by hand {statistics.median(bare) * 1000:.0f} ms = {ratio:.2f}; "
            f"others waited {waits.longest * 1000:.0f} ms",
            "<= 1.5",
            ratio <= 1.5,
        )


def wide_page(show: Show) -> None:
    """2,000 rows with three parent fields and a child subquery, beside sqlite3 and orjson."""
    org, who = make_org()
    accounts = save(org, who, [Change("create", "Account", {"Name": f"Account {n}", "Site": "x"}) for n in range(200)])
    contacts: list[str] = []
    for first in range(0, 2000, 200):
        contacts += save(
            org, who,
            [Change("create", "Contact", {"LastName": f"C {n}", "AccountId": accounts[n % 200]}) for n in range(first, first + 200)],
        )  # fmt: skip
    for first in range(0, 2000, 200):
        save(
            org, who,
            [Change("create", "Case", {"Subject": f"S {n}", "ContactId": contacts[n]}) for n in range(first, first + 200)],
        )  # fmt: skip
    soql = (
        "SELECT Id, LastName, Account.Name, Account.Site, Owner.Name, (SELECT Id, Subject FROM Cases) FROM Contact "
        "ORDER BY Id LIMIT 2000"
    )
    connection = org.store.connection

    def mine() -> bytes:
        page = org.query(who, soql, base=BASE)
        return orjson.dumps({"totalSize": page.total, "done": True, "records": page.records})

    def bare() -> bytes:
        cases: dict[str, list[dict[str, Any]]] = {}
        rows = connection.execute(
            'SELECT c."Id", c."LastName", a."Id", a."Name", a."Site", u."Id", u."Name" FROM "Contact" c '
            'LEFT JOIN "Account" a ON a."Id" = c."AccountId" AND a."IsDeleted" = 0 '
            'LEFT JOIN "User" u ON u."Id" = c."OwnerId" WHERE c."IsDeleted" = 0 ORDER BY c."Id" LIMIT 2000'
        ).fetchall()
        ids = orjson.dumps([row[0] for row in rows]).decode()
        for identifier, subject, contact in connection.execute(
            'SELECT "Id", "Subject", "ContactId" FROM "Case" WHERE "ContactId" IN (SELECT value FROM json_each(?)) '
            'AND "IsDeleted" = 0',
            (ids,),
        ):
            case = {
                "attributes": {"type": "Case", "url": f"{BASE}/Case/{identifier}"},
                "Id": identifier,
                "Subject": subject,
            }
            cases.setdefault(contact, []).append(case)
        records = []
        for row in rows:
            own = cases.get(row[0], [])
            records.append(
                {
                    "attributes": {"type": "Contact", "url": f"{BASE}/Contact/{row[0]}"}, "Id": row[0], "LastName": row[1],
                    "Account": {"attributes": {"type": "Account", "url": f"{BASE}/Account/{row[2]}"}, "Name": row[3], "Site": row[4]},
                    "Owner": {"attributes": {"type": "User", "url": f"{BASE}/User/{row[5]}"}, "Name": row[6]},
                    "Cases": {"totalSize": len(own), "done": True, "records": own} if own else None,
                }
            )  # fmt: skip
        return orjson.dumps({"totalSize": len(records), "done": True, "records": records})

    mine(), bare()
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    mine()
    connection.set_trace_callback(None)
    slow, quick, ratio = pairs(mine, bare, 15)
    show(
        "2,000 rows, three parent fields, a child subquery",
        f"{slow * 1000:.1f} ms, bare {quick * 1000:.1f} ms = {1 / ratio:.2f}; {len(statements)} statements",
        ">= 0.5, 2 statements",
        1 / ratio >= 0.5 and len(statements) == 2,
    )
    org.close()


def binding(org: Org, who: Session, show: Show) -> None:
    """A query of 200 characters, new each time and known."""
    fresh = itertools.count()

    def text(number: int) -> str:
        return (
            "SELECT Id, FirstName, LastName, Email, Account.Name, Account.Owner.Name FROM Contact WHERE "
            f"Key__c = 'nobody-{number:05d}' AND (Title LIKE 'Eng%' OR Department IN ('D1', 'D2')) AND IsDeleted = false LIMIT 10"
        )

    queries = org.queries
    new = median(lambda: queries._plan(text(next(fresh)), False), 200)
    known = text(0)
    queries._plan(known, False)
    cached = median(lambda: queries._plan(known, False), 2000)
    show(f"parse and bind {len(known)} characters", f"{new * 1000:.2f} ms", "< 2 ms", new < 0.002)
    show("the same again", f"{cached * 1e6:.1f} us", "< 50 us", cached < 50e-6)


def ruled(show: Show) -> None:
    """Create records with two validation rules, one formula and one roll-up, 200 at a time under 20 masters."""
    schema = Schema()
    schema.add(RULED, {})
    org, who = make_org(schema)
    books = save(org, who, [Change("create", "Book__c", {"Name": f"B{number}"}) for number in range(20)])

    def chunk(first: int) -> list[Change]:
        return [
            Change("create", "Order__c", {"Book__c": books[number % 20], "Price__c": number % 90 + 0.25, "Count__c": 3})
            for number in range(first, first + 200)
        ]

    save(org, who, chunk(0))
    chunks = [chunk(first) for first in range(0, 10_000, 200)]
    begin = time.perf_counter()
    for changes in chunks:
        save(org, who, changes)
    rate = 10_000 / (time.perf_counter() - begin)
    show("create with two rules, a formula, a roll-up", f"{rate:,.0f}/s", ">= 10,000/s", rate >= 10_000)
    org.close()


def main(count: int, show: Show) -> None:
    """Print the engine's part of the speed table."""
    small, someone = make_org(_schema())
    fill(small, someone, 10_000)
    quick = by_index(small, someone)
    binding(small, someone, show)
    small.close()
    wide_page(show)
    ruled(show)
    before = resident()
    org, who = make_org(_schema())
    rate = fill(org, who, count)
    used = resident() - before
    show(f"{count:,} contacts of ten fields", f"{used:.0f} MB, created at {rate:,.0f}/s", "< 600 MB", used < 600)
    slow = by_index(org, who)
    show(
        f"indexed filter over {count:,}",
        f"{slow * 1000:.3f} ms, over 10,000 {quick * 1000:.3f} ms = {slow / quick:.2f}",
        "< 5 ms, <= 2",
        slow < 0.005 and slow <= 2 * quick,
    )
    asyncio.run(long_ones(org, who, show, count))
    org.close()


def _schema() -> Schema:
    schema = Schema()
    schema.add({}, FIELDS)
    return schema


if __name__ == "__main__":
    held: list[bool] = []

    def line(work: str, measured: str, bound: str, ok: bool) -> None:
        held.append(ok)
        print(f"{work:52} {measured:80} {bound:22} {'ok' if ok else 'UNDER'}", flush=True)

    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, line)
    sys.exit(0 if all(held) else 1)
