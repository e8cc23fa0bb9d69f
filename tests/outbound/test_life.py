"""The end of what is being sent: with its org, its records, its server; and what it costs those who send nothing."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

from mock_server import api
from tests.outbound.conftest import Make, World
from tests.outbound.receivers import ACK, Receiver
from tests.waiting import PATIENCE, until


@pytest.fixture
def stuck(receiver: Receiver) -> Any:
    """A receiver that does not answer until the test is over."""
    go = threading.Event()
    receiver.answer = lambda got: go.wait(PATIENCE) and (200, {}, ACK.format("true").encode())
    yield receiver
    go.set()


def message(receiver: Receiver) -> dict[str, Any]:
    return {"name": "Saved", "object": "Account", "fields": ["Name"], "endpoint": receiver.url}


def callout(receiver: Receiver) -> dict[str, Any]:
    then = {"set": {"Description": "{response.status}"}}
    return {"name": "Push", "object": "Account", "on": "create", "request": {"url": receiver.url}, "then": then}


def test_a_server_stops_while_it_sends(stuck: Receiver) -> None:
    answered, answer = threading.Event(), stuck.answer
    stuck.answer = lambda got: (answer(got), answered.set())[0]
    server = api.start(port=0)
    org = World(server, server.control.create_org(declared={"outboundMessages": [message(stuck)]}))
    org.account()
    stuck.wait(1)
    org.rest.http.close()
    server.stop()
    assert not answered.is_set()


def test_what_is_on_its_way_ends_with_a_reset(world: Make, stuck: Receiver) -> None:
    org = world(outboundMessages=[message(stuck)], callouts=[callout(stuck)])
    org.account()
    stuck.wait(2)
    org.control.reset()
    assert org.control.outbound()["waiting"] == 0
    assert org.control.records("SELECT Id FROM Account") == []
    org.account(Name="next")
    stuck.wait(4)
    assert [one["state"] for one in org.control.outbound()["messages"]] == ["sending"]


def test_what_is_on_its_way_ends_with_its_org(server: api.Server, stuck: Receiver) -> None:
    org = World(server, server.control.create_org(declared={"callouts": [callout(stuck)]}))
    org.account()
    stuck.wait(1)
    server.control.delete_org(org.info.id)
    assert org.info.id not in [one.id for one in server.control.orgs()]


@pytest.mark.parametrize("busy", [False, True])
def test_nothing_is_left_of_an_org_that_is_removed(server: api.Server, stuck: Receiver, busy: bool) -> None:
    org = World(server, server.control.create_org(declared={"outboundMessages": [message(stuck)]}))
    if busy:
        org.account()
        stuck.wait(1)
    left = weakref.ref(server.world.orgs[org.info.id])
    org.rest.http.close()
    server.control.delete_org(org.info.id)

    def gone() -> bool:
        gc.collect()
        return left() is None

    assert until(gone)


def test_what_is_there_from_the_start_sends_nothing(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver)])
    org.control.seed("Account", [{"Name": "seeded"}])
    org.account(Name="saved")
    (got,) = receiver.wait(1)
    assert got.records[0]["Name"] == "saved"


def test_many_messages_are_sent_and_only_the_newest_are_shown(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver)])
    for _ in range(30):
        rows = [{"attributes": {"type": "Account"}, "Name": "x"} for _ in range(40)]
        org.rest.post("/composite/sobjects", json={"records": rows})
    until(lambda: not org.control.outbound()["waiting"])
    assert sum(len(got.notifications) for got in receiver.got) == 1200
    assert len({one for got in receiver.got for one in got.notifications}) == 1200


def test_texts_of_any_kind_make_a_message_that_can_be_read(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver)])
    org.account(Name="a\u0001\ufffe]]>&<é\U0001f600")
    (got,) = receiver.wait(1)
    assert got.records[0]["Name"] == "a]]>&<é\U0001f600"


def test_an_org_that_sends_nothing_loads_nothing_for_it() -> None:
    code = (
        "import sys, requests\n"
        "from mock_server import api\n"
        "with api.start(port=0) as server:\n"
        "    made = server.control.create_org()\n"
        "    org = server.control.for_org(made.id)\n"
        "    org.seed('Account', [{'Name': 'a'}]); org.reset(); org.clone(); org.outbound()\n"
        "    print([name for name in sys.modules if '.outbound.' in name])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "org.outbound.outbound" not in ran.stdout
    assert "carrier" not in ran.stdout
