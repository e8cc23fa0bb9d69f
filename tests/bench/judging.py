"""How long linking and judging take: `python -m tests.bench.judging [ENTRIES]`, 100,000 journal entries by default.

Times are seconds of this process's own work, so that what else the machine does hardly shows.
Prints the time of linking and of each property, slowest first, at a quarter of the size and at the whole; `growth` is
what one costs over the other: near 4 for work that is linear. Exits 1 when judging takes longer than the bound.
"""

from __future__ import annotations

import contextlib
import gc
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.evidence import ArmedFault, Evidence, Process
from harness.inputs import Input
from harness.judge import judge
from harness.letters import BrokenLetter, Letter
from harness.linking import link
from harness.properties import read_parameters, registry
from mock_server.control.client import CommitRow

ENTRIES = 100_000
BOUND = 5.0
"""Seconds that all properties together may take for so many entries."""
DATA = "/services/data/v60.0"
BATCH = 20
TRANSIENT = ("UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE")
PERMANENT = ("REQUIRED_FIELD_MISSING", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "STRING_TOO_LONG")


@dataclass
class Load:
    """A long trial in the making: an integration that mostly does right, by several styles, under many faults."""

    size: int
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    entries: list[dict[str, Any]] = field(default_factory=list)
    commits: list[CommitRow] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    letters: list[Letter | BrokenLetter] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    now: float = 1_700_000_000.0

    def build(self) -> Load:
        styles = (self.upsert, self.create, self.collection, self.query, self.login)
        # Of all entries; one that is retried brings its next attempts along.
        weights = (62, 10, 6, 18, 4)
        while len(self.entries) < self.size:
            self.chance.choices(styles, weights)[0]()
        del self.entries[self.size :]
        last = len(self.entries)
        self.commits = [commit for commit in self.commits if (commit.exchange or 0) <= last]
        return self

    def link(self) -> Evidence:
        return link(
            entries=self.entries,
            commits=self.commits,
            inputs=self.inputs,
            letters=self.letters,
            process=Process(0, 60.0),
            faults=[ArmedFault("locks", 9000, 3000), ArmedFault("outage", 5000, 2000), ArmedFault("lost", 900, 300)],
        )

    @property
    def rows(self) -> int:
        return sum(len(entry["rows"]) for entry in self.entries)

    def upsert(self) -> None:
        given = self.given()
        path = f"{DATA}/sobjects/Contact/External_Id__c/{given.key}"
        self.attempts("rest.sobject.upsert", "PATCH", path, [given])

    def create(self) -> None:
        self.attempts("rest.sobject.create", "POST", f"{DATA}/sobjects/Contact", [self.given()])

    def collection(self) -> None:
        rows = [self.given() for _ in range(BATCH)]
        path = f"{DATA}/composite/sobjects/Contact/External_Id__c"
        self.attempts("rest.collections.upsert", "PATCH", path, rows)

    def query(self) -> None:
        text = f"q=SELECT+Id+FROM+Contact+WHERE+External_Id__c='K{self.chance.randrange(self.size)}'"
        while self.chance.random() < 0.05:
            self.entry("rest.query.run", "GET", f"{DATA}/query", query=text, status=503, strikes=[strike("outage")])
            self.now += 1
        self.entry("rest.query.run", "GET", f"{DATA}/query", query=text)

    def login(self) -> None:
        if self.chance.random() < 0.5:
            self.entry("rest.query.run", "GET", f"{DATA}/query", status=401, codes=["INVALID_SESSION_ID"])
        self.entry("oauth.token", "POST", "/services/oauth2/token")

    def given(self) -> Input:
        number = len(self.inputs)
        fields = {"LastName": f"Name {number}", "Email": f"name{number}@example.com", "Title": "Engineer"}
        self.inputs.append(Input("Contact", "External_Id__c", f"K{number}", fields))
        return self.inputs[-1]

    def attempts(self, operation: str, method: str, path: str, rows: list[Input]) -> None:
        """Send rows until each is saved, refused for good or out of attempts; those left over become letters."""
        for attempt in range(1, 6):
            self.now += 0.2 * 2**attempt if attempt > 1 else 0.01
            body = f"{operation} {rows[0].key} {len(rows)}"
            luck = self.chance.random()
            if luck < 0.06:
                self.entry(operation, method, path, fingerprint=body, status=503, strikes=[strike("outage")])
                continue
            lost = luck < 0.08 and operation != "rest.sobject.create"
            again = self.decided(operation, method, path, rows, body, attempt, lost)
            if not again:
                return
            rows = again
        for given in rows:
            self.letter(given, "UNABLE_TO_LOCK_ROW", 5)

    def decided(
        self, operation: str, method: str, path: str, rows: list[Input], body: str, attempt: int, lost: bool
    ) -> list[Input]:
        """Add an entry whose rows the org came to; return those to send again."""
        many = operation.startswith("rest.collections.")
        number = len(self.entries) + 1
        again, told = [], []
        for given in rows:
            luck = self.chance.random()
            code = self.chance.choice(TRANSIENT) if luck < 0.08 else None
            code = self.chance.choice(PERMANENT) if luck > 0.98 and not lost else code
            told.append(self.row(operation, given, code, number))
            if code in TRANSIENT or lost:
                again.append(given)
            elif code:
                self.letter(given, code, attempt)
        codes = [] if many else [code for row in told for code in row["codes"]]
        changes: dict[str, Any] = {"status": 400 if codes else 200, "codes": codes, "rows": told, "fingerprint": body}
        strikes = [strike("locks", "error", "row", rows=len(again))] if again and not lost else []
        if lost:
            changes |= {"status": None, "outcome": "lost"}
            strikes = [strike("lost", "reply", "reply")]
        self.entry(operation, method, path, strikes=strikes, **changes)
        return again

    def row(self, operation: str, given: Input, code: str | None, number: int) -> dict[str, Any]:
        anew = operation.endswith("create")
        created = code is None and str(given.key) not in self.ids
        if created:
            self.ids[str(given.key)] = f"003{len(self.ids):012d}AAA"
        values = dict(given.record) | ({"External_Id__c": given.key} if anew else {})
        if code is None:
            stored = {**given.record, "External_Id__c": given.key}
            verb = "create" if created else "update"
            serial, identifier = len(self.commits) + 1, self.ids[str(given.key)]
            self.commits.append(CommitRow(serial, number, verb, "Contact", identifier, self.now, number, stored, True))
        return {
            "verb": "create" if anew else "upsert",
            "sobject": "Contact",
            "key_field": None if anew else "External_Id__c",
            "key": None if anew else given.key,
            "id": self.ids.get(str(given.key)) if code is None else None,
            "success": code is None,
            "created": created,
            "codes": [code] if code else [],
            "values": values,
            "fingerprint": f"row {given.key}",
        }

    def letter(self, given: Input, code: str, attempts: int) -> None:
        line = len(self.letters) + 1
        at = "2026-03-01T10:00:00+00:00"
        self.letters.append(
            Letter(dict(given.record), str(given.key), code, "it was refused", attempts, at, "{}", line)
        )

    def entry(self, operation: str, method: str, path: str, **changes: Any) -> None:
        self.now += 0.05
        self.entries.append(
            {
                "number": len(self.entries) + 1,
                "at": self.now,
                "end": self.now + 0.04,
                "operation": operation,
                "method": method,
                "path": path,
                "query": None,
                "client": "bench",
                "user": "integration@sfmock.test",
                "session": "s1",
                "status": 200,
                "outcome": "answered",
                "codes": [],
                "unimplemented": False,
                "strikes": [],
                "fingerprint": None,
                "retry_after": None,
                "rows": [],
                **changes,
            }
        )


def strike(rule: str, effect: str = "status", point: str = "before", rows: int = 0) -> dict[str, Any]:
    return {"rule": rule, "effect": effect, "point": point, "rows": rows}


def timed_link(load: Load) -> tuple[Evidence, float]:
    """Link, and return the evidence and the seconds it took."""
    begin = time.process_time()
    evidence = load.link()
    return evidence, time.process_time() - begin


def timed_judge(evidence: Evidence) -> float:
    """Judge by all properties as a trial does; return the seconds."""
    begin = time.process_time()
    judge(evidence)
    return time.process_time() - begin


def timed_claims(evidence: Evidence) -> dict[str, float]:
    """Return the seconds of each property, of its own work alone."""
    spent = {}
    with _uncollected():
        for name, claim in registry().items():
            parameters = read_parameters(claim, None)
            begin = time.process_time()
            claim.judge(evidence, parameters)
            spent[name] = time.process_time() - begin
    return spent


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector out: its walk over a whole trial would be charged to the property it falls on."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def main() -> int:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    small = timed_claims(Load(max(1, size // 4)).build().link())
    load = Load(size).build()
    evidence, linking = timed_link(load)
    whole = timed_claims(evidence)
    judging = timed_judge(evidence)
    print(f"{size} entries, {load.rows} rows, {len(load.inputs)} inputs, {len(load.letters)} letters")
    print(f"{'property':44}{'seconds':>9}{'growth':>9}")
    for name, seconds in sorted(whole.items(), key=lambda pair: -pair[1]):
        print(f"{name:44}{seconds:9.3f}{seconds / max(small[name], 1e-6):9.1f}")
    bound = BOUND * size / ENTRIES
    print(f"{'linking':44}{linking:9.3f}")
    print(f"{f'judging by {len(whole)} properties (bound {bound:g})':44}{judging:9.3f}")
    print(f"{'both':44}{linking + judging:9.3f}")
    return int(judging > bound)


if __name__ == "__main__":
    sys.exit(main())
