from __future__ import annotations

from typing import Any

import pytest

from mock_server.faults.effects import EFFECTS
from mock_server.faults.rule import KEYS, RuleError, parse
from mock_server.operations import Operation, Reply, Routes
from mock_server.routing import Registry

_routes = Routes(lambda error: Reply(error.status))


@_routes(
    Operation("rest.sobject.create", "POST", "/a/{sobject}", "write", "never", "one"),
    Operation("rest.sobject.read", "GET", "/a/{sobject}", "read", rows="one"),
    Operation("rest.collections.create", "POST", "/c", "write", "never", "many"),
    Operation("rest.collections.update", "PATCH", "/c", "write", "conditional", "many"),
    Operation("rest.query.run", "GET", "/q", "read", rows="many"),
    Operation("oauth.token", "POST", "/t", "login", auth=False, counted=False),
)
async def _nothing(call: object) -> Reply:
    return Reply()


REGISTRY = Registry([_routes])
LOCK = {"on": "rest.collections.*", "error": "UNABLE_TO_LOCK_ROW"}


def problems(rule: Any) -> list[tuple[tuple[str | int, ...], str | None]]:
    with pytest.raises(RuleError) as caught:
        parse(rule, REGISTRY, default_name="fault-1")
    assert all(problem.message for problem in caught.value.problems)
    return [(tuple(problem.path), problem.nearest) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("rule", "path", "nearest"),
    [
        ([], (), None),
        ("rest.*", (), None),
        ({**LOCK, "whne": {}}, ("whne",), "when"),
        ({"error": "UNABLE_TO_LOCK_ROW"}, ("on",), None),
        ({**LOCK, "on": "rest.query.runs"}, ("on",), "rest.query.run"),
        ({**LOCK, "on": "rest.colections.*"}, ("on",), "rest.collections.*"),
        ({**LOCK, "on": ["rest.*", "nothing"]}, ("on", 1), None),
        ({**LOCK, "on": []}, ("on",), None),
        ({**LOCK, "on": 5}, ("on",), None),
        ({**LOCK, "on": [5]}, ("on", 0), None),
        ({**LOCK, "name": 5}, ("name",), None),
        ({**LOCK, "name": "n" * 201}, ("name",), None),
        # where
        ({**LOCK, "where": "Contact"}, ("where",), None),
        ({**LOCK, "where": {"object": "Contact"}}, ("where", "object"), "sobject"),
        ({**LOCK, "where": {"sobject": 5}}, ("where", "sobject"), None),
        ({**LOCK, "where": {"header": {"X-A": 5}}}, ("where", "header", "X-A"), None),
        ({**LOCK, "where": {"header": "X-A"}}, ("where", "header"), None),
        ({"on": "oauth.token", "status": 503, "where": {"sobject": "Contact"}}, ("where", "sobject"), None),
        # records
        ({**LOCK, "records": {}}, ("records",), None),
        ({**LOCK, "records": {"evry": 7}}, ("records", "evry"), "every"),
        ({**LOCK, "records": {"every": 0}}, ("records", "every"), None),
        ({**LOCK, "records": {"every": "7"}}, ("records", "every"), None),
        ({**LOCK, "records": {"every": True}}, ("records", "every"), None),
        ({**LOCK, "records": {"first": 1, "last": 1}}, ("records", "last"), None),
        ({**LOCK, "records": {"fraction": 1.5}}, ("records", "fraction"), None),
        ({**LOCK, "records": {"fraction": 0}}, ("records", "fraction"), None),
        ({**LOCK, "records": {"keys": "K-1"}}, ("records", "keys"), None),
        ({**LOCK, "records": {"keys": []}}, ("records", "keys"), None),
        ({**LOCK, "records": {"where": "LastName LIKE"}}, ("records", "where"), None),
        ({**LOCK, "on": "rest.query.run", "records": {"every": 7}}, ("records",), None),
        ({**LOCK, "on": "oauth.token", "records": {"every": 7}}, ("records",), None),
        ({"on": "rest.*", "status": 503, "records": {"first": 1}}, ("records",), None),
        ({**LOCK, "level": "request", "records": {"first": 1}}, ("records",), None),
        # when
        ({**LOCK, "when": []}, ("when",), None),
        ({**LOCK, "when": {"tiems": 1}}, ("when", "tiems"), "times"),
        ({**LOCK, "when": {"times": -1}}, ("when", "times"), None),
        ({**LOCK, "when": {"times": 0}}, ("when", "times"), None),
        ({**LOCK, "when": {"times": 1.5}}, ("when", "times"), None),
        ({**LOCK, "when": {"skip": -1}}, ("when", "skip"), None),
        ({**LOCK, "when": {"per": "row"}}, ("when", "per"), None),
        ({**LOCK, "when": {"chance": 1.01}}, ("when", "chance"), None),
        ({**LOCK, "when": {"chance": -0.1}}, ("when", "chance"), None),
        ({**LOCK, "when": {"chance": 0}}, ("when", "chance"), None),
        ({**LOCK, "when": {"chance": float("nan")}}, ("when", "chance"), None),
        ({**LOCK, "when": {"between": ["60s", "10s"]}}, ("when", "between"), None),
        ({**LOCK, "when": {"between": "10s"}}, ("when", "between"), None),
        ({**LOCK, "when": {"between": ["10s", "soon"]}}, ("when", "between", 1), None),
        ({**LOCK, "when": {"between": [-1, "10s"]}}, ("when", "between", 0), None),
        # effects
        ({"on": "rest.*"}, (), None),
        ({**LOCK, "status": 503}, ("status",), None),
        ({**LOCK, "latency": "2s"}, ("latency",), None),
        ({**LOCK, "headers": {}, "body": "x"}, ("headers",), None),
        ({"on": "rest.*", "latency": "1s", "body": "x"}, ("body",), None),
        ({**LOCK, "error": "UNABLE_TO_LOCK_ROWS"}, ("error",), "UNABLE_TO_LOCK_ROW"),
        ({**LOCK, "error": "unable_to_lock_row"}, ("error",), "UNABLE_TO_LOCK_ROW"),
        ({**LOCK, "error": 5}, ("error",), None),
        ({**LOCK, "level": "rows"}, ("level",), "row"),
        ({**LOCK, "on": "rest.query.run", "level": "row"}, ("error",), None),
        ({**LOCK, "at": "during"}, ("at",), None),
        ({"on": "rest.*", "status": "503"}, ("status",), None),
        ({"on": "rest.*", "status": 99}, ("status",), None),
        ({"on": "rest.*", "status": 204, "body": "x"}, ("body",), None),
        ({"on": "rest.*", "status": 503, "body": "maintenence"}, ("body",), "maintenance"),
        ({"on": "rest.*", "status": 503, "headers": {"Bad Name": "x"}}, ("headers", "Bad Name"), None),
        ({"on": "rest.*", "status": 503, "headers": {"X": "a\r\nb"}}, ("headers", "X"), None),
        ({"on": "rest.*", "status": 503, "headers": {"Retry-After": "date+soon"}}, ("headers", "Retry-After"), None),
        ({"on": "rest.*", "status": 503, "headers": {"Content-Length": "1"}}, ("headers", "Content-Length"), None),
        ({"on": "rest.*", "latency": "soon"}, ("latency",), None),
        ({"on": "rest.*", "latency": -1}, ("latency",), None),
        ({"on": "rest.*", "latency": True}, ("latency",), None),
        ({"on": "rest.*", "latency": {"p50": "1s"}}, ("latency", "distribution"), None),
        ({"on": "rest.*", "latency": {"distribution": "normal"}}, ("latency", "distribution"), "lognormal"),
        ({"on": "rest.*", "latency": {"distribution": "lognormal", "p50": "1s"}}, ("latency", "p99"), None),
        (
            {"on": "rest.*", "latency": {"distribution": "lognormal", "p50": "2s", "p99": "1s"}},
            ("latency", "p99"),
            None,
        ),
        ({"on": "rest.*", "latency": {"distribution": "lognormal", "p50": 0, "p99": 1}}, ("latency", "p50"), None),
        ({"on": "rest.*", "reply": "losst"}, ("reply",), "lost"),
        ({"on": "rest.*", "reply": "lost", "at": "before"}, ("at",), None),
        ({"on": "rest.*", "reply": "lost", "delay": "1s"}, ("delay",), None),
        ({"on": "rest.*", "reply": "duplicated", "lasts": "1s"}, ("lasts",), None),
        ({"on": "rest.*", "reply": "duplicated", "delay": "soon"}, ("delay",), None),
        ({"on": "rest.*", "reply": "trickle", "lasts": 0}, ("lasts",), None),
        ({"on": "rest.*", "status": 503, "delay": "1s"}, ("delay",), None),
        ({"on": "rest.*", "session": "end"}, ("session",), None),
        ({"on": "rest.collections.*", "lock": "held"}, ("lock",), None),
        ({"on": "rest.query.run", "lock": "hold"}, ("lock",), None),
        ({"on": "rest.collections.*", "lock": "hold", "lasts": 0}, ("lasts",), None),
        ({"on": "oauth.token", "session": "expire"}, ("session",), None),
        ({"on": "rest.*", "outage": "10s"}, ("outage",), None),
        ({"on": "rest.*", "outage": {"up": "1s"}}, ("outage", "down"), None),
        ({"on": "rest.*", "outage": {"down": "0s"}}, ("outage", "down"), None),
        ({"on": "rest.*", "outage": {"down": "1s", "as": "rest"}}, ("outage", "as"), "reset"),
        ({"on": "rest.*", "limit": {"remaining": 0}}, ("limit", "name"), None),
        ({"on": "rest.*", "limit": {"name": "DailyApiRequest"}}, ("limit", "name"), "DailyApiRequests"),
        ({"on": "rest.*", "limit": {"name": "DailyApiRequests", "remaining": -1}}, ("limit", "remaining"), None),
        ({"on": "rest.*", "meanwhile": "delete"}, ("meanwhile",), None),
        ({"on": "rest.*", "meanwhile": {}}, ("meanwhile",), None),
        ({"on": "rest.*", "meanwhile": {"remove": "x"}}, ("meanwhile", "remove"), None),
        ({"on": "rest.*", "meanwhile": {"delet": "x"}}, ("meanwhile", "delet"), "delete"),
        ({"on": "rest.*", "meanwhile": {"delete": "SELECT FROM Contact"}}, ("meanwhile", "delete"), None),
        ({"on": "rest.*", "meanwhile": {"delete": "SELECT Name FROM Contact"}}, ("meanwhile", "delete"), None),
        ({"on": "rest.*", "meanwhile": {"insert": {"count": 3}}}, ("meanwhile", "insert", "sobject"), None),
        (
            {"on": "rest.*", "meanwhile": {"insert": {"sobject": "A", "count": 0}}},
            ("meanwhile", "insert", "count"),
            None,
        ),
        (
            {"on": "rest.*", "meanwhile": {"update": {"query": "SELECT Id FROM A"}}},
            ("meanwhile", "update", "values"),
            None,
        ),
    ],
)
def test_a_wrong_rule_is_refused_at_its_place_with_the_nearest_word(
    rule: Any, path: tuple[str | int, ...], nearest: str | None
) -> None:
    found = dict(problems(rule))
    assert path in found
    if nearest is not None:
        assert found[path] == nearest


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = problems({"on": "nothing", "error": "NOPE", "when": {"times": -1}, "records": {"evry": 2}})
    assert {path for path, _ in found} >= {("on",), ("error",), ("when", "times"), ("records", "evry")}


@pytest.mark.parametrize(
    ("rule", "points"),
    [
        (LOCK, {"rest.collections.create": "row", "rest.collections.update": "row"}),
        ({**LOCK, "on": "rest.query.run"}, {"rest.query.run": "before"}),
        ({**LOCK, "on": "rest.sobject.create", "level": "request"}, {"rest.sobject.create": "before"}),
        ({"on": "rest.sobject.create", "error": "UNKNOWN_EXCEPTION"}, {"rest.sobject.create": "before"}),
        ({"on": "rest.sobject.create", "error": "UNKNOWN_EXCEPTION", "at": "after"}, {"rest.sobject.create": "after"}),
        ({"on": "rest.sobject.create", "error": "UNKNOWN_EXCEPTION", "level": "row"}, {"rest.sobject.create": "row"}),
        (
            {"on": "rest.s*", "error": "UNKNOWN_EXCEPTION", "records": {"every": 2}},
            {"rest.sobject.create": "row"},
        ),
        ({"on": "oauth.*", "latency": "1s", "at": "after"}, {"oauth.token": "after"}),
        ({"on": ["oauth.*", "rest.q*"], "reply": "reset"}, {"oauth.token": "edge", "rest.query.run": "edge"}),
        ({"on": "oauth.*", "reply": "reset", "at": "after"}, {"oauth.token": "reply"}),
        ({"on": ["rest.q*", "*"], "session": "expire"}, dict.fromkeys((o.name for o in REGISTRY if o.auth), "session")),
        ({"on": "oauth.token", "outage": {"down": "1s"}}, {"oauth.token": "edge"}),
    ],
)
def test_a_rule_knows_where_it_strikes_each_operation(rule: dict[str, Any], points: dict[str, str]) -> None:
    assert parse(rule, REGISTRY, default_name="x").points == points


@pytest.mark.parametrize(
    "rule",
    [
        {**LOCK, "records": {"every": 7}, "when": {"times": 2, "per": "key"}},
        {"name": "slow", "on": ["*"], "latency": {"distribution": "lognormal", "p50": "80ms", "p99": "2s"}},
        {"on": "rest.*", "status": 503, "headers": {"Retry-After": "5"}, "body": "maintenance", "at": "before"},
        {**LOCK, "where": {"sobject": "Contact", "header": {"User-Agent": "x*"}, "body": {"allOrNone": True}}},
        {**LOCK, "records": {"where": "LastName LIKE 'A%'"}, "when": {"between": ["10s", "60s"], "phase": "faults"}},
    ],
)
def test_to_json_gives_the_rule_back(rule: dict[str, Any]) -> None:
    parsed = parse(rule, REGISTRY, default_name="fault-1")
    assert parsed.to_json() == {"name": "fault-1", **rule}
    again = parse(parsed.to_json(), REGISTRY, default_name="other")
    assert again.to_json() == parsed.to_json()
    assert again.when == parsed.when
    assert again.effect == parsed.effect


def test_a_rule_does_not_follow_later_changes_of_the_mapping_it_was_read_from() -> None:
    rule: dict[str, Any] = {**LOCK, "when": {"times": 2}}
    parsed = parse(rule, REGISTRY, default_name="x")
    rule["when"]["times"] = 3
    assert parsed.to_json()["when"] == {"times": 2}


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.key)
def test_every_effect_declares_keys_that_the_grammar_knows(effect: Any) -> None:
    assert {effect.key, *effect.takes} <= set(KEYS)
    assert effect.points
