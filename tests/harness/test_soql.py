"""A query is known by its shape, whatever values it was made with."""

from __future__ import annotations

import pytest

from harness import soql


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT Id FROM Contact WHERE Email = 'a@b.c'", "select Id from Contact where Email='x\\'y'"),
        ("SELECT Id FROM Contact WHERE Id IN ('1', '2')", "SELECT Id FROM Contact WHERE Id IN ('1','2','3')"),
        ("SELECT Id FROM Contact WHERE Id IN ('1', '2')", "SELECT Id FROM Contact WHERE Id IN ('1', 'cut sho"),
        ("SELECT Id FROM A WHERE N > 10 LIMIT 5", "SELECT Id FROM A WHERE N > -3.5 LIMIT 20"),
        (
            "SELECT Id FROM A WHERE SystemModstamp > 2026-03-01T10:00:00Z",
            "SELECT Id FROM A\nWHERE SystemModstamp > 2025-01-01T00:00:00.000+0100",
        ),
    ],
)
def test_queries_of_one_shape(one: str, other: str) -> None:
    assert soql.shape(one) == soql.shape(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT Id FROM Contact", "SELECT Id FROM Account"),
        ("SELECT Id FROM Contact", "SELECT Id, Name FROM Contact"),
        ("SELECT A1__c FROM Contact", "SELECT A2__c FROM Contact"),
        ("SELECT Id FROM Contact WHERE A = 'x'", "SELECT Id FROM Contact WHERE B = 'x'"),
    ],
)
def test_queries_of_different_shapes(one: str, other: str) -> None:
    assert soql.shape(one) != soql.shape(other)


@pytest.mark.parametrize(
    ("text", "sobject"),
    [
        ("SELECT Id FROM Contact WHERE Name = 'sent FROM here'", "Contact"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "Account"),
        ("SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account)", "Contact"),
        ("nonsense", ""),
    ],
)
def test_the_object_of_a_query(text: str, sobject: str) -> None:
    assert soql.object_of(text) == sobject


def test_literals_offsets_and_locators() -> None:
    assert soql.literals("a = 'x' AND b = 'O\\'Neil' AND c = 7") == ("x", "O'Neil")
    assert soql.offset_of("SELECT Id FROM A LIMIT 10 OFFSET 200") == 200
    assert soql.offset_of("SELECT Id FROM A") == 0
    assert soql.locator_of("/services/data/v60.0/query/01gXX-2000") == ("01gXX", 2000)
    assert soql.locator_of("/services/data/v60.0/query/rubbish") == ("rubbish", 0)
