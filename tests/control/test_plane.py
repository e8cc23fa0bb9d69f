"""The control plane without a socket, on a real world."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from mock_server.control.access import admit
from mock_server.control.plane import ControlPlane
from mock_server.operations import Call, Operation
from mock_server.org.org import Org
from mock_server.protocols import rest
from mock_server.routing import Registry
from mock_server.world import OrgSpec, World

LOCAL = {"Host": "127.0.0.1:8080"}
FIELDS = {"Contact": {"External_Id__c": {"type": "text", "length": 64, "externalId": True, "unique": True}}}


class Described(World):
    def info(self, org: Org, base_url: str) -> dict[str, Any]:
        return {"id": org.id, "login_url": base_url}


class Plane:
    def __init__(self) -> None:
        self.world = Described(Registry(rest.ROUTES), OrgSpec(clock="virtual", fields=FIELDS))
        self.plane = ControlPlane(self.world)

    async def __call__(
        self, method: str, path: str, body: Any = None, query: str = "", raw: bytes | None = None
    ) -> Any:
        data = raw if raw is not None else b"" if body is None else orjson.dumps(body)
        call = Call(Operation("unknown", "*", "", "read"), method, "/_mock/" + path, query, LOCAL, data, "http://x")
        reply = await self.plane.handle(call, "127.0.0.1")
        return reply.status, orjson.loads(reply.body) if reply.body else None


@pytest.fixture
def mock() -> Plane:
    return Plane()


LOCK = {"on": "rest.collections.*", "error": "UNABLE_TO_LOCK_ROW"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "where", "nearest"),
    [
        ("GET", "nothing", None, 404, "/_mock/nothing", None),
        ("PUT", "clock", {}, 405, "/_mock/clock", "/_mock/clock"),
        ("GET", "orgs/00D/clock", None, 404, "org", None),
        ("POST", "orgs", {"sead": 1}, 400, "sead", "seed"),
        ("POST", "orgs", {"limits": {"DailyApiRequest": 1}}, 400, "limits.DailyApiRequest", "DailyApiRequests"),
        ("POST", "orgs", {"limits": {"DailyApiRequests": -1}}, 400, "limits.DailyApiRequests", None),
        ("POST", "orgs", {"from": "00D"}, 400, "from", None),
        ("POST", "orgs", {"journal": "hole"}, 400, "journal", "whole"),
        ("POST", "orgs", [1], 400, "", None),
        ("POST", "faults", {**LOCK, "on": "rest.colections.*"}, 400, "on", "rest.collections.*"),
        ("POST", "faults", [LOCK, {**LOCK, "error": "UNABLE_TO_LOCK"}], 400, "faults[1].error", "UNABLE_TO_LOCK_ROW"),
        ("POST", "faults", {**LOCK, "where": {"sobject": "Contcat"}}, 400, "where.sobject", "Contact"),
        ("DELETE", "faults/x", None, 404, "name", None),
        ("PATCH", "limits", {"DailyApiRequest": {}}, 400, "DailyApiRequest", "DailyApiRequests"),
        ("PATCH", "limits", {"DailyApiRequests": {"Max": 1, "Remaining": 2}}, 400, "DailyApiRequests.Remaining", None),
        ("POST", "clock", {"advance": -1}, 400, "advance", None),
        ("POST", "clock", {"advance": "1s"}, 400, "advance", None),
        ("POST", "clock", {}, 400, "advance", None),
        ("POST", "clock", {"advance": 1e300}, 400, "advance", None),
        ("POST", "records", {"sobject": "Contcat", "records": []}, 400, "sobject", "Contact"),
        ("POST", "records", {"sobject": "Contact", "records": [{"LastName": "a"}, {}]}, 400, "records[1]", None),
        ("POST", "records", {"sobject": "Contact", "records": [{"LastName": {}}]}, 400, "records[0].LastName", None),
        ("POST", "records", {"sobject": "Contact", "records": 5}, 400, "records", None),
        ("POST", "restore", {"snapshot": "s9"}, 404, "snapshot", None),
        ("POST", "restore", {}, 400, "snapshot", None),
        ("POST", "tokens/expire", {"token": 5}, 400, "token", None),
    ],
)
async def test_bad_input_is_refused_at_its_place(
    mock: Plane, method: str, path: str, body: Any, status: int, where: str, nearest: str | None
) -> None:
    got, answer = await mock(method, path, body)
    assert (got, answer["path"]) == (status, where)
    assert answer["error"]
    assert set(answer) == {"error", "path", "allowed", "nearest"}
    if nearest:
        assert answer["nearest"] == nearest


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[" * 5000, b"nul"])
async def test_a_body_that_is_not_json_is_refused(mock: Plane, raw: bytes) -> None:
    for path in ("faults", "orgs", "clock", "records"):
        assert (await mock("POST", path, raw=raw))[0] == 400


async def test_a_list_of_rules_is_added_whole_or_not_at_all(mock: Plane) -> None:
    assert (await mock("POST", "faults", [LOCK, {**LOCK, "error": "X"}]))[0] == 400
    assert await mock("GET", "faults") == (200, [])
    status, names = await mock("POST", "faults", [LOCK, {**LOCK, "name": "b"}])
    assert (status, names[1]) == (201, {"name": "b"})
    assert (await mock("POST", "faults", {**LOCK, "name": "b"}))[0] == 409
    assert (await mock("DELETE", "faults/b"))[0] == 204
    _, left = await mock("GET", "faults")
    assert [(rule["matched"], rule["fired"], rule["rule"]["on"]) for rule in left] == [(0, 0, LOCK["on"])]
    assert (await mock("DELETE", "faults"))[0] == 204
    assert mock.world.faults_of(mock.world.default).empty


async def test_seeding_saves_all_or_nothing_and_is_logged_without_an_exchange(mock: Plane) -> None:
    rows = [{"LastName": f"L{n}", "External_Id__c": f"K{n}"} for n in range(450)]
    status, ids = await mock("POST", "records", {"sobject": "Contact", "records": rows})
    assert (status, len(ids)) == (201, 450)
    bad = [{"LastName": "x"}] * 250 + [{"External_Id__c": "K1", "LastName": "y"}]
    status, answer = await mock("POST", "records", {"sobject": "Contact", "records": bad})
    assert (status, answer["path"]) == (400, "records[250]")
    _, found = await mock("GET", "records", query="q=SELECT+Id+FROM+Contact")
    assert (found["totalSize"], len(found["records"])) == (450, 450)
    _, log = await mock("GET", "commits", query="since=440")
    assert (len(log["commits"]), log["last"]) == (10, 450)
    assert {(row["exchange"], row["delivered"]) for row in log["commits"]} == {(0, None)}


async def test_a_failed_first_seeding_does_not_spoil_the_object(mock: Plane) -> None:
    bad = [{"LastName": "x", "Nope": 1}]
    assert (await mock("POST", "records", {"sobject": "Contact", "records": bad}))[0] == 400
    assert (await mock("POST", "records", {"sobject": "Contact", "records": [{"LastName": "x"}]}))[0] == 201


async def test_orgs_clocks_limits_and_snapshots(mock: Plane) -> None:
    status, info = await mock("POST", "orgs", {"limits": {"DailyApiRequests": 5}, "clock": {"mode": "virtual"}})
    assert status == 201
    mine = f"orgs/{info['id']}"
    _, before = await mock("GET", f"{mine}/clock")
    _, after = await mock("POST", f"{mine}/clock", {"advance": 5})
    assert (after["now"] - before["now"], after["mode"]) == (5, "virtual")
    _, limits = await mock("PATCH", f"{mine}/limits", {"DailyApiRequests": {"Remaining": 3}})
    assert limits["DailyApiRequests"] == {"Max": 5, "Remaining": 3}
    _, name = await mock("POST", f"{mine}/snapshots")
    await mock("POST", f"{mine}/records", {"sobject": "Account", "records": [{"Name": "A"}]})
    assert (await mock("POST", f"{mine}/restore", name))[0] == 204
    _, found = await mock("GET", f"{mine}/records", query="q=SELECT+Id+FROM+Account")
    assert found["totalSize"] == 0
    _, token = await mock("POST", f"{mine}/tokens")
    assert mock.world.orgs[info["id"]].sessions.find(token["access_token"]) is not None
    await mock("POST", f"{mine}/tokens/expire", {})
    assert mock.world.orgs[info["id"]].sessions.find(token["access_token"]) is None
    assert (await mock("DELETE", mine))[0] == 204
    assert (await mock("DELETE", f"orgs/{mock.world.default.id}"))[0] == 409


@pytest.mark.parametrize(
    ("peer", "headers", "token", "let_in"),
    [
        ("127.0.0.1", LOCAL, None, True),
        ("::1", {"Host": "[::1]:8080"}, None, True),
        ("::ffff:127.0.0.1", {"Host": "localhost"}, None, True),
        ("127.0.0.1", {**LOCAL, "Origin": "http://localhost:3000"}, None, True),
        ("10.0.0.5", LOCAL, None, False),
        ("", LOCAL, None, False),
        ("127.0.0.1", {}, None, False),
        ("127.0.0.1", {"Host": "evil.example"}, None, False),
        ("127.0.0.1", {"Host": "localhost.evil.example"}, None, False),
        ("127.0.0.1", {"Host": "127.0.0.1.evil.example"}, None, False),
        ("127.0.0.1", {"Host": "evil.example@localhost:["}, None, False),
        ("127.0.0.1", {**LOCAL, "Origin": "https://evil.example"}, None, False),
        ("127.0.0.1", {**LOCAL, "Origin": "null"}, None, False),
        ("10.0.0.5", {"Host": "mock", "Authorization": "Bearer s3"}, "s3", True),
        ("10.0.0.5", {"Host": "mock", "X-Sfmock-Token": "s3"}, "s3", True),
        ("10.0.0.5", {"Host": "mock"}, "s3", False),
        ("10.0.0.5", {"Host": "mock", "X-Sfmock-Token": "s3"}, None, False),
        ("127.0.0.1", {**LOCAL, "X-Sfmock-Token": "wrong"}, "s3", False),
    ],
)
def test_the_door(peer: str, headers: dict[str, str], token: str | None, let_in: bool) -> None:
    assert (admit(peer, headers, token) is None) is let_in
