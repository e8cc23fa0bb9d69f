"""XML bodies and answers on the core resources, and which form a call gets."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

import pytest
from requests import Response

from tests.conftest import Rest

XML = {"Accept": "application/xml"}
SENT = {"Content-Type": "application/xml", "Accept": "application/xml"}
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def tree(answer: Response, status: int = 200) -> Element:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/xml;charset=UTF-8"
    assert answer.text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    return fromstring(answer.content)  # the mock's own


def test_the_versions_are_what_a_browser_sees(rest: Rest) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
    root = tree(rest.get("/services/data", headers={"Accept": browser, "Authorization": None}))
    assert (root.tag, root[0].tag) == ("Versions", "Version")
    assert {one.tag: one.text for one in root[0]} == {
        "label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0",
    }  # fmt: skip


def test_a_record_lives_in_xml(rest: Rest) -> None:
    body = b"<?xml version='1.0' encoding='utf-8'?><Account><Name>A &amp; B</Name><NumberOfEmployees>7</NumberOfEmployees></Account>"
    made = tree(rest.post("/sobjects/Account", data=body, headers=SENT), 201)
    assert made.tag == "Result"
    assert [one.tag for one in made] == ["id", "success"]
    identifier = made.findtext("id")
    record = tree(rest.get(f"/sobjects/Account/{identifier}?fields=Name,NumberOfEmployees,Phone", headers=XML))
    assert record.tag == "Account"
    assert record.attrib == {"type": "Account", "url": f"/services/data/v60.0/sobjects/Account/{identifier}"}
    assert [(one.tag, one.text) for one in record] == [("Name", "A & B"), ("NumberOfEmployees", "7"), ("Phone", None)]
    assert record[2].attrib == {NIL: "true"}
    gone = (
        b"<Account xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><NumberOfEmployees xsi:nil='true'/></Account>"
    )
    changed = rest.patch(f"/sobjects/Account/{identifier}", data=gone, headers=SENT)
    assert (changed.status_code, changed.content) == (204, b"")
    assert rest.get(f"/sobjects/Account/{identifier}").json()["NumberOfEmployees"] is None


def test_booleans_dates_and_parents_by_key(rest: Rest) -> None:
    rest.post("/sobjects/Contact", json={"LastName": "Boss", "External_Id__c": "boss"})
    body = (
        b"<Contact><LastName>x</LastName><Birthdate>1815-12-10</Birthdate>"
        b"<ReportsTo><External_Id__c>boss</External_Id__c></ReportsTo></Contact>"
    )
    identifier = tree(rest.post("/sobjects/Contact", data=body, headers=SENT), 201).findtext("id")
    (record,) = rest.query(f"SELECT Birthdate, ReportsTo.LastName FROM Contact WHERE Id = '{identifier}'").json()[
        "records"
    ]
    assert (record["Birthdate"], record["ReportsTo"]["LastName"]) == ("1815-12-10", "Boss")
    task = b"<Task><Subject>x</Subject><IsReminderSet>true</IsReminderSet></Task>"
    identifier = tree(rest.post("/sobjects/Task", data=task, headers=SENT), 201).findtext("id")
    assert rest.get(f"/sobjects/Task/{identifier}").json()["IsReminderSet"] is True


def test_queries_searches_describes_limits(rest: Rest) -> None:
    rest.post("/sobjects/Contact", json={"LastName": "Lovelace", "External_Id__c": "1"})
    found = tree(rest.get("/query", params={"q": "SELECT Id, LastName, Account.Name FROM Contact"}, headers=XML))
    assert [one.tag for one in found] == ["totalSize", "done", "records"]
    assert found.findtext("records/LastName") == "Lovelace"
    assert (found.tag, found[2].attrib["type"], found.findtext("done")) == ("QueryResult", "Contact", "true")
    searched = tree(rest.get("/search", params={"q": "FIND {Lovelace}"}, headers=XML))
    assert (searched.tag, searched[0].tag, searched[0].attrib["type"]) == ("SearchResults", "searchRecords", "Contact")
    described = tree(rest.get("/sobjects/Account/describe", headers=XML))
    assert (described.tag, described.findtext("name")) == ("Account", "Account")
    assert {"Id", "Name"} <= {one.findtext("name") for one in described.iter("fields")}
    assert tree(rest.get("/sobjects", headers=XML)).tag == "DescribeGlobal"
    assert tree(rest.get("/sobjects/Account", headers=XML)).findtext("objectDescribe/name") == "Account"
    resources = tree(rest.get("/", headers=XML))
    assert (resources.tag, resources.findtext("sobjects")) == ("urls", "/services/data/v60.0/sobjects")
    limits = tree(rest.get("/limits", headers=XML))
    assert int(limits.findtext("DailyApiRequests/Max") or 0) > 0


TREE = """<?xml version="1.0" encoding="UTF-8"?>
<SObjectTreeRequest>
  <records type="Account" referenceId="ref1">
    <name>SampleAccount</name>
    <Contacts>
      <records type="Contact" referenceId="ref2"><lastname>Smith</lastname></records>
      <records type="Contact" referenceId="ref3"><lastname>Evans</lastname></records>
    </Contacts>
  </records>
  <records type="Account" referenceId="ref4"><name>SampleAccount2</name></records>
</SObjectTreeRequest>"""


def test_a_tree_in_xml(rest: Rest) -> None:
    made = tree(rest.post("/composite/tree/Account", data=TREE.encode(), headers=SENT), 201)
    assert (made.tag, made.findtext("hasErrors")) == ("SObjectTreeResponse", "false")
    assert [one.findtext("referenceId") for one in made.iter("results")] == ["ref1", "ref4", "ref2", "ref3"]
    found = rest.query("SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account ORDER BY Name")
    first, second = found.json()["records"]
    assert [one["LastName"] for one in first["Contacts"]["records"]] == ["Evans", "Smith"]
    assert (second["Name"], second["Contacts"]) == ("SampleAccount2", None)


def test_a_record_of_a_tree_without_a_field(rest: Rest) -> None:
    body = b'<SObjectTreeRequest><records type="Account" referenceId="ref1"/></SObjectTreeRequest>'
    failed = tree(rest.post("/composite/tree/Account", data=body, headers=SENT), 400)
    assert failed.findtext("results/referenceId") == "ref1"
    assert failed.findtext("results/errors/statusCode") == "REQUIRED_FIELD_MISSING"


def test_a_batch_in_xml(rest: Rest) -> None:
    identifier = rest.post("/sobjects/Account", json={"Name": "Old"}).json()["id"]
    body = f"""<batch><batchRequests>
      <batchRequest><method>PATCH</method><url>v60.0/sobjects/Account/{identifier}</url>
        <richInput><Account><Name>New</Name></Account></richInput></batchRequest>
      <batchRequest><method>GET</method><url>v60.0/sobjects/Account/{identifier}?fields=Name</url></batchRequest>
      <batchRequest><method>GET</method><url>v60.0/sobjects/Account/001000000000000AAA</url></batchRequest>
    </batchRequests></batch>"""
    answer = tree(rest.post("/composite/batch", data=body.encode(), headers=SENT))
    assert (answer.tag, answer.findtext("hasErrors")) == ("batchResults", "true")
    changed, read, missing = answer.findall("results/batchResult")
    assert (changed.findtext("statusCode"), changed.findtext("result")) == ("204", "")
    assert [one.findtext("statusCode") for one in (read, missing)] == ["200", "404"]
    account = read.find("result/Account")
    assert account is not None
    assert (account.get("type"), account.findtext("Name")) == ("Account", "New")
    assert missing.findtext("result/Errors/Error/errorCode") == "NOT_FOUND"


def test_a_batch_of_one_request_in_xml(rest: Rest) -> None:
    body = b"<batch><haltOnError>true</haltOnError><batchRequests><method>GET</method><url>v60.0/limits</url></batchRequests></batch>"
    answer = tree(rest.post("/composite/batch", data=body, headers=SENT))
    assert answer.findtext("results/batchResult/statusCode") == "200"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/sobjects/Nope/describe", 404, "NOT_FOUND"),
        ("/nope", 404, "NOT_FOUND"),
        ("/query?q=x", 400, "MALFORMED_QUERY"),
    ],
)
def test_errors_are_xml_too(rest: Rest, path: str, status: int, code: str) -> None:
    root = tree(rest.get(path, headers=XML), status)
    assert (root.tag, root[0].tag, root.findtext("Error/errorCode")) == ("Errors", "Error", code)
    expired = tree(rest.get(path, headers={**XML, "Authorization": "Bearer x"}), 401)
    assert expired.findtext("Error/errorCode") == "INVALID_SESSION_ID"


def test_errors_name_fields(rest: Rest) -> None:
    root = tree(rest.post("/sobjects/Contact", data=b"<Contact><Phone>1</Phone></Contact>", headers=SENT), 400)
    assert [(one.tag, one.text) for one in root[0]] == [
        ("message", "Required fields are missing: [LastName]"),
        ("errorCode", "REQUIRED_FIELD_MISSING"),
        ("fields", "LastName"),
    ]


def test_collections_in_xml(rest: Rest) -> None:
    body = b"<request><allOrNone>true</allOrNone><records type='Contact'><LastName>x</LastName></records></request>"
    root = tree(rest.post("/composite/sobjects", data=body, headers=SENT))
    assert (root.tag, root[0].tag, root[0].findtext("success")) == ("Results", "Result", "true")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;">]><Contact><LastName>&c;</LastName></Contact>',
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Contact><LastName>&b;</LastName></Contact>',
        b"<Contact><LastName>&nope;</LastName></Contact>",
        b"<a>" * 200 + b"</a>" * 200,
        b"<a>" * 100_000,
        b"<?xml version='1.0' encoding='utf-16'?><a/>",
        b"<?xml version='1.0' encoding='nope'?><a/>",
        b"<a>\xff\xfe</a>",
        b"<a>\0</a>",
        b"<a b='1' b='2'/>",
    ],
)
def test_bad_xml_is_refused(rest: Rest, body: bytes) -> None:
    for method, path in (
        ("POST", "/sobjects/Contact"),
        ("POST", "/composite/sobjects"),
        ("POST", "/parameterizedSearch"),
    ):
        answer = rest(method, path, data=body, headers={"Content-Type": "application/xml"})
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "XML_PARSER_ERROR"), answer.text
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 0


def test_a_value_of_the_wrong_type(rest: Rest) -> None:
    body = b"<Account><Name>x</Name><NumberOfEmployees>many</NumberOfEmployees></Account>"
    answer = rest.post("/sobjects/Account", data=body, headers={"Content-Type": "text/xml; charset=utf-8"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "XML_PARSER_ERROR")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "json"),
        ("*/*", "json"),
        ("application/*", "json"),
        ("application/json, text/plain, */*", "json"),
        ("application/xml", "xml"),
        ("text/xml", "xml"),
        ("application/xml;q=0.2, application/json;q=0.1", "xml"),
        ("application/json;q=0.5, application/xml;q=0.5", "json"),
        ("application/json;q=0, */*", "xml"),
        ("APPLICATION/XML", "xml"),
        ("application/xml;q=nonsense, */*;q=0.1", "json"),
        ("text/html, */*;q=0.1", "json"),
        ("text/plain", None),
        ("application/json;q=0", None),
        ("image/png", None),
        (",;,", None),
    ],
)
def test_which_form_a_call_gets(rest: Rest, accept: str | None, form: str | None) -> None:
    answer = rest.get("/sobjects/Account/describe", headers={"Accept": accept})
    if form is None:
        assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (406, b"", "0")
    else:
        assert answer.headers["Content-Type"] == f"application/{form};charset=UTF-8"


def test_a_call_that_accepts_nothing_does_nothing(rest: Rest) -> None:
    answer = rest.post("/sobjects/Contact", json={"LastName": "x"}, headers={"Accept": "text/csv"})
    assert answer.status_code == 406
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 0


def test_a_suffix_chooses_the_form(rest: Rest) -> None:
    identifier = rest.post("/sobjects/Contact", json={"LastName": "x", "External_Id__c": "a.xml"}).json()["id"]
    assert tree(rest.get(f"/sobjects/Contact/{identifier}.xml")).tag == "Contact"
    assert rest.get(f"/sobjects/Contact/{identifier}.json", headers=XML).json()["Id"] == identifier
    assert tree(rest.get("/sobjects/Contact/describe.xml")).tag == "Contact"
    assert tree(rest.get("/query.xml", params={"q": "SELECT Id FROM Contact"})).tag == "QueryResult"
    # A key may end like a suffix.
    assert rest.get("/sobjects/Contact/External_Id__c/a.xml").json()["Id"] == identifier


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/csv", "xml", "nonsense"])
def test_other_bodies_are_not_supported(rest: Rest, kind: str) -> None:
    answer = rest.post("/sobjects/Contact", data=b"LastName=x", headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_text_that_xml_cannot_hold(rest: Rest) -> None:
    made = rest.post("/sobjects/Contact", json={"LastName": "a\x01b\ufffe<\"'>"}).json()["id"]
    record = tree(rest.get(f"/sobjects/Contact/{made}?fields=LastName", headers=XML))
    assert record.findtext("LastName") == "a\ufffdb\ufffd<\"'>"


def test_it_may_be_printed_prettily(rest: Rest) -> None:
    answer = rest.get("/query", params={"q": "SELECT COUNT() FROM Contact"}, headers={**XML, "X-PrettyPrint": "1"})
    assert answer.text.splitlines()[1:3] == ["<QueryResult>", "  <totalSize>0</totalSize>"]
