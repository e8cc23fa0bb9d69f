"""Workflow rules set fields when records are saved; assignment rules choose their owners."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mock_server import api
from mock_server.org.schema import Schema
from mock_server.org.schema.metadata import read as read_project
from tests.conftest import Rest
from tests.protocols.bulk2.desk import ended

WORKFLOW = """<?xml version="1.0" encoding="UTF-8"?>
<Workflow xmlns="http://soap.sforce.com/2006/04/metadata">
    <fieldUpdates>
        <fullName>To_Tier_2</fullName><field>OwnerId</field><lookupValue>Tier_2</lookupValue>
        <lookupValueType>Queue</lookupValueType><name>To Tier 2</name><operation>LookupValue</operation>
    </fieldUpdates>
    <fieldUpdates>
        <fullName>Reason</fullName><field>Reason</field><literalValue>Installation</literalValue>
        <name>Reason</name><operation>Literal</operation>
    </fieldUpdates>
    <fieldUpdates>
        <fullName>Say_So</fullName><field>Description</field><formula>"was " &amp; Subject</formula>
        <name>Say so</name><operation>Formula</operation>
    </fieldUpdates>
    <fieldUpdates>
        <fullName>No_Mail</fullName><field>SuppliedEmail</field><name>No mail</name><operation>Null</operation>
    </fieldUpdates>
    <rules>
        <fullName>High or Web</fullName><active>true</active>
        <actions><name>To_Tier_2</name><type>FieldUpdate</type></actions>
        <actions><name>Reason</name><type>FieldUpdate</type></actions>
        <actions><name>Say_So</name><type>FieldUpdate</type></actions>
        <actions><name>No_Mail</name><type>FieldUpdate</type></actions>
        <actions><name>Tell_Boss</name><type>Alert</type></actions>
        <booleanFilter>1 AND (2 OR 3)</booleanFilter>
        <criteriaItems><field>Case.IsClosed</field><operation>equals</operation><value>False</value></criteriaItems>
        <criteriaItems><field>Case.Priority</field><operation>equals</operation><value>High,Urgent</value></criteriaItems>
        <criteriaItems><field>Case.Subject</field><operation>startsWith</operation><value>WEB</value></criteriaItems>
        <description>What is urgent</description>
        <triggerType>onCreateOrTriggeringUpdate</triggerType>
    </rules>
    <rules>
        <fullName>Sleeping</fullName><active>false</active><formula>TRUE</formula><triggerType>onAllChanges</triggerType>
    </rules>
    <rules>
        <fullName>Of the account</fullName><active>true</active>
        <actions><name>Reason</name><type>FieldUpdate</type></actions>
        <criteriaItems><field>Account.Name</field><operation>equals</operation><value>x</value></criteriaItems>
        <triggerType>onAllChanges</triggerType>
    </rules>
</Workflow>
"""
ASSIGNMENT = """<?xml version="1.0" encoding="UTF-8"?>
<AssignmentRules xmlns="http://soap.sforce.com/2006/04/metadata">
    <assignmentRule>
        <fullName>Support</fullName><active>true</active>
        <ruleEntry>
            <assignedTo>Tier_2</assignedTo><assignedToType>Queue</assignedToType>
            <criteriaItems><field>Case.Origin</field><operation>equals</operation><value>Web</value></criteriaItems>
        </ruleEntry>
        <ruleEntry>
            <assignedTo>ann@acme.test</assignedTo><assignedToType>User</assignedToType>
            <formula>CONTAINS(Subject, "Ann")</formula>
        </ruleEntry>
    </assignmentRule>
    <assignmentRule>
        <fullName>Other</fullName><active>false</active>
        <ruleEntry><assignedTo>ann@acme.test</assignedTo><assignedToType>User</assignedToType></ruleEntry>
    </assignmentRule>
</AssignmentRules>
"""
YAML: dict[str, Any] = {
    "Task__c": {
        "fields": {
            "Status__c": {"type": "text", "length": 20},
            "Done__c": {"type": "checkbox"},
            "Size__c": {"type": "number", "precision": 6, "scale": 1},
            "Due__c": {"type": "date"},
            "Tags__c": {"type": "multipicklist", "values": ["a", "b"]},
            "Log__c": {"type": "text", "length": 20},
        },
        "workflowRules": {},
    }
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    for folder, name, text in (
        ("workflows", "Case.workflow-meta.xml", WORKFLOW),
        ("assignmentRules", "Case.assignmentRules-meta.xml", ASSIGNMENT),
    ):
        (root / folder).mkdir()
        (root / folder / name).write_text(text)
    return root


@pytest.fixture
def desk(server: api.Server, files: Path) -> Iterator[Rest]:
    users = [{"username": "ann@acme.test", "objects": {"Case": "all"}}]
    made = server.control.create_org(schema=read_project(files).data, users=users)
    rest = Rest(server.url, made.access_token, made)
    queue = rest.post("/sobjects/Group", json={"Name": "Tier 2", "DeveloperName": "Tier_2", "Type": "Queue"})
    assert queue.status_code == 201, queue.text
    yield rest
    server.control.delete_org(made.id)


def saved(rest: Rest, header: str | None = None, **values: Any) -> dict[str, Any]:
    made = rest.post("/sobjects/Case", json=values, headers={"Sforce-Auto-Assign": header})
    assert made.status_code == 201, made.text
    return read(rest, made.json()["id"])


def read(rest: Rest, identifier: str) -> dict[str, Any]:
    (found,) = rest.query(
        f"SELECT Id, Owner.Name, Reason, Description, SuppliedEmail FROM Case WHERE Id = '{identifier}'"
    ).json()["records"]
    return {**found, "Owner": found["Owner"]["Name"]}


def test_what_is_left_out_is_told(files: Path) -> None:
    definitions = read_project(files)
    schema = Schema.load(definitions)
    told = [note.text for note in definitions.notes if note.verdict == "warning"]
    assert told == [
        "a rule sets fields and sends messages here, no more: Alert is left out",
        "criteria about 'Account' are not read; a formula can ask for them: rule Of_the_account is left out",
    ]
    case = schema.get("Case")
    assert case is not None
    assert [rule.name for rule in case.workflow_rules] == ["High_or_Web", "Sleeping"]


def test_rules_may_have_any_names(tmp_path: Path) -> None:
    names = ("Is it late?", "Is it late!", "1st", "?")
    rules = "".join(f"<rules><fullName>{name}</fullName><active>true</active></rules>" for name in names)
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "Lead.workflow-meta.xml").write_text(f"<Workflow>{rules}</Workflow>")
    lead = Schema.load(read_project(tmp_path)).get("Lead")
    assert lead is not None
    assert [(rule.name, rule.label) for rule in lead.workflow_rules] == [
        ("Is_it_late", "Is it late?"), ("Is_it_late_2", "Is it late!"), ("Rule_1st", "1st"), ("Rule", "?"),
    ]  # fmt: skip


def test_a_rule_of_a_project_sets_fields(desk: Rest) -> None:
    found = saved(desk, Subject="Broken", Priority="High", SuppliedEmail="a@b.test")
    assert (found["Owner"], found["Reason"], found["Description"]) == ("Tier 2", "Installation", "was Broken")
    assert found["SuppliedEmail"] is None
    assert saved(desk, Subject="web page", Priority="Low")["Reason"] == "Installation"
    assert saved(desk, Subject="Broken", Priority="Low")["Reason"] is None


def test_it_runs_again_when_a_record_comes_to_meet_it(desk: Rest) -> None:
    case = saved(desk, Subject="a", Priority="High")["Id"]
    assert desk.patch(f"/sobjects/Case/{case}", json={"Reason": "Other", "Subject": "b"}).status_code == 204
    assert read(desk, case)["Reason"] == "Other"
    desk.patch(f"/sobjects/Case/{case}", json={"Priority": "Low"})
    desk.patch(f"/sobjects/Case/{case}", json={"Priority": "High"})
    assert (read(desk, case)["Reason"], read(desk, case)["Description"]) == ("Installation", "was b")


def test_rules_are_listed_and_run_on_request(desk: Rest) -> None:
    listed = desk.get("/process/rules").json()["rules"]
    (rule,) = listed["Case"]
    assert list(rule) == ["actions", "description", "id", "name", "namespacePrefix", "object"]
    assert (rule["name"], rule["description"], rule["object"]) == ("High or Web", "What is urgent", "Case")
    assert [(one["name"], one["type"]) for one in rule["actions"]] == [
        ("To Tier 2", "FieldUpdate"), ("Reason", "FieldUpdate"), ("Say so", "FieldUpdate"), ("No mail", "FieldUpdate"),
    ]  # fmt: skip
    assert desk.get("/process/rules/Case").json() == {"rules": listed}
    assert desk.get(f"/process/rules/Case/{rule['id']}").json() == rule
    assert desk.get("/process/rules/Account").json() == {"rules": {}}
    high, low = (saved(desk, Subject="x", Priority=one)["Id"] for one in ("High", "Low"))
    for one in (high, low):
        desk.patch(f"/sobjects/Case/{one}", json={"Reason": "Other"})
    assert desk.post("/process/rules", json={"contextIds": [high, low]}).json() == {"errors": None, "success": True}
    assert (read(desk, high)["Reason"], read(desk, low)["Reason"]) == ("Installation", "Other")


@pytest.mark.parametrize(
    ("header", "owner"),
    [(None, "Ann"), ("TRUE", "Ann"), ("FALSE", "me"), ("rule:Support", "Ann"), ("rule:Other", "Ann")],
)
def test_the_header_says_whether_a_rule_assigns(desk: Rest, header: str | None, owner: str) -> None:
    ann = desk.query("SELECT Name FROM User WHERE Username = 'ann@acme.test'").json()["records"][0]["Name"]
    me = desk.query("SELECT Name FROM User WHERE Username != 'ann@acme.test'").json()["records"][0]["Name"]
    if header is not None and header.startswith("rule:"):
        found = desk.query(
            f"SELECT Id, Active FROM AssignmentRule WHERE Name = '{header[5:]}' AND SobjectType = 'Case'"
        )
        header = found.json()["records"][0]["Id"]
    assert saved(desk, header, Subject="For Ann")["Owner"] == (ann if owner == "Ann" else me)


def test_the_first_entry_that_fits_counts(desk: Rest) -> None:
    assert saved(desk, Subject="For Ann", Origin="Web")["Owner"] == "Tier 2"
    nobody = saved(desk, Subject="For nobody")
    other = desk.query("SELECT Id FROM AssignmentRule WHERE Name = 'Other'").json()["records"][0]["Id"]
    changed = desk.patch(
        f"/sobjects/Case/{nobody['Id']}", json={"Subject": "now"}, headers={"Sforce-Auto-Assign": other}
    )
    assert changed.status_code == 204
    assert read(desk, nobody["Id"])["Owner"] != nobody["Owner"]


def test_collections_and_trees_ask_the_rule_too(desk: Rest) -> None:
    record = {"attributes": {"type": "Case", "referenceId": "a"}, "Subject": "x", "Origin": "Web"}
    (one,) = desk.post("/composite/sobjects", json={"records": [record]}).json()
    (two,) = desk.post("/composite/tree/Case", json={"records": [record]}).json()["results"]
    assert [read(desk, found["id"])["Owner"] for found in (one, two)] == ["Tier 2", "Tier 2"]


CRITERIA: list[tuple[list[dict[str, Any]], dict[str, Any], bool]] = [
    ([{"field": "Status__c", "value": "OPEN, late"}], {"Status__c": "Late"}, True),
    ([{"field": "Status__c", "value": ""}], {}, True),
    ([{"field": "Status__c", "operator": "notEqual", "value": "open"}], {}, True),
    ([{"field": "Status__c", "operator": "contains", "value": "PE"}], {"Status__c": "open"}, True),
    ([{"field": "Status__c", "operator": "notContain", "value": "PE"}], {"Status__c": "open"}, False),
    ([{"field": "Status__c", "value": 'a"b\\'}], {"Status__c": 'a"b\\'}, True),
    ([{"field": "Done__c", "value": "True"}], {"Done__c": True}, True),
    ([{"field": "Done__c", "value": "True"}], {}, False),
    ([{"field": "Size__c", "operator": "greaterOrEqual", "value": "2.5"}], {"Size__c": 2.5}, True),
    ([{"field": "Size__c", "operator": "lessThan", "value": "2"}], {}, False),
    ([{"field": "Due__c", "operator": "lessThan", "value": "1/31/2026"}], {"Due__c": "2026-01-30"}, True),
    ([{"field": "Due__c", "value": ""}], {"Due__c": "2026-01-30"}, False),
    ([{"field": "Tags__c", "operator": "includes", "value": "b"}], {"Tags__c": "a;b"}, True),
    ([{"field": "Tags__c", "operator": "excludes", "value": "b"}], {"Tags__c": "a;b"}, False),
    ([{"field": "Done__c", "value": "1"}, {"field": "Size__c", "value": "1"}], {"Done__c": True}, False),
]


@pytest.mark.parametrize(("criteria", "values", "met"), CRITERIA)
def test_criteria(server: api.Server, criteria: list[dict[str, Any]], values: dict[str, Any], met: bool) -> None:
    rule = {"criteria": criteria, "on": "create", "set": {"Log__c": "'met'"}}
    objects = {"Task__c": {**YAML["Task__c"], "workflowRules": {"One": rule}}}
    made = server.control.create_org(objects=objects)
    rest = Rest(server.url, made.access_token, made)
    identifier = rest.post("/sobjects/Task__c", json={"Name": "x", **values}).json()["id"]
    assert rest.get(f"/sobjects/Task__c/{identifier}").json()["Log__c"] == ("met" if met else None)
    server.control.delete_org(made.id)


def test_a_value_that_does_not_fit_is_refused(server: api.Server) -> None:
    rule = {"on": "save", "set": {"Log__c": "Name & Name & Name"}}
    made = server.control.create_org(objects={"Task__c": {**YAML["Task__c"], "workflowRules": {"Long": rule}}})
    rest = Rest(server.url, made.access_token, made)
    (error,) = rest.post("/sobjects/Task__c", json={"Name": "x" * 10}).json()
    assert (error["errorCode"], error["fields"]) == ("FIELD_INTEGRITY_EXCEPTION", ["Log__c"])
    assert "A workflow or approval field update caused an error when saving this record." in error["message"]
    server.control.delete_org(made.id)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"on": "never"}, "no moment"),
        ({"set": {"Lg__c": "'x'"}}, "Log__c"),
        ({"criteria": [{"field": "Sice__c", "value": "1"}]}, "Size__c"),
        ({"criteria": [{"field": "Size__c", "value": "big"}]}, "no number"),
        ({"criteria": [{"field": "Size__c", "value": "1"}], "filter": "1 AND 2"}, "items 1 to 1"),
        ({"conditions": "TRUE"}, "condition"),
    ],
)
def test_mistakes_are_told(server: api.Server, rule: dict[str, Any], told: str) -> None:
    from mock_server.control.client import ControlError

    with pytest.raises(ControlError, match=told):
        server.control.create_org(objects={"Task__c": {**YAML["Task__c"], "workflowRules": {"Bad": rule}}})


@pytest.mark.parametrize(("name", "assigned"), [("Support", True), ("Other", True), (None, False)])
def test_a_job_has_the_rule_that_it_names_choose_owners(desk: Rest, name: str | None, assigned: bool) -> None:
    """Whether it is active or not (D); without one none is asked: that is what `assignmentRuleId` is for."""
    said: dict[str, str] = {}
    if name is not None:
        found = desk.query(f"SELECT Id FROM AssignmentRule WHERE Name = '{name}'").json()["records"]
        said["assignmentRuleId"] = found[0]["Id"]
    made = desk.post("/jobs/ingest", json={"object": "Case", "operation": "insert", **said}).json()
    assert made.get("assignmentRuleId") == said.get("assignmentRuleId")
    load(desk, made["id"], "Subject\nFor Ann\n")
    (case,) = desk.query("SELECT Owner.Username FROM Case").json()["records"]
    assert (case["Owner"]["Username"] == "ann@acme.test") is assigned


def load(desk: Rest, job: str, content: str) -> None:
    desk("PUT", f"/jobs/ingest/{job}/batches", data=content, headers={"Content-Type": "text/csv"})
    desk.patch(f"/jobs/ingest/{job}", json={"state": "UploadComplete"})
    assert ended(desk, job)["numberRecordsFailed"] == 0
