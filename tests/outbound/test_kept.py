"""What waits to be sent by an org that lives in a file: it outlives the server, however that ends."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from mock_server import api, declarations
from mock_server.org.outbound.backoff import FIRST, LIFE
from tests.outbound.conftest import World
from tests.outbound.receivers import Receiver
from tests.ports import kept_port
from tests.test_kept_jobs import Served
from tests.waiting import PATIENCE, until

CONFIG = """
outboundMessages:
  - {{name: Saved, object: Account, fields: [Name], endpoint: "{url}/om"}}
callouts:
  - name: Push
    object: Account
    on: create
    request: {{url: "{url}/push", headers: {{X-Call: "{{callout.id}}"}}, body: {{name: "{{record.Name}}"}}}}
    retry: {{attempts: 5, wait: 30s}}
    then: {{set: {{Description: "met {{response.status}}"}}}}
"""


@pytest.fixture
def port() -> Iterator[int]:
    """A port where nobody listens, yet."""
    with kept_port() as free:
        yield free


def queue(served: Served) -> dict[str, Any]:
    told: dict[str, Any] = served("GET", "/_mock/outbound").json()
    return told


def waiting(served: Served, attempts: int) -> list[dict[str, Any]]:
    """Return what waits once all of it was tried so often."""

    def look() -> list[dict[str, Any]]:
        told = queue(served)
        items = [one for one in (*told["messages"], *told["callouts"]) if one["state"] in ("queued", "sending")]
        return items if all((one["state"], one["attempts"]) == ("queued", attempts) for one in items) else []

    found: list[dict[str, Any]] = until(look)
    return found


def without_exchange(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return items as a server shows them that has no journal of the one before."""
    return [{**one, "exchange": 0} for one in items]


def create(served: Served, name: str) -> str:
    answer = served("POST", "/sobjects/Account", json={"Name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_what_waits_is_sent_after_a_kill_with_the_same_ids_and_at_its_time(tmp_path: Path, port: int) -> None:
    served = Served(tmp_path, CONFIG.format(url=f"http://127.0.0.1:{port}"))
    receiver = None
    try:
        account = create(served, "first")
        before = waiting(served, 1)
        served.end(signal.SIGKILL)
        served.start()
        # Neither tried at once, nor later than before: its time has not come.
        assert waiting(served, 1) == without_exchange(before)
        receiver = Receiver(port=port)
        assert receiver.got == []
        served("POST", "/_mock/clock", json={"advance": FIRST})
        # What followed the answer to the callout was saved, and sent a further message.
        until(lambda: not queue(served)["waiting"])
        message, callout = before
        (pushed,) = [got for got in receiver.got if got.path == "/push"]
        told = {tuple(got.notifications): got.records for got in receiver.got if got.path == "/om"}
        assert told[tuple(one["id"] for one in message["notifications"])] == [{"Id": account, "Name": "first"}]
        assert (len(told), len(receiver.got)) == (2, 3)
        assert pushed.headers["X-Call"] == callout["callouts"][0]["id"]
        assert json.loads(pushed.body) == {"name": "first"}
        assert [one["error"] for one in queue(served)["callouts"]] == [None]
        assert served.query("SELECT Description FROM Account")["records"][0]["Description"] == "met 200"
        assert {one["attempts"] for one in queue(served)["callouts"]} == {2}
        # What is over is over, and no id that a receiver knows is given again.
        served.end(signal.SIGKILL)
        count = len(receiver.got)
        known = {one for got in receiver.got if got.path == "/om" for one in got.notifications}
        served.start()
        assert queue(served)["waiting"] == 0
        served("PATCH", f"/sobjects/Account/{account}", json={"Name": "second"})
        last = receiver.wait(count + 1)[-1]
        assert (last.records[0]["Name"], len(receiver.got)) == ("second", count + 1)
        assert known.isdisjoint(last.notifications)
    finally:
        if receiver is not None:
            receiver.close()
        if served.process is not None:
            served.end()


@pytest.mark.parametrize("acknowledged", [40, pytest.param(200, marks=pytest.mark.heavy)])
def test_records_and_what_they_send_are_one_transaction(tmp_path: Path, port: int, acknowledged: int) -> None:
    """A server that is killed in the midst of saves has a notification of each record, and of nothing else."""
    served = Served(tmp_path, CONFIG.partition("callouts:")[0].format(url=f"http://127.0.0.1:{port}"))
    receiver = None
    done: list[str] = []

    def save(worker: int) -> None:
        try:
            for number in range(10_000):
                if worker:
                    done.append(create(served, f"{worker}-{number}"))
                else:
                    rows = [{"attributes": {"type": "Account"}, "Name": f"0-{number}-{one}"} for one in range(3)]
                    answer = served("POST", "/composite/sobjects", json={"records": rows}).json()
                    done.extend(row["id"] for row in answer)
        except requests.RequestException:
            return

    workers = [threading.Thread(target=save, args=(worker,)) for worker in range(3)]
    try:
        for one in workers:
            one.start()
        until(lambda: len(done) >= acknowledged)
        served.end(signal.SIGKILL)
        for one in workers:
            one.join(PATIENCE)
        served.start()
        told = queue(served)
        records = [one["record"] for message in told["messages"] for one in message["notifications"]]
        there = [row["Id"] for row in served.query("SELECT Id FROM Account")["records"]]
        assert set(done) <= set(there)
        assert sorted(records) == sorted(there)
        receiver = Receiver(port=port)
        served("POST", "/_mock/clock", json={"advance": FIRST})
        until(lambda: not queue(served)["waiting"])
        ids = [one for got in receiver.got for one in got.notifications]
        assert (len(set(ids)), len(ids)) == (len(there), len(there))
    finally:
        if receiver is not None:
            receiver.close()
        if served.process is not None:
            served.end()


Live = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Serve an org of one file, for as long as the block lasts."""

    @contextmanager
    def serve(**settings: Any) -> Iterator[World]:
        with api.start(data=str(tmp_path / "org.db"), **settings) as server:
            (info,) = server.control.orgs()
            token = server.control.mint_token()
            org = World(server, info)
            org.rest.token = token
            yield org
            org.rest.http.close()

    yield serve


def message(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {"name": "Saved", "object": "Account", "fields": ["Name"], "endpoint": receiver.url, **more}


def callout(receiver: Receiver, **more: Any) -> dict[str, Any]:
    request = {"url": f"{receiver.url}/push", "body": "{record.Name} {old.Name}"}
    retry = {"attempts": 3, "wait": "30s"}
    return {"name": "Push", "object": "Account", "on": "update", "request": request, "retry": retry, **more}


def tried(org: World, count: int = 1) -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]]:
        told = org.control.outbound()
        items = [*told["messages"], *told["callouts"]]
        return (
            items if len(items) == count and all(one["state"] == "queued" and one["attempts"] for one in items) else []
        )

    found: list[dict[str, Any]] = until(look)
    return found


@pytest.fixture
def down(receiver: Receiver) -> Receiver:
    """A receiver that is not well until the test says so."""
    answer = receiver.answer
    receiver.answer = lambda got: (503, {}, b"")
    receiver.recover = lambda: setattr(receiver, "answer", answer)  # type: ignore[attr-defined]
    return receiver


def recover(receiver: Receiver) -> None:
    receiver.got.clear()
    receiver.recover()  # type: ignore[attr-defined]


def test_what_nobody_declares_any_more_is_sent_as_it_was(live: Live, down: Receiver) -> None:
    with live() as org:
        org.control.declare("outboundMessages", message(down, on="create"))
        org.control.declare("callouts", callout(down))
        account = org.account(Name="one")
        org.rest.patch(f"/sobjects/Account/{account}", json={"Name": "two"})
        before = tried(org, 2)
    recover(down)
    with live() as org:
        assert tried(org, 2) == without_exchange(before)
        assert org.control.declared("callouts") == []
        org.control.advance(FIRST)
        until(lambda: not org.control.outbound()["waiting"])
        by_path = {got.path: got for got in down.got}
        assert by_path["/"].notifications == [before[0]["id"]]
        assert by_path["/push"].body == b"two one"


def test_what_is_declared_otherwise_by_now_is_sent_so(live: Live, down: Receiver) -> None:
    def declared(field: str, path: str) -> dict[str, Any]:
        given = message(down, fields=[field], endpoint=f"{down.url}{path}")
        return declarations.read({"outboundMessages": [given]}, (), [])

    with live(declared=declared("Name", "/old")) as org:
        org.account(Name="one", Industry="Energy")
        tried(org)
    recover(down)
    with live(declared=declared("Industry", "/new")) as org:
        org.control.advance(FIRST)
        (got,) = down.wait(1)
        assert (got.path, got.records[0].get("Industry"), "Name" in got.records[0]) == ("/new", "Energy", False)


def test_the_end_of_a_server_amid_an_attempt_is_no_attempt(live: Live, receiver: Receiver) -> None:
    go = threading.Event()
    answer = receiver.answer
    receiver.answer = lambda got: go.wait(PATIENCE) and answer(got)
    with live() as org:
        org.control.declare("outboundMessages", message(receiver))
        org.account()
        (first,) = receiver.wait(1)
    go.set()
    with live() as org:
        _, second = receiver.wait(2)
        assert second.notifications == first.notifications
        (item,) = until(lambda: [one for one in org.control.outbound()["messages"] if one["state"] == "delivered"])
        assert item["attempts"] == 1


@pytest.mark.parametrize("how", ["reset", "restore", "remove"])
def test_what_is_cleared_does_not_come_back(live: Live, down: Receiver, how: str) -> None:
    with live() as org:
        name = org.control.snapshot()
        org.control.declare("outboundMessages", message(down))
        org.account()
        (item,) = tried(org)
        if how == "reset":
            org.control.reset()
        elif how == "restore":
            org.control.restore(name)
        else:
            org.control.remove_outbound(item["id"])
        assert org.control.outbound()["waiting"] == 0
    with live() as org:
        assert org.control.outbound()["waiting"] == 0
        assert org.control.outbound()["messages"] == []


def test_copies_of_the_org_send_nothing_of_it(live: Live, down: Receiver, tmp_path: Path) -> None:
    with live() as org:
        org.control.declare("outboundMessages", message(down))
        earlier = org.control.snapshot()
        org.account()
        tried(org)
        waiting = org.control.snapshot()
        org.control.write_snapshot(str(tmp_path / "other.db"))
        clone = org.server.control.for_org(org.control.clone().id)
        assert clone.outbound()["waiting"] == 0
        org.control.restore(earlier)
        org.control.restore(waiting)
        assert org.control.outbound()["waiting"] == 0
    with live() as org:
        assert org.control.outbound()["waiting"] == 0
    with api.start(data=str(tmp_path / "other.db")) as other:
        assert other.control.records("SELECT Name FROM Account")[0]["Name"] == "Acme"
        assert other.control.outbound()["waiting"] == 0


def test_a_clock_that_was_ahead_makes_nothing_wait_longer(live: Live, down: Receiver) -> None:
    with live() as org:
        org.control.declare("outboundMessages", message(down))
        org.control.advance(3_600)
        org.account()
        (before,) = tried(org)
    with live() as org:
        (after,) = tried(org)
        assert after["due"] - org.control.clock().now <= FIRST
        assert after["due"] - after["tried"] == pytest.approx(before["due"] - before["tried"])


def test_a_message_that_grew_old_meanwhile_is_dropped(
    live: Live, down: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live() as org:
        org.control.declare("outboundMessages", message(down))
        org.account()
        tried(org)
    from mock_server.org import clock

    real = clock._wall_time
    monkeypatch.setattr(clock, "_wall_time", lambda: real() + LIFE)
    recover(down)
    with live() as org:
        (item,) = org.control.outbound()["messages"]
        assert (item["state"], item["error"], item["attempts"]) == ("failed", "(503)Service Unavailable", 1)
        assert down.got == []
    with live() as org:
        assert org.control.outbound()["messages"] == []


def test_what_is_of_objects_that_are_gone_fails(live: Live, down: Receiver, tmp_path: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text("objects:\n  Part__c: {}\n")
    with live(schema=str(schema)) as org:
        org.control.declare("outboundMessages", message(down, object="Part__c"))
        org.control.declare("callouts", callout(down, object="Part__c", on="create"))
        assert org.rest.post("/sobjects/Part__c", json={"Name": "x"}).status_code == 201
        tried(org, 2)
    recover(down)
    with live() as org:
        told = org.control.outbound()
        assert [one["state"] for one in (*told["messages"], *told["callouts"])] == ["failed", "failed"]
        assert "Part__c" in told["messages"][0]["error"]
        assert "Part__c" in told["callouts"][0]["error"]
        assert (told["waiting"], down.got) == (0, [])


def test_a_callout_of_code_is_made_though_the_code_behind_it_is_gone(live: Live, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answer = lambda got: (go.wait(PATIENCE) or True) and (200, {}, b"done")
    heard: list[Any] = []

    def push(trigger: Any) -> None:
        body = {"id": trigger.new[0].id, "text": "{no place}"}
        trigger.org.call_out(url=f"{receiver.url}/plain", method="PUT", headers={"X-A": "b"}, body=body)
        trigger.org.call_out(url=f"{receiver.url}/then", then=lambda answer, org: heard.append(answer.status))

    with live() as org:
        org.server.add_hook(org.info.id, "Account", ["insert"], push, at="after", name="push")
        account = org.account()
        receiver.wait(2)
    receiver.got.clear()
    go.set()
    with live() as org:
        until(lambda: not org.control.outbound()["waiting"])
        by_path = {got.path: got for got in receiver.got}
        plain = by_path["/plain"]
        assert (plain.method, plain.headers["X-A"]) == ("PUT", "b")
        assert json.loads(plain.body) == {"id": account, "text": "{no place}"}
        ends = sorted((one["state"], one["error"]) for one in org.control.outbound()["callouts"])
        assert ends[0] == ("delivered", None)
        assert ends[1][0] == "failed"
        assert ends[1][1].startswith("System.AsyncException: The code that was to go on")
    assert heard == []
