"""Differences of long texts: who applies one to what he has gets what the record holds."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.org.events.changes.bitmaps import decode
from mock_server.org.events.changes.differences import Difference, told
from tests.org.events.changes.conftest import Capturing

LINES = [f"{number}: {'x' * 60}" for number in range(40)]


def patched(text: str, difference: str) -> str:
    """Apply a unified diff as the library does that Salesforce's guide names: hunks by number, the last one first."""
    lines, hunks = text.split("\n"), []
    first, second, *rest = difference.split("\n")
    assert (first, second[:4]) == ("--- ", "+++ ")
    for line in rest:
        if line.startswith("@@"):
            hunks.append((int(line.split("-")[1].split(",")[0]), [], []))
        else:
            hunks[-1][1 if line[0] == "-" else 2].append(line[1:])
    for number, gone, come in reversed(hunks):
        assert lines[number - 1 : number - 1 + len(gone)] == gone
        lines[number - 1 : number - 1 + len(gone)] = come
    return "\n".join(lines)


def edited(**lines: str) -> str:
    return "\n".join(lines.get(f"at{place}", line) for place, line in enumerate(LINES))


OLD = edited()


@pytest.mark.parametrize(
    "now",
    [
        edited(at3="changed"),
        edited(at0="changed", at39="so", at20="as this"),
        "\n".join(["before", *LINES]),
        "\n".join([*LINES, "behind"]),
        "\n".join([*LINES[:7], "between", *LINES[7:]]),
        "\n".join([*LINES[:7], *LINES[9:]]),
        edited(at3="+ looks like one -", at4="@@ -1,1 +1,1 @@"),
    ],
)
def test_a_difference_leads_to_the_new_value(now: str) -> None:
    difference = told(OLD, now)
    assert isinstance(difference, Difference)
    assert len(difference) < len(now)
    assert difference.split("\n")[1] == f"+++ {sha256(now.encode()).hexdigest()}"
    assert patched(OLD, difference) == now


def test_it_looks_as_in_the_guide() -> None:
    assert told(OLD, edited(at1="second")).split("\n")[2:] == ["@@ -2,1 +2,1 @@", f"-{LINES[1]}", "+second"]


@given(st.lists(st.sampled_from(["", "a", "b" * 300, "c" * 500]), max_size=30), st.data())
def test_whatever_is_edited(lines: list[str], data: st.DataObject) -> None:
    old = [*LINES, *lines]
    new = list(old)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(new) - 1))
        new[place : place + data.draw(st.integers(0, 3))] = data.draw(st.lists(st.sampled_from(["", "n"]), max_size=3))
    difference = told("\n".join(old), "\n".join(new))
    if isinstance(difference, Difference):
        assert patched("\n".join(old), difference) == "\n".join(new)
    else:
        assert difference == "\n".join(new)


@pytest.mark.parametrize(
    ("old", "now", "why"),
    [
        (None, OLD, "nothing was there"),
        (OLD, None, "nothing is there"),
        ("\n".join(["x", "y" * 990]), "\n".join(["z", "y" * 990]), "less than 1,000 characters"),
        (OLD, "\n".join(LINES[:15]), "more than half of its length"),
        (OLD, "\n".join([f"{line}!" for line in LINES[:11]] + LINES[11:]), "more than a quarter of its lines"),
        ("x" * 2_000, "x" * 1_999 + "y", "all of one line"),
        ("\n".join("ab" * 50_000), "\n".join("ba" * 50_000), "too many to compare"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 50 and "\n" not in value else "-",
)
def test_else_the_value_is_told_whole(old: Any, now: Any, why: str) -> None:
    assert told(old, now) is now, why


def test_both_forms_of_an_event_tell_it(capturing: Callable[..., Capturing]) -> None:
    org = capturing("Line__c")
    made = org.made("Line__c", Shop__c=org.made("Shop__c"), Text__c=OLD)
    org.update("Line__c", made, Text__c=edited(at5="other"), Price__c=3)
    event = org.on()[-1]
    difference = event.payload["Text__c"]["diff"]
    assert patched(OLD, difference) == edited(at5="other")
    assert "Text__c" in event.payload["ChangeEventHeader"]["changedFields"]
    codec = org.org.events.codecs.of_event(event.name)
    decoded = codec.decode(codec.encode(event.payload))
    assert decoded["Text__c"] == difference
    assert decode(codec.schema, decoded["ChangeEventHeader"]["diffFields"]) == ["Text__c"]
    assert decoded["Price__c"] == 3.0
