"""Query jobs over HTTP: what can be asked, what the result looks like, and who may have it."""

from __future__ import annotations

import csv
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.conftest import Rest
from tests.waiting import until

if TYPE_CHECKING:
    from mock_server.api import Server

ENDED = ("JobComplete", "Failed", "Aborted")


def ask(rest: Rest, soql: str, **said: Any) -> dict[str, Any]:
    answer = rest.post("/jobs/query", json={"operation": "query", "query": soql, **said})
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def polled(rest: Rest, job: dict[str, Any], *states: str) -> dict[str, Any]:
    """Poll a job until it has ended, or is in one of some states."""

    def told() -> dict[str, Any]:
        found: dict[str, Any] = rest.get(f"/jobs/query/{job['id']}").json()
        return found if found["state"] in (states or ENDED) else {}

    return until(told)


def done(rest: Rest, soql: str, **said: Any) -> dict[str, Any]:
    told = polled(rest, ask(rest, soql, **said))
    assert told["state"] == "JobComplete", told
    return told


def page(rest: Rest, job: dict[str, Any], **asked: Any) -> Any:
    answer = rest.get(f"/jobs/query/{job['id']}/results", params=asked)
    assert answer.status_code == 200, answer.text
    return answer


def lines(rest: Rest, soql: str, **said: Any) -> list[str]:
    text = page(rest, done(rest, soql, **said)).text
    return text.split("\n")[:-1]


def refused(rest: Rest, soql: str) -> tuple[str, str]:
    answer = rest.post("/jobs/query", json={"operation": "query", "query": soql})
    assert answer.status_code == 400
    (error,) = answer.json()
    return error["errorCode"], error["message"]


@pytest.fixture
def contacts(rest: Rest, server: Server) -> list[str]:
    """Twelve contacts, of which some have names that are hard to write."""
    names = ["plain", 'a "quoted" one', "two\nlines", "comma, semicolon; pipe|", 'ends"\n', '"\n"', *"ghijkl"]
    return server.control.for_org(rest.org.id).seed("Contact", [{"LastName": name} for name in names])


# -- the job


def test_a_job_is_told_as_it_was_recorded(rest: Rest, contacts: list[str]) -> None:
    made = ask(rest, "SELECT Id FROM Contact")
    assert list(made) == [
        "id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state", "concurrencyMode",
        "contentType", "apiVersion", "lineEnding", "columnDelimiter",
    ]  # fmt: skip
    assert made["id"].startswith("750")
    assert (made["state"], made["object"], made["apiVersion"]) == ("UploadComplete", "Contact", 60.0)
    told = polled(rest, made)
    assert list(told) == [
        "id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state", "concurrencyMode",
        "contentType", "apiVersion", "jobType", "lineEnding", "columnDelimiter", "numberRecordsProcessed", "retries",
        "totalProcessingTime", "isPkChunkingSupported",
    ]  # fmt: skip
    assert (told["jobType"], told["numberRecordsProcessed"]) == ("V2Query", len(contacts))
    assert told["isPkChunkingSupported"] is True


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (b'{"columnDelimiter": "COMM", "operation": "query", "query": "SELECT Id FROM Contact"}', "API_ERROR", 22),
        (b'{"operation": "insert", "query": "SELECT Id FROM Contact"}', "API_ERROR", 16),
        (b'{"operation": "query", "query": 17}', "API_ERROR", 35),
        (b'{"operation": "query", "query": ["SELECT Id FROM Contact"]}', "API_ERROR", 34),
        (b'{"operation": "query", "query": "SELECT Id FROM Contact", "contentType": "JSON"}', "API_ERROR", 75),
        (b'{"operation": "query", "lineEnding": "CR", "query": "SELECT Id FROM Contact"}', "API_ERROR", 39),
        (b'{"operation": "query", "externalIdFieldName": "Id"}', "JSON_PARSER_ERROR", None),
        (b'{"operation": "query"}', "MALFORMED_QUERY", None),
        (b'{"query": "SELECT Id FROM Contact"}', "INVALIDJOB", None),
        (b'{"operation": "query", "query": ', "JSON_PARSER_ERROR", None),
        (b"[]", "JSON_PARSER_ERROR", None),
        (b"", "JSON_PARSER_ERROR", None),
    ],
)
def test_a_body_is_read_strictly(rest: Rest, body: bytes, code: str, text: int | None) -> None:
    answer = rest("POST", "/jobs/query", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    (error,) = answer.json()
    assert error["errorCode"] == code
    if text is not None:
        assert error["message"] == f"Value does not match expected type at [line:1, column:{text}]"
    assert rest.get("/jobs/query").json()["records"] == []


@pytest.mark.parametrize(
    ("soql", "code", "text"),
    [
        ("SELECT Id, MailingAddress FROM Contact", "API_ERROR", "Selecting compound data not supported in Bulk Query"),
        ("SELECT Account.BillingAddress FROM Contact", "API_ERROR", "Selecting compound data not supported in Bulk Query"),
        ("SELECT FIELDS(STANDARD) FROM Contact", "API_ERROR", "Selecting compound data not supported in Bulk Query"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR", "Aggregate Relationships not supported in Bulk V2 Query with CSV content type"),
        ("SELECT COUNT() FROM Contact", "API_ERROR", "Aggregate Relationships not supported in Bulk Query"),
        ("SELECT MAX(CreatedDate) newest FROM Contact", "API_ERROR", "Aggregate Relationships not supported in Bulk Query"),
        ("SELECT LastName FROM Contact GROUP BY LastName", "API_ERROR", "Aggregate Relationships not supported in Bulk Query"),
        ("SELECT Id FROM Contact OFFSET 5", "API_ERROR", "OFFSET clause not supported in Bulk Query"),
        ("SELECT TYPEOF What WHEN Account THEN Phone END FROM Task", "API_ERROR", "TYPEOF clause not supported in Bulk Query"),
        ("SELECT Id FROM Contact FOR VIEW", "API_ERROR", "FOR clause not supported in Bulk Query"),
        ("SELECT Body FROM Document", "API_ERROR", "Blob field not supported in Bulk V2 Query with CSV content type"),
        ("SELECT Id FROM Attachment", "INVALIDENTITY", "Attachment is not supported by the Bulk API"),
        ("SELECT DurableId FROM EntityDefinition", "INVALIDENTITY", "EntityDefinition is not supported by the Bulk API"),
    ],
)  # fmt: skip
def test_what_bulk_queries_cannot_ask_for(rest: Rest, soql: str, code: str, text: str) -> None:
    assert refused(rest, soql) == (code, text)


@pytest.mark.parametrize(
    "soql",
    ["SELECT Nme FROM Contact", "SELECT Id FROM Contct", "SELECT FROM Contact", "SELECT Id FROM Contact WHERE", "x"],
)
def test_unsound_soql_is_refused_as_any_query_is(rest: Rest, soql: str) -> None:
    (error,) = rest.query(soql).json()
    assert refused(rest, soql) == (error["errorCode"], error["message"])


def test_jobs_before_their_version_are_not_there(rest: Rest) -> None:
    rest.version = "46.0"
    assert rest.post("/jobs/query", json={"operation": "query", "query": "SELECT Id FROM Contact"}).status_code == 404
    rest.version = "57.0"
    job = done(rest, "SELECT Id FROM Contact")
    assert rest.get(f"/jobs/query/{job['id']}/resultPages").status_code == 404


# -- the rows


def test_values_are_written_as_text(rest: Rest, server: Server) -> None:
    control = server.control.for_org(rest.org.id)
    (account,) = control.seed("Account", [{"Name": "Acme", "NumberOfEmployees": 7}])
    control.seed(
        "Opportunity",
        [
            {"Name": "one", "StageName": "x", "CloseDate": "2026-03-01", "Amount": 12345678.5, "AccountId": account},
            {"Name": "two", "StageName": "x", "CloseDate": "2026-03-02", "Amount": 100, "IsPrivate": True},
            {"Name": "three", "StageName": "x", "CloseDate": "2026-03-03", "Amount": 0.05},
            {"Name": "four", "StageName": "x", "CloseDate": "2026-03-04", "Amount": 0},
        ],
    )
    found = lines(
        rest,
        "SELECT Name, amount, CloseDate, IsPrivate, account.name, Account.NumberOfEmployees, Account.IsDeleted "
        "FROM Opportunity ORDER BY CloseDate",
    )
    assert found == [
        '"Name","Amount","CloseDate","IsPrivate","Account.Name","Account.NumberOfEmployees","Account.IsDeleted"',
        '"one","1.23456785E7","2026-03-01","false","Acme","7","false"',
        '"two","100.0","2026-03-02","true","","",""',
        '"three","0.05","2026-03-03","false","","",""',
        '"four","0.0","2026-03-04","false","","",""',
    ]
    (moment,) = rest.query("SELECT CreatedDate FROM Account").json()["records"]
    assert lines(rest, "SELECT CreatedDate FROM Account")[1] == f'"{moment["CreatedDate"].replace("+0000", "Z")}"'


@pytest.mark.parametrize(("delimiter", "mark"), [("COMMA", ","), ("PIPE", "|"), ("TAB", "\t"), ("CARET", "^")])
@pytest.mark.parametrize("ending", ["LF", "CRLF"])
def test_text_comes_back_as_it_is(rest: Rest, contacts: list[str], delimiter: str, mark: str, ending: str) -> None:
    job = done(rest, "SELECT Id, LastName FROM Contact", columnDelimiter=delimiter, lineEnding=ending)
    text = page(rest, job).content.decode()
    assert text.startswith(f'"Id"{mark}"LastName"' + {"LF": "\n", "CRLF": "\r\n"}[ending])
    found = list(csv.reader(StringIO(text, newline=""), delimiter=mark))
    stored = rest.query("SELECT Id, LastName FROM Contact").json()["records"]
    assert found[1:] == [[one["Id"], one["LastName"]] for one in stored]


def test_columns_stand_in_the_order_of_select_since_version_50(rest: Rest) -> None:
    assert lines(rest, "SELECT Name, Id, AccountId FROM Contact") == ['"Name","Id","AccountId"']
    rest.version = "49.0"
    assert lines(rest, "SELECT Name, Id, AccountId FROM Contact") == ['"AccountId","Id","Name"']


def test_order_and_limit_are_those_of_the_query(rest: Rest, contacts: list[str]) -> None:
    soql = "SELECT Id FROM Contact ORDER BY Id DESC LIMIT 3"
    assert lines(rest, soql)[1:] == [f'"{identifier}"' for identifier in contacts[:-4:-1]]


def test_deleted_rows_come_with_query_all_alone(rest: Rest, contacts: list[str]) -> None:
    rest.delete(f"/sobjects/Contact/{contacts[0]}")
    assert len(lines(rest, "SELECT Id FROM Contact")) == len(contacts)
    found = lines(rest, "SELECT Id, IsDeleted FROM Contact", operation="queryAll")
    assert found[1] == f'"{contacts[0]}","true"'
    assert len(found) == len(contacts) + 1


def test_a_user_sees_what_that_user_may_see(rest: Rest, server: Server, contacts: list[str]) -> None:
    control = server.control.for_org(rest.org.id)
    user = control.create_user({"objects": {"Contact": ["read", "create"]}, "fields": {"Contact": {"Phone": "none"}}})
    other = Rest(server.url, user.access_token, rest.org)
    assert refused(other, "SELECT Phone FROM Contact")[0] == "INVALID_FIELD"
    assert refused(other, "SELECT Id FROM Account")[0] == "INVALID_TYPE"
    own = other.post("/sobjects/Contact", json={"LastName": "own"}).json()["id"]
    stored = {one["Id"] for one in other.query("SELECT Id FROM Contact").json()["records"]}
    assert {line.strip('"') for line in lines(other, "SELECT Id FROM Contact")[1:]} == stored
    assert own in stored


# -- pages


def all_pages(rest: Rest, job: dict[str, Any], size: int) -> Iterator[Any]:
    asked: dict[str, Any] = {"maxRecords": size}
    while True:
        answer = page(rest, job, **asked)
        yield answer
        if answer.headers["Sforce-Locator"] == "null":
            return
        asked["locator"] = answer.headers["Sforce-Locator"]


@pytest.mark.parametrize("size", [1, 4, 5, 12, 13, 10**30])
@pytest.mark.parametrize("ending", ["LF", "CRLF"])
def test_pages_hold_each_row_once(rest: Rest, contacts: list[str], size: int, ending: str) -> None:
    job = done(rest, "SELECT Id, LastName FROM Contact", lineEnding=ending)
    whole = list(csv.reader(StringIO(page(rest, job).text, newline="")))
    found: list[list[str]] = []
    for answer in all_pages(rest, job, size):
        header, *rows = csv.reader(StringIO(answer.text, newline=""))
        assert header == whole[0]
        assert len(rows) == int(answer.headers["Sforce-NumberOfRecords"]) <= size
        found += rows
    assert found == whole[1:]


def test_a_locator_is_opaque_and_stays_good(rest: Rest, contacts: list[str]) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    first = page(rest, job, maxRecords=5).headers["Sforce-Locator"]
    assert urlsafe_b64decode(first + "=" * (-len(first) % 4)).startswith(b"5:0Ga")
    once, again = (page(rest, job, maxRecords=5, locator=first).text for _ in range(2))
    assert once == again
    assert page(rest, job, maxRecords=5).headers["Sforce-Locator"] == first


def test_a_result_is_of_one_moment(rest: Rest, contacts: list[str]) -> None:
    job = done(rest, "SELECT Id, LastName FROM Contact")
    before = page(rest, job).text
    first = page(rest, job, maxRecords=2)
    rest.patch(f"/sobjects/Contact/{contacts[7]}", json={"LastName": "changed"})
    rest.delete(f"/sobjects/Contact/{contacts[0]}")
    rest.post("/sobjects/Contact", json={"LastName": "new"})
    assert page(rest, job).text == before
    rest_of_it = page(rest, job, locator=first.headers["Sforce-Locator"])
    assert first.text + rest_of_it.text.partition("\n")[2] == before


@pytest.mark.parametrize("locator", ["x", "NQ", "MTAwMDA", "%00", "é", "5", "-1", "bnVsbA", "null", "MTA6MEdh"])
def test_a_locator_that_nobody_was_given_is_refused(rest: Rest, contacts: list[str], locator: str) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    answer = rest.get(f"/jobs/query/{job['id']}/results", params={"locator": locator})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


def test_a_locator_of_another_job_is_refused(rest: Rest, contacts: list[str]) -> None:
    one, other = (done(rest, "SELECT Id FROM Contact") for _ in range(2))
    locator = page(rest, one, maxRecords=5).headers["Sforce-Locator"]
    answer = rest.get(f"/jobs/query/{other['id']}/results", params={"locator": locator})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


@pytest.mark.parametrize("most", ["0", "-1", "x", "1.5", "٣", " 5 x", "1e3"])
def test_a_page_has_a_number_of_rows(rest: Rest, contacts: list[str], most: str) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    answer = rest.get(f"/jobs/query/{job['id']}/results", params={"maxRecords": most})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "ILLEGAL_QUERY_PARAMETER_VALUE")


def test_locators_were_numbers_before_version_49(rest: Rest, contacts: list[str]) -> None:
    rest.version = "48.0"
    job = done(rest, "SELECT Id FROM Contact")
    assert page(rest, job, maxRecords=5).headers["Sforce-Locator"] == "5"
    assert page(rest, job, locator="5").headers["Sforce-NumberOfRecords"] == "7"


def test_an_empty_result_has_a_header_and_no_locator(rest: Rest) -> None:
    job = done(rest, "SELECT Id, Account.Name FROM Contact")
    answer = page(rest, job)
    assert answer.text == '"Id","Account.Name"\n'
    assert (answer.headers["Sforce-NumberOfRecords"], answer.headers["Sforce-Locator"]) == ("0", "null")
    assert answer.headers["Content-Type"] == "text/csv"
    told = rest.get(f"/jobs/query/{job['id']}/resultPages").json()
    assert (len(told["resultPages"]), told["done"], told["nextRecordsUrl"]) == (1, True, None)


@pytest.fixture
def small_pages(server: Server) -> Iterator[Rest]:
    """An org of twelve contacts, whose results come in pages of two rows."""
    made = server.control.create_org(settings={"bulk_page_size": 2})
    server.control.for_org(made.id).seed("Contact", [{"LastName": name} for name in "abcdefghijkl"])
    yield Rest(server.url, made.access_token, made)
    server.control.delete_org(made.id)


def test_pages_are_downloaded_side_by_side(rest: Rest, contacts: list[str]) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    whole = page(rest, job).text
    locators: list[str | None] = [None, *(one.headers["Sforce-Locator"] for one in all_pages(rest, job, 1))]

    def download(locator: str | None) -> str:
        asked = {"maxRecords": "1"} | ({"locator": locator} if locator else {})
        answer = requests.get(
            f"{rest.url}/services/data/v60.0/jobs/query/{job['id']}/results",
            params=asked,
            headers={"Authorization": f"Bearer {rest.token}", "Accept-Encoding": "gzip"},
            timeout=20,
        )
        assert answer.headers["Content-Encoding"] == "gzip"
        return answer.text.partition("\n")[2]

    with ThreadPoolExecutor(6) as threads:
        assert "".join(threads.map(download, locators[:-1])) == whole.partition("\n")[2]


def test_pages_are_listed_five_at_a_time(small_pages: Rest) -> None:
    rest = small_pages
    job = done(rest, "SELECT LastName FROM Contact ORDER BY LastName")
    told = rest.get(f"/jobs/query/{job['id']}/resultPages").json()
    assert (len(told["resultPages"]), told["done"]) == (5, False)
    more = rest.get(told["nextRecordsUrl"]).json()
    assert (len(more["resultPages"]), more["done"], more["nextRecordsUrl"]) == (1, True, None)
    urls = [one["resultUrl"] for one in (*told["resultPages"], *more["resultPages"])]
    found = [line for url in urls for line in rest.get(url).text.split("\n")[1:-1]]
    assert found == [f'"{name}"' for name in "abcdefghijkl"]


@pytest.mark.parametrize(("asked", "rows"), [({}, "2"), ({"maxRecords": 1}, "1"), ({"maxRecords": 50_000}, "2")])
def test_a_page_size_that_is_set_holds_for_all_clients(small_pages: Rest, asked: dict[str, int], rows: str) -> None:
    job = done(small_pages, "SELECT Id FROM Contact")
    assert page(small_pages, job, **asked).headers["Sforce-NumberOfRecords"] == rows


def test_a_result_is_asked_for_with_the_version_of_its_job(rest: Rest) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    rest.version = "61.0"
    assert rest.get(f"/jobs/query/{job['id']}").status_code == 200
    for path in ("results", "resultPages"):
        assert rest.get(f"/jobs/query/{job['id']}/{path}").status_code == 409


# -- its life


def test_a_job_that_hangs_has_no_result_and_can_be_aborted(rest: Rest, server: Server, contacts: list[str]) -> None:
    server.control.for_org(rest.org.id).add_fault({"on": "bulk2.query.create", "job": {"stuck": 0.5}})
    job = ask(rest, "SELECT Id FROM Contact")
    polled(rest, job, "InProgress")
    url = f"/jobs/query/{job['id']}"
    assert (rest.get(f"{url}/results").status_code, rest.get(f"{url}/resultPages").status_code) == (204, 204)
    assert rest.delete(url).json() == [
        {
            "errorCode": "API_ERROR",
            "message": "Error encountered when deleting the job because the job is not terminated",
        }
    ]
    aborted = rest.patch(url, json={"state": "Aborted"})
    assert (aborted.status_code, aborted.json()["state"], list(aborted.json())[-1]) == (200, "Aborted", "apiVersion")
    assert rest.get(url).json()["state"] == "Aborted"
    assert rest.get(f"{url}/results").status_code == 204
    assert rest.patch(url, json={"state": "Aborted"}).json() == [
        {"errorCode": "INVALIDJOBSTATE", "message": "Aborting already Completed Job not allowed"}
    ]
    assert rest.delete(url).status_code == 204


@pytest.mark.parametrize("body", [{"state": "UploadComplete"}, {"state": 1}, {}, {"state": "aborted"}])
def test_a_query_job_can_only_be_aborted(rest: Rest, body: dict[str, Any]) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    answer = rest.patch(f"/jobs/query/{job['id']}", json=body)
    assert answer.status_code == 400
    assert polled(rest, job)["state"] == "JobComplete"


def test_a_deleted_job_is_gone(rest: Rest, contacts: list[str]) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    url = f"/jobs/query/{job['id']}"
    assert rest.delete(url).status_code == 204
    for answer in (
        rest.get(url),
        rest.get(f"{url}/results"),
        rest.delete(url),
        rest.patch(url, json={"state": "Aborted"}),
    ):
        assert answer.status_code == 404
        assert answer.json() == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]


@pytest.mark.parametrize("identifier", ["750", "750000000000000AAA", "x", "003000000000000AAA", "%00", "é"])
def test_there_is_no_other_job(rest: Rest, identifier: str) -> None:
    assert rest.get(f"/jobs/query/{identifier}").status_code == 404
    assert rest.get(f"/jobs/query/{identifier}/results").status_code == 404


def test_an_ingest_job_is_none_of_its_kind(rest: Rest) -> None:
    made = rest.post("/jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()
    assert rest.get(f"/jobs/query/{made['id']}").status_code == 404


def test_a_job_and_its_result_are_kept_for_seven_days(rest: Rest, server: Server, contacts: list[str]) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    control = server.control.for_org(rest.org.id)
    control.advance(7 * 86_400 - 60)
    rest.token = control.mint_token()
    assert page(rest, job).headers["Sforce-NumberOfRecords"] == "12"
    control.advance(120)
    rest.token = control.mint_token()
    assert rest.get(f"/jobs/query/{job['id']}/results").status_code == 404


def test_another_users_job_is_for_those_who_manage_integrations(rest: Rest, server: Server) -> None:
    control = server.control.for_org(rest.org.id)
    stranger, manager = (
        Rest(server.url, control.create_user({"objects": {"Contact": "read"}, "system": system}).access_token, rest.org)
        for system in ([], ["ManageDataIntegrations"])
    )
    job = done(rest, "SELECT Id FROM Contact")
    url = f"/jobs/query/{job['id']}"
    for answer in (stranger.get(url), stranger.get(f"{url}/results"), stranger.delete(url)):
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDUSER")
    assert manager.get(url).json()["state"] == "JobComplete"
    mine = done(stranger, "SELECT Id FROM Contact")
    assert rest.get(f"/jobs/query/{mine['id']}").status_code == 200


def test_jobs_are_listed_by_type(rest: Rest) -> None:
    made = [done(rest, "SELECT Id FROM Contact")["id"] for _ in range(3)]
    ingest = rest.post("/jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()["id"]

    def listed(**asked: str) -> list[str]:
        told = rest.get("/jobs/query", params=asked).json()
        assert list(told) == ["done", "records", "nextRecordsUrl"]
        assert (told["done"], told["nextRecordsUrl"]) == (True, None)
        return [one["id"] for one in told["records"]]

    assert listed() == listed(jobType="V2Query") == listed(concurrencyMode="parallel") == made
    assert listed(jobType="V2Ingest") == [ingest]
    assert listed(jobType="Classic") == listed(isPkChunkingEnabled="true") == listed(concurrencyMode="serial") == []
    assert rest.get("/jobs/query", params={"jobType": "x"}).status_code == 400


def test_a_long_list_has_pages(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mock_server.protocols.bulk2.listing.MOST", 2)
    made = [ask(rest, "SELECT Id FROM Contact")["id"] for _ in range(5)]
    found, url = [], "/jobs/query?jobType=V2Query"
    while url:
        told = rest.get(url).json()
        found += [one["id"] for one in told["records"]]
        url = told["nextRecordsUrl"]
        assert told["done"] == (url is None)
    assert found == made
    assert rest.get("/jobs/query?queryLocator=x-1").json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


# -- what it costs


def test_jobs_of_a_day_are_counted(rest: Rest, server: Server) -> None:
    control = server.control.for_org(rest.org.id)
    control.set_limit("DailyBulkV2QueryJobs", maximum=2)
    for _ in range(2):
        done(rest, "SELECT Id FROM Contact")
    assert refused(rest, "SELECT Id FROM Contact") == (
        "LIMIT_EXCEEDED",
        "Max bulk v2 query jobs (2) per 24 hrs has been reached (3)",
    )
    assert rest.get("/limits").json()["DailyBulkV2QueryJobs"] == {"Max": 2, "Remaining": 0}


def test_results_of_a_day_are_counted(rest: Rest, server: Server, contacts: list[str]) -> None:
    control = server.control.for_org(rest.org.id)
    done(rest, "SELECT Id FROM Contact")
    assert rest.get("/limits").json()["DailyBulkV2QueryFileStorageMB"] == {"Max": 976_562, "Remaining": 976_561}
    control.set_limit("DailyBulkV2QueryFileStorageMB", remaining=0)
    assert refused(rest, "SELECT Id FROM Contact") == (
        "LIMIT_EXCEEDED",
        "Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded",
    )


# -- what can become of it


@pytest.mark.parametrize(("how", "state"), [("failed", "Failed"), ("aborted", "Aborted")])
@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_a_job_that_ends_by_somebody_elses_will_has_no_result(
    rest: Rest, server: Server, contacts: list[str], how: str, state: str, share: float
) -> None:
    server.control.for_org(rest.org.id).add_fault({"on": "bulk2.query.create", "job": {how: share}})
    told = polled(rest, ask(rest, "SELECT Id FROM Contact"))
    assert told["state"] == state
    assert ("errorMessage" in told) == (state == "Failed")
    assert rest.get(f"/jobs/query/{told['id']}/results").status_code == 204


def test_a_slow_job_is_in_progress_meanwhile(rest: Rest, server: Server, contacts: list[str]) -> None:
    control = server.control.for_org(rest.org.id)
    control.add_fault({"on": "bulk2.query.create", "job": {"slow": 3600}})
    job = ask(rest, "SELECT Id FROM Contact")
    polled(rest, job, "InProgress")
    control.advance(3600)
    told = polled(rest, job)
    assert (told["state"], told["numberRecordsProcessed"]) == ("JobComplete", 12)
    assert told["totalProcessingTime"] >= 3_600_000


def test_a_download_can_be_cut(rest: Rest, server: Server, contacts: list[str]) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    control = server.control.for_org(rest.org.id)
    name = control.add_fault({"on": "bulk2.query.results", "reply": "truncated"})
    with pytest.raises((requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        page(rest, job)
    control.remove_fault(name)
    assert page(rest, job).text.count("\n") == 13


def test_half_of_a_result_can_look_whole(rest: Rest, server: Server, contacts: list[str]) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    server.control.for_org(rest.org.id).add_fault({"on": "bulk2.query.results", "job": {"results": "truncated"}})
    answer = page(rest, job)
    assert (answer.text.count("\n"), answer.headers["Sforce-NumberOfRecords"]) == (7, "12")


def test_a_locator_can_be_gone(rest: Rest, server: Server, contacts: list[str]) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    locator = page(rest, job, maxRecords=5).headers["Sforce-Locator"]
    server.control.for_org(rest.org.id).add_fault({"on": "bulk2.query.results", "job": {"results": "gone"}})
    answer = rest.get(f"/jobs/query/{job['id']}/results", params={"locator": locator})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
    assert page(rest, job).headers["Sforce-NumberOfRecords"] == "12"


# -- what the journal knows


def test_the_journal_tells_of_jobs_and_pages(rest: Rest, server: Server, contacts: list[str]) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    first = page(rest, job, maxRecords=5)
    page(rest, job, locator=first.headers["Sforce-Locator"])
    entries = server.control.for_org(rest.org.id).journal()
    made = next(one for one in entries if one["operation"] == "bulk2.query.create")
    assert (made["job"]["id"], made["job"]["state"], made["query"]) == (
        job["id"], "UploadComplete", "SELECT Id FROM Contact",
    )  # fmt: skip
    pages = [one for one in entries if one["operation"] == "bulk2.query.results"]
    assert [(one["job"]["results"], one["job"]["rows"]) for one in pages] == [("query", 5), ("query", 7)]
    locator = first.headers["Sforce-Locator"]
    assert [one["page"] for one in pages] == [
        {"total": 12, "rows": 5, "next": locator},
        {"total": 12, "rows": 7, "next": None},
    ]
    (told,) = server.control.for_org(rest.org.id).jobs()
    assert told["exchanges"] == {"created": made["number"], "content": made["number"], "closed": None}


def test_downloads_leave_nothing_behind_in_the_server(rest: Rest, server: Any) -> None:
    job = done(rest, "SELECT Id FROM Contact")
    saves = server.world.job_saves_of(server.world.orgs[rest.org.id])
    for _ in range(3):
        assert rest.get(f"/jobs/query/{job['id']}/results").status_code == 200
    assert saves.waiting == 0
