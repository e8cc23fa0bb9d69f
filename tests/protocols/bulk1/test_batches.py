"""What batches do with records, and what they are refused for."""

from __future__ import annotations

import csv
import gzip
from io import StringIO
from typing import Any

import pytest

from mock_server.api import Server
from tests.conftest import Rest, allow
from tests.protocols.bulk1.wire import CSV, JSON, NAMESPACE, XML, Wire, info, told


def rows(result: Any) -> list[dict[str, str]]:
    assert result.status_code == 200, result.text
    return list(csv.DictReader(StringIO(result.text)))


def names(rest: Rest, soql: str = "SELECT LastName FROM Contact ORDER BY LastName") -> list[str]:
    return [record["LastName"] for record in rest.query(soql).json()["records"]]


@pytest.mark.parametrize("kind", ["CSV", "JSON", "XML"])
def test_update_upsert_and_delete_in_each_content_type(rest: Rest, server: Server, wire: Wire, kind: str) -> None:
    allow(rest, server, "BulkApiHardDelete")
    media = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}[kind]

    def write(record: dict[str, str]) -> str:
        if kind == "CSV":
            return f"{','.join(record)}\n{','.join(record.values())}\n"
        if kind == "JSON":
            return "[{" + ",".join(f'"{name}": "{value}"' for name, value in record.items()) + "}]"
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in record.items())
        return f"<sObjects {NAMESPACE}><sObject>{inner}</sObject></sObjects>"

    wire.load(write({"LastName": "Lovelace"}), media, contentType=kind)
    (record,) = rest.query("SELECT Id FROM Contact").json()["records"]
    identifier = record["Id"]
    wire.load(write({"Id": identifier, "LastName": "Byron"}), media, contentType=kind, operation="update")
    assert names(rest) == ["Byron"]
    last, result = wire.load(
        write({"Id": identifier, "LastName": "King"}), media, contentType=kind, operation="upsert",
        externalIdFieldName="Id",
    )  # fmt: skip
    assert told(last, "state") == "Completed"
    assert "false" in result.text  # Created
    assert names(rest) == ["King"]
    wire.load(write({"Id": identifier}), media, contentType=kind, operation="delete")
    assert names(rest) == []
    wire.load(write({"Id": identifier}), media, contentType=kind, operation="hardDelete")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("CSV", "LastName,Description,Account.Name\nLovelace,#N/A,\n"),
        ("JSON", '[{"attributes": {"type": "Contact"}, "LastName": "Lovelace", "Description": null}]'),
        (
            "XML",
            f'<sObjects {NAMESPACE} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><sObject>'
            '<LastName>Lovelace</LastName><Description xsi:nil="true"/></sObject></sObjects>',
        ),
    ],
)
def test_null_empties_a_field_and_what_is_not_said_stays(rest: Rest, wire: Wire, kind: str, content: str) -> None:
    made = rest.post("/sobjects/Contact", json={"LastName": "x", "Description": "old", "Phone": "1"}).json()["id"]
    content = content.replace("LastName,", "Id,LastName,").replace("\nLovelace", f"\n{made},Lovelace")
    content = content.replace(",Account.Name", "").replace("#N/A,\n", "#N/A\n")
    content = content.replace('"LastName"', f'"Id": "{made}", "LastName"')
    content = content.replace("<sObject>", f"<sObject><Id>{made}</Id>")
    media = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}[kind]
    wire.load(content, media, contentType=kind, operation="update")
    record = rest.get(f"/sobjects/Contact/{made}").json()
    assert (record["LastName"], record["Description"], record["Phone"]) == ("Lovelace", None, "1")


PARENTS = {
    "CSV": "LastName,ReportsTo.Email\nByron,ada@example.com\n",
    "JSON": '[{"LastName": "Byron", "ReportsTo": {"Email": "ada@example.com"}}]',
    "XML": f"<sObjects {NAMESPACE}><sObject><LastName>Byron</LastName><ReportsTo><sObject>"
    "<Email>ada@example.com</Email></sObject></ReportsTo></sObject></sObjects>",
}


@pytest.mark.parametrize("kind", PARENTS)
def test_a_parent_is_named_by_a_key(rest: Rest, wire: Wire, kind: str) -> None:
    made = rest.post("/sobjects/Contact", json={"LastName": "Lovelace", "Email": "ada@example.com"}).json()["id"]
    media = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}[kind]
    last, result = wire.load(PARENTS[kind], media, contentType=kind)
    assert told(last, "state") == "Completed", result.text
    (record,) = rest.query("SELECT ReportsToId FROM Contact WHERE LastName = 'Byron'").json()["records"]
    assert record["ReportsToId"] == made


POLYMORPHIC = {
    "CSV": "Subject,Account:What.Id\nCall,{id}\n",
    "JSON": '[{{"Subject": "Call", "What": {{"attributes": {{"type": "Account"}}, "Id": "{id}"}}}}]',
    "XML": f"<sObjects {NAMESPACE}><sObject><Subject>Call</Subject><What><sObject><type>Account</type><Id>{{id}}</Id>"
    "</sObject></What></sObject></sObjects>",
}


@pytest.mark.parametrize("kind", POLYMORPHIC)
def test_a_parent_of_one_of_several_objects_says_which(rest: Rest, wire: Wire, kind: str) -> None:
    made = rest.post("/sobjects/Account", json={"Name": "Analytical Engines"}).json()["id"]
    media = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}[kind]
    last, _ = wire.load(POLYMORPHIC[kind].format(id=made), media, contentType=kind, object="Task")
    assert (told(last, "state"), told(last, "numberRecordsFailed")) == ("Completed", "0"), last.text
    (record,) = rest.query("SELECT WhatId FROM Task").json()["records"]
    assert record["WhatId"] == made


def test_xml_texts_come_through_as_they_are(rest: Rest, wire: Wire) -> None:
    text = "<LastName>  a &amp; b\n&#233;  </LastName>"
    wire.load(f"<sObjects {NAMESPACE}><sObject>{text}</sObject></sObjects>", "application/xml", contentType="XML")
    (name,) = names(rest)
    assert name.strip() == "a & b\né"


def test_a_batch_may_be_in_another_charset(rest: Rest, wire: Wire) -> None:
    wire.load("LastName\nMüller\n".encode("iso-8859-1"), "text/csv; charset=ISO-8859-1")
    assert names(rest) == ["Müller"]


def test_a_batch_may_come_gzipped(rest: Rest, wire: Wire) -> None:
    job = wire.job()
    packed = gzip.compress(b"LastName\nLovelace\n")
    answer = wire("POST", f"{job}/batch", packed, **CSV, **{"Content-Encoding": "gzip"})
    wire.ended(f"{job}/batch/{told(answer, 'id')}")
    assert names(rest) == ["Lovelace"]
    broken = wire("POST", f"{job}/batch", packed[:20], **CSV, **{"Content-Encoding": "gzip"})
    assert (broken.status_code, told(broken, "exceptionCode")) == (400, "ClientInputError")
    assert told(wire("GET", job), "numberBatchesTotal") == "1"


def test_the_content_of_a_batch_can_be_had_again(wire: Wire) -> None:
    job = wire.job()
    content = 'LastName,Email\r\n"Love\nlace",\r\n'
    batch = wire.add(job, content)
    answer = wire("GET", f"{batch}/request")
    assert (answer.content, answer.headers["Content-Type"]) == (content.encode(), "text/csv")


FAILING = [
    ("insert", "CSV", "LastName,Nme\nx,y\n", "InvalidBatch : Field name not found : Nme"),
    ("insert", "JSON", '[{"LastName": "a"}, {"Nme": "b"}]', "InvalidBatch : Field name not found : Nme"),
    ("delete", "CSV", "Id,LastName\n003000000000001,x\n", "InvalidBatch : The 'delete' batch must contain only ids."),
    ("insert", "JSON", '{"LastName": "a"}', "InvalidBatch : Failed to parse JSON"),
    ("insert", "JSON", '[{"LastName": "a"', "InvalidBatch : Failed to parse JSON"),
    ("insert", "JSON", '[["LastName"]]', "InvalidBatch : Failed to parse JSON"),
    ("insert", "JSON", '[{"LastName": [1]}]', "InvalidBatch : Failed to parse JSON"),
    ("insert", "JSON", "[" * 100_000, "InvalidBatch : Failed to parse JSON"),
    ("insert", "XML", "<sObjects><sObject><LastName>a</LastName></sObject>", "InvalidBatch : Failed to parse XML"),
    ("insert", "XML", "<records/>", "InvalidBatch : Failed to parse XML"),
    ("insert", "XML", "<sObjects>" + "<a>" * 50 + "</a>" * 50 + "</sObjects>", "InvalidBatch : Failed to parse XML"),
    ("insert", "XML", "<sObjects><!--" + "x" * 900_000, "InvalidBatch : Failed to parse XML"),
    (
        "insert",
        "XML",
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><sObjects><sObject><LastName>&a;</LastName></sObject>'
        "</sObjects>",
        "InvalidBatch : Failed to parse XML: DTD is not supported",
    ),
    ("insert", "CSV", "LastName\n" + "x\n" * 10_001, "InvalidBatch : Exceeded number of records : 10001. Number of"),
    ("insert", "CSV", f"LastName\n{'x' * 131_073}\n", "InvalidBatch : "),
    ("insert", "CSV", "Description,LastName,Phone,Fax,Email\n" + ",".join(["x" * 100_000] * 5), "InvalidBatch : Failed to parse CSV. Exceeded max length"),
    ("insert", "CSV", ",".join(f"F{n}" for n in range(5001)) + "\n", "InvalidBatch : Failed to parse CSV. Exceeded max number of columns"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "kind", "content", "message"), FAILING)
def test_a_batch_that_cannot_be_read_fails_whole(
    rest: Rest, wire: Wire, operation: str, kind: str, content: str | bytes, message: str
) -> None:
    media = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}[kind]
    last, result = wire.load(content, media, contentType=kind, operation=operation)
    assert told(last, "state") == "Failed"
    assert told(last, "stateMessage").replace("&#x27;", "'").startswith(message)
    assert told(last, "numberRecordsProcessed") == "0"
    assert (result.status_code, told(result, "exceptionMessage")) == (400, "Records not processed")
    assert names(rest) == []


def test_a_batch_of_more_than_ten_million_bytes_is_refused(wire: Wire) -> None:
    job = wire.job()
    answer = wire("POST", f"{job}/batch", b"LastName\n" + b"x" * 10_000_000, **CSV)
    assert (answer.status_code, told(answer, "exceptionCode"), told(answer, "exceptionMessage")) == (
        400,
        "ClientInputError",
        "Failed to read request. Exceeded max size limit of 10000000",
    )
    assert told(wire("GET", job), "numberBatchesTotal") == "0"


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        ("", "text/csv", "InvalidBatch"),
        ("  \n", "text/csv", "InvalidBatch"),
        ("[]", "application/json", "UnsupportedContentType"),
        ("LastName\nx\n", "text/csv; charset=rot13", "UnsupportedContentType"),
        ("LastName\nx\n", "text/csv; charset=unicode_escape", "UnsupportedContentType"),
    ],
)
def test_batches_that_are_refused(wire: Wire, content: str, kind: str, code: str) -> None:
    job = wire.job()
    answer = wire("POST", f"{job}/batch", content, **{"Content-Type": kind})
    assert (answer.status_code, answer.text.count(code)) == (400, 1)
    assert told(wire("GET", job), "numberBatchesTotal") == "0"


def test_a_closed_job_takes_no_batch(wire: Wire) -> None:
    job = wire.job()
    assert told(wire("POST", job, info(state="Closed"), **XML), "state") == "Closed"
    answer = wire("POST", f"{job}/batch", "LastName\nx\n", **CSV)
    assert (answer.status_code, told(answer, "exceptionCode")) == (400, "InvalidJobState")
    again = wire("POST", job, info(state="Closed"), **XML)
    assert (again.status_code, told(again, "exceptionCode")) == (400, "InvalidJobState")
    abort = wire("POST", job, info(state="Aborted"), **XML)
    assert (told(abort, "exceptionCode"), told(abort, "exceptionMessage")) == (
        "InvalidJobState",
        "Aborting already Completed Job not allowed",
    )


def test_an_aborted_job_can_neither_be_closed_nor_filled(wire: Wire) -> None:
    job = wire.job()
    answer = wire("POST", job, '{"state": "Aborted"}', **JSON)
    assert answer.json()["state"] == "Aborted"
    close = wire("POST", job, info(state="Closed"), **XML)
    assert told(close, "exceptionMessage") == "Closing already aborted Job not allowed"
    assert wire("POST", f"{job}/batch", "LastName\nx\n", **CSV).status_code == 400


def test_rows_and_what_they_are_told_stand_in_the_journal(rest: Rest, wire: Wire, server: Server) -> None:
    job = wire.job()
    batch = wire.add(job, "LastName,Email\nLovelace,\n,x@example.com\n")
    wire.ended(batch)
    wire("GET", f"{batch}/result")
    wire("POST", job, info(state="Closed"), **XML)
    entries = {one["operation"]: one for one in server.control.for_org(rest.org.id).journal()}
    added = entries["bulk1.batch.create"]
    assert [(row["success"], row["codes"]) for row in added["rows"]] == [
        (True, []),
        (False, ["REQUIRED_FIELD_MISSING"]),
    ]
    assert added["job"]["batch"] == batch.rpartition("/")[2]
    polled = entries["bulk1.batch.poll"]["job"]
    assert (polled["api"], polled["state"], polled["processed"], polled["failed"]) == ("classic", "Completed", 2, 1)
    assert (entries["bulk1.batch.results"]["job"]["rows"], entries["bulk1.batch.results"]["job"]["results"]) == (
        2,
        "batch",
    )
    assert entries["bulk1.job.close"]["job"]["state"] == "Closed"


def test_row_faults_strike_the_rows_of_a_batch(rest: Rest, wire: Wire, server: Server) -> None:
    server.control.for_org(rest.org.id).add_fault(
        {"on": "bulk1.batch.create", "records": {"every": 2}, "error": "UNABLE_TO_LOCK_ROW"}
    )
    _, result = wire.load("LastName\nLovelace\nByron\n")
    assert [row["Success"] for row in rows(result)] == ["true", "false"]
    assert rows(result)[1]["Error"].startswith("UNABLE_TO_LOCK_ROW:")


@pytest.mark.parametrize("fault", [{"error": "SERVER_UNAVAILABLE"}, {"status": 503}, {"error": "INVALID_SESSION_ID"}])
def test_request_faults_come_in_this_api_s_form(rest: Rest, wire: Wire, server: Server, fault: dict[str, Any]) -> None:
    server.control.for_org(rest.org.id).add_fault({"on": "bulk1.job.create", **fault})
    answer = wire("POST", "/job", info(operation="insert", object="Contact"), **XML)
    assert answer.status_code == {"INVALID_SESSION_ID": 400}.get(str(fault.get("error")), 503)
    if "error" in fault:
        assert "<exceptionCode>" in answer.text


def test_rows_of_a_refused_batch_stand_in_the_journal_too(rest: Rest, wire: Wire, server: Server) -> None:
    control = server.control.for_org(rest.org.id)
    job = wire.job(contentType="JSON")
    control.add_fault({"on": "bulk1.batch.create", "status": 503, "when": {"times": 1}})
    body = '[{"LastName": "Lovelace", "Account": {"Name": "x"}}, {"LastName": "Byron"}]'
    assert wire("POST", f"{job}/batch", body, **JSON).status_code == 503
    wire("POST", job, info(state="Closed"), **XML)
    assert wire("POST", f"{job}/batch", body, **JSON).status_code == 400
    adds = [one for one in control.journal() if one["operation"] == "bulk1.batch.create"]
    for one in adds:
        assert [(row["values"]["LastName"], row["success"]) for row in one["rows"]] == [
            ("Lovelace", None),
            ("Byron", None),
        ]


def test_rows_that_are_too_short_or_too_long_fail_alone(wire: Wire) -> None:
    _, result = wire.load("LastName,Email\nA\nB,b@example.com\nC,c@example.com,x\n")
    told_rows = rows(result)
    assert [row["Success"] for row in told_rows] == ["false", "true", "false"]
    assert told_rows[0]["Error"].startswith("INVALID_FIELD:The row has 1 values, and the header has 2 columns:")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("CSV", b"LastName,Description\nA,x\0y\n"),
        ("JSON", b'[{"LastName": "A", "Description": "x\\u0000y"}]'),
        ("CSV", b'LastName,Description\r\nA,"x\ry"\n'),
        ("JSON", '[{"LastName": "A", "Description": "\\ud83d\\ude00 \u0640\u202e"}]'.encode()),
    ],
)
def test_odd_characters_do_no_harm(rest: Rest, wire: Wire, kind: str, content: bytes) -> None:
    media = {"CSV": "text/csv", "JSON": "application/json"}[kind]
    last, result = wire.load(content, media, contentType=kind)
    assert told(last, "state") == "Completed", last.text
    if told(last, "numberRecordsFailed") == "0":
        assert names(rest) == ["A"]
    else:
        assert "false" in result.text


@pytest.mark.parametrize(
    ("kind", "content"),
    [("JSON", "[{}]"), ("XML", f"<sObjects {NAMESPACE}><sObject/></sObjects>")],
)
def test_records_that_say_nothing_fail_alone(wire: Wire, kind: str, content: str) -> None:
    last, result = wire.load(content, {"JSON": "application/json", "XML": "application/xml"}[kind], contentType=kind)
    assert told(last, "state") == "Completed"
    assert "REQUIRED_FIELD_MISSING" in result.text
