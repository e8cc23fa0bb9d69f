"""`meanwhile`: somebody else changes records just before a request is served."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from mock_server.faults.rule import RuleError
from tests.faults.conftest import Lab

NAMES = "q=SELECT+LastName+FROM+Contact+ORDER+BY+Id"


async def names(lab: Lab) -> list[str]:
    reply = await lab.send("GET", "/query", query=NAMES)
    return [record["LastName"] for record in orjson.loads(reply.body)["records"]]


async def seeded(lab: Lab) -> None:
    for number in (1, 2, 3):
        await lab.create(f"K-{number}", LastName=f"N{number}")


async def test_rows_change_between_two_requests(lab: Lab) -> None:
    await seeded(lab)
    lab.fault(
        on="rest.query.*",
        when={"skip": 1, "times": 1},
        meanwhile={
            "insert": {"sobject": "Contact", "count": 2, "values": {"LastName": "New"}},
            "update": {"query": "SELECT Id FROM Contact WHERE LastName = 'N2'", "values": {"LastName": "Other"}},
            "delete": "SELECT Id FROM Contact ORDER BY Id LIMIT 1",
        },
    )
    assert await names(lab) == ["N1", "N2", "N3"]
    assert await names(lab) == ["Other", "N3", "New", "New"]
    assert await names(lab) == ["Other", "N3", "New", "New"]
    assert [(strike.effect, strike.point, strike.rows) for strike in list(lab.journal)[-2].strikes] == [
        ("meanwhile", "before", 0)
    ]


async def test_the_changes_are_nobodys_request(lab: Lab) -> None:
    await seeded(lab)
    used, sessions = lab.org.limits.usage, lab.journal.count
    lab.fault(on="rest.query.*", meanwhile={"delete": "SELECT Id FROM Contact"})
    assert await names(lab) == []
    assert [commit.exchange for commit in lab.org.log.since(3)] == [0, 0, 0]
    assert (lab.journal.count - sessions, lab.org.limits.usage != used) == (1, True)


async def test_what_is_refused_leaves_the_rest_and_the_request_alone(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    await seeded(lab)
    lab.fault(
        on="rest.query.*",
        meanwhile={"insert": {"sobject": "Contact", "values": {"External_Id__c": "K-1", "LastName": "Twice"}}},
    )
    assert await names(lab) == ["N1", "N2", "N3"]
    assert "meanwhile: 1 rows refused: DUPLICATE_VALUE" in caplog.text


@pytest.mark.parametrize(
    ("meanwhile", "path", "nearest"),
    [
        ({"insert": {"sobject": "Contakt"}}, ("meanwhile", "insert", "sobject"), "Contact"),
        (
            {"insert": {"sobject": "Contact", "values": {"LastNam": "x"}}},
            ("meanwhile", "insert", "values", "LastNam"),
            "LastName",
        ),
        ({"delete": "SELECT Id FROM Contakt"}, ("meanwhile", "delete"), "Contact"),
        ({"delete": "SELECT Id FROM Contact WHERE Foo__c = 1"}, ("meanwhile", "delete"), None),
        (
            {"update": {"query": "SELECT Id FROM Contact", "values": {"Emial": "x"}}},
            ("meanwhile", "update", "values", "Emial"),
            "Email",
        ),
    ],
)
async def test_what_the_org_does_not_have_is_told_when_the_rule_is_added(
    lab: Lab, meanwhile: dict[str, Any], path: tuple[str, ...], nearest: str | None
) -> None:
    with pytest.raises(RuleError) as caught:
        lab.fault(on="rest.query.*", meanwhile=meanwhile)
    assert [(problem.path, problem.nearest) for problem in caught.value.problems] == [(path, nearest)]
