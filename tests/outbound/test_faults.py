"""Faults on what the org sends: the service's answers, the network, the second delivery."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mock_server.control.client import ControlError
from mock_server.org.outbound.backoff import FIRST
from tests.outbound.conftest import Make, World
from tests.outbound.receivers import Receiver
from tests.waiting import until


def both(world: Make, receiver: Receiver) -> World:
    return world(
        outboundMessages=[
            {"name": "Saved", "object": "Account", "fields": ["Name"], "endpoint": f"{receiver.url}/om", "on": "create"}
        ],
        callouts=[
            {
                "name": "Push",
                "object": "Account",
                "on": "create",
                "request": {"url": f"{receiver.url}/c", "body": "{record.Id}"},
            }
        ],
        clock="virtual",
    )


def struck(org: World) -> int:
    """Return how often rules have struck: a latency has begun by then."""
    return sum(rule.fired for rule in org.control.faults())


def paths(receiver: Receiver) -> list[str]:
    return sorted(got.path for got in receiver.got)


@pytest.mark.parametrize(
    ("fault", "asked", "status", "error"),
    [
        ({"status": 503}, False, 503, "(503)Service Unavailable"),
        ({"status": 503, "at": "after"}, True, 503, "(503)Service Unavailable"),
        ({"reply": "lost"}, True, None, "Unexpected end of file from server"),
        ({"reply": "reset"}, False, None, "Unexpected end of file from server"),
        ({"reply": "truncated"}, True, None, "Unexpected end of file from server"),
        ({"reply": "malformed"}, True, 200, "SAXParseException"),
        ({"error": "SERVER_UNAVAILABLE"}, False, 503, "(503)Service Unavailable"),
        ({"subject": "kill", "at": "after"}, True, None, "Unexpected end of file from server"),
    ],
)
def test_a_fault_answers_in_the_place_of_the_service(
    world: Make, receiver: Receiver, fault: dict[str, Any], asked: bool, status: int | None, error: str
) -> None:
    org = both(world, receiver)
    org.control.add_fault({"name": "f", "on": "outbound.message", "when": {"times": 1}, **fault})
    org.account()
    until(lambda: len(org.sent()) == 2)
    assert paths(receiver) == (["/c", "/om"] if asked else ["/c"])
    (entry,) = org.sent("outbound.message")
    assert ([one["rule"] for one in entry["strikes"]], entry["status"]) == (["f"], status)
    assert error in entry["call"]["error"]
    org.control.advance(FIRST)
    until(lambda: len(org.sent("outbound.message")) == 2)
    assert [one["call"]["acknowledged"] for one in org.sent("outbound.message")] == [False, True]
    (rule,) = org.control.faults()
    assert (rule.matched, rule.fired) == (2, 1)


def test_a_latency_counts_towards_the_time_out(world: Make, receiver: Receiver) -> None:
    org = both(world, receiver)
    org.control.add_fault({"on": "outbound.callout", "latency": "9s", "at": "after"})
    org.account()
    until(lambda: struck(org) and org.sent("outbound.message"))
    assert "/c" in paths(receiver)
    org.control.advance(9)
    (entry,) = until(lambda: org.sent("outbound.callout"))
    assert (entry["status"], entry["call"]["seconds"]) == (200, 9.0)
    org.control.clear_faults()
    org.control.add_fault({"on": "outbound.callout", "latency": "11s"})
    org.account()
    until(lambda: struck(org) and len(org.sent("outbound.message")) == 2)
    org.control.advance(11)
    late = until(lambda: org.sent("outbound.callout")[1:])[0]
    assert (late["call"]["error"], paths(receiver).count("/c")) == ("Read timed out", 1)


def test_a_request_comes_twice(world: Make, receiver: Receiver) -> None:
    org = both(world, receiver)
    org.control.add_fault({"on": "outbound.*", "reply": "duplicated", "delay": "3s"})
    org.account()
    until(lambda: len(org.sent()) == 2)
    assert paths(receiver) == ["/c", "/om"]
    org.control.advance(3)
    until(lambda: len(org.sent()) == 4)
    assert paths(receiver) == ["/c", "/c", "/om", "/om"]
    first, second = [got for got in receiver.got if got.path == "/om"]
    assert first.notifications == second.notifications
    numbers = {one["number"]: one for one in org.sent()}
    copies = [one for one in numbers.values() if one["copy_of"]]
    assert [one["call"]["message"] for one in copies] == [numbers[one["copy_of"]]["call"]["message"] for one in copies]
    assert {one["state"] for one in org.control.outbound()["messages"]} == {"delivered"}


def test_rules_choose_by_object_and_count_each_message(world: Make, receiver: Receiver) -> None:
    org = both(world, receiver)
    org.control.add_fault({"name": "other", "on": "outbound.*", "where": {"sobject": "Contact"}, "status": 503})
    org.control.add_fault({"name": "once", "on": "outbound.message", "status": 503, "when": {"times": 1, "per": "key"}})
    one, two = org.account(Name="one"), org.account(Name="two")
    until(lambda: len(org.sent("outbound.message")) == 2)
    org.control.advance(FIRST)
    until(lambda: len(org.sent("outbound.message")) == 4)
    messages = org.sent("outbound.message")
    assert sorted(entry["call"]["records"][0] for entry in messages if entry["status"] == 503) == sorted([one, two])
    assert [entry["call"]["acknowledged"] for entry in messages] == [False, False, True, True]
    assert json.loads(json.dumps(org.control.faults()[0].matched)) == 0


@pytest.mark.parametrize(
    "fault",
    [{"session": "expire"}, {"lock": "hold"}, {"upload": "cut"}, {"job": "stuck"},
     {"limit": {"name": "DailyApiRequests", "remaining": 0}}],
)  # fmt: skip
def test_what_can_befall_no_outgoing_request_is_refused(world: Make, receiver: Receiver, fault: dict[str, Any]) -> None:
    org = both(world, receiver)
    with pytest.raises(ControlError, match=r"outbound\."):
        org.control.add_fault({"on": "outbound.*", **fault})


def test_the_harness_sees_each_attempt(world: Make, receiver: Receiver) -> None:
    from harness.outgoing import called_out

    org = both(world, receiver)
    org.control.add_fault({"name": "down", "on": "outbound.message", "status": 503, "when": {"times": 1}})
    first, second = org.account(Name="one"), org.account(Name="two")
    until(lambda: len(org.sent()) == 4)
    org.control.advance(FIRST)
    until(lambda: len(org.sent()) == 5)
    calls = called_out(org.control.journal())
    assert {(one.kind, one.records) for one in calls} == {
        (kind, (record,)) for kind in ("outbound message", "callout") for record in (first, second)
    }
    messages = [one for one in calls if one.kind == "outbound message"]
    assert [(one.attempt, one.acknowledged, one.rule) for one in messages] == [
        (1, False, "down"), (1, True, None), (2, True, None),
    ]  # fmt: skip
    # The one that was saved first arrives last.
    assert messages[2].sequence == messages[0].sequence < messages[1].sequence
    assert (messages[1].status, messages[1].timeout) == (200, 60.0)


def test_a_message_is_delayed_or_let_by_or_doubled(world: Make, receiver: Receiver) -> None:
    org = both(world, receiver)
    org.control.add_fault({"name": "r", "on": "outbound.message", "event": "reorder", "when": {"times": 1}})
    one = org.account(Name="one")
    until(lambda: org.sent("outbound.callout"))
    assert "/om" not in paths(receiver)
    two = org.account(Name="two")
    until(lambda: len(org.sent("outbound.message")) == 2)
    told = [got.records[0]["Id"] for got in receiver.got if got.path == "/om"]
    assert told == [two, one]
    org.control.clear_faults()
    org.control.add_fault({"name": "d", "on": "outbound.*", "event": {"delay": "90s"}})
    org.account(Name="three")
    until(lambda: len(org.control.journal()) == 9)
    org.control.advance(89)
    assert len(org.sent()) == 4
    org.control.advance(1)
    late = until(lambda: len(org.sent()) == 6 and org.sent()[-1])
    assert (late["call"]["acknowledged"], late["call"]["seconds"], late["strikes"][0]["rule"]) == (True, 0.0, "d")
    held = org.sent("outbound.message")[-1]
    assert held["at"] - held["call"]["written"] == pytest.approx(90.0)
    org.control.clear_faults()
    org.control.add_fault({"on": "outbound.*", "event": {"duplicate": 2}})
    org.account(Name="four")
    until(lambda: len(org.sent()) == 12)
    assert paths(receiver)[-3:] == ["/om"] * 3
    for wrong in ({"event": "drop"}, {"event": "stall"}, {"event": {"replay": "expired"}}):
        with pytest.raises(ControlError, match="not delivered to a subscriber"):
            org.control.add_fault({"on": "outbound.message", **wrong})
