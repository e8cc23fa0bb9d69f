"""Which jobs can be created, and whose they are."""

from __future__ import annotations

import pytest

from mock_server.api import Server
from tests.conftest import Rest
from tests.protocols.bulk1.wire import CSV, JSON, XML, Wire, info, told

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


@pytest.mark.parametrize(("ending", "status"), [("LF", 201), ("crlf", 201), ("CR", 400), ("", 400)])
def test_line_endings_that_can_be_said(wire: Wire, ending: str, status: int) -> None:
    answer = wire("POST", "/job", info(operation="insert", object="Contact"), **XML, **{"Sforce-Line-Ending": ending})
    assert answer.status_code == status


def user(server: Server, org: str, *permissions: str) -> Wire:
    """Return a client of a new user who may read and write contacts."""
    control = server.control.for_org(org)
    info = control.create_user(
        {"username": f"u{len(control.journal())}@bulk.test", "objects": {"Contact": "all"}, "system": [*permissions]}
    )
    return Wire(Rest(server.url, info.access_token, info))


def test_a_job_is_its_user_s_own(rest: Rest, wire: Wire, server: Server) -> None:
    job = wire.job()
    batch = wire.add(job, "LastName\nLovelace\n")
    wire.ended(batch)
    assert wire("GET", job[:-3]).status_code == 200  # by its 15-character id
    other = user(server, rest.org.id)
    for method, path, body in (
        ("GET", job, ""),
        ("GET", f"{job}/batch", ""),
        ("GET", batch, ""),
        ("GET", f"{batch}/result", ""),
        ("GET", f"{batch}/request", ""),
        ("POST", f"{job}/batch", "LastName\nx\n"),
        ("POST", job, info(state="Closed")),
        ("POST", job, info(state="Aborted")),
    ):
        answer = other(method, path, body, **XML)
        assert (answer.status_code, told(answer, "exceptionCode")) == (400, "InvalidUser"), path
    assert told(wire("GET", job), "state") == "Open"


def test_who_manages_integrations_sees_and_aborts_jobs_of_others_and_does_not_close_them(
    rest: Rest, wire: Wire, server: Server
) -> None:
    manager = user(server, rest.org.id, "ManageDataIntegrations")
    job = wire.job()
    assert manager("GET", job).status_code == 200
    assert told(manager("POST", f"{job}/batch", "LastName\nx\n", **CSV), "exceptionCode") == "InvalidUser"
    assert told(manager("POST", job, info(state="Closed"), **XML), "exceptionCode") == "InvalidUser"
    assert told(manager("POST", job, info(state="Aborted"), **XML), "state") == "Aborted"


def test_hard_delete_needs_its_permission(rest: Rest, wire: Wire, server: Server) -> None:
    said = info(operation="hardDelete", object="Contact", contentType="CSV")
    answer = user(server, rest.org.id)("POST", "/job", said, **XML)
    assert (answer.status_code, told(answer, "exceptionCode"), told(answer, "exceptionMessage")) == (
        400,
        "FeatureNotEnabled",
        "hardDelete operation requires special user profile permission, please contact your system administrator",
    )
    assert user(server, rest.org.id, "BulkApiHardDelete")("POST", "/job", said, **XML).status_code == 201


def test_users_without_the_api_are_refused(rest: Rest, server: Server) -> None:
    minimum = "SELECT Id FROM Profile WHERE Name = 'Minimum Access - Salesforce'"
    (profile,) = rest.query(minimum).json()["records"]
    info_ = server.control.for_org(rest.org.id).create_user({"username": "few@bulk.test", "system": []})
    rest.patch(f"/sobjects/User/{info_.user_id}", json={"ProfileId": profile["Id"]})
    given = f"SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = '{info_.user_id}'"
    for assignment in rest.query(f"{given} AND PermissionSet.IsOwnedByProfile = FALSE").json()["records"]:
        rest.delete(f"/sobjects/PermissionSetAssignment/{assignment['Id']}")
    wire = Wire(Rest(server.url, info_.access_token, info_))
    answer = wire("POST", "/job", info(operation="insert", object="Contact"), **XML)
    assert (answer.status_code, told(answer, "exceptionCode")) == (400, "FeatureNotEnabled")


def test_rows_are_saved_with_the_rights_of_the_job_s_user(rest: Rest, server: Server) -> None:
    wire = user(server, rest.org.id)
    assert told(wire("POST", "/job", info(operation="insert", object="Account"), **XML), "exceptionMessage") == (
        "Unable to find object: Account"
    )


def test_the_day_s_batches_come_to_an_end(rest: Rest, wire: Wire, server: Server) -> None:
    control = server.control.for_org(rest.org.id)
    job = wire.job()
    control.set_limit("DailyBulkApiBatches", remaining=2)
    wire.ended(wire.add(job, "LastName\nLovelace\n"))
    wire("POST", job, info(state="Closed"), **XML)
    # Documented: a batch for a closed job is not created, and counts.
    assert told(wire("POST", f"{job}/batch", "LastName\nx\n", **CSV), "exceptionCode") == "InvalidJobState"
    answer = wire("POST", f"{wire.job()}/batch", "LastName\nx\n", **CSV)
    assert (answer.status_code, told(answer, "exceptionCode"), told(answer, "exceptionMessage")) == (
        400,
        "ExceededQuota",
        "ApiBatchItems Limit exceeded.",
    )
    control.advance(86_400)
    wire.token = control.mint_token()
    wire.ended(wire.add(wire.job(), "LastName\nByron\n"))


def test_a_job_takes_batches_for_a_day_and_is_kept_for_seven_after_its_youngest(
    rest: Rest, wire: Wire, server: Server
) -> None:
    control = server.control.for_org(rest.org.id)
    job = wire.job()
    control.advance(80_000)
    wire.token = control.mint_token()
    batch = wire.add(job, "LastName\nLovelace\n")
    wire.ended(batch)
    control.advance(10_000)
    wire.token = control.mint_token()
    late = wire("POST", f"{job}/batch", "LastName\nx\n", **CSV)
    assert (late.status_code, told(late, "exceptionCode")) == (400, "InvalidJobState")
    control.advance(7 * 86_400 - 20_000)
    wire.token = control.mint_token()
    assert wire("GET", f"{batch}/result").status_code == 200
    control.advance(20_000)
    wire.token = control.mint_token()
    gone = wire("GET", f"{batch}/result")
    assert (gone.status_code, told(gone, "exceptionCode")) == (400, "InvalidJob")


def test_calls_count_against_the_day_s_requests(rest: Rest, wire: Wire, server: Server) -> None:
    control = server.control.for_org(rest.org.id)
    control.set_limit("DailyApiRequests", remaining=1)
    assert wire("GET", "/job/750000000000001").headers["Sforce-Limit-Info"].startswith("api-usage=")
    answer = wire("GET", "/job/750000000000001")
    assert (answer.status_code, told(answer, "exceptionCode")) == (400, "ExceededQuota")
