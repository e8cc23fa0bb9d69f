from __future__ import annotations

from typing import Any

import pytest

from mock_server.faults.condition import ConditionError, compile_condition

RECORD = {
    "LastName": "O'Brien", "Email": "a_b@bad.test", "Amount": 12.5, "Count": "7", "Active": 1, "Phone": None,
    "Born": "2026-03-01", "At": "2026-03-01T10:00:00.000+0000", "Code": "50%",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("LastName = 'o\\'brien'", True),
        ("lastname != 'x'", True),
        ("LastName <> 'O\\'BRIEN'", False),
        ("Email LIKE '%@BAD.test'", True),
        ("Email LIKE 'a\\_b%'", True),
        ("Email LIKE 'a__@%'", True),
        ("Email LIKE 'a*'", False),
        ("Code LIKE '50\\%'", True),
        ("Code LIKE '5\\%%'", False),
        ("Amount > 12", True),
        ("Amount >= 12.5 AND Amount <= 12.5", True),
        ("Amount < -1", False),
        ("Count = 7", True),
        ("LastName > 5", False),
        ("Active = true", True),
        ("Active = FALSE", False),
        ("Phone = null", True),
        ("Phone != 'x'", True),
        ("Phone > 'a'", False),
        ("Email = null", False),
        ("Born >= 2026-02-28", True),
        ("At < 2026-03-01T10:00:01Z", True),
        ("At = 2026-03-01T11:00:00+01:00", True),
        ("LastName IN ('a', 'O\\'Brien')", True),
        ("Count NOT IN (7, 8)", False),
        ("NOT Active = true", False),
        ("(Active = false OR Amount > 1) AND NOT (Phone != null)", True),
        ("Missing = 'x'", False),
    ],
)
def test_a_condition_holds_as_in_soql(text: str, holds: bool) -> None:
    record = {name.lower(): value for name, value in RECORD.items()}

    def look(name: str) -> Any:
        return record.get(name.lower())

    assert compile_condition(text).holds(look) is holds


@pytest.mark.parametrize(
    "text",
    [
        "LastName", "= 'x'", "LastName = ", "LastName = x", "LastName LIKE 5", "LastName LIKE", "A = 1 AND B = 2 OR C = 3",
        "(A = 1", "A = 1)", "A = 1 B = 2", "A NOT LIKE 'x'", "A IN ()", "A IN 'x'", "Account.Name = 'x'", "A > null",
        "A = 2026-13-01", "A ~ 1", "A = 'x", "NOT", "(" * 300 + "A = 1" + ")" * 300, "NOT " * 300 + "A = 1",
        "A = '" + "x" * 5000 + "'",
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        compile_condition(text)


def test_what_follows_a_condition_in_soql_has_no_place() -> None:
    for text in ("A = 1 LIMIT 5", "A = 1 ORDER BY A", "A IN (SELECT Id FROM Contact)", "A = 1 FOR VIEW OFFSET 2"):
        with pytest.raises(ConditionError):
            compile_condition(text)


def test_sets_are_asked_as_in_soql() -> None:
    tags = {"Tags__c": "red;Blue"}.get
    assert compile_condition("Tags__c INCLUDES ('RED;blue', 'green')").holds(tags)
    assert not compile_condition("Tags__c EXCLUDES ('blue')").holds(tags)


def test_a_condition_names_the_fields_it_asks_about() -> None:
    assert compile_condition("A = 1 AND (B = 2 OR A = 3)").fields == ("A", "B")
