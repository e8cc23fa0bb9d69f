"""The table itself: it is read strictly, and says what no row is about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mock_server.conform.patterns import UnknownName, compare
from mock_server.conform.table import read, rows
from mock_server.documents import DocumentError


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{source: K, ask: GET /x, status: 200, anwser: []}", "unknown key 'anwser'; did you mean 'answer'?"),
        ("{source: Z, ask: GET /x, status: 200}", "a source is R, D or K"),
        ("{source: R, ask: GET /x, status: 200}", "names where it was recorded"),
        ("{source: K, ask: /x, status: 200}", "write a method and a path"),
        ("{source: K, ask: GET /x}", "which status"),
        ("{source: K, ask: GET /x/$(nobody), status: 200}", "there is no variable $(nobody)"),
        ("{source: K, ask: GET /x, status: 200, answer: {a: $(intt)}}", "there is no variable $(intt)"),
        ("{source: K, ask: GET /x, status: 200, needs: [luck]}", "unknown need 'luck'"),
        ("{source: K, ask: GET /x, status: 200, params: {q: SELECT Id, Name}}", "quote one that holds a comma"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(tmp_path: Path, row: str, problem: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(f"# a comment\none: {row}\n")
    with pytest.raises(DocumentError) as caught:
        read(file)
    assert re.search(r"wrong\.yaml:2:\d+: ", str(caught.value))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("expected", "came", "fits"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ({"$unordered": {"a": 1, "b": 2}}, {"b": 2, "a": 1}, True),
        ({"$unordered": {"a": 1}}, {"a": 1, "b": 2}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1, "...": True}, {"x": 0, "a": 1, "b": 2}, True),
        ({"a": 1, "b?": 2}, {"a": 1}, True),
        ({"a": 1, "b?": 2}, {"a": 1, "b": 3}, False),
        ({"a": 1, "c": 2, "...": True}, {"c": 2, "a": 1}, False),
        (1, 1.0, False),
        (1.0, 1.0, True),
        (True, 1, False),
        (None, None, True),
        (None, 0, False),
        ([], [1], False),
        ("$(int)", 5, True),
        ("$(int)", "5", False),
        ("$(int)", True, False),
        ("$(text?)", None, True),
        ("$(text)", None, False),
        ("$(id 001)", "001000000000001AAA", True),
        ("$(id 001)", "003000000000001AAA", False),
        ("$(id 001)", "001000000000001", False),
        ("a $(who) b", "a me b", True),
        ("a $(who.1) b", "a m b", True),
        ("a.c", "abc", False),
        ({"$each": {"a": 1}}, [{"a": 1}, {"a": 1}], True),
        ({"$each": {"a": 1}}, [{"a": 1}, {"a": 2}], False),
        ({"$each": {"a": 1}}, [], False),
        ({"$has": [{"a": 1}]}, [{"a": 2}, {"a": 1}], True),
        ({"$has": [{"a": 1}]}, [{"a": 2}], False),
        ({"$keys": "a b"}, {"a": 0, "b": 0}, True),
        ({"$keys": "a b"}, {"b": 0, "a": 0}, False),
    ],
)  # fmt: skip
def test_comparing(expected: object, came: object, fits: bool) -> None:
    assert (not list(compare(expected, came, {"who": "me"}))) is fits


def test_a_variable_that_is_none_is_loud() -> None:
    with pytest.raises(UnknownName):
        list(compare("$(nobody) x", "x", {}))


def test_every_recorded_row_says_exactly_what_is_expected() -> None:
    """A recording is exact: of its errors both the code and the text are in the row, whatever the ids."""
    for row in rows():
        if row.mark == "R" and row.status >= 400 and isinstance(row.answer, list) and row.answer:
            first = row.answer[0].get("$unordered", row.answer[0]) if isinstance(row.answer[0], dict) else {}
            assert {"message", "errorCode"} <= set(first) or "$has" in row.answer, row.name
