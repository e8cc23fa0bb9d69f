"""When two values are alike to a matching rule."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.org.records.alike import METHODS, alike


@pytest.mark.parametrize(
    ("method", "one", "other", "same"),
    [
        ("exact", "Ada@X.org", " ada@x.ORG ", True),
        ("exact", "Straße", "STRASSE", True),
        ("exact", "Ann", "Anna", False),
        ("exact", 5.0, 5.0, True),
        ("fuzzy", "O'Brien", "OBRIEN", True),
        ("fuzzy", "José  Núñez", "jose nunez", True),
        ("fuzzy", "Smith-Jones", "smith jones", True),
        ("fuzzy", "Bill", "William", False),
        ("companyName", "Acme, Inc.", "ACME", True),
        ("companyName", "The Weyland-Yutani Corp", "Weyland Yutani", True),
        ("companyName", "Inc.", "Ltd", False),
        ("phone", "+1 (415) 555-0100", "415.555.0100", True),
        ("phone", "415-555-0100", "415-555-0101", False),
        ("zip", "94105-1234", "94105", True),
    ],
)
def test_alike(method: str, one: Any, other: Any, same: bool) -> None:
    form = METHODS[method.lower()]
    assert (alike(form, one) == alike(form, other)) is same


@pytest.mark.parametrize("form", sorted(set(METHODS.values())))
@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_has_an_empty_form(form: str, value: Any) -> None:
    assert alike(form, value) == ""
