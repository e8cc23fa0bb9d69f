"""Duplicate rules of an SFDX project become rules of its objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from mock_server.org.schema import Schema
from mock_server.org.schema.definitions import Definitions
from mock_server.org.schema.metadata import read
from mock_server.org.schema.metadata_duplicates import _alternatives

RULE = """<?xml version="1.0" encoding="UTF-8"?>
<DuplicateRule xmlns="http://soap.sforce.com/2006/04/metadata">
    <actionOnInsert>Allow</actionOnInsert>
    <actionOnUpdate>Block</actionOnUpdate>
    <alertText>Seen before</alertText>
    <duplicateRuleMatchRules>
        <matchRuleSObjectType>{other}</matchRuleSObjectType>
        <matchingRule>{matching}</matchingRule>
    </duplicateRuleMatchRules>
    <isActive>true</isActive>
    <masterLabel>Same person</masterLabel>
    <operationsOnInsert>Alert</operationsOnInsert>
    <operationsOnInsert>Report</operationsOnInsert>
    <sortOrder>1</sortOrder>
</DuplicateRule>
"""
MATCHING = """<?xml version="1.0" encoding="UTF-8"?>
<MatchingRules xmlns="http://soap.sforce.com/2006/04/metadata">
    <matchingRules>
        <fullName>Mail_or_Phone</fullName>
        <booleanFilter>{condition}</booleanFilter>
        <label>Mail or phone</label>
        <matchingRuleItems>
            <blankValueBehavior>NullNotAllowed</blankValueBehavior>
            <fieldName>Email</fieldName>
            <matchingMethod>Exact</matchingMethod>
        </matchingRuleItems>
        <matchingRuleItems>
            <blankValueBehavior>MatchBlanks</blankValueBehavior>
            <fieldName>Phone</fieldName>
            <matchingMethod>Phone</matchingMethod>
        </matchingRuleItems>
        <ruleStatus>Active</ruleStatus>
    </matchingRules>
</MatchingRules>
"""


def project(
    tmp_path: Path, *, other: str = "Contact", matching: str = "Mail_or_Phone", condition: str = "1 OR 2"
) -> Definitions:
    rules, matches = tmp_path / "duplicateRules", tmp_path / "matchingRules"
    rules.mkdir()
    matches.mkdir()
    text = RULE.format(other=other, matching=matching)
    (rules / "Contact.Same_Person.duplicateRule-meta.xml").write_text(text)
    (matches / "Contact.matchingRule-meta.xml").write_text(MATCHING.format(condition=condition))
    return read(tmp_path)


def test_both_kinds_of_files_make_one_rule(tmp_path: Path) -> None:
    found = project(tmp_path)
    assert {(note.verdict, note.text) for note in found.notes} == {
        ("taken", "duplicate rule Contact.Same_Person"), ("taken", "1 matching rules of Contact"),
    }  # fmt: skip
    contact = Schema.load(found).get("Contact")
    assert contact is not None
    (rule,) = contact.duplicate_rules
    assert (rule.name, rule.matching, rule.message) == ("Same_Person", "Mail_or_Phone", "Seen before")
    assert (rule.on_create, rule.on_update, rule.alert, rule.active) == ("allow", "block", True, True)
    compared = [[(item.field, item.method, item.blank_matches) for item in items] for items in rule.alternatives]
    assert compared == [[("Email", "exact", False)], [("Phone", "phone", True)]]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"other": "Lead"}, "records of Contact are not compared with those of Lead"),
        ({"matching": "Standard_Rule"}, "matching rule Standard_Rule is not in the project: it is left out"),
    ],
)
def test_what_cannot_be_compared_is_left_out_with_a_warning(tmp_path: Path, change: dict[str, str], text: str) -> None:
    found = project(tmp_path, **change)
    warnings = [note.text for note in found.notes if note.verdict == "warning"]
    assert warnings == [text, "duplicate rule Contact.Same_Person has nothing to compare: it is left out"]
    assert Schema.load(found).get("Contact") is not None


def test_a_filter_that_makes_no_sense_is_an_error_at_its_line(tmp_path: Path) -> None:
    (problem,) = project(tmp_path, condition="1 AND 3").problems
    assert problem.message == "the filter names item 3; there are items 1 to 2"
    assert (problem.place.file.rpartition("/")[2], problem.place.line) == ("Contact.matchingRule-meta.xml", 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", [[1]]),
        ("1 AND 2", [[1, 2]]),
        ("1 OR 2", [[1], [2]]),
        ("1 AND (2 OR 3)", [[1, 2], [1, 3]]),
        ("(1 or 2) and (2 or 3)", [[1, 2], [1, 3], [2], [2, 3]]),
        ("((((1))))", [[1]]),
    ],
)
def test_alternatives_of_a_filter(text: str, expected: list[list[int]]) -> None:
    assert _alternatives(text, 3) == expected


@pytest.mark.parametrize(
    "text", ["", "1 AND", "AND 1", "(1", "1)", "0", "4", "1 NOT 2", "1 2", "(" * 5000, " AND ".join(["(1 OR 2)"] * 60)]
)
def test_filters_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="filter"):
        _alternatives(text, 3)
