"""Which jobs can be created, and whose they are."""

from __future__ import annotations

import pytest

from mock_server.api import Server
from tests.conftest import Rest
from tests.protocols.bulk1.wire import JSON, XML, Wire, info, told

REFUSED = [
    ({"operation": "insert", "object": "Nothing__c"}, "InvalidJob", "Unable to find object: Nothing__c"),
    ({"operation": "insert"}, "InvalidJob", "Unable to find object"),
    ({"object": "Contact"}, "InvalidJob", "Operation must be specified"),
    ({"operation": "merge", "object": "Contact"}, "InvalidJob", "is not a valid value for operation"),
    ({"operation": "insert", "object": "Contact", "contentType": "TSV"}, "InvalidJob", "is not a valid value for content"),
    ({"operation": "insert", "object": "Contact", "concurrencyMode": "Fast"}, "InvalidJob", "is not a valid value"),
    ({"operation": "insert", "object": "Contact", "createdById": "005"}, "InvalidJob", "CreatedById cannot be specified"),
    ({"operation": "upsert", "object": "Contact"}, "InvalidJob", "External ID was blank for Contact"),
    ({"operation": "upsert", "object": "Contact", "externalIdFieldName": "Fax"}, "InvalidJob", "does not match an External"),
    ({"operation": "insert", "object": "Contact", "externalIdFieldName": "Id"}, "InvalidJob", "only be specified for"),
    ({"operation": "insert", "object": "Contact", "state": "Closed"}, "InvalidJobState", "must be created in state Open"),
    ({"operation": "query", "object": "Contact", "contentType": "ZIP_CSV"}, "InvalidJob", "not supported for query"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "text"), REFUSED)
@pytest.mark.parametrize("form", ["xml", "json"])
def test_jobs_that_are_refused(wire: Wire, fields: dict[str, str], code: str, text: str, form: str) -> None:
    body = info(**fields) if form == "xml" else str(fields).replace("'", '"')
    answer = wire("POST", "/job", body, **(XML if form == "xml" else JSON))
    assert (answer.status_code, told(answer, "exceptionCode")) == (400, code)
    assert text in told(answer, "exceptionMessage")


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        ("", XML, "InvalidXml"),
        ("<jobInfo>", XML, "InvalidXml"),
        ("<job/>", XML, "InvalidXml"),
        ("{}", XML, "InvalidXml"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><jobInfo>&b;</jobInfo>', XML, "InvalidXml"),
        ("{", JSON, "InvalidJob"),
        ("[]", JSON, "InvalidJob"),
        ('{"operation": ["insert"], "object": {"a": 1}}', JSON, "InvalidJob"),
        ('{"operation": "insert", "object": "Contact", "concurrencyMode": 7}', JSON, "InvalidJob"),
        ('{"operation": "upsert", "object": "Contact", "externalIdFieldName": 7}', JSON, "InvalidJob"),
    ],
)
def test_bodies_that_are_no_job(wire: Wire, body: str, headers: dict[str, str], code: str) -> None:
    answer = wire("POST", "/job", body, **headers)
    assert (answer.status_code, told(answer, "exceptionCode")) == (400, code)


def test_a_content_type_that_is_not_said_is_xml(wire: Wire) -> None:
    answer = wire("POST", "/job", info(operation="insert", object="Contact"), **XML)
    assert told(answer, "contentType") == "XML"


@pytest.mark.parametrize(
    ("version", "fields"),
    [("38.0", {"operation": "queryAll"}), ("35.0", {"operation": "insert", "contentType": "JSON"})],
)
def test_what_came_with_a_later_version(rest: Rest, version: str, fields: dict[str, str]) -> None:
    said = info(object="Contact", **fields)
    assert told(Wire(rest, version)("POST", "/job", said, **XML), "exceptionCode") == "InvalidJob"
    assert Wire(rest, "39.0")("POST", "/job", said, **XML).status_code == 201


@pytest.mark.parametrize(
    "header",
    ["chunkSize=0", "chunkSize=250001", "chunkSize=x", "chunkSize=", "parent=A;B", "startRow=1", "size=3", "yes"],
)
def test_a_chunking_header_that_says_nothing_known(wire: Wire, header: str) -> None:
    answer = wire(
        "POST", "/job", info(operation="query", object="Contact"), **XML, **{"Sforce-Enable-PKChunking": header}
    )
    assert (answer.status_code, told(answer, "exceptionCode")) == (400, "ClientInputError")


def test_a_job_is_its_users_own(rest: Rest, wire: Wire, server: Server) -> None:
    control = server.control.for_org(rest.org.id)
    job = wire.job()
    control.records_create("User", {"x": 1}) if False else None
    assert wire("GET", job[:-3]).status_code == 200  # by its 15-character id
