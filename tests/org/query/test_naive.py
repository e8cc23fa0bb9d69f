"""Random queries agree with an evaluator that knows nothing of SQL; broken ones get an error of Salesforce."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.errors import ApiError
from mock_server.org.org import Org
from mock_server.org.records.changes import Change
from mock_server.org.schema import Schema
from tests.org.query import naive
from tests.org.query.conftest import BASE, NOW, session

QUERIES_AN_EXAMPLE = 50
Run = Callable[[str], Any]


@pytest.fixture(scope="module")
def place() -> tuple[naive.World, Run, Run]:
    """The world, a function that returns a query's records, and one that counts."""
    schema = Schema()
    schema.add({}, naive.FIELDS)
    org = Org(1, schema=schema, clock="virtual", start=NOW)
    org.directory.seed()
    who = session(org)
    rows = naive.made()
    for sobject, some in rows.items():
        for row in some:
            for key in ("AccountId", "ParentId", "ContactId"):
                target = {"AccountId": "Account", "ParentId": "Account", "ContactId": "Contact"}[key]
                if row.get(key) is not None:
                    row[key] = rows[target][row[key]]["Id"]
            values = {name: value for name, value in row.items() if value is not None}
            (result,) = org.write(who, [Change("create", sobject, values)], all_or_none=True)
            assert result.success, result
            row["Id"] = result.id
    run = lambda soql: org.query(who, soql, base=BASE).records  # noqa: E731
    return naive.World(rows), run, lambda soql: org.query(who, soql, base=BASE).total


def check_records(world: naive.World, run: Run, count: Run, chance: Random) -> None:
    query = naive.select(chance, world)
    soql = query.written()
    expected = query.answer(world)
    assert naive.plain(run(soql), query) == expected, soql
    if query.where and not query.limit and not query.offset:
        where = " AND ".join(test.text for test in query.where)
        whole = naive.Select(query.sobject, ["Id"], query.where, [], None, 0)
        assert count(f"SELECT COUNT() FROM {query.sobject} WHERE {where}") == len(whole.answer(world)), where


def check_groups(world: naive.World, run: Run, chance: Random) -> None:
    query = naive.groups(chance, world)
    soql = query.written()
    got = [list(row.values())[1:] for row in run(soql)]
    expected = query.answer(world)
    if query.by:
        keys = [[row[place] for place, _ in query.by] for row in got]
        assert settled(keys) == settled([[row[place] for place, _ in query.by] for row in expected]), soql
    assert sorted(map(repr, settled(got))) == sorted(map(repr, settled(expected))), soql


def settled(rows: list[list[Any]]) -> list[list[Any]]:
    """Return rows in which what counts as equal is equal: numbers to four places, text without case."""
    return [
        [
            round(float(one), 4)
            if isinstance(one, int | float) and not isinstance(one, bool)
            else naive.comparable(one)
            for one in row
        ]
        for row in rows
    ]


def check(place: tuple[naive.World, Run, Run], seed: int) -> None:
    world, run, count = place
    chance = Random(seed)
    for _ in range(QUERIES_AN_EXAMPLE):
        if chance.random() < 0.7:
            check_records(world, run, count, chance)
        else:
            check_groups(world, run, chance)


seeds = st.integers(0, 2**48)
WORDS = re.compile(r"'(?:\\.|[^'\\])*'|[\w.:%-]+|[<>!]?=|\S")


@settings(max_examples=40)
@given(seeds)
def test_2000_queries_agree_with_the_naive_evaluator(place: Any, seed: int) -> None:
    check(place, seed)


@pytest.mark.heavy
@settings(max_examples=400)
@given(seeds)
def test_20000_queries_agree_with_the_naive_evaluator(place: Any, seed: int) -> None:
    check(place, seed)


PIECES = [
    "'", "''", "\\", "(", ")", ",", ".", ":", ";", "--", "/*", "*/", "%", "_", "\0", "\n", "=", "<", ">=", "!", '"', "`", "[", "]", "?",
    " AND ", " OR ", " NOT ", " IN ", " LIKE ", " null ", "SELECT ", " FROM ", " WHERE ", " GROUP BY ", " HAVING ", " ORDER BY ",
    " LIMIT ", " OFFSET ", " FOR VIEW", "TYPEOF ", "COUNT()", "COUNT(Id)", "FIELDS(ALL)", "1e999", "-9223372036854775809", "0x1F",
    "99999999999999999999", "2026-02-30", "0000-00-00", "9999-12-31T23:59:59+14:00", "LAST_N_YEARS:999999", "USD5", "\ud800".encode("utf-8", "replace").decode(),
    "e\u0301", "\U0001f600", "\\u0000", "\\ud800", "' OR '1'='1", "'; DROP TABLE \"Contact\"; --", "x" * 5000, "sqlite_master", "rowid",
    "Account.Account.", "Owner.Profile.", "__fold", "DISTANCE(", "GEOLOCATION(1,2)", "toLabel(", "FORMAT(", "ROLLUP(", "WITH USER_MODE",
]  # fmt: skip


def kind_of(word: str) -> str:
    return (
        "upper" if word.isupper() else "word" if word[0].isalpha() else "value" if word[0] in "'-0123456789" else "mark"
    )


def broken(chance: Random, world: naive.World) -> str:
    """Return a query in which characters are cut or put in, or words have changed places with those of another."""
    soql, other = (
        (naive.select(chance, world) if chance.random() < 0.6 else naive.groups(chance, world)).written() for _ in "ab"
    )
    if chance.random() < 0.5:
        words, others = WORDS.findall(soql), WORDS.findall(other)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(words))
            alike = [word for word in others if kind_of(word) == kind_of(words[at])]
            words[at] = chance.choice(alike or others)
        return " ".join(words)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(soql) + 1)
        soql = soql[:at] + chance.choice(["", *PIECES]) + soql[at + chance.choice([0, 0, 1, 5, 20]) :]
    return soql


@settings(max_examples=60)
@given(seeds)
def test_broken_queries_get_an_error_of_salesforce(place: Any, seed: int) -> None:
    world, run, _ = place
    chance = Random(seed)
    for _ in range(20):
        soql = broken(chance, world)
        try:
            run(soql)
        except ApiError as error:
            assert error.code, soql
            assert error.message, soql


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id FROM Contact WHERE " + "(" * 50_000,
        "SELECT Id FROM Contact WHERE " + "NOT(" * 20_000 + "Id = null" + ")" * 20_000,
        "SELECT " + "(SELECT Id," * 4000 + " FROM Contacts) " * 4000 + "FROM Account",
        "SELECT " + "FORMAT(" * 10_000 + "Id" + ")" * 10_000 + " FROM Contact",
        "SELECT " + ", ".join(["Account.Name"] * 5000) + " FROM Contact",
        "SELECT " + "Account." * 10_000 + "Name FROM Contact",
        "SELECT Id FROM Contact WHERE LastName IN (" + ",".join(["'x'"] * 20_000),
        "SELECT Id FROM Contact ORDER BY " + ", ".join(["LastName"] * 9000) + " BOOM",
        "SELECT Id FROM Contact WHERE LastName = '" + "\\" * 50_001 + "'",
        "SELECT Id FROM Contact WHERE LastName LIKE '" + "%_" * 20_000 + "'",
        "SELECT Id FROM Contact /*" + "*" * 90_000,
        "SELECT Id FROM Contact " + "/* " * 30_000,
        "SELECT Id FROM Contact WHERE Score__c = " + "9" * 5000 + " BOOM",
        "SELECT Id FROM Contact WHERE " + "a" * 90_000 + " = 1",
    ],
)
def test_bombs_are_refused_soon(place: Any, soql: str) -> None:
    with pytest.raises(ApiError):
        place[1](soql)
