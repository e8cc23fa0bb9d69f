"""Values as text: the cells of CSV files."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.org.records.text import from_text, java_double, not_valid, to_text
from mock_server.org.records.values import Misfit
from mock_server.org.schema.types import Field, FieldType

CASES: list[tuple[FieldType, str, Any, str]] = [
    ("string", "a", "a", "a"),
    ("string", "", None, ""),
    ("string", "#N/A", None, ""),
    ("boolean", "Yes", 1, "true"),
    ("boolean", "off", 0, "false"),
    ("boolean", "1", 1, "true"),
    ("int", "42", 42, "42"),
    ("double", "1.5", 1.5, "1.5"),
    ("currency", "139000000", 139000000.0, "1.39E8"),
    ("percent", "7", 7.0, "7.0"),
    ("date", "2024-05-22", "2024-05-22", "2024-05-22"),
    ("date", "2024-05-22Z", "2024-05-22", "2024-05-22"),
    ("datetime", "2024-05-22T10:00:00.000Z", "2024-05-22T10:00:00.000+0000", "2024-05-22T10:00:00.000Z"),
    ("datetime", "2024-05-22T10:00:00+02:00", "2024-05-22T08:00:00.000+0000", "2024-05-22T08:00:00.000Z"),
    ("time", "10:00:00Z", "10:00:00.000Z", "10:00:00.000Z"),
    ("base64", "AAH/", b"\x00\x01\xff", "AAH/"),
    ("reference", "001000000000001", "001000000000001AAA", "001000000000001AAA"),
    ("email", "A@B.CC", "a@b.cc", "a@b.cc"),
]


@pytest.mark.parametrize(("kind", "cell", "stored", "written"), CASES)
def test_a_cell_becomes_a_value_and_a_value_a_cell(kind: FieldType, cell: str, stored: Any, written: str) -> None:
    field = Field("F__c", "F", kind)
    assert from_text(field, cell) == stored
    assert to_text(field, stored) == written
    assert from_text(field, written) == stored


@pytest.mark.parametrize(
    ("kind", "cell", "told"),
    [
        ("date", "2003-13-45", "'2003-13-45' is not a valid value for the type xsd:date"),
        ("datetime", "yesterday", "'yesterday' is not a valid value for the type xsd:dateTime"),
        ("currency", "ten", "'ten' is not a valid value for the type xsd:double"),
        ("int", "1.5", "'1.5' is not a valid value for the type xsd:int"),
        ("boolean", "maybe", "'maybe' is not a valid value for the type xsd:boolean"),
    ],
)
def test_a_cell_that_its_type_cannot_read(kind: FieldType, cell: str, told: str) -> None:
    with pytest.raises(Misfit) as caught:
        from_text(Field("F__c", "F", kind), cell)
    assert not_valid(caught.value) == told


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.0"), (-0.5, "-0.5"), (23.0, "23.0"), (0.001, "0.001"), (0.0001, "1.0E-4"), (9999999.0, "9999999.0"),
        (10000000.0, "1.0E7"), (123456789.125, "1.23456789125E8"), (-2.5e20, "-2.5E20"),
    ],
)  # fmt: skip
def test_doubles_are_written_as_java_writes_them(value: float, shown: str) -> None:
    assert java_double(value) == shown


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_comes_back(value: float) -> None:
    assert float(java_double(value)) == value
