"""What change data capture adds to a write: `python -m tests.bench.captured [RECORDS]`, 8,000 by default.

The same writes to two orgs, one that captures contacts and one that captures nothing, in turns; no HTTP. Then what it
takes to read the events. Times are medians of pairs. Exits 1 when a bound is missed.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.blocks import BLOCK
from mock_server.org.records.changes import Change
from mock_server.org.records.tables import Table
from tests.bench.engine import FIELDS, make_org, resident

Show = Callable[[str, str, str, bool], None]
MOST = 1.5
TIMES = 9
RECORDS = 8_000


@dataclass
class Side:
    """One of the two orgs, and the ids of the contacts that it was given."""

    org: Org
    who: Session
    ids: list[str]
    made: int = 0
    upserts: int = 0

    def create(self, number: int) -> Change:
        self.made += 1
        key = f"K{self.made}"
        values = {
            "LastName": f"Name {number}", "FirstName": "Ada", "Email": f"{key}@example.com", "Phone": "555-0100",
            "Department": f"D{number % 50}", "Title": "Engineer", "MailingCity": "Paris", "Key__c": key,
        }  # fmt: skip
        return Change("create", "Contact", values)

    def update(self, number: int) -> Change:
        self.made += 1
        values = {"Phone": f"555-{self.made % 10_000}", "Title": f"T{self.made % 7}"}
        return Change("update", "Contact", values, id=self.ids[number % len(self.ids)])

    def write(self, changes: list[Change]) -> list[str]:
        results = self.org.write(self.who, changes, all_or_none=False)
        if not all(one.success for one in results):
            raise RuntimeError(next(one.errors for one in results if not one.success))
        return [str(one.id) for one in results]

    def load(self, table: Table) -> None:
        with self.org.behind():
            results = self.org.write_table(self.who, table)
        if not all(one.success for one in results):
            raise RuntimeError(next(one.errors for one in results if not one.success))

    def created(self, count: int) -> Table:
        rows = []
        for number in range(count):
            self.made += 1
            key = f"K{self.made}"
            rows.append((f"Name {number}", "Ada", f"{key}@example.com", "555-0100", f"D{number % 50}", "Paris", key))
        columns = ("LastName", "FirstName", "Email", "Phone", "Department", "MailingCity", "Key__c")
        return Table("create", "Contact", columns, rows)

    def upserted(self, count: int) -> Table:
        """Return updates by the keys of some contacts, of others each time: a job names a record once."""
        first = self.upserts * count
        self.made += 1
        self.upserts += 1
        rows = [
            (f"K{(first + place) % len(self.ids) + 1}", f"555-{(self.made + place) % 10_000}", f"T{self.made % 7}", "X")
            for place in range(count)
        ]
        return Table("upsert", "Contact", ("Key__c", "Phone", "Title", "LastName"), rows, "Key__c")

    def updated(self, count: int) -> Table:
        self.made += 1
        rows = [
            (one, f"555-{(self.made + place) % 10_000}", f"T{(self.made + place) % 7}")
            for place, one in enumerate(self.ids[:count])
        ]
        return Table("update", "Contact", ("Id", "Phone", "Title"), rows)


def sides() -> tuple[Side, Side]:
    out = []
    for captured in (True, False):
        org, who = make_org()
        org.schema.add({}, FIELDS)
        if captured:
            org.captured.add("Contact")
        side = Side(org, who, [])
        for first in range(0, 4 * BLOCK, 200):
            side.ids += side.write([side.create(number) for number in range(first, first + 200)])
        out.append(side)
    return out[0], out[1]


def works(count: int) -> dict[str, Callable[[Side], Callable[[], object]]]:
    """Return what is measured: each prepares one turn of its work on a side, untimed."""

    def rows(make: Callable[[Side, int], Change]) -> Callable[[Side], Callable[[], object]]:
        def prepare(side: Side) -> Callable[[], object]:
            changes = [[make(side, number)] for number in range(count // 40)]
            return lambda: [side.write(one) for one in changes]

        return prepare

    def calls(make: Callable[[Side, int], Change]) -> Callable[[Side], Callable[[], object]]:
        def prepare(side: Side) -> Callable[[], object]:
            many = [[make(side, at + n) for n in range(200)] for at in range(0, count // 8, 200)]
            return lambda: [side.write(one) for one in many]

        return prepare

    def blocks(make: Callable[[Side, int], Table]) -> Callable[[Side], Callable[[], object]]:
        def prepare(side: Side) -> Callable[[], object]:
            tables = [make(side, BLOCK) for _ in range(max(1, count // BLOCK))]

            def load() -> None:
                for one in tables:
                    side.load(one)
                side.org.store.settle()

            return load

        return prepare

    return {
        "create, row by row": rows(Side.create),
        "update, row by row": rows(Side.update),
        "create, 200 in a call": calls(Side.create),
        "update, 200 in a call": calls(Side.update),
        f"create, blocks of {BLOCK:,}": blocks(Side.created),
        f"update, blocks of {BLOCK:,}": blocks(Side.updated),
        f"upsert, blocks of {BLOCK:,}": blocks(Side.upserted),
    }


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main(count: int, show: Show) -> None:
    on, off = sides()
    for name, prepare in works(count).items():
        ratios, costs = [], []
        for turn in range(TIMES):
            first, second = (on, off) if turn % 2 else (off, on)
            taken: dict[Any, float] = {id(one): timed(prepare(one)) for one in (first, second)}
            ratios.append(taken[id(on)] / taken[id(off)])
            costs.append(taken[id(off)])
        ratio = statistics.median(ratios)
        show(
            f"{name}, captured",
            f"{ratio:.2f} of the write without capture, {statistics.median(costs):.3f} s",
            f"<= {MOST}",
            ratio <= MOST,
        )


def read_all(count: int) -> str:
    """Return what it takes to make and read the events of some creations, in words."""
    on, _ = sides()
    works(count)[f"create, blocks of {BLOCK:,}"](on)()
    before = resident()
    channel = on.org.events.find(on.who, "/data/ChangeEvents")
    total, since = 0, 0
    begin = time.perf_counter()
    while events := on.org.events.after(channel, since, 100):
        total += len(events)
        since = events[-1].replay_id
    spent = time.perf_counter() - begin
    return (
        f"{total:,} events made and read at {total / spent:,.0f} a second; memory grew by {resident() - before:.0f} MB"
    )


if __name__ == "__main__":
    missed: list[bool] = []

    def printed(work: str, measured: str, bound: str, ok: bool) -> None:
        print(f"{work:50} {measured:70} {bound:22} {'ok' if ok else 'OVER'}", flush=True)
        missed.append(not ok)

    many = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    main(many, printed)
    print(read_all(many))
    sys.exit(any(missed))
