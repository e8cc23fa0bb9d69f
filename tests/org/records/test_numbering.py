"""Display formats of auto numbers, and masks of encrypted text."""

from __future__ import annotations

import pytest

from mock_server.org.query.masks import masking
from mock_server.org.records.numbering import displayed

MOMENT = 1_709_164_800.0
"""29 February 2024, midnight in UTC."""


@pytest.mark.parametrize(
    ("display", "number", "shown"),
    [
        ("INV-{0000}", 7, "INV-0007"),
        ("{0}", 123, "123"),
        ("A-{YYYY}/{MM}/{DD}-{000}", 5, "A-2024/02/29-005"),
        ("{YY}{0000}x", 12345, "2412345x"),
        ("no place", 3, "no place3"),
        ("{QQ}-{00}", 1, "{QQ}-01"),
        (None, 1, "00000001"),
    ],
)
def test_a_number_is_shown_in_its_format(display: str | None, number: int, shown: str) -> None:
    assert displayed(display, number, MOMENT) == shown


@pytest.mark.parametrize(
    ("kind", "character", "shown"),
    [
        ("all", "*", "*********"),
        ("lastFour", "X", "XXXXX6789"),
        ("sin", "*", "*****6789"),
        ("ssn", "*", "***-**-6789"),
        ("creditCard", "*", "****-****-****-6789"),
        ("nino", "X", "XXXXXXXXX"),
        (None, "*", "*********"),
    ],
)
def test_encrypted_text_is_masked(kind: str | None, character: str, shown: str) -> None:
    mask = masking(character, kind)
    assert mask("123456789") == shown
    assert mask(None) is None
