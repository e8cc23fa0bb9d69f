"""Outbound messages and named credentials of a project, the WSDL of a message, and what settings say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from mock_server import api, cli
from mock_server.config import ConfigError, resolve
from tests.outbound.conftest import World
from tests.outbound.receivers import Receiver
from tests.waiting import until

WORKFLOW = """<?xml version="1.0" encoding="UTF-8"?>
<Workflow xmlns="http://soap.sforce.com/2006/04/metadata">
  <fieldUpdates><fullName>Mark</fullName><field>Description</field><name>Mark</name><operation>Literal</operation>
    <literalValue>marked</literalValue></fieldUpdates>
  <outboundMessages>
    <fullName>Big_Deal</fullName><apiVersion>58.0</apiVersion><endpointUrl>{endpoint}</endpointUrl>
    <fields>Amount</fields><fields>Description</fields><fields>Id</fields><fields>Gone__c</fields>
    <includeSessionId>false</includeSessionId><integrationUser>nobody@acme.test</integrationUser>
    <name>Big deal</name><protected>false</protected><useDeadLetterQueue>false</useDeadLetterQueue>
  </outboundMessages>
  <rules>
    <fullName>Big</fullName><active>true</active>
    <actions><name>Big_Deal</name><type>OutboundMessage</type></actions>
    <actions><name>Nowhere</name><type>OutboundMessage</type></actions>
    <actions><name>Mark</name><type>FieldUpdate</type></actions>
    <criteriaItems><field>Opportunity.Amount</field><operation>greaterThan</operation><value>1000</value></criteriaItems>
    <triggerType>onCreateOrTriggeringUpdate</triggerType>
  </rules>
</Workflow>"""
CREDENTIAL = """<?xml version="1.0" encoding="UTF-8"?>
<NamedCredential xmlns="http://soap.sforce.com/2006/04/metadata">
  <endpoint>https://billing.example.com/</endpoint><label>Billing</label><principalType>Anonymous</principalType>
  <protocol>Password</protocol>
</NamedCredential>"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    main = tmp_path / "force-app"
    (main / "workflows").mkdir(parents=True)
    (main / "namedCredentials").mkdir()
    text = WORKFLOW.replace("{endpoint}", "https://erp.example.com/om")
    (main / "workflows" / "Opportunity.workflow-meta.xml").write_text(text)
    (main / "namedCredentials" / "Billing.namedCredential-meta.xml").write_text(CREDENTIAL)
    return main


def deal(org: World, amount: float) -> str:
    body = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": amount}
    return str(org.rest.post("/sobjects/Opportunity", json=body).json()["id"])


def test_a_rule_of_a_project_sends_its_message(project: Path, receiver: Receiver) -> None:
    with api.start(port=0, schema=(str(project),)) as server:
        org = World(server, server.control.create_org(template=server.control.orgs()[0].id, journal="whole"))
        (message,) = org.control.declared("outboundMessages")
        assert (message["name"], message["fields"], message["fromMetadata"]) == (
            "Big_Deal", ["Amount", "Description", "Id"], True,
        )  # fmt: skip
        deal(org, 10)
        identifier = deal(org, 2000)
        (queued,) = until(lambda: [one for one in org.control.outbound()["messages"] if one["attempts"]])
        assert queued["error"].startswith("Unauthorized endpoint, please check Setup->Security->Remote site settings.")
        assert org.sent() == []
        org.control.send_to(endpoints={"Big_Deal": f"{receiver.url}/om"})
        org.control.retry_outbound(queued["id"])
        (got,) = receiver.wait(1)
        assert got.records == [{"Id": identifier, "Amount": "2000.0", "Description": "marked"}]
        assert (
            got.head(
                "PartnerUrl",
            ).split("/")[-2]
            == "58.0"
        )  # type: ignore[union-attr]
        assert got.head("ActionId") == message["id"]
        # Met already: it does not come to be met again.
        org.rest.patch(f"/sobjects/Opportunity/{identifier}", json={"Amount": 3000})
        org.control.reset()
        assert [one["name"] for one in org.control.declared("outboundMessages")] == ["Big_Deal"]
        assert len(receiver.got) == 1
        rows = org.rest.query("SELECT DeveloperName, Endpoint FROM NamedCredential").json()["records"]
        assert [row["Endpoint"] for row in rows] == ["https://billing.example.com"]


def test_a_declaration_says_more_of_a_message_of_the_project(project: Path, receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "sfmock.yaml").write_text(
        f"schema: [force-app]\noutboundMessages:\n  - name: Big_Deal\n    endpoint: {receiver.url}/mine\n"
        f"namedCredentials:\n  - name: Billing\n    url: {receiver.url}\n    auth: {{basic: {{username: a, password: b}}}}\n"
    )
    settings = resolve({"port": 0}, environment={}, file=str(tmp_path / "sfmock.yaml"))
    with api.start(settings) as server:
        org = World(server, server.control.orgs()[0])
        identifier = deal(org, 2000)
        (got,) = receiver.wait(1)
        assert (got.path, got.records[0]["Id"]) == ("/mine", identifier)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("outboundMessages:\n  - name: A\n    objct: Account\n", "3:5", "did you mean 'object'?"),
        ("outboundMessages:\n  - name: A\n    object: Acount\n    endpoint: http://localhost/\n", "3:13", "'Account'"),
        ("callouts:\n  - name: A\n    object: Account\n    request: {url: 'http://localhost/{recrd.Id}'}\n", "4:20", "'record'"),
        ("callouts:\n  - name: A\n    object: Account\n    request:\n      url: http://localhost/\n      body: {n: '{record.Nme}'}\n", "6:17", "did you mean 'Name'?"),
        ("namedCredentials:\n  - name: A\n    url: http://localhost/\n    auth: {basc: {}}\n", "4:12", "did you mean 'basic'?"),
        ("callout_hosts: ['https://a.example.com']\n", "1:16", "without scheme"),
    ],
)  # fmt: skip
def test_wrong_settings_are_told_with_their_place(tmp_path: Path, text: str, place: str, said: str) -> None:
    from mock_server.documents import DocumentError
    from mock_server.server import App

    file = tmp_path / "sfmock.yaml"
    file.write_text(text)
    with pytest.raises((ConfigError, DocumentError)) as refused:
        App(resolve({}, environment={}, file=str(file)))
    assert f"sfmock.yaml:{place}: " in str(refused.value)
    assert said in str(refused.value)


def test_the_notes_of_an_import_say_what_is_not_sent(project: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "mock_server", "schema", "import", str(project)],
        capture_output=True,
        text=True,
        check=True,
    )
    out = ran.stdout + ran.stderr
    assert "1 workflow rules of Opportunity, 1 outbound messages" in out
    assert "there is no outbound message Nowhere in the file" in out
    assert "is one of callout_hosts" in out
    assert "leaves out Gone__c" in out
    assert "of named credential Billing the URL is known, and no secret" in out


def test_the_wsdl_describes_what_is_sent(receiver: Receiver, tmp_path: Path, capsys: Any) -> None:
    import zeep

    fields = ["Name", "AnnualRevenue", "NumberOfEmployees", "IsDeleted", "CreatedDate", "LastActivityDate", "OwnerId"]
    declared = {"name": "Saved", "object": "Account", "fields": fields, "endpoint": f"{receiver.url}/om"}
    with api.start(port=0) as server:
        org = World(server, server.control.create_org(declared={"outboundMessages": [declared]}))
        account = org.account(AnnualRevenue=12, NumberOfEmployees=7)
        (got,) = receiver.wait(1)
        url = f"{server.url}/_mock/orgs/{org.info.id}/outbound/wsdl/Saved"
        document = requests.get(url, timeout=30)
        assert document.status_code == 200
        file = tmp_path / "saved.wsdl"
        file.write_bytes(document.content)
        assert cli.main(["outbound", "wsdl", "Saved", "--url", server.url, "--org", org.info.id]) == 0
        assert capsys.readouterr().out == document.text
        assert cli.main(["outbound", "wsdl", "Savd", "--url", server.url, "--org", org.info.id]) == 2
        assert "Saved" in capsys.readouterr().err
    client = zeep.Client(str(file))
    (port,) = client.wsdl.services["NotificationService"].ports.values()
    operation = port.binding._operations["notifications"]
    from lxml import etree

    body = etree.fromstring(got.body).find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    (sent,) = operation.input.body.type.parse_xmlelement(body[0], client.wsdl.types).Notification
    assert sent.Id == got.notifications[0]
    record = sent.sObject
    assert type(record).__name__ == "Account"
    assert (record.Id, record.Name, record.AnnualRevenue, record.NumberOfEmployees) == (account, "Acme", 12.0, 7)
    assert (record.IsDeleted, record.LastActivityDate) == (False, None)
    assert record.CreatedDate.tzinfo is not None
