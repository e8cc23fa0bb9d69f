"""`/composite/graph`: graphs of requests for records, each of them all or none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rest
from tests.protocols.rest.composites import HALTED, codes, count, statuses, sub


def graph(identifier: Any, *nodes: dict[str, Any]) -> dict[str, Any]:
    return {"graphId": identifier, "compositeRequest": list(nodes)}


def account(reference: str, **values: Any) -> dict[str, Any]:
    return sub("POST", "/sobjects/Account/", reference, {"Name": reference, **values})


def contact(reference: str, **values: Any) -> dict[str, Any]:
    return sub("POST", "/sobjects/Contact/", reference, {"LastName": reference, **values})


def post(rest: Rest, *graphs: dict[str, Any]) -> list[dict[str, Any]]:
    answer = rest.post("/composite/graph", json={"graphs": list(graphs)})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["graphs"]
    return found


def answers(one: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = one["graphResponse"]["compositeResponse"]
    return found


def test_each_graph_stands_or_falls_by_itself(rest: Rest) -> None:
    good, bad, last = post(
        rest,
        graph("1", account("a"), contact("b", AccountId="@{a.id}")),
        graph("2", account("a"), contact("b", Nope=1), contact("c")),
        graph("3", account("a"), sub("GET", "/sobjects/Account/@{a.id}", "read")),
    )
    assert list(good) == ["graphId", "graphResponse", "isSuccessful"]
    assert [one["isSuccessful"] for one in (good, bad, last)] == [True, False, True]
    assert [one["graphId"] for one in (good, bad, last)] == ["1", "2", "3"]
    assert statuses(answers(good)) == [201, 201] and statuses(answers(last)) == [201, 200]
    assert codes(answers(bad)) == ["PROCESSING_HALTED", "INVALID_FIELD", "PROCESSING_HALTED"]
    assert answers(bad)[0]["body"] == [HALTED]
    assert (count(rest, "Account"), count(rest, "Contact")) == (2, 1)


def test_a_graph_knows_nothing_of_another(rest: Rest) -> None:
    _, second = post(rest, graph("1", account("a")), graph("2", contact("b", AccountId="@{a.id}")))
    assert answers(second)[0]["body"][0]["message"] == "Invalid reference specified. No value for a.id found in a"


def test_500_nodes_may_come_at_once(rest: Rest) -> None:
    half = [graph(f"g{n}", *(account(f"a{number}") for number in range(250))) for n in range(2)]
    assert [one["isSuccessful"] for one in post(rest, *half)] == [True, True]
    assert count(rest, "Account") == 500


def test_after_15_failures_the_others_are_not_begun(rest: Rest) -> None:
    bad = [graph(f"bad{number}", account("a", Nope=1)) for number in range(15)]
    found = post(rest, graph("first", account("a")), *bad, graph("last", account("a")))
    assert [one["isSuccessful"] for one in found] == [True, *[False] * 15, False]
    assert codes(answers(found[-1])) == ["PROCESSING_HALTED"]
    assert count(rest, "Account") == 1
    assert post(rest, *bad[:14], graph("last", account("a")))[-1]["isSuccessful"] is True


def chain(levels: int) -> dict[str, Any]:
    more = [account(f"a{level}", ParentId=f"@{{a{level - 1}.id}}") for level in range(1, levels)]
    return graph("deep", account("a0"), *more)


@pytest.mark.parametrize(
    ("graphs", "code"),
    [
        ([], "INVALID_INPUT"),
        ("x", "JSON_PARSER_ERROR"),
        ([1], "JSON_PARSER_ERROR"),
        ([{"compositeRequest": [account("a")]}], "INVALID_INPUT"),
        ([{"graphId": "a"}], "INVALID_INPUT"),
        ([graph("a")], "INVALID_INPUT"),
        ([graph(5, account("a"))], "JSON_PARSER_ERROR"),
        ([graph("a", account("a")) | {"allOrNone": True}], "JSON_PARSER_ERROR"),
        ([graph("", account("a"))], "INVALID_INPUT"),
        ([graph("-a", account("a"))], "INVALID_INPUT"),
        ([graph("a.b", account("a"))], "INVALID_INPUT"),
        ([graph("a" * 40, account("a"))], "INVALID_INPUT"),
        ([graph("a", account("a")), graph("a", account("b"))], "INVALID_INPUT"),
        ([graph("a", account("a"), account("a"))], "INVALID_INPUT"),
        ([graph("a", account("a-b"))], "JSON_PARSER_ERROR"),
        ([graph("a", sub("PUT", "/sobjects/Account", "a", {}))], "INVALID_INPUT"),
        ([graph("a", sub("GET", "/sobjects/Account", "a"))], "INVALID_INPUT"),
        ([graph("a", sub("POST", "/sobjects/Account/001000000000001", "a", {}))], "INVALID_INPUT"),
        ([graph("a", sub("GET", "/sobjects/Account/a/b/c", "a"))], "INVALID_INPUT"),
        ([graph("a", sub("GET", "/query?q=SELECT Id FROM Account", "a"))], "INVALID_INPUT"),
        ([graph("a", sub("GET", "/limits", "a"))], "INVALID_INPUT"),
        ([graph("a", sub("POST", "/composite/sobjects", "a", {}))], "INVALID_INPUT"),
        ([graph("a", sub("POST", "/services/data/v49.0/sobjects/Account", "a", {}))], "INVALID_INPUT"),
        ([graph("a", sub("POST", "@{b.c}", "a", {}))], "INVALID_INPUT"),
        ([graph(f"g{number}", account("a")) for number in range(76)], "LIMIT_EXCEEDED"),
        ([graph("a", *(account(f"a{number}") for number in range(501)))], "LIMIT_EXCEEDED"),
        ([graph("a", *(account(f"a{n}") for n in range(251))), graph("b", *(account(f"a{n}") for n in range(250)))], "LIMIT_EXCEEDED"),
        ([graph("a", *(sub("POST", f"/services/data/v{n}.0/sobjects/Account", f"a{n}", {}) for n in range(50, 66)))], "LIMIT_EXCEEDED"),
        ([chain(16)], "LIMIT_EXCEEDED"),
    ],
)  # fmt: skip
def test_wrong_graphs_are_refused_whole(rest: Rest, graphs: Any, code: str) -> None:
    answer = rest.post("/composite/graph", json={"graphs": graphs})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code), answer.text
    assert count(rest, "Account") == 0


def test_a_chain_of_15_nodes_is_the_deepest(rest: Rest) -> None:
    assert post(rest, chain(15))[0]["isSuccessful"] is True


def test_every_request_for_a_record_can_be_a_node(rest: Rest) -> None:
    key = "/sobjects/Contact/External_Id__c/K1"
    (one,) = post(
        rest,
        graph(
            "all",
            sub("PATCH", key, "made", {"LastName": "A"}),
            sub("PATCH", "/sobjects/Contact/@{made.id}", "changed", {"Title": "B"}),
            sub("GET", f"{key}?fields=Title", "read"),
            sub("DELETE", "/sobjects/Contact/@{made.id}", "gone"),
            sub("PATCH", key, "again", {"LastName": "C"}),
            sub("DELETE", key, "gone_again"),
        ),
    )
    assert statuses(answers(one)) == [201, 204, 200, 204, 201, 204]
