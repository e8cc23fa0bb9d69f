"""Creating ingest jobs: what is answered, what is refused and how, and jobs that come with their content."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from mock_server import api
from tests.conftest import Rest, allow
from tests.protocols.bulk2.desk import JOBS, change, create, ended, new_job, rows, state, told, upload

FORM = {"lineEnding": "LF", "columnDelimiter": "COMMA"}
HEAD = ["id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state"]
KIND = ["concurrencyMode", "contentType", "apiVersion"]
TIMES = ["retries", "totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime"]


def test_what_a_job_is_at_each_call(rest: Rest) -> None:
    """Keys in their order, as recorded."""
    answer = create(rest)
    made = answer.json()
    assert (answer.status_code, list(made)) == (200, [*HEAD, *KIND, "contentUrl", *FORM])
    assert re.fullmatch(r"750\w{15}", made["id"])
    assert made["createdDate"] == made["systemModstamp"]
    assert made["createdDate"].endswith("+0000")
    assert (made["apiVersion"], made["state"], made["concurrencyMode"], made["contentType"]) == (
        60.0, "Open", "Parallel", "CSV",
    )  # fmt: skip
    assert b'"apiVersion":60.0' in answer.content
    assert made["contentUrl"] == f"services/data/v60.0/jobs/ingest/{made['id']}/batches"
    job = made["id"]
    assert list(told(rest, job)) == [*HEAD, *KIND, "jobType", "contentUrl", *FORM, *TIMES]
    put = rest("PUT", "/" + made["contentUrl"], data=b"LastName\nLovelace\n", headers={"Content-Type": "text/csv"})
    assert (put.status_code, put.content, "Content-Type" in put.headers) == (201, b"", False)
    closed = change(rest, job, "UploadComplete")
    assert (closed.status_code, list(closed.json())) == (200, [*HEAD, *KIND])
    assert closed.json()["state"] == "UploadComplete"
    after = ended(rest, job)
    assert list(after) == [
        *HEAD, *KIND, "jobType", *FORM, "numberRecordsProcessed", "numberRecordsFailed", *TIMES,
    ]  # fmt: skip
    assert after["jobType"] == "V2Ingest"
    other = new_job(rest)
    aborted = change(rest, other, "Aborted")
    assert (aborted.status_code, list(aborted.json()), aborted.json()["state"]) == (200, [*HEAD, *KIND], "Aborted")


def test_an_upsert_names_its_key_behind_the_state(rest: Rest) -> None:
    made = create(rest, operation="upsert", externalIdFieldName="external_id__c").json()
    assert list(made)[:8] == [*HEAD, "externalIdFieldName"]
    assert made["externalIdFieldName"] == "External_Id__c"


def test_names_are_told_as_the_schema_has_them_and_forms_as_they_were_asked_for(rest: Rest) -> None:
    made = create(rest, object="contact", lineEnding="CRLF", columnDelimiter="PIPE", contentType="CSV").json()
    assert (made["object"], made["lineEnding"], made["columnDelimiter"]) == ("Contact", "CRLF", "PIPE")


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        # R: a client's guide to the API shows these answers.
        ({"object": ""}, "INVALIDJOB", "InvalidJob : Unable to find object: "),
        ({"object": None}, "INVALIDJOB", "InvalidJob : Unable to find object: "),
        ({"object": "Contcat"}, "INVALIDJOB", "InvalidJob : Unable to find object: Contcat"),
        ({"operation": ""}, "API_ERROR", "Invalid value: '' supplied for property: 'operation'"),
        ({"operation": None}, "API_ERROR", "Invalid value: '' supplied for property: 'operation'"),
        ({"operation": "INSERT"}, "API_ERROR", "Invalid value: 'INSERT' supplied for property: 'operation'"),
        ({"operation": "query"}, "API_ERROR", "Invalid value: 'query' supplied for property: 'operation'"),
        ({"contentType": "JSON"}, "API_ERROR", "Invalid value: 'JSON' supplied for property: 'contentType'"),
        ({"lineEnding": "CR"}, "API_ERROR", "Invalid value: 'CR' supplied for property: 'lineEnding'"),
        ({"columnDelimiter": ";"}, "API_ERROR", "Invalid value: ';' supplied for property: 'columnDelimiter'"),
        (
            {"operation": "upsert"},
            "INVALIDJOB",
            "InvalidJob : External ID was blank for Contact. An External ID must be specified for upsert.",
        ),
        (
            {"operation": "upsert", "externalIdFieldName": ""},
            "INVALIDJOB",
            "InvalidJob : Field name provided,  does not match an External ID for Contact",
        ),
        (
            {"operation": "upsert", "externalIdFieldName": "LastName"},
            "INVALIDJOB",
            "InvalidJob : Field name provided, LastName does not match an External ID for Contact",
        ),
        ({"object": "TaskStatus"}, "INVALIDENTITY", "TaskStatus is not supported by the Bulk API"),
        ({"object": "ContactHistory"}, "INVALIDJOB", "InvalidJob : No create access for object:ContactHistory"),
        (
            {"operation": "hardDelete"},
            "FEATURENOTENABLED",
            "FeatureNotEnabled : hardDelete operation requires special user profile permission, please contact your "
            "system administrator",
        ),
        ({"assignmentRuleId": "01Q000000000001"}, "INVALIDJOB", "InvalidJob : Unable to find assignment rule: "),
    ],
)
def test_what_no_job_can_be(rest: Rest, said: dict[str, Any], code: str, message: str) -> None:
    answer = create(rest, **said)
    (error,) = answer.json()
    assert (answer.status_code, error["errorCode"]) == (400, code)
    assert error["message"].startswith(message)
    assert rest.get(JOBS).json()["records"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"object": "Contact", "operation": "insert", "objekt": 1}', "JSON_PARSER_ERROR"),
        ('{"object": 5, "operation": "insert"}', "API_ERROR"),
        ('{"object": "Contact", "operation": ["insert"]}', "API_ERROR"),
        ('["insert"]', "JSON_PARSER_ERROR"),
        ("{", "JSON_PARSER_ERROR"),
        ("[" * 5000, "JSON_PARSER_ERROR"),
    ],
)
def test_bodies_that_are_no_job(rest: Rest, body: str, code: str) -> None:
    answer = rest.post(JOBS, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_an_upsert_goes_by_any_external_id_or_lookup_field_or_the_id(rest: Rest) -> None:
    for field in ("Id", "Email", "Legacy__c"):
        assert create(rest, operation="upsert", externalIdFieldName=field).status_code == 200


def test_other_operations_have_no_external_id(rest: Rest) -> None:
    assert "externalIdFieldName" not in create(rest, externalIdFieldName="External_Id__c").json()


def test_hard_delete_is_for_those_who_may(rest: Rest, server: api.Server) -> None:
    allow(rest, server, "BulkApiHardDelete")
    (record,) = server.control.for_org(rest.org.id).seed("Contact", [{"LastName": "Lovelace"}])
    job = new_job(rest, operation="hardDelete")
    upload(rest, job, f"Id\n{record}\n")
    change(rest, job, "UploadComplete")
    assert state(ended(rest, job)) == ("JobComplete", 1, 0)
    assert rest.get("/queryAll", params={"q": "SELECT Id FROM Contact"}).json()["totalSize"] == 0


def test_what_is_hidden_from_a_user_is_not_there(rest: Rest, server: api.Server) -> None:
    control = server.control.for_org(rest.org.id)
    few = control.create_user({
        "username": "few@bulk.test", "system": ["ApiEnabled"], "objects": {"Contact": ["read"], "Account": []},
    })  # fmt: skip
    user = Rest(server.url, few.access_token, few)
    assert create(user, object="Account").json() == [
        {"errorCode": "INVALIDJOB", "message": "InvalidJob : Unable to find object: Account"}
    ]
    assert create(user).json() == [
        {"errorCode": "INVALIDJOB", "message": "InvalidJob : No create access for object:Contact"}
    ]


@pytest.mark.parametrize(("version", "status"), [("40.0", 404), ("41.0", 200), ("68.0", 200)])
def test_jobs_are_there_from_version_41_on(rest: Rest, version: str, status: int) -> None:
    rest.version = version
    assert create(rest).status_code == status


def test_an_assignment_rule_is_known_from_version_49_on(rest: Rest) -> None:
    rest.version = "48.0"
    assert create(rest, object="Lead", assignmentRuleId="x").json()[0]["errorCode"] == "JSON_PARSER_ERROR"


def parts(job: dict[str, Any] | str, content: str, *, names: tuple[str, str] = ("job", "content")) -> dict[str, Any]:
    said = job if isinstance(job, str) else json.dumps(job)
    body = (
        f'--BOUNDARY\r\nContent-Disposition: form-data; name="{names[0]}"\r\nContent-Type: application/json\r\n\r\n{said}\r\n'
        f'--BOUNDARY\r\nContent-Disposition: form-data; name="{names[1]}"; filename="content"\r\n'
        f"Content-Type: text/csv\r\n\r\n{content}\r\n--BOUNDARY--\r\n"
    )
    return {"data": body.encode(), "headers": {"Content-Type": "multipart/form-data; boundary=BOUNDARY"}}


def test_a_job_that_comes_with_its_content_is_complete_at_once(rest: Rest, server: api.Server) -> None:
    answer = rest.post(JOBS, **parts({"object": "Contact", "operation": "insert"}, "LastName\nLovelace\n,\nByron\n"))
    made = answer.json()
    assert (answer.status_code, made["state"]) == (200, "UploadComplete")
    assert state(ended(rest, made["id"])) == ("JobComplete", 3, 1)
    assert [row["LastName"] for row in rows(rest, made, "successfulResults")] == ["Lovelace", "Byron"]
    control = server.control.for_org(rest.org.id)
    entry = next(one for one in control.journal() if one["operation"] == "bulk2.ingest.create")
    assert [row["success"] for row in entry["rows"]] == [True, False, True]
    assert control.jobs()[0]["exchanges"] == dict.fromkeys(("created", "content", "closed"), entry["number"])
    assert [commit.exchange for commit in control.commits()] == [entry["number"]] * 2


JOB = {"object": "Contact", "operation": "insert"}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (parts(JOB, "LastName\n" + "x" * 20_000), "INVALIDJOB"),
        (parts(JOB, "LastName\nx\n", names=("content", "job")), "INVALID_MULTIPART_REQUEST"),
        (parts(JOB, "LastName\nx\n", names=("job", "data")), "INVALID_MULTIPART_REQUEST"),
        (parts("{", "LastName\nx\n"), "JSON_PARSER_ERROR"),
        (parts("5", "LastName\nx\n"), "JSON_PARSER_ERROR"),
        (parts({**JOB, "object": "Contcat"}, "LastName\nx\n"), "INVALIDJOB"),
        ({**parts(JOB, ""), "data": b"--BOUNDARY"}, "INVALID_MULTIPART_REQUEST"),
    ],
)
def test_a_content_that_cannot_come_with_its_job_makes_none(rest: Rest, sent: dict[str, Any], code: str) -> None:
    answer = rest.post(JOBS, **sent)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert rest.get(JOBS).json()["records"] == []
