"""undelete, emptyRecycleBin, merge, convertLead, getUpdated and getDeleted, as partner clients post and read them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest

from mock_server.operations import Reply
from mock_server.org.records.changes import Change
from tests.protocols.desk import Desk

P = "{urn:partner.soap.sforce.com}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
BASE = "/services/data/v60.0/sobjects"


class Soap:
    """A partner client with a session."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.org = desk.org
        self.who = desk.org.sessions.open(desk.org.directory.default_user, None, ("api",))

    def create(self, sobject: str, **values: Any) -> str:
        (made,) = self.org.write(self.who, [Change("create", sobject, values)], all_or_none=False)
        assert made.id, made.errors
        return made.id

    def delete(self, *ids: str) -> None:
        changes = [Change("delete", (self.org.schema.by_prefix(one[:3]) or _none()).name, id=one) for one in ids]
        assert all(result.success for result in self.org.write(self.who, changes, all_or_none=True))

    def query(self, soql: str) -> list[dict[str, Any]]:
        records = self.org.query(self.who, soql, all_rows=True, base=BASE).records
        return [{name: value for name, value in one.items() if name != "attributes"} for one in records]

    def send(self, operation: str, token: str | None = None, header: str = "", version: str = "60.0") -> Reply:
        token = self.who.token if token is None else token
        session = f"<u:SessionHeader><u:sessionId>{token}</u:sessionId></u:SessionHeader>" if token else ""
        body = (
            '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:u="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xmlns:s="urn:sobject.partner.soap.sforce.com">'
            f"<e:Header>{session}{header}</e:Header><e:Body>{operation}</e:Body></e:Envelope>"
        )
        return self.desk.send("POST", f"/services/Soap/u/{version}", body.encode(), {"Content-Type": "text/xml"})

    def results(self, operation: str, **options: Any) -> list[ElementTree.Element]:
        reply = self.send(operation, **options)
        assert reply.status == 200, reply.body
        header, body = ElementTree.fromstring(reply.body)
        assert [element.tag.rpartition("}")[2] for element in header.iter()][1:] == [
            "LimitInfoHeader", "limitInfo", "current", "limit", "type",
        ]  # fmt: skip
        (answer,) = body
        assert answer.tag.endswith("Response")
        return list(answer)

    def fault(self, operation: str, **options: Any) -> str:
        reply = self.send(operation, **options)
        assert reply.status == 500
        return ElementTree.fromstring(reply.body).findtext(".//faultstring") or ""


def _none() -> Any:
    raise AssertionError("no such object")


@pytest.fixture
def soap(desk: Desk) -> Soap:
    return Soap(desk)


def names(element: ElementTree.Element) -> list[str]:
    return [child.tag.removeprefix(P) for child in element]


def error(result: ElementTree.Element) -> tuple[str | None, str | None]:
    assert result.findtext(f"{P}success") == "false"
    return result.findtext(f"{P}errors/{P}statusCode"), result.findtext(f"{P}errors/{P}message")


def ids(*values: str) -> str:
    return "".join(f"<u:ids>{escape(value)}</u:ids>" for value in values)


def test_undelete_brings_records_back(soap: Soap) -> None:
    contact, live = soap.create("Contact", LastName="x"), soap.create("Contact", LastName="y")
    soap.delete(contact)
    back, refused, wrong = soap.results(f"<u:undelete>{ids(contact, live, 'nonsense')}</u:undelete>")
    assert names(back) == ["id", "success"]
    assert (back.findtext(f"{P}id"), back.findtext(f"{P}success")) == (contact, "true")
    assert error(refused) == ("UNDELETE_FAILED", "Entity is not in the recycle bin")
    assert names(refused) == ["errors", "id", "success"]
    assert refused[1].attrib == {f"{XSI}nil": "true"}
    assert error(wrong) == ("MALFORMED_ID", "malformed id nonsense")
    assert soap.desk.last().operation == "soap.undelete"
    assert [change.verb for change in soap.desk.last().changes] == ["undelete"] * 3


def test_undelete_all_or_none(soap: Soap) -> None:
    contact = soap.create("Contact", LastName="x")
    soap.delete(contact)
    header = "<u:AllOrNoneHeader><u:allOrNone>true</u:allOrNone></u:AllOrNoneHeader>"
    taken_back, _ = soap.results(f"<u:undelete>{ids(contact, '003Kd00000000zzIAA')}</u:undelete>", header=header)
    assert error(taken_back)[0] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert soap.query("SELECT IsDeleted FROM Contact") == [{"IsDeleted": True}]


def test_the_recycle_bin_is_emptied(soap: Soap) -> None:
    contact = soap.create("Contact", LastName="x")
    soap.delete(contact)
    (gone,) = soap.results(f"<u:emptyRecycleBin>{ids(contact)}</u:emptyRecycleBin>")
    assert gone.findtext(f"{P}success") == "true"
    assert soap.query("SELECT Id FROM Contact") == []
    (again,) = soap.results(f"<u:emptyRecycleBin>{ids(contact)}</u:emptyRecycleBin>")
    assert error(again) == ("DELETE_FAILED", "Entity is not in the recycle bin")


def merge(sobject: str, master: str, *losers: str, fields: str = "") -> str:
    gone = "".join(f"<u:recordToMergeIds>{one}</u:recordToMergeIds>" for one in losers)
    record = f"<u:masterRecord><s:type>{sobject}</s:type><s:Id>{master}</s:Id>{fields}</u:masterRecord>"
    return f"<u:merge><u:request>{record}{gone}</u:request></u:merge>"


def test_merge_gives_the_children_of_the_others_to_the_master(soap: Soap) -> None:
    master, first, second = (soap.create("Account", Name=name, Phone=name) for name in "abc")
    contact = soap.create("Contact", LastName="x", AccountId=first)
    case = soap.create("Case", Subject="s", AccountId=second)
    binned = soap.create("Contact", LastName="y", AccountId=second)
    soap.delete(binned)
    fields = "<s:Name>New &amp; old</s:Name><s:fieldsToNull>Phone</s:fieldsToNull>"
    (result,) = soap.results(merge("Account", master, first, second, fields=fields))
    assert names(result) == ["id", "mergedRecordIds", "mergedRecordIds", "success"] + ["updatedRelatedIds"] * 2
    assert result.findtext(f"{P}id") == master
    assert [node.text for node in result.findall(f"{P}mergedRecordIds")] == [first, second]
    assert {node.text for node in result.findall(f"{P}updatedRelatedIds")} == {contact, case}
    rows = soap.query("SELECT Id, Name, Phone, IsDeleted, MasterRecordId FROM Account ORDER BY Id")
    assert rows == [
        {"Id": master, "Name": "New & old", "Phone": None, "IsDeleted": False, "MasterRecordId": None},
        {"Id": first, "Name": "b", "Phone": "b", "IsDeleted": True, "MasterRecordId": master},
        {"Id": second, "Name": "c", "Phone": "c", "IsDeleted": True, "MasterRecordId": master},
    ]
    assert {row["AccountId"] for row in soap.query("SELECT AccountId FROM Contact")} == {master}
    assert soap.query("SELECT AccountId FROM Case") == [{"AccountId": master}]
    # Who was merged can come back; the children stay where they are.
    soap.results(f"<u:undelete>{ids(first)}</u:undelete>")
    assert soap.query(f"SELECT IsDeleted, MasterRecordId FROM Account WHERE Id = '{first}'") == [
        {"IsDeleted": False, "MasterRecordId": None}
    ]
    assert {row["AccountId"] for row in soap.query("SELECT AccountId FROM Contact")} == {master}


def test_no_master_becomes_its_own_parent(soap: Soap) -> None:
    loser = soap.create("Account", Name="l")
    master = soap.create("Account", Name="m", ParentId=loser)
    soap.results(merge("Account", master, loser))
    assert soap.query(f"SELECT ParentId FROM Account WHERE Id = '{master}'") == [{"ParentId": None}]


NOBODY = "001Kd00000000zzIAA"


@pytest.mark.parametrize(
    ("sobject", "master", "losers", "code"),
    [
        ("Account", "a", ["a"], "DUPLICATE_VALUE"),
        ("Account", "a", [], "REQUIRED_FIELD_MISSING"),
        ("Account", "a", ["b", "c", "d"], "LIMIT_EXCEEDED"),
        ("Account", "a", [NOBODY], "INVALID_CROSS_REFERENCE_KEY"),
        ("Account", NOBODY, ["b"], "INVALID_CROSS_REFERENCE_KEY"),
        ("Account", "a", ["contact"], "INVALID_CROSS_REFERENCE_KEY"),
        ("Account", "a", ["deleted"], "ENTITY_IS_DELETED"),
        ("Account", "x", ["b"], "MALFORMED_ID"),
        ("Account", "", ["b"], "MISSING_ARGUMENT"),
        ("Opportunity", "a", ["b"], "INVALID_TYPE_FOR_OPERATION"),
        ("Nope", "a", ["b"], "INVALID_TYPE"),
        ("", "a", ["b"], "INVALID_TYPE"),
    ],
)
def test_wrong_mergers_change_nothing(soap: Soap, sobject: str, master: str, losers: list[str], code: str) -> None:
    known = {name: soap.create("Account", Name=name) for name in ("a", "b", "c", "d", "deleted")}
    known["contact"] = soap.create("Contact", LastName="c")
    soap.delete(known["deleted"])
    mark = soap.org.log.last
    asked = merge(sobject, known.get(master, master), *[known.get(one, one) for one in losers])
    (result,) = soap.results(asked)
    assert error(result)[0] == code
    assert names(result)[-2:] == ["id", "success"]
    assert soap.org.log.last == mark


def test_a_merge_under_another_name_is_a_fault_instead_of_silence(soap: Soap) -> None:
    # So jsforce calls the element.
    master, loser = soap.create("Account", Name="a"), soap.create("Account", Name="b")
    mark = soap.org.log.last
    fault = soap.fault(merge("Account", master, loser).replace("u:request>", "u:mergeRequests>"))
    assert fault == "Element {urn:partner.soap.sforce.com}mergeRequests invalid at this location"
    assert soap.org.log.last == mark


def convert(lead: str, status: str = "Closed - Converted", **more: str) -> str:
    fields = {"leadId": lead, "convertedStatus": status, "doNotCreateOpportunity": "false", **more}
    inner = "".join(f"<u:{name}>{escape(value)}</u:{name}>" for name, value in fields.items())
    return f"<u:convertLead><u:leadConverts>{inner}</u:leadConverts></u:convertLead>"


def new_lead(soap: Soap, **values: Any) -> str:
    lead = {"FirstName": "Ada", "LastName": "Lovelace", "Company": "Engines Ltd", "Email": "ada@example.com"}
    return soap.create("Lead", **(lead | {"City": "London", "Industry": "Banking", "LeadSource": "Web"} | values))


def test_a_lead_becomes_an_account_a_contact_and_an_opportunity(soap: Soap) -> None:
    lead = new_lead(soap)
    task = soap.create("Task", Subject="call", WhoId=lead)
    mark = soap.org.log.last
    (result,) = soap.results(convert(lead))
    assert names(result) == ["accountId", "contactId", "leadId", "opportunityId", "success"]
    account, contact, opportunity = (
        result.findtext(f"{P}{one}") for one in ("accountId", "contactId", "opportunityId")
    )
    assert soap.query("SELECT Id, Name, Industry, BillingCity, AccountSource FROM Account") == [
        {
            "Id": account, "Name": "Engines Ltd", "Industry": "Banking", "BillingCity": "London",
            "AccountSource": "Web",
        }
    ]  # fmt: skip
    assert soap.query("SELECT Id, Name, AccountId, Email, MailingCity, LeadSource FROM Contact") == [
        {
            "Id": contact, "Name": "Ada Lovelace", "AccountId": account, "Email": "ada@example.com",
            "MailingCity": "London", "LeadSource": "Web",
        }
    ]  # fmt: skip
    (made,) = soap.query("SELECT Id, Name, AccountId, StageName, LeadSource FROM Opportunity")
    assert made == {
        "Id": opportunity, "Name": "Engines Ltd", "AccountId": account, "StageName": "Prospecting", "LeadSource": "Web",
    }  # fmt: skip
    assert soap.query("SELECT OpportunityId, ContactId, IsPrimary FROM OpportunityContactRole") == [
        {"OpportunityId": opportunity, "ContactId": contact, "IsPrimary": True}
    ]
    assert soap.query("SELECT WhoId FROM Task") == [{"WhoId": contact}]
    (done,) = soap.query("SELECT Status, IsConverted, ConvertedAccountId, ConvertedContactId FROM Lead")
    assert done == {
        "Status": "Closed - Converted", "IsConverted": True, "ConvertedAccountId": account,
        "ConvertedContactId": contact,
    }  # fmt: skip
    told = [commit.verb for commit in soap.org.commits(mark) if commit.id in (account, contact, opportunity, lead)]
    assert told == ["create", "create", "create", "update"]
    assert task


def test_a_converted_lead_stays_as_it_is(soap: Soap) -> None:
    lead, other = new_lead(soap), new_lead(soap)
    soap.results(convert(lead))
    (again,) = soap.results(convert(lead))
    assert error(again) == ("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    changes = [
        Change("update", "Lead", {"Company": "x"}, id=lead),
        Change("create", "Task", {"Subject": "x", "WhoId": lead}),
        Change("delete", "Lead", id=lead, into=other),
        Change("update", "Lead", {"Company": "x"}, id=other),
    ]
    results = [soap.org.write(soap.who, [change], all_or_none=False)[0] for change in changes]
    assert [[one.code for one in result.errors] for result in results] == [["CANNOT_UPDATE_CONVERTED_LEAD"]] * 3 + [[]]
    soap.delete(lead)


def test_a_lead_can_join_what_is_there(soap: Soap) -> None:
    account = soap.create("Account", Name="Old", Phone="1")
    contact = soap.create("Contact", LastName="There", AccountId=account)
    lead = new_lead(soap, Phone="2")
    (result,) = soap.results(
        convert(lead, accountId=account, contactId=contact, doNotCreateOpportunity="true", overwriteLeadSource="true")
    )
    assert result.findtext(f"{P}success") == "true"
    assert result[3].attrib == {f"{XSI}nil": "true"}
    # Only what was empty is filled.
    assert soap.query("SELECT Name, Phone, Industry FROM Account") == [
        {"Name": "Old", "Phone": "1", "Industry": "Banking"}
    ]
    assert soap.query("SELECT LastName, Email, LeadSource FROM Contact") == [
        {"LastName": "There", "Email": "ada@example.com", "LeadSource": "Web"}
    ]
    assert soap.query("SELECT Id FROM Opportunity") == []


@pytest.mark.parametrize(
    ("status", "more", "code", "message"),
    [
        ("Open - Not Contacted", {}, "INVALID_STATUS", "invalid convertedStatus: Open - Not Contacted"),
        ("Closed - Not Converted", {}, "INVALID_STATUS", "invalid convertedStatus: Closed - Not Converted"),
        ("", {}, "INVALID_STATUS", "invalid convertedStatus: "),
        (None, {"contactId": "003Kd00000000zzIAA"}, "REQUIRED_FIELD_MISSING", None),
        (None, {"accountId": NOBODY}, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        (None, {"accountId": "x"}, "MALFORMED_ID", "malformed id x"),
        (None, {"ownerId": "005Kd00000000zzIAA"}, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        (None, {"ownerId": "00GKd00000000zzIAA"}, "FIELD_INTEGRITY_EXCEPTION", None),
        (None, {"doNotCreateOpportunity": "true", "opportunityName": "x"}, "FIELD_INTEGRITY_EXCEPTION", None),
    ],
)
def test_a_conversion_that_fails_leaves_nothing_behind(
    soap: Soap, status: str | None, more: dict[str, str], code: str, message: str | None
) -> None:
    lead = new_lead(soap)
    mark = soap.org.log.last
    (result,) = soap.results(convert(lead, "Closed - Converted" if status is None else status, **more))
    assert error(result)[0] == code
    assert message is None or error(result)[1] == message.strip() or error(result)[1] == message
    assert result.findtext(f"{P}leadId") == lead
    assert soap.org.log.last == mark
    assert soap.query("SELECT Id FROM Account") == []


def test_a_conversion_does_not_lock_itself_out(soap: Soap) -> None:
    soap.org.transaction_time = 3
    lead = new_lead(soap)
    soap.org.clock.advance(5)
    (result,) = soap.results(convert(lead))
    assert result.findtext(f"{P}success") == "true"
    assert lead in soap.org.locks.held([lead])


def test_custom_fields_of_a_lead_go_where_the_org_says(soap: Soap) -> None:
    kinds = {"type": "text", "length": 20}
    soap.org.schema.add({}, {"Lead": {"Score__c": kinds}, "Contact": {"Mark__c": kinds}})
    soap.org.lead_map = {"Contact": {"Score__c": "Mark__c"}}
    soap.results(convert(new_lead(soap, Score__c="high")))
    assert soap.query("SELECT Mark__c FROM Contact") == [{"Mark__c": "high"}]


def span(operation: str, sobject: str, start: str, end: str) -> str:
    return (
        f"<u:{operation}><u:sObjectType>{sobject}</u:sObjectType><u:startDate>{start}</u:startDate>"
        f"<u:endDate>{end}</u:endDate></u:{operation}>"
    )


def test_replication_lists_what_changed_and_what_went(soap: Soap) -> None:
    kept, gone = soap.create("Contact", LastName="x"), soap.create("Contact", LastName="y")
    soap.delete(gone)
    from mock_server.org.clock import stamp

    start = stamp(soap.org.clock.now() - 120).replace("+0000", "Z")
    soap.org.clock.advance(120)
    end = stamp(soap.org.clock.now()).replace("+0000", "Z")
    (updated,) = soap.results(span("getUpdated", "Contact", start, end))
    assert names(updated) == ["ids", "latestDateCovered"]
    assert updated.findtext(f"{P}ids") == kept
    assert (updated.findtext(f"{P}latestDateCovered") or "").endswith(":00.000Z")
    (deleted,) = soap.results(span("getDeleted", "Contact", start, end))
    assert names(deleted) == ["deletedRecords", "earliestDateAvailable", "latestDateCovered"]
    assert names(deleted[0]) == ["deletedDate", "id"]
    assert deleted.findtext(f"{P}deletedRecords/{P}id") == gone


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (span("getUpdated", "Nope", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"), "INVALID_TYPE: sObject type"),
        (span("getUpdated", "Contact", "x", "2026-03-01T13:00:00Z"), "'x' is not a valid value for the type"),
        (span("getDeleted", "Contact", "2026-03-01T13:00:00Z", "2026-03-01T13:00:00Z"), "INVALID_REPLICATION_DATE: "),
        ("<u:undelete>" + "<u:a>" * 50 + "</u:a>" * 50 + "</u:undelete>", "The request has too many elements"),
        (f"<u:undelete>{ids(*['x'] * 201)}</u:undelete>", "EXCEEDED_ID_LIMIT: "),
        (
            merge("Account", "001Kd00000000zzIAA", "001Kd00000000zyIAA", fields="<s:NumberOfEmployees>x</s:NumberOfEmployees>"),
            None,
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_fault(soap: Soap, operation: str, text: str | None) -> None:
    if text is None:
        # A row that is refused already is not read any further.
        (result,) = soap.results(operation)
        assert result.findtext(f"{P}success") == "false"
    else:
        assert soap.fault(operation).startswith(text)


@pytest.mark.parametrize("token", ["", "00Dxx", "00DKd0000000001MAA!nonsense"])
@pytest.mark.parametrize(
    "operation", ["undelete", "merge", "convertLead", "getUpdated", "getDeleted", "emptyRecycleBin"]
)
def test_every_call_needs_a_session(soap: Soap, operation: str, token: str) -> None:
    assert soap.fault(f"<u:{operation}/>", token=token).startswith("INVALID_SESSION_ID: Invalid Session ID found")


@pytest.mark.parametrize("operation", ["undelete", "merge", "convertLead", "emptyRecycleBin"])
def test_a_call_about_nothing_answers_nothing(soap: Soap, operation: str) -> None:
    assert soap.results(f"<u:{operation}/>") == []
