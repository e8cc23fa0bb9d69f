"""Batches that hold queries: result lists, result files in each content type, PK chunking."""

from __future__ import annotations

import csv
import re
from io import StringIO
from typing import Any

import pytest

from mock_server.api import Server
from mock_server.jsontext import pretty
from tests.conftest import Rest
from tests.protocols.bulk1.wire import NAMESPACE, XML, Wire, info, told

MEDIA = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}


def ask(
    wire: Wire, soql: str, kind: str = "CSV", headers: dict[str, str] | None = None, **fields: str
) -> tuple[str, Any]:
    """Run a query; return the path of its batch and its last state."""
    job = wire.job(headers, **{"operation": "query", "contentType": kind, **fields})
    batch = wire.add(job, soql, MEDIA[kind])
    return batch, wire.ended(batch)


def download(wire: Wire, batch: str) -> Any:
    (result,) = re.findall(r"752\w{12}", wire("GET", f"{batch}/result").text)
    return wire("GET", f"{batch}/result/{result}")


@pytest.fixture
def people(rest: Rest) -> list[str]:
    """Three contacts, the last of whom is deleted."""
    made = [
        rest.post("/sobjects/Contact", json={"LastName": name, "Description": text}).json()["id"]
        for name, text in (("Lovelace", 'a "Id": "b",\nc'), ("Byron", None), ("King", "x"))
    ]
    rest.delete(f"/sobjects/Contact/{made[2]}")
    return made


def test_a_small_page_size_makes_several_results(server: Server) -> None:
    made = server.control.create_org(settings={"bulk_page_size": 10})
    try:
        ids = server.control.for_org(made.id).seed("Contact", [{"LastName": f"N{number}"} for number in range(1100)])
        wire = Wire(Rest(server.url, made.access_token, made))
        batch, last = ask(wire, "SELECT Id FROM Contact")
        results = re.findall(r"752\w{12}", wire("GET", f"{batch}/result").text)
        assert (len(results) > 1, told(last, "numberRecordsProcessed")) == (True, "1100")
        files = [wire("GET", f"{batch}/result/{result}").text.splitlines() for result in results]
        assert {lines[0] for lines in files} == {'"Id"'}
        assert [line for lines in files for line in lines[1:]] == [f'"{identifier}"' for identifier in ids]
    finally:
        server.control.delete_org(made.id)


def test_the_result_list_and_a_result_in_csv(wire: Wire, people: list[str]) -> None:
    batch, last = ask(wire, "SELECT Id, LastName, Description, IsDeleted, CreatedDate FROM Contact ORDER BY LastName")
    assert (told(last, "state"), told(last, "numberRecordsProcessed")) == ("Completed", "2")
    listed = wire("GET", f"{batch}/result")
    assert listed.headers["Content-Type"] == "application/xml"
    assert re.fullmatch(
        rf'<\?xml version="1.0" encoding="UTF-8"\?><result-list {NAMESPACE}><result>752\w{{12}}</result></result-list>',
        listed.text,
    )
    answer = download(wire, batch)
    assert answer.headers["Content-Type"] == "text/csv"
    lines = answer.text.split("\n", 1)
    assert lines[0] == '"Id","LastName","Description","IsDeleted","CreatedDate"'
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["Id"], row["Description"], row["IsDeleted"]) for row in rows] == [
        (people[1], "", "false"),
        (people[0], 'a "Id": "b",\nc', "false"),
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", rows[0]["CreatedDate"])


def test_json_has_times_as_milliseconds_and_ids_of_15_characters_in_its_list(
    rest: Rest, wire: Wire, people: list[str]
) -> None:
    soql = "SELECT Id, CreatedDate, Owner.CreatedDate, Birthdate, Description FROM Contact"
    batch, last = ask(wire, soql, "JSON")
    assert last.json()["state"] == "Completed"
    (identifier,) = wire("GET", f"{batch}/result").json()
    assert re.fullmatch(r"752\w{12}", identifier)
    answer = wire("GET", f"{batch}/result/{identifier}?format=json")
    assert answer.text.startswith('[ {\n  "attributes" : {\n    "type" : "Contact",\n    "url" : ')
    assert answer.text == pretty(answer.json())
    (record,) = (one for one in answer.json() if one["Id"] == people[1])
    text = rest.get(f"/sobjects/Contact/{people[1]}").json()["CreatedDate"]
    assert isinstance(record["CreatedDate"], int)
    assert isinstance(record["Owner"]["CreatedDate"], int)
    assert f"{record['CreatedDate'] % 1000:03d}+0000" in text
    assert (record["Birthdate"], record["Description"]) == (None, None)
    assert record["attributes"]["url"] == f"/services/data/v62.0/sobjects/Contact/{people[1]}"


def test_xml_says_the_type_of_each_record(wire: Wire, people: list[str]) -> None:
    batch, _ = ask(wire, "SELECT Id, LastName, Description, Owner.Name FROM Contact WHERE LastName = 'Byron'", "XML")
    assert download(wire, batch).text == (
        f'<?xml version="1.0" encoding="UTF-8"?><queryResult {NAMESPACE} '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><records xsi:type="sObject"><type>Contact</type>'
        f'<Id>{people[1]}</Id><LastName>Byron</LastName><Description xsi:nil="true"/><Owner xsi:type="sObject">'
        "<type>User</type><Name>Integration User</Name></Owner></records></queryResult>"
    )


def test_query_all_finds_deleted_records(wire: Wire, people: list[str]) -> None:
    batch, _ = ask(wire, "SELECT Id FROM Contact", operation="queryAll")
    assert download(wire, batch).text.count("003") == 3


@pytest.mark.parametrize(
    ("kind", "text"), [("CSV", "Records not found for this query"), ("JSON", "[ ]"), ("XML", "></queryResult>")]
)
def test_a_result_without_records(wire: Wire, kind: str, text: str) -> None:
    batch, _ = ask(wire, "SELECT Id FROM Contact WHERE LastName = 'Nobody'", kind)
    assert download(wire, batch).text.endswith(text)


def test_json_may_ask_for_one_of_several_types(wire: Wire, people: list[str]) -> None:
    soql = "SELECT Id, TYPEOF Owner WHEN User THEN Name END FROM Contact WHERE LastName = 'Byron'"
    batch, _ = ask(wire, soql, "JSON")
    assert download(wire, batch).json()[0]["Owner"]["Name"] == "Integration User"
    assert told(ask(wire, soql)[1], "state") == "Failed"


FAILING = [
    (
        "SELECT Id FROM Account",
        "InvalidBatch : Failed to process query: INVALID_TYPE_FOR_OPERATION: The root entity of the requested query "
        "(Account) does not match the entity of the requested Bulk API Job (Contact).",
    ),
    ("SELECT Nope FROM Contact", "InvalidBatch : Failed to process query: INVALID_FIELD: "),
    ("SELECT Id FROM", "InvalidBatch : Failed to process query: MALFORMED_QUERY: "),
    ("x", "InvalidBatch : Failed to process query: MALFORMED_QUERY: "),
    ("SELECT COUNT() FROM Contact", "FeatureNotEnabled : Aggregate Relationships not supported in Bulk Query"),
    ("SELECT Id, MailingAddress FROM Contact", "InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED: "),
    ("SELECT Id, (SELECT Id FROM Cases) FROM Contact", "FeatureNotEnabled : "),
]


@pytest.mark.parametrize(("soql", "message"), FAILING)
def test_queries_that_fail(wire: Wire, soql: str, message: str) -> None:
    batch, last = ask(wire, soql)
    assert told(last, "state") == "Failed"
    assert told(last, "stateMessage").startswith(message)
    answer = wire("GET", f"{batch}/result")
    assert (answer.status_code, told(answer, "exceptionMessage")) == (400, "Records not processed")


def test_a_file_field_is_no_value_of_csv(wire: Wire) -> None:
    _, last = ask(wire, "SELECT Id, VersionData FROM ContentVersion", object="ContentVersion")
    assert told(last, "stateMessage") == "FeatureNotEnabled : Cannot serialize value for 'VersionData' in CSV format"


def test_objects_that_the_api_does_not_have(wire: Wire) -> None:
    answer = wire("POST", "/job", info(operation="query", object="UserRecordAccess", contentType="CSV"), **XML)
    assert (answer.status_code, told(answer, "exceptionCode"), told(answer, "exceptionMessage")) == (
        400,
        "InvalidEntity",
        "Entity 'UserRecordAccess' is not supported by the Bulk API.",
    )


def test_a_result_that_is_not_there(wire: Wire, people: list[str]) -> None:
    batch, _ = ask(wire, "SELECT Id FROM Contact")
    for identifier in ("752000000000001", "x", "é"):
        answer = wire("GET", f"{batch}/result/{identifier}")
        assert (answer.status_code, told(answer, "exceptionCode")) == (400, "InvalidBatch")


def test_large_results_come_in_several_files(
    rest: Rest, wire: Wire, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mock_server.org.jobs.classic_queries.FILE", 1 << 19)
    server.control.for_org(rest.org.id).seed(
        "Contact", [{"LastName": f"{number:05d}", "Description": "x" * 900} for number in range(1500)]
    )
    batch, last = ask(wire, "SELECT LastName, Description FROM Contact")
    assert told(last, "numberRecordsProcessed") == "1500"
    results = re.findall(r"752\w{12}", wire("GET", f"{batch}/result").text)
    assert len(results) > 1
    names = []
    for result in results:
        answer = wire("GET", f"{batch}/result/{result}")
        names += [row["LastName"] for row in csv.DictReader(StringIO(answer.text))]
    assert sorted(names) == [f"{number:05d}" for number in range(1500)]
    pages = [
        one["page"]
        for one in server.control.for_org(rest.org.id).journal()
        if one["operation"] == "bulk1.batch.download"
    ]
    assert sum(page["rows"] for page in pages) == pages[0]["total"] == 1500
    added = [one for one in server.control.for_org(rest.org.id).journal() if one["operation"] == "bulk1.batch.create"]
    assert [(one["query"], one["rows"]) for one in added] == [("SELECT LastName, Description FROM Contact", [])]
    assert [page["next"] for page in pages] == [*results[1:], None]


# -- PK chunking


def chunks(wire: Wire, soql: str, header: str, **fields: str) -> tuple[str, list[Any]]:
    """Run a query in chunks; return the job's path and the batches of the chunks once all have ended."""
    batch, last = ask(wire, soql, headers={"Sforce-Enable-PKChunking": header}, **fields)
    assert told(last, "state") == "NotProcessed", last.text
    job = batch.partition("/batch")[0]
    ids = re.findall(r"<id>(751\w+)</id>", wire("GET", f"{job}/batch").text)
    assert f"{job}/batch/{ids[0]}" == batch
    return job, [wire.ended(f"{job}/batch/{one}") for one in ids[1:]]


@pytest.fixture
def many(rest: Rest, server: Server) -> list[str]:
    return server.control.for_org(rest.org.id).seed("Contact", [{"LastName": f"{number:04d}"} for number in range(250)])


def test_a_query_is_split_by_ranges_of_ids(wire: Wire, many: list[str]) -> None:
    job, batches = chunks(wire, "SELECT Id, LastName FROM Contact", "chunkSize=100")
    assert [told(one, "numberRecordsProcessed") for one in batches] == ["100", "100", "50"]
    found = [download(wire, f"{job}/batch/{told(one, 'id')}").text for one in batches]
    assert sorted(re.findall(r'"(\d{4})"', "".join(found))) == [f"{number:04d}" for number in range(250)]
    request = wire("GET", f"{job}/batch/{told(batches[1], 'id')}/request").text
    bounds = re.fullmatch(r"SELECT Id, LastName FROM Contact WHERE Id >= '(\w{15})' AND Id < '(\w{15})'", request)
    assert bounds is not None
    assert (bounds[1], bounds[2]) == (many[100][:15], many[200][:15])
    original = wire("GET", f"{job}/batch").text.partition("</batchInfo>")[0]
    assert "<numberRecordsProcessed>0<" in original


def test_a_condition_of_the_query_holds_in_every_chunk(wire: Wire, many: list[str]) -> None:
    soql = "SELECT LastName FROM Contact WHERE LastName > '0100' OR LastName = 'where'"
    job, batches = chunks(wire, soql, "true; chunkSize=100")
    assert [told(one, "numberRecordsProcessed") for one in batches] == ["0", "99", "50"]
    assert "WHERE (LastName > '0100' OR LastName = 'where') AND Id >= '" in wire(
        "GET", f"{job}/batch/{told(batches[0], 'id')}/request"
    ).text.replace("&gt;", ">")


def test_chunks_begin_at_the_row_that_the_header_names(wire: Wire, many: list[str]) -> None:
    _, batches = chunks(wire, "SELECT Id FROM Contact", f"chunkSize=100; startRow={many[180]}")
    assert [told(one, "numberRecordsProcessed") for one in batches] == ["70"]


def test_chunks_have_a_hundred_thousand_ids_unless_the_header_says_else(wire: Wire, many: list[str]) -> None:
    for header in ("true", "TRUE;"):
        _, batches = chunks(wire, "SELECT Id FROM Contact", header)
        assert [told(one, "numberRecordsProcessed") for one in batches] == ["250"]
    batch, last = ask(wire, "SELECT Id FROM Contact", headers={"Sforce-Enable-PKChunking": "FALSE"})
    assert told(last, "state") == "Completed"
    assert batch.count("/batch/") == 1


def test_chunks_count_against_the_day_s_batches(rest: Rest, wire: Wire, many: list[str]) -> None:
    before = rest.get("/limits").json()["DailyBulkApiBatches"]["Remaining"]
    chunks(wire, "SELECT Id FROM Contact", "chunkSize=100")
    assert before - rest.get("/limits").json()["DailyBulkApiBatches"]["Remaining"] == 4


@pytest.mark.parametrize(
    ("soql", "sobject"),
    [
        ("SELECT Id FROM Contact ORDER BY Id", "Contact"),
        ("SELECT Id FROM Contact LIMIT 10", "Contact"),
        ("SELECT Id FROM Contact USING SCOPE mine", "Contact"),
        ("SELECT Id FROM Organization", "Organization"),
    ],
)
def test_what_cannot_be_chunked_fails(wire: Wire, many: list[str], soql: str, sobject: str) -> None:
    batch, last = ask(wire, soql, headers={"Sforce-Enable-PKChunking": "true"}, object=sobject)
    assert told(last, "state") == "Failed"
    assert "PK chunking is" in told(last, "stateMessage")
    assert wire("GET", f"{batch.partition('/batch')[0]}/batch").text.count("<batchInfo>") == 1
