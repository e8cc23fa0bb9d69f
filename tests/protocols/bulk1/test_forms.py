"""How jobs, batches and errors are written: byte for byte as recorded."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Rest
from tests.protocols.bulk1.wire import CSV, JSON, NAMESPACE, XML, Wire, info, told

JOB = """<?xml version="1.0" encoding="UTF-8"?><jobInfo
   xmlns="http://www.force.com/2009/06/asyncapi/dataload">
 <id>750</id>
 <operation>upsert</operation>
 <object>Contact</object>
 <createdById>005</createdById>
 <createdDate>T</createdDate>
 <systemModstamp>T</systemModstamp>
 <state>Open</state>
 <externalIdFieldName>Id</externalIdFieldName>
 <concurrencyMode>Serial</concurrencyMode>
 <contentType>CSV</contentType>
 <numberBatchesQueued>0</numberBatchesQueued>
 <numberBatchesInProgress>0</numberBatchesInProgress>
 <numberBatchesCompleted>0</numberBatchesCompleted>
 <numberBatchesFailed>0</numberBatchesFailed>
 <numberBatchesTotal>0</numberBatchesTotal>
 <numberRecordsProcessed>0</numberRecordsProcessed>
 <numberRetries>0</numberRetries>
 <apiVersion>62.0</apiVersion>
 <numberRecordsFailed>0</numberRecordsFailed>
 <totalProcessingTime>0</totalProcessingTime>
 <apiActiveProcessingTime>0</apiActiveProcessingTime>
 <apexProcessingTime>0</apexProcessingTime>
</jobInfo>"""
BATCH = """<?xml version="1.0" encoding="UTF-8"?><batchInfo
   xmlns="http://www.force.com/2009/06/asyncapi/dataload">
 <id>751</id>
 <jobId>750</jobId>
 <state>Queued</state>
 <createdDate>T</createdDate>
 <systemModstamp>T</systemModstamp>
 <numberRecordsProcessed>0</numberRecordsProcessed>
 <numberRecordsFailed>0</numberRecordsFailed>
 <totalProcessingTime>0</totalProcessingTime>
 <apiActiveProcessingTime>0</apiActiveProcessingTime>
 <apexProcessingTime>0</apexProcessingTime>
</batchInfo>"""
LIST = """<?xml version="1.0" encoding="UTF-8"?><batchInfoList
   xmlns="http://www.force.com/2009/06/asyncapi/dataload">
 <batchInfo>
  <id>751</id>
  <jobId>750</jobId>
  <state>Failed</state>
  <stateMessage>InvalidBatch : Field name not found : Nme</stateMessage>
  <createdDate>T</createdDate>
  <systemModstamp>T</systemModstamp>
  <numberRecordsProcessed>0</numberRecordsProcessed>
  <numberRecordsFailed>0</numberRecordsFailed>
  <totalProcessingTime>0</totalProcessingTime>
  <apiActiveProcessingTime>0</apiActiveProcessingTime>
  <apexProcessingTime>0</apexProcessingTime>
 </batchInfo>
</batchInfoList>"""
ERROR = """<?xml version="1.0" encoding="UTF-8"?><error
   xmlns="http://www.force.com/2009/06/asyncapi/dataload">
 <exceptionCode>{code}</exceptionCode>
 <exceptionMessage>{text}</exceptionMessage>
</error>"""


def plain(text: str) -> str:
    """Leave out what differs from run to run."""
    text = re.sub(r"(75[012]|005)Kd[0-9A-Za-z]{13}", r"\1", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000(Z|\+0000)", "T", text)
    return re.sub(r"(ProcessingTime>|ProcessingTime\":)\d+", r"\g<1>0", text)


def test_a_job_in_xml(wire: Wire) -> None:
    said = info(
        operation="upsert", object="contact", externalIdFieldName="id", concurrencyMode="Serial", contentType="CSV"
    )
    answer = wire("POST", "/job", said, **XML)
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/xml")
    assert plain(answer.text) == JOB
    assert re.search(r"<createdDate>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z<", answer.text)
    again = wire("GET", f"/job/{told(answer, 'id')}")
    assert (again.status_code, again.text) == (200, answer.text)


def test_a_job_in_json_says_of_every_key_in_their_order(wire: Wire) -> None:
    body = '{"operation": "insert", "object": "Contact", "contentType": "JSON", "concurrencyMode": 1}'
    answer = wire("POST", "/job", body, **JSON)
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/json")
    assert plain(answer.text) == (
        '{"apexProcessingTime":0,"apiActiveProcessingTime":0,"apiVersion":62.0,"assignmentRuleId":null,'
        '"concurrencyMode":"Serial","contentType":"JSON","createdById":"005","createdDate":"T",'
        '"externalIdFieldName":null,"fastPathEnabled":false,"id":"750","numberBatchesCompleted":0,'
        '"numberBatchesFailed":0,"numberBatchesInProgress":0,"numberBatchesQueued":0,"numberBatchesTotal":0,'
        '"numberRecordsFailed":0,"numberRecordsProcessed":0,"numberRetries":0,"object":"Contact","operation":"insert",'
        '"state":"Open","systemModstamp":"T","totalProcessingTime":0}'
    )
    assert answer.json()["createdDate"].endswith(".000+0000")


def test_batches_in_xml(wire: Wire) -> None:
    job = wire.job()
    empty = wire("GET", f"{job}/batch")
    assert empty.text == (
        '<?xml version="1.0" encoding="UTF-8"?><batchInfoList\n'
        '   xmlns="http://www.force.com/2009/06/asyncapi/dataload" />'
    )
    answer = wire("POST", f"{job}/batch", "Nme\nLovelace\n", **CSV)
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/xml")
    assert plain(answer.text) == BATCH
    assert answer.headers["Location"] == f"/services/async/62.0{job}/batch/{told(answer, 'id')}"
    wire.ended(f"{job}/batch/{told(answer, 'id')}")
    assert plain(wire("GET", f"{job}/batch").text) == LIST


def test_batches_of_a_json_job_are_json_whatever_the_call_says(wire: Wire) -> None:
    job = wire.job(contentType="JSON")
    assert wire("GET", f"{job}/batch", **XML).json() == {"batchInfo": []}
    answer = wire("POST", f"{job}/batch", '[{"LastName": "Lovelace"}]', **JSON)
    assert answer.headers["Content-Type"] == "application/json"
    assert plain(answer.text) == (
        '{"apexProcessingTime":0,"apiActiveProcessingTime":0,"createdDate":"T","id":"751","jobId":"750",'
        '"numberRecordsFailed":0,"numberRecordsProcessed":0,"state":"Queued","stateMessage":null,"systemModstamp":"T",'
        '"totalProcessingTime":0}'
    )
    batch = f"{job}/batch/{answer.json()['id']}"
    assert wire.ended(batch).json()["state"] == "Completed"
    assert wire("GET", batch, **XML).headers["Content-Type"] == "application/json"
    assert [one["state"] for one in wire("GET", f"{job}/batch").json()["batchInfo"]] == ["Completed"]


RESULTS = {
    "CSV": (
        "LastName,Email\nLovelace,\n,nobody@example.com\n",
        "text/csv",
        '"Id","Success","Created","Error"\n"003","true","true",""\n'
        '"","false","false","REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"\n',
    ),
    "JSON": (
        '[{"LastName": "Lovelace"}, {"Email": "nobody@example.com"}]',
        "application/json",
        '[{"success":true,"created":true,"id":"003","errors":[]},{"success":false,"created":false,"id":null,"errors":'
        '[{"statusCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing: [LastName]",'
        '"fields":["LastName"],"extendedErrorDetails":null}]}]',
    ),
    "XML": (
        f"<sObjects {NAMESPACE}><sObject><LastName>Lovelace</LastName></sObject>"
        "<sObject><Email>nobody@example.com</Email></sObject></sObjects>",
        "application/xml",
        f'<?xml version="1.0" encoding="UTF-8"?><results {NAMESPACE}>'
        "<result><id>003</id><success>true</success><created>true</created></result>"
        "<result><errors><fields>LastName</fields><message>Required fields are missing: [LastName]</message>"
        "<statusCode>REQUIRED_FIELD_MISSING</statusCode></errors><success>false</success><created>false</created>"
        "</result></results>",
    ),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_results_are_in_the_job_s_content_type_and_in_the_order_of_the_rows(wire: Wire, kind: str) -> None:
    content, media, expected = RESULTS[kind]
    last, result = wire.load(content, media, contentType=kind)
    assert (told(last, "state"), told(last, "numberRecordsProcessed"), told(last, "numberRecordsFailed")) == (
        "Completed",
        "2",
        "1",
    )
    assert (result.status_code, result.headers["Content-Type"]) == (200, media)
    assert re.sub(r"003Kd\w{13}", "003", result.text) == expected


@pytest.mark.parametrize("headers", [{"X-SFDC-Session": "00D000000000001!bad"}, {"X-SFDC-Session": ""}])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_session_is_refused_with_status_400(wire: Wire, headers: dict[str, str], method: str) -> None:
    in_xml = wire(method, "/job/750000000000001", **headers)
    assert (in_xml.status_code, in_xml.text) == (400, ERROR.format(code="InvalidSessionId", text="Invalid session id"))
    in_json = wire(method, "/job/750000000000001", **headers, **JSON)
    assert (in_json.status_code, in_json.text) == (
        400,
        '{"exceptionCode":"InvalidSessionId","exceptionMessage":"Invalid session id"}',
    )


def test_the_token_of_other_apis_header_opens_nothing(rest: Rest, wire: Wire) -> None:
    answer = rest.get("/services/async/62.0/job/750000000000001")
    assert (answer.status_code, told(answer, "exceptionCode")) == (400, "InvalidSessionId")


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("/services/async/62.0", "InvalidUrl", "Failed to parse URL. Was expecting &#x27;job&#x27; but found:services"),
        ("/jobs", "InvalidUrl", "jobs"),
        ("/job/750000000000001/spec", "InvalidUrl", "spec"),
        ("/job/750000000000001", "InvalidJob", "750000000000001"),
    ],
)
def test_paths_that_lead_nowhere(wire: Wire, path: str, code: str, text: str) -> None:
    answer = wire("GET", path)
    assert (answer.status_code, told(answer, "exceptionCode")) == (400, code)
    assert text.rpartition(":")[2] in told(answer, "exceptionMessage")
    assert wire("GET", path, **JSON).json()["exceptionCode"] == code


@pytest.mark.parametrize("version", ["v62.0", "62", "30.0", "99.0", "6².0", "x"])
def test_versions_have_no_v_and_must_be_served(rest: Rest, version: str) -> None:
    answer = Wire(rest, version)("POST", "/job", info(operation="insert", object="Contact"), **XML)
    assert (answer.status_code, told(answer, "exceptionCode")) == (400, "InvalidVersion")


def test_an_error_about_a_batch_is_in_the_content_type_of_its_job(wire: Wire) -> None:
    job = wire.job(contentType="JSON")
    batch = wire.add(job, '[{"Nme": "x"}]', "application/json")
    last = wire.ended(batch).json()
    assert (last["state"], last["stateMessage"]) == ("Failed", "InvalidBatch : Field name not found : Nme")
    answer = wire("GET", f"{batch}/result", **XML)
    assert (answer.status_code, answer.text) == (
        400,
        '{"exceptionCode":"InvalidBatch","exceptionMessage":"Records not processed"}',
    )
