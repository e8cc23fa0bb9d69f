"""Faults, row locks and evidence of requests inside a request."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from mock_server import api
from mock_server.control.client import ControlClient, OrgInfo
from tests.conftest import FIELDS, Rest
from tests.protocols.rest.composites import codes, composite, count, statuses, sub
from tests.waiting import pass_time, until


@pytest.fixture
def control(server: api.Server, org: OrgInfo) -> ControlClient:
    return server.control.for_org(org.id)


def accounts(number: int) -> list[dict[str, Any]]:
    return [sub("POST", "/sobjects/Account", f"a{n}", {"Name": f"A{n}"}) for n in range(number)]


def fired(control: ControlClient) -> list[tuple[int, int]]:
    return [(rule.matched, rule.fired) for rule in control.faults()]


LOCK = "UNABLE_TO_LOCK_ROW"


@pytest.mark.parametrize("all_or_none", [False, True])
@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({"on": "rest.sobject.create", "error": LOCK, "when": {"times": 1}}, LOCK),
        ({"on": "rest.sobject.create", "error": "REQUEST_RUNNING_TOO_LONG", "when": {"times": 1}}, "REQUEST_RUNNING_TOO_LONG"),
        ({"on": "rest.sobject.*", "error": "SERVER_UNAVAILABLE", "at": "after", "when": {"times": 1}}, "SERVER_UNAVAILABLE"),
        ({"on": "rest.composite.*", "error": LOCK, "records": {"first": 1}}, LOCK),
    ],
)  # fmt: skip
def test_a_rule_strikes_one_of_the_requests(
    rest: Rest, control: ControlClient, rule: dict[str, Any], struck: str, all_or_none: bool
) -> None:
    control.add_fault(rule)
    answers = composite(rest, *accounts(3), allOrNone=all_or_none)
    others = "PROCESSING_HALTED" if all_or_none else None
    assert codes(answers) == [struck, others, others]
    assert fired(control)[0][1] == 1
    # What is struck after its save was saved, unless its transaction is undone.
    assert count(rest, "Account") == (0 if all_or_none else 3 if rule.get("at") else 2)


def test_requests_are_counted_one_by_one(rest: Rest, control: ControlClient) -> None:
    control.add_fault({"on": "rest.sobject.create", "error": LOCK, "when": {"skip": 2, "times": 2}})
    assert codes(composite(rest, *accounts(6))) == [None, None, LOCK, LOCK, None, None]
    assert fired(control) == [(6, 2)]


def test_a_rule_is_about_the_object_of_each_request(rest: Rest, control: ControlClient) -> None:
    control.add_fault({"on": "rest.sobject.create", "where": {"sobject": "Contact"}, "error": LOCK})
    contact = sub("POST", "/sobjects/Contact", "c", {"LastName": "X", "AccountId": "@{a0.id}"})
    assert codes(composite(rest, *accounts(1), contact, *accounts(2)[1:])) == [None, LOCK, None]


@pytest.mark.parametrize("all_or_none", [False, True])
def test_a_status_from_in_front_of_the_platform_stands_in_its_place(
    rest: Rest, control: ControlClient, all_or_none: bool
) -> None:
    control.add_fault({"on": "rest.sobject.update", "status": 503, "body": "maintenance"})
    change = sub("PATCH", "/sobjects/Account/@{a0.id}", "p", {"Name": "B"})
    answers = composite(rest, *accounts(1), change, allOrNone=all_or_none)
    assert statuses(answers) == [400 if all_or_none else 201, 503]
    assert isinstance(answers[1]["body"], str)
    assert count(rest, "Account") == (0 if all_or_none else 1)


def test_what_happens_to_a_connection_happens_to_the_whole_call(rest: Rest, control: ControlClient) -> None:
    for rule in ({"reply": "lost"}, {"session": "expire"}, {"outage": {"down": "1m"}}):
        control.add_fault({"on": "rest.sobject.create", **rule})
    assert statuses(composite(rest, *accounts(2))) == [201, 201]
    assert [strikes for _, strikes in fired(control)] == [0, 0, 0]


@pytest.mark.parametrize("all_or_none", [False, True])
def test_a_rule_about_the_whole_call_is_not_asked_again_inside(
    rest: Rest, control: ControlClient, all_or_none: bool
) -> None:
    control.add_fault({"on": "rest.*", "latency": "1ms"})
    control.add_fault({"on": "*", "error": "REQUEST_RUNNING_TOO_LONG", "when": {"skip": 1}})
    assert statuses(composite(rest, *accounts(3), allOrNone=all_or_none)) == [201] * 3
    assert fired(control) == [(1, 1), (1, 0)]


def test_a_path_that_nobody_serves_is_marked_in_the_journal(rest: Rest, control: ControlClient) -> None:
    composite(rest, sub("GET", "/nope", "a"))
    composite(rest, sub("GET", "/sobjects/Nope/describe", "a"))
    assert [entry["unimplemented"] for entry in control.journal()] == [True, False]


def test_the_journal_has_one_entry_with_all_rows_and_strikes(rest: Rest, control: ControlClient) -> None:
    control.add_fault({"name": "second", "on": "rest.sobject.create", "error": LOCK, "when": {"skip": 1, "times": 1}})
    control.add_fault({"name": "slow", "on": "rest.query.run", "latency": "1ms"})
    last = [
        sub("GET", "/query?q=SELECT Id FROM Account", "q"),
        sub("PATCH", "/sobjects/Contact/External_Id__c/K1", "u", {"LastName": "X"}),
        sub("POST", "/sobjects/Contact", "halted", {"LastName": "@{a1.id}"}),
    ]
    composite(rest, *accounts(2), *last)
    (entry,) = control.journal()
    assert (entry["operation"], entry["status"], entry["outcome"]) == ("rest.composite.run", 200, "answered")
    rows = [(row["verb"], row["sobject"], row["success"], row["codes"]) for row in entry["rows"]]
    assert rows == [
        ("create", "Account", True, []),
        ("create", "Account", False, [LOCK]),
        ("upsert", "Contact", True, []),
        ("create", "Contact", False, ["PROCESSING_HALTED"]),
    ]
    assert (entry["rows"][2]["key_field"], entry["rows"][2]["key"]) == ("External_Id__c", "K1")
    assert [(one["rule"], one["rows"]) for one in entry["strikes"] if one["effect"] != "latency"] == [("second", 1)]
    commits = [commit for commit in control.commits() if commit.exchange == entry["number"]]
    assert [(commit.verb, commit.sobject) for commit in commits] == [("create", "Account"), ("create", "Contact")]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/composite", {"compositeRequest": accounts(2)}),
        ("/composite/batch", {"batchRequests": [
            {"method": "POST", "url": "v60.0/sobjects/Account", "richInput": {"Name": f"A{n}"}} for n in range(2)
        ]}),
        ("/composite/graph", {"graphs": [{"graphId": "g", "compositeRequest": accounts(2)}]}),
        ("/composite/tree/Account", {"records": [
            {"attributes": {"type": "Account", "referenceId": f"r{n}"}, "Name": f"A{n}"} for n in range(2)
        ]}),
    ],
)  # fmt: skip
def test_a_call_that_is_refused_whole_still_tells_its_rows(
    rest: Rest, control: ControlClient, path: str, body: dict[str, Any]
) -> None:
    control.add_fault({"on": "rest.composite.*", "status": 503})
    assert rest.post(path, json=body).status_code == 503
    (entry,) = control.journal()
    rows = [(row["verb"], row["sobject"], row["success"], row["values"]) for row in entry["rows"]]
    assert rows == [("create", "Account", None, {"Name": f"A{n}"}) for n in range(2)]


def test_a_record_of_a_tree_that_a_fault_refuses_is_named_alone(rest: Rest, control: ControlClient) -> None:
    control.add_fault({"on": "rest.composite.tree", "where": {"sobject": "Contact"}, "error": LOCK})
    child = {"records": [{"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": "X"}]}
    body = {"records": [{"attributes": {"type": "Account", "referenceId": "a"}, "Name": "A", "Contacts": child}]}
    answer = rest.post("/composite/tree/Account", json=body)
    assert answer.status_code == 400
    assert [(one["referenceId"], one["errors"][0]["statusCode"]) for one in answer.json()["results"]] == [("c", LOCK)]
    assert count(rest, "Account") == 0


def test_a_tree_that_a_fault_struck_tells_also_what_else_is_wrong_with_it(rest: Rest, control: ControlClient) -> None:
    control.add_fault({"on": "rest.composite.tree", "records": {"first": 1}, "error": LOCK})
    names = {"a": {"LastName": "A"}, "b": {}, "c": {"LastName": "C"}}
    body = {"records": [{"attributes": {"type": "Contact", "referenceId": name}, **row} for name, row in names.items()]}
    found = rest.post("/composite/tree/Contact", json=body).json()["results"]
    assert [(one["referenceId"], one["errors"][0]["statusCode"]) for one in found] == [
        ("a", LOCK), ("b", "REQUIRED_FIELD_MISSING"),
    ]  # fmt: skip


def test_the_journal_can_be_read_however_deep_a_body_was(rest: Rest, control: ControlClient) -> None:
    for levels in (200, 244, 245, 246, 250, 254, 400, 2000):
        deep = "[" * levels + "]" * levels
        for path, body in (
            ("/sobjects/Contact", '{"LastName":%s}'),
            ("/composite/tree/Contact", '{"records":[{"A":%s}]}'),
        ):
            rest.post(path, data=body.replace("%s", deep), headers={"Content-Type": "application/json"})
    assert len(control.journal()) == 16


# -- on a clock that stands still


@pytest.fixture
def still(server: api.Server) -> Any:
    made = server.control.create_org(clock="virtual", journal="whole", fields=FIELDS)
    yield made
    server.control.delete_org(made.id)


@pytest.fixture
def slow(server: api.Server, still: OrgInfo) -> Any:
    client = Rest(server.url, still.access_token, still)
    yield client
    client.http.close()


def moved(server: api.Server, org: OrgInfo, ask: Callable[[], Any], step: float = 0.5) -> tuple[Any, float]:
    """Return an answer and the clock seconds that had to pass for it."""
    control = server.control.for_org(org.id)
    start = control.clock().now
    with ThreadPoolExecutor(1) as pool:
        asked: Future[Any] = pool.submit(ask)
        pass_time(server, org.id, [asked], step)
        return asked.result(), control.clock().now - start


@pytest.mark.parametrize("all_or_none", [False, True])
def test_latencies_add_up_and_faults_are_asked_once(
    server: api.Server, still: OrgInfo, slow: Rest, all_or_none: bool
) -> None:
    control = server.control.for_org(still.id)
    control.add_fault({"on": "rest.sobject.create", "latency": "2s"})
    control.add_fault({"on": "rest.sobject.create", "error": LOCK, "when": {"skip": 3}})
    answers, waited = moved(server, still, lambda: composite(slow, *accounts(3), allOrNone=all_or_none))
    assert statuses(answers) == [201, 201, 201]
    assert 6 <= waited <= 8
    assert fired(control) == [(3, 3), (3, 0)]
    assert count(slow, "Account") == 3


def test_nothing_of_a_transaction_is_there_while_it_waits(server: api.Server, still: OrgInfo, slow: Rest) -> None:
    control = server.control.for_org(still.id)
    (held,) = control.seed("Account", [{"Name": "Held"}])
    control.add_fault({"on": "rest.sobject.update", "lock": "hold", "lasts": "5s", "when": {"times": 1}})
    seen: list[int] = []

    def ask() -> list[dict[str, Any]]:
        return composite(
            slow, *accounts(2), sub("PATCH", f"/sobjects/Account/{held}", "p", {"Name": "B"}), allOrNone=True
        )

    start = control.clock().now
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        until(lambda: fired(control) == [(1, 1)])
        seen.append(len(control.records("SELECT Id FROM Account")))
        control.advance(4.5)
        seen.append(len(control.records("SELECT Id FROM Account")))
        pass_time(server, still.id, [asked], 0.5)
        assert statuses(asked.result()) == [201, 201, 204]
    assert 5 <= control.clock().now - start <= 6.5
    assert set(seen) == {1}
    assert fired(control) == [(1, 1)]
    assert len(control.records("SELECT Id FROM Account")) == 3
    # Ids of the runs that were undone are not in the evidence.
    (entry,) = [one for one in control.journal() if one["operation"] == "rest.composite.run"]
    assert [row["success"] for row in entry["rows"]] == [True, True, True]


@pytest.mark.parametrize("kind", ["composite", "graph"])
def test_a_lock_that_stays_ends_the_transaction_after_ten_seconds(
    server: api.Server, still: OrgInfo, slow: Rest, kind: str
) -> None:
    control = server.control.for_org(still.id)
    (held,) = control.seed("Account", [{"Name": "Held"}])
    control.add_fault({"on": "rest.sobject.update", "lock": "hold", "lasts": "60s"})
    change = sub("PATCH", f"/sobjects/Account/{held}", "p", {"Name": "B"})
    nodes = [*accounts(1), change, sub("POST", "/sobjects/Account", "z", {"Name": "Z"})]
    if kind == "composite":
        answers, waited = moved(server, still, lambda: composite(slow, *nodes, allOrNone=True))
    else:
        body = {"graphs": [{"graphId": "g", "compositeRequest": nodes}]}
        answer, waited = moved(server, still, lambda: slow.post("/composite/graph", json=body).json())
        answers = answer["graphs"][0]["graphResponse"]["compositeResponse"]
    assert codes(answers) == ["PROCESSING_HALTED", LOCK, "PROCESSING_HALTED"]
    assert 10 <= waited <= 12
    assert [one["Name"] for one in control.records("SELECT Name FROM Account")] == ["Held"]


@pytest.mark.parametrize(("lasts", "status", "least"), [("5s", 201, 5), ("60s", 400, 10)])
def test_a_tree_waits_for_the_parent_of_its_records(
    server: api.Server, still: OrgInfo, slow: Rest, lasts: str, status: int, least: float
) -> None:
    control = server.control.for_org(still.id)
    (held,) = control.seed("Account", [{"Name": "Held"}])
    control.add_fault({"on": "rest.composite.tree", "lock": "hold", "lasts": lasts, "when": {"times": 1}})
    child = {"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": "X", "AccountId": held}
    answer, waited = moved(server, still, lambda: slow.post("/composite/tree/Contact", json={"records": [child]}))
    assert answer.status_code == status
    assert least <= waited <= least + 2
    if status == 400:
        assert answer.json()["results"][0]["errors"][0]["statusCode"] == LOCK
    assert len(control.records("SELECT Id FROM Contact")) == (1 if status == 201 else 0)


def test_many_transactions_over_the_same_records_are_done_one_after_the_other(server: api.Server) -> None:
    org = server.control.create_org(clock="virtual", journal="whole", settings={"transaction_time": "1s"})
    control = server.control.for_org(org.id)
    ids = control.seed("Account", [{"Name": f"A{number}"} for number in range(4)])
    control.advance(5)

    def write(number: int) -> list[int]:
        # Neighbours take the records in opposite orders: locks that were taken one by one would wait for each other.
        order = ids if number % 2 else ids[::-1]
        changes = [
            sub("PATCH", f"/sobjects/Account/{one}", f"r{n}", {"Site": str(number)}) for n, one in enumerate(order)
        ]
        client = Rest(server.url, org.access_token, org)
        try:
            return statuses(
                composite(client, *changes, sub("POST", "/sobjects/Contact", "c", {"LastName": "X"}), allOrNone=True)
            )
        finally:
            client.http.close()

    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(write, number) for number in range(5)]
        pass_time(server, org.id, asked, 0.2)
        assert [one.result() for one in asked] == [[204, 204, 204, 204, 201]] * 5
    # Each transaction's changes stand together in the commit log, a second apart from the next.
    changes = [commit for commit in control.commits() if commit.verb == "update" and commit.exchange]
    groups = [{commit.exchange for commit in changes[start : start + 4]} for start in range(0, len(changes), 4)]
    assert [len(group) for group in groups] == [1] * 5
    assert len(control.records("SELECT Id FROM Contact")) == 5
    server.control.delete_org(org.id)
