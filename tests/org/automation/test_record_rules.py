"""Workflow rules within a save: what hooks see of them, and what follows from what they set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mock_server.org.automation import Trigger
from mock_server.org.org import Org
from mock_server.org.records.changes import Change
from mock_server.org.schema import Schema
from mock_server.org.schema.definitions import Definitions
from mock_server.org.seeded import write_rows

RULES = {
    "Opportunity": {
        "standard": True,
        "workflowRules": {
            "Won": {"condition": "Amount > 100", "on": "become", "set": {"StageName": {"value": "Closed Won"}}},
            "Told": {"condition": "NOT(ISNEW())", "on": "save", "set": {"Description": "TEXT(PRIORVALUE(Amount))"}},
        },
        "validationRules": {"Open": {"condition": 'ISPICKVAL(StageName, "Closed Won")', "message": "still open"}},
    }
}


@pytest.fixture
def org() -> Org:
    definitions = Definitions()
    definitions.data["objects"] = RULES
    made = Org(1, schema=Schema.load(definitions))
    made.directory.seed()
    return made


def save(org: Org, change: Change) -> str:
    app = next(iter(org.directory.apps.values()))
    user = next(iter(org.directory.users.values()))
    session = org.sessions.open(user, app, ("api",))
    (result,) = org.write(session, [change], all_or_none=False)
    assert result.success, result.errors
    return str(result.id)


def made(org: Org, amount: float) -> str:
    values: dict[str, Any] = {"Name": "x", "StageName": "Prospecting", "CloseDate": "2026-01-01", "Amount": amount}
    return save(org, Change("create", "Opportunity", values))


def stored(org: Org, identifier: str) -> dict[str, Any]:
    sobject = org.schema.get("Opportunity")
    assert sobject is not None
    return org.store.records(sobject, [identifier])[identifier]


def test_what_follows_from_a_field_follows_and_no_validation_rule_is_asked_again(org: Org) -> None:
    won = stored(org, made(org, 500))
    assert (won["StageName"], won["IsClosed"], won["IsWon"], won["Probability"]) == ("Closed Won", 1, 1, 100)
    assert stored(org, made(org, 50))["IsClosed"] == 0


def test_hooks_behind_the_save_see_what_rules_set(org: Org) -> None:
    seen: list[tuple[str, str]] = []

    def look(trigger: Trigger) -> None:
        seen.extend((trigger.at, record["StageName"]) for record in trigger.new)

    org.automation.add("Opportunity", ["insert"], at="before", work=look)
    org.automation.add("Opportunity", ["insert"], at="after", work=look)
    made(org, 500)
    assert seen == [("before", "Prospecting"), ("after", "Closed Won")]


def test_rules_see_what_was_there_before(org: Org) -> None:
    identifier = made(org, 50)
    save(org, Change("update", "Opportunity", {"Amount": 60}, id=identifier))
    assert stored(org, identifier)["Description"] == "50"


def test_an_org_kept_in_a_file_keeps_one_row_a_rule(tmp_path: Path) -> None:
    definitions = Definitions()
    definitions.data["objects"] = {"Lead": {"standard": True, "assignmentRules": {"Standard": {"entries": []}}}}
    schema = Schema.load(definitions)
    for _ in range(2):
        org = Org(1, schema=schema, data=tmp_path / "org.db")
        write_rows(org)
        rules = schema.get("AssignmentRule")
        assert rules is not None
        org.store.ready(rules)
        assert org.store.count(rules) == 1
        org.close()
