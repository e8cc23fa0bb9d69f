"""Events of an org that lives in a file: a server that is killed in the midst of publishing loses none it told of."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
import requests

from tests.protocols.pubsub.client import CUSTOM, EARLIEST, TOPIC, PubSub
from tests.test_kept_jobs import Served

SCHEMA = "objects:\n  Order__e: {fields: {Number__c: {type: text}}}\n"
CONFIG = "changeDataCapture: [Account]\n"


class Publishers:
    """Threads that publish and save until the server is gone; what was acknowledged is in `done`, in order."""

    def __init__(self, served: Served) -> None:
        self.done: list[tuple[str, str]] = []
        self._served = served
        self._threads = [
            threading.Thread(target=self._run, args=(act, place))
            for place, act in enumerate((self._publish, self._create, self._both))
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, act: Callable[[str], list[tuple[str, str]]], place: int) -> None:
        try:
            for number in count():
                self.done += act(f"{place}-{number}")
        except requests.RequestException:
            return

    def _publish(self, name: str) -> list[tuple[str, str]]:
        answer = self._served("POST", "/sobjects/Order__e", json={"Number__c": name})
        assert answer.status_code == 201
        return [("event", name)]

    def _create(self, name: str) -> list[tuple[str, str]]:
        return [("record", self._served("POST", "/sobjects/Account", json={"Name": name}).json()["id"])]

    def _both(self, name: str) -> list[tuple[str, str]]:
        """Publish and save as one transaction."""
        parts = [
            {"method": "POST", "url": "/services/data/v60.0/sobjects/Account", "referenceId": "a", "body": {"Name": name}},
            {
                "method": "POST", "url": "/services/data/v60.0/sobjects/Order__e", "referenceId": "b",
                "body": {"Number__c": name},
            },
        ]  # fmt: skip
        body = {"allOrNone": True, "compositeRequest": parts}
        made = self._served("POST", "/composite", json=body).json()["compositeResponse"]
        return [("record", made[0]["body"]["id"]), ("event", name)]

    def until(self, number: int) -> None:
        """Return once so much is acknowledged, and events of which one follows the other."""
        end = time.monotonic() + 60
        while len(self.done) < number or sum(kind == "event" for kind, _ in self.done) < 2:
            assert time.monotonic() < end
            assert any(thread.is_alive() for thread in self._threads), "the publishers have failed"
            time.sleep(0.002)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)


def kept(served: Served) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = served("GET", "/_mock/events", params={"since": 0}).json()["events"]
    return found


def told_of(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return what events tell, in the form of what publishers note."""
    out = []
    for one in events:
        if one["name"] == "Order__e":
            out.append(("event", one["payload"]["Number__c"]))
        else:
            out += [("record", identifier) for identifier in one["payload"]["ChangeEventHeader"]["recordIds"]]
    return out


def orders(served: Served, after: bytes | None) -> list[tuple[bytes, str]]:
    """Return what a subscriber is told behind a replay id, or from the earliest on, up to what there is now."""
    numbers = [one["payload"]["Number__c"] for one in kept(served) if one["name"] == "Order__e"]
    asked = served("GET", "/query", params={"q": "SELECT Id FROM Organization"}).json()
    org = SimpleNamespace(access_token=served.token, instance_url=served.url, id=asked["records"][0]["Id"])
    with grpc.insecure_channel(served.ready["pubsub"], [("grpc.use_local_subchannel_pool", 1)]) as channel:
        pubsub = PubSub(channel, org)  # type: ignore[arg-type]
        if after is None:
            stream = pubsub.subscribe(count=100, preset=EARLIEST)
        else:
            stream = pubsub.subscribe(count=100, preset=CUSTOM, replay_id=after)
        found: list[tuple[bytes, str]] = []
        while not found or found[-1][1] != numbers[-1]:
            events = stream.next().events
            found += [(one.replay_id, pubsub.decode(one)["Number__c"]) for one in events]
            if events:
                stream.send(topic_name=TOPIC, num_requested=len(events))
        stream.cancel()
        return found


@pytest.mark.parametrize(
    "acknowledged", [30, pytest.param(3, marks=pytest.mark.heavy), pytest.param(150, marks=pytest.mark.heavy)]
)
def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path, acknowledged: int) -> None:
    served = Served(tmp_path, CONFIG, SCHEMA)
    try:
        publishers = Publishers(served)
        publishers.until(acknowledged // 2)
        before = kept(served)
        publishers.until(acknowledged)
        said = served.end(signal.SIGKILL)
        publishers.join()
        assert "Traceback" not in said
        served.start()
        after = kept(served)
        told = told_of(after)
        assert len(set(told)) == len(told), "nothing is told twice"
        assert set(publishers.done) <= set(told), "whatever was acknowledged is there"
        records = served.query("SELECT Id FROM Account")["records"]
        assert {one["Id"] for one in records} == {name for kind, name in told if kind == "record"}, "both or neither"
        assert after[: len(before)] == [{**one, "exchange": 0} for one in before], "with the ids that it had"
        # From where a subscriber was when the server went down, the rest comes in order.
        everything = orders(served, None)
        assert [name for _, name in everything] == [one for kind, one in told if kind == "event"]
        middle = (len(everything) - 1) // 2
        assert orders(served, everything[middle][0]) == everything[middle + 1 :]
        assert served("POST", "/sobjects/Order__e", json={"Number__c": "later"}).status_code == 201
        ids = [one["replay_id"] for one in kept(served)]
        assert ids == sorted(set(ids))
        assert ids[:-1] == [one["replay_id"] for one in after]
        assert orders(served, everything[-1][0])[0][1] == "later"
    finally:
        if served.process is not None:
            served.end()
