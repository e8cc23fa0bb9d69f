"""The gate without a socket: what a test posts is what a handler sees."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import orjson
from multidict import CIMultiDict

from mock_server.faults.rule import parse
from mock_server.gate import Gate
from mock_server.journal import Entry
from mock_server.operations import Call, Operation, Reply
from mock_server.org.org import Org
from mock_server.protocols import oauth, rest, soap
from mock_server.routing import Registry
from mock_server.world import OrgSpec, World

FORM = "application/x-www-form-urlencoded"


class Desk:
    """Two orgs behind one gate, on virtual clocks."""

    def __init__(self) -> None:
        self.registry = registry = Registry([*rest.ROUTES, *oauth.ROUTES, *soap.ROUTES])
        self.world = World(registry, OrgSpec(clock="virtual"))
        self.org = self.world.default
        self.other = self.world.create(OrgSpec(clock="virtual"))
        self._gate = Gate(self.world, registry, rest.render, rest.finish)
        self.base_url = "http://127.0.0.1:8080"

    def send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        base: str | None = None,
    ) -> Reply:
        path, _, query = target.partition("?")
        call = Call(
            operation=Operation("unset", method, path, "read"),
            method=method,
            raw_path=path,
            raw_query=query,
            headers=CIMultiDict(headers or {}),
            body=body,
            base_url=base or self.base_url,
        )
        return asyncio.run(self._gate.handle(call))

    def post(self, path: str, fields: Any, base: str | None = None, **headers: str) -> Reply:
        return self.send("POST", path, urlencode(fields).encode(), {"Content-Type": FORM, **headers}, base)

    def get(self, path: str, token: str | None = None, base: str | None = None) -> Reply:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.send("GET", path, headers=headers, base=base)

    def fault(self, **rule: Any) -> None:
        faults = self.world.faults_of(self.org)
        faults.add(parse(rule, faults.operations, default_name=faults.next_name()))

    def last(self, org: Org | None = None) -> Entry:
        """Return the newest journal entry of an org."""
        return list(self.world.journal_of(org or self.org))[-1]

    def session(self, org: Org | None = None) -> str:
        directory = (org or self.org).directory
        return (org or self.org).sessions.open(directory.default_user, directory.default_app, ("api",)).token


def json_of(reply: Reply) -> dict[str, Any]:
    value = orjson.loads(reply.body)
    assert isinstance(value, dict)
    return value
