"""One org behind the real gate, without a socket: a test sends a call and sees reply, journal and records."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from mock_server.faults.engine import Faults
from mock_server.faults.rule import parse
from mock_server.gate import Gate
from mock_server.job_saves import JobSaves
from mock_server.journal import Entry, Journal, fingerprint
from mock_server.operations import Call, Operation, Reply
from mock_server.org.org import Org
from mock_server.org.schema import Schema
from mock_server.protocols import bulk1, bulk2, rest
from mock_server.routing import Registry

FIELDS = {"Contact": {"External_Id__c": {"type": "text", "length": 64, "externalId": True, "unique": True}}}
DATA = "/services/data/v60.0"


@dataclass
class Lab:
    org: Org
    faults: Faults
    gate: Gate
    journal: Journal
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def fault(self, **rule: Any) -> None:
        self.faults.add(parse(rule, self.faults.operations, default_name=self.faults.next_name()))

    async def send(self, method: str, path: str, body: Any = None, query: str = "", **headers: str) -> Reply:
        call = Call(
            operation=Operation("unknown", "*", "", "read"),
            method=method,
            raw_path=path if path.startswith("/services") else DATA + path,
            raw_query=query,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                **self.headers,
                **headers,
            },
            body=b"" if body is None else orjson.dumps(body),
            base_url="http://127.0.0.1:8080",
        )
        return await self.gate.handle(call)

    async def put(self, path: str, content: str) -> Reply:
        """Send an upload."""
        call = Call(
            operation=Operation("unknown", "*", "", "read"),
            method="PUT",
            raw_path=DATA + path,
            raw_query="",
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "text/csv", **self.headers},
            body=b"",
            base_url="http://127.0.0.1:8080",
            upload=BytesIO(content.encode()),
            fingerprint=fingerprint(content.encode()),
        )
        return await self.gate.handle(call)

    async def create(self, key: str = "K-1", **values: Any) -> Reply:
        return await self.send("POST", "/sobjects/Contact", {"LastName": "L", "External_Id__c": key, **values})

    async def upsert(self, *keys: str, all_or_none: bool = False, **values: Any) -> list[str | None]:
        """Upsert contacts in one collection; return each row's error code, None where it was saved."""
        records = [
            {"attributes": {"type": "Contact"}, "LastName": "L", "External_Id__c": key, **values} for key in keys
        ]
        reply = await self.send(
            "PATCH",
            "/composite/sobjects/Contact/External_Id__c",
            {"records": records, "allOrNone": all_or_none},
        )
        rows = orjson.loads(reply.body)
        return [None if row["success"] else row["errors"][0]["statusCode"] for row in rows]

    def contacts(self) -> list[str]:
        sobject = self.org.schema.get("Contact")
        assert sobject is not None
        self.org.store.ready(sobject)
        sql = 'SELECT External_Id__c FROM "Contact" WHERE IsDeleted = 0 ORDER BY Id'
        return [row[0] for row in self.org.store.connection.execute(sql)]

    @property
    def last(self) -> Entry:
        return list(self.journal)[-1]

    def counters(self) -> list[tuple[int, int]]:
        return [(armed.matched, armed.fired) for armed in self.faults.rules]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry([*rest.ROUTES, *bulk2.ROUTES, *bulk1.ROUTES])


@pytest.fixture
def lab(registry: Registry) -> Lab:
    schema = Schema()
    schema.add({}, FIELDS)
    org = Org(1, schema=schema, clock="virtual")
    org.directory.seed()
    faults, journal = Faults(org, registry, seed=7), Journal()
    saves = JobSaves(org, faults, journal)
    world = SimpleNamespace(
        default=org,
        by_token=lambda token: org,
        faults_of=lambda org: faults,
        journal_of=lambda org: journal,
        job_saves_of=lambda org: saves,
    )
    app = org.directory.default_app
    token = org.sessions.open(org.directory.default_user, app, app.scopes).token
    return Lab(org, faults, Gate(world, registry, rest.render, rest.finish), journal, token)
