"""Ids: prefix, counter, and the checksum that survives a loss of capitals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.org.ids import IdSource, number_of, to_15, to_18


@pytest.mark.parametrize(
    ("fifteen", "eighteen"),
    [
        ("00D000000000062", "00D000000000062EAA"),
        ("0015g00000LxlnD", "0015g00000LxlnDAAR"),
        ("001D000000IRFma", "001D000000IRFmaIAH"),
    ],
)
def test_a_15_character_id_gets_its_checksum(fifteen: str, eighteen: str) -> None:
    assert to_18(fifteen) == eighteen
    assert to_18(eighteen) == eighteen
    assert to_15(eighteen) == fifteen


@pytest.mark.parametrize(
    "text", ["", "abc", "0015g00000LxlnDAAAA", "0015g00000LxlnD A", "0015g00000Lxln!", "0015g00000LxlnDAA"]
)
def test_what_is_not_shaped_like_an_id_is_none(text: str) -> None:
    assert to_18(text) is None


def test_a_wrong_checksum_is_refused() -> None:
    assert to_18("0015g00000LxlnDAAB") is None


@given(st.integers(min_value=0, max_value=62**9 - 300), st.integers(min_value=1, max_value=300))
def test_ids_ascend_and_keep_their_number_whatever_the_case(first: int, count: int) -> None:
    ids = IdSource("Kd0", first).take_many("003", count)
    assert ids == sorted(ids)
    assert [number_of(identifier) for identifier in ids] == list(range(first, first + count))
    for identifier in (ids[0], ids[-1]):
        assert to_18(identifier[:15]) == identifier
        assert to_18(identifier.lower()) == identifier
