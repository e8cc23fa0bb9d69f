"""Display formats of auto numbers, and masks of encrypted text."""

from __future__ import annotations

from pathlib import Path

import pytest

from mock_server.org.org import Org
from mock_server.org.query.masks import masking
from mock_server.org.records.changes import Change
from mock_server.org.records.numbering import displayed
from tests.org.schema.files import load, put, text_field, xml

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


def test_numbers_begin_where_the_metadata_says(tmp_path: Path) -> None:
    shown = "<displayFormat>R-{0000}</displayFormat><startingNumber>250</startingNumber>"
    named = f"<nameField><label>No</label><type>AutoNumber</type>{shown}</nameField>"
    body = f"<label>Bike</label><pluralLabel>Bikes</pluralLabel>\n{named}"
    field = text_field("Tag__c", "<displayFormat>T{0}</displayFormat><startingNumber>0</startingNumber>", "AutoNumber")
    files = {
        "objects/Bike__c/Bike__c.object-meta.xml": xml("CustomObject", body),
        "objects/Bike__c/fields/Tag__c.field-meta.xml": field,
    }
    org = Org(1, schema=load(put(tmp_path, files))[0], clock="virtual")
    org.directory.seed()
    who = org.sessions.open(next(iter(org.directory.users.values())), next(iter(org.directory.apps.values())), ("api",))
    org.write(who, [Change("create", "Bike__c", {})] * 2, all_or_none=True)
    found = org.query(who, "SELECT Name, Tag__c FROM Bike__c ORDER BY Name", base="").records
    assert [(one["Name"], one["Tag__c"]) for one in found] == [("R-0250", "T0"), ("R-0251", "T1")]
