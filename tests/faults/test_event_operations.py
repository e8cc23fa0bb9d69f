"""Every effect on every operation of the event APIs: it is taken, or refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.faults.effects import BY_KEY
from mock_server.faults.rule import RuleError, parse
from mock_server.protocols import cometd, pubsub, rest
from mock_server.routing import Registry

REGISTRY = Registry([*rest.ROUTES, *cometd.ROUTES, *pubsub.ROUTES])
NAMES = sorted(
    name for name in REGISTRY.by_name if name.startswith(("cometd.", "pubsub.", "rest.streaming.", "rest.sobject.c"))
)
ANYWHERE: list[dict[str, Any]] = [
    {"error": "SERVER_UNAVAILABLE"},
    {"status": 503},
    {"latency": "1s"},
    *({"reply": kind} for kind in ("lost", "reset", "truncated", "malformed", "trickle")),
    *({"session": how} for how in ("expire", "revoke")),
    {"outage": {"down": "1s"}},
    {"limit": {"name": "DailyApiRequests", "remaining": 0}},
    {"meanwhile": {"delete": "SELECT Id FROM Account"}},
    {"subject": "kill"},
]
DELIVERING = {"cometd.connect", "pubsub.subscribe", "pubsub.managed_subscribe"}
SUBSCRIBING = {"cometd.subscribe", "pubsub.subscribe", "pubsub.managed_subscribe"}
PUBLISHING = {"pubsub.publish", "pubsub.publish_stream", "rest.sobject.create"}
SOMEWHERE: list[tuple[dict[str, Any], set[str]]] = [
    *(
        ({"event": event}, DELIVERING)
        for event in (
            "duplicate", "reorder", {"delay": "1s"}, "drop", {"drop": "gap"}, "schema", "disconnect", "stall", "slow",
        )
    ),
    ({"event": "forget"}, DELIVERING | {"cometd.subscribe", "cometd.unsubscribe"}),
    ({"event": {"replay": "expired"}}, SUBSCRIBING),
    ({"event": "lost"}, PUBLISHING | {"rest.streaming.push"}),
    ({"error": "LIMIT_EXCEEDED", "level": "row"}, PUBLISHING),
    ({"lock": "hold"}, {"rest.sobject.create"}),
    ({"job": "stuck"}, set()),
    ({"upload": "cut"}, set()),
]  # fmt: skip


def taken(name: str, effect: dict[str, Any]) -> bool:
    try:
        parse({"on": name, **effect}, REGISTRY, default_name="fault-1")
    except RuleError as error:
        (problem,) = error.problems
        assert name in problem.message
        return False
    return True


def test_these_are_all_effects() -> None:
    assert {key for effect in [*ANYWHERE, *(one for one, _ in SOMEWHERE)] for key in effect if key in BY_KEY} == set(
        BY_KEY
    )


@pytest.mark.parametrize("effect", ANYWHERE, ids=str)
def test_what_befalls_requests_befalls_these(effect: dict[str, Any]) -> None:
    refused = {name for name in NAMES if not taken(name, effect)}
    assert refused == set()


@pytest.mark.parametrize(
    ("effect", "names"), SOMEWHERE, ids=lambda one: str(sorted(one) if isinstance(one, set) else one)
)
def test_what_befalls_some_is_refused_for_the_others(effect: dict[str, Any], names: set[str]) -> None:
    assert {name for name in NAMES if taken(name, effect)} == names
