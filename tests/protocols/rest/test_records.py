"""Records over HTTP: status, headers, key order and error bodies, exactly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import Rest

if TYPE_CHECKING:
    from mock_server import api


def create(rest: Rest, sobject: str = "Contact", **values: Any) -> str:
    values.setdefault("LastName" if sobject == "Contact" else "Name", "Lovelace")
    answer = rest.post(f"/sobjects/{sobject}", json=values)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_create_answers_201_with_location_and_keys_in_order(rest: Rest) -> None:
    answer = rest.post("/sobjects/account/", json={"name": "Acme"})
    assert answer.status_code == 201
    assert list(answer.json()) == ["id", "success", "errors"]
    assert answer.headers["Location"] == f"/services/data/v60.0/sobjects/Account/{answer.json()['id']}"
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert answer.headers["Sforce-Limit-Info"].startswith("api-usage=1/")
    assert answer.headers["Cache-Control"] == "no-cache,must-revalidate,max-age=0,no-store,private"
    assert answer.headers["X-SFDC-Request-Id"] == answer.headers["X-Request-Id"]


def test_read_puts_attributes_first_and_fields_in_the_order_asked(rest: Rest) -> None:
    identifier = create(rest, FirstName="Ada")
    answer = rest.get(f"/sobjects/Contact/{identifier}?fields=LastName,firstname,Id")
    assert answer.text == json.dumps(
        {
            "attributes": {"type": "Contact", "url": f"/services/data/v60.0/sobjects/Contact/{identifier}"},
            "LastName": "Lovelace",
            "FirstName": "Ada",
            "Id": identifier,
        },
        separators=(",", ":"),
    )


def test_read_without_fields_gives_every_field_and_compound_ones(rest: Rest) -> None:
    identifier = create(rest, MailingCity="London", MailingCountry="UK")
    record = rest.get(f"/sobjects/Contact/{identifier[:15]}").json()
    assert next(iter(record)) == "attributes"
    assert record["Id"] == identifier
    assert record["IsDeleted"] is False
    assert list(record["MailingAddress"]) == [
        "city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street",
    ]  # fmt: skip
    assert record["OtherAddress"] is None


def test_update_and_delete_answer_204_without_a_body(rest: Rest) -> None:
    identifier = create(rest)
    for answer in (
        rest.patch(f"/sobjects/Contact/{identifier}", json={"Title": "Countess"}),
        rest.delete(f"/sobjects/Contact/{identifier}"),
    ):
        assert (answer.status_code, answer.content) == (204, b"")
        assert "Content-Type" not in answer.headers
        assert answer.headers["Content-Security-Policy"] == "upgrade-insecure-requests"


def test_upsert_by_external_id(rest: Rest) -> None:
    first = rest.patch("/sobjects/Contact/External_Id__c/A%2F1", json={"LastName": "Lovelace"})
    assert (first.status_code, list(first.json())) == (201, ["id", "success", "errors", "created"])
    second = rest.patch("/sobjects/Contact/external_id__c/a%2F1", json={"Title": "Countess"})
    assert second.status_code == 200
    assert second.json() == {"id": first.json()["id"], "success": True, "errors": [], "created": False}
    read = rest.get("/sobjects/Contact/External_Id__c/A%2F1?fields=Title")
    assert read.json()["Title"] == "Countess"
    rest.version = "45.0"
    assert rest.patch("/sobjects/Contact/External_Id__c/A%2F1", json={"Title": "x"}).status_code == 204
    assert rest.delete("/sobjects/Contact/External_Id__c/A%2F1").status_code == 204


def test_several_records_with_one_key_answer_300_with_their_urls(rest: Rest) -> None:
    ids = [create(rest, Legacy__c="L") for _ in range(2)]
    for answer in (
        rest.get("/sobjects/Contact/Legacy__c/l"),
        rest.patch("/sobjects/Contact/Legacy__c/L", json={"Title": "x"}),
    ):
        assert answer.status_code == 300
        assert answer.json() == [f"/services/data/v60.0/sobjects/Contact/{identifier}" for identifier in ids]


NOT_FOUND = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "expected"),
    [
        ("GET", "/sobjects/Nope", None, 404, NOT_FOUND),
        ("GET", "/nope", None, 404, NOT_FOUND),
        ("GET", "/services/data/v99.0/sobjects", None, 404, NOT_FOUND),
        ("GET", "/sobjects/Contact/003Kd00000000zzIAA", None, 404, NOT_FOUND),
        (
            "GET",
            "/sobjects/Contact/Namez",
            None,
            404,
            [
                {
                    "errorCode": "NOT_FOUND",
                    "message": "Provided external ID field does not exist or is not accessible: Namez",
                }
            ],
        ),
        (
            "PATCH",
            "/sobjects/Contact",
            "{}",
            405,
            [
                {
                    "errorCode": "METHOD_NOT_ALLOWED",
                    "message": "HTTP Method 'PATCH' not allowed. Allowed are HEAD,GET,POST",
                }
            ],
        ),
        (
            "PATCH",
            "/sobjects/Contact/003Kd00000000zzIAA",
            "{}",
            404,
            [{"message": "invalid cross reference id", "errorCode": "INVALID_CROSS_REFERENCE_KEY", "fields": []}],
        ),
        (
            "POST",
            "/sobjects/Contact",
            "{}",
            400,
            [
                {
                    "message": "Required fields are missing: [LastName]",
                    "errorCode": "REQUIRED_FIELD_MISSING",
                    "fields": ["LastName"],
                }
            ],
        ),
        (
            "POST",
            "/sobjects/Contact",
            '{"LastName": "x", "AccountNumer": "1"}',
            400,
            [
                {
                    "message": "No such column 'AccountNumer' on sobject of type Contact",
                    "errorCode": "INVALID_FIELD",
                }
            ],
        ),
        (
            "POST",
            "/sobjects/Contact",
            '{"LastName": "x",\n "Birthdate": "soon"}',
            400,
            [
                {
                    "message": "Cannot deserialize instance of date from VALUE_STRING value soon or request may be "
                    "missing a required field at [line:2, column:15]",
                    "errorCode": "JSON_PARSER_ERROR",
                }
            ],
        ),
    ],
)
def test_mistakes_get_salesforces_status_and_body(
    rest: Rest, method: str, path: str, body: str | None, status: int, expected: list[Any]
) -> None:
    answer = rest(method, path, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (status, expected)
    assert answer.text == json.dumps(expected, separators=(",", ":"))


def test_an_unknown_resource_needs_a_session_first(rest: Rest) -> None:
    assert "Sforce-Limit-Info" in rest.get("/nope").headers
    answer = rest.get("/nope", headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_deleting_twice_answers_entity_is_deleted(rest: Rest) -> None:
    identifier = create(rest)
    rest.delete(f"/sobjects/Contact/{identifier}")
    answer = rest.delete(f"/sobjects/Contact/{identifier}")
    assert answer.status_code == 404
    assert answer.json() == [{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}]


@pytest.mark.parametrize(
    "header", [None, "Bearer nonsense", "Bearer 00Dxx0000000000!abc", "OAuth ", "Basic abc", "Bearer"]
)
def test_a_bad_token_answers_401(rest: Rest, header: str | None) -> None:
    answer = rest.get("/limits", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()[0]["errorCode"] in ("INVALID_SESSION_ID", "INVALID_AUTH_HEADER")
    if header != "Basic abc":
        assert answer.json()[0]["message"] in ("Session expired or invalid", "INVALID_HEADER_TYPE")


def test_an_expired_token_answers_401(rest: Rest, server: Any) -> None:
    assert rest.get("/limits").status_code == 200
    server.control.for_org(rest.org.id).advance(3 * 3600)
    answer = rest.get("/limits")
    assert answer.status_code == 401
    assert answer.text == '[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"[1, 2]",
        b'"text"',
        b"\xff\xfe",
        b'{"LastName": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"LastName": ' + b"9" * 5000 + b"}",
        b'{"LastName": "x", "LastName": {"a": [1]}}',
        b'{"LastName": "\\ud800"}',
        b"\0" * 100,
    ],
)
def test_unreadable_bodies_are_refused_and_nothing_is_saved(rest: Rest, body: bytes) -> None:
    for method, path in (
        ("POST", "/sobjects/Contact"),
        ("PATCH", "/sobjects/Contact/External_Id__c/1"),
        ("POST", "/composite/sobjects"),
        ("PATCH", "/composite/sobjects/Contact/External_Id__c"),
    ):
        answer = rest(method, path, data=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, (method, path, answer.text)
        assert isinstance(answer.json()[0]["errorCode"], str)
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_a_body_of_another_kind_is_refused(rest: Rest, kind: str) -> None:
    answer = rest.post("/sobjects/Contact", data='{"LastName": "x"}', headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json() == [{"errorCode": "UNSUPPORTED_MEDIA_TYPE", "message": f"Content type {kind} not supported"}]


def test_a_body_over_50_mb_is_refused(rest: Rest) -> None:
    answer = rest.post("/sobjects/Contact", data=b" " * (52_428_801))
    assert answer.status_code == 413
    assert rest.get("/limits").status_code == 200


def test_a_10_mb_body_is_read(rest: Rest) -> None:
    answer = rest.post("/sobjects/Contact", json={"LastName": "x" * 10_000_000})
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] == "STRING_TOO_LONG"


def test_an_overlong_line_is_answered_by_the_edge(rest: Rest) -> None:
    answer = rest.get("/query?q=" + "x" * 17_000)
    assert answer.status_code == 414
    assert answer.text == "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>"


def test_gzip_goes_both_ways(rest: Rest) -> None:
    import gzip

    body = gzip.compress(b'{"LastName": "Lovelace"}')
    answer = rest.post(
        "/sobjects/Contact", data=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}
    )
    assert answer.status_code == 201
    answer = rest.get("/sobjects/Contact/describe", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["name"] == "Contact"
    broken = rest.post("/sobjects/Contact", data=b"not gzip", headers={"Content-Encoding": "gzip"})
    assert broken.status_code == 400


def test_pretty_printing_follows_the_recorded_layout(rest: Rest) -> None:
    answer = rest.post("/sobjects/Contact", json={}, headers={"X-PrettyPrint": "1"})
    assert answer.text == (
        '[ {\n  "message" : "Required fields are missing: [LastName]",\n  "errorCode" : "REQUIRED_FIELD_MISSING",\n'
        '  "fields" : [ "LastName" ]\n} ]'
    )


def test_repeated_slashes_collapse(rest: Rest) -> None:
    assert rest.get("/services//data///v60.0/limits/").status_code == 200


def test_a_spent_allocation_answers_403_and_counts_no_further(rest: Rest, server: Any) -> None:
    server.control.for_org(rest.org.id).set_limit("DailyApiRequests", maximum=2)
    statuses = [rest.get("/limits").status_code for _ in range(4)]
    assert statuses == [200, 200, 403, 403]
    answer = rest.get("/limits")
    assert answer.json() == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=2/2"


def test_versions_are_listed_without_a_session(rest: Rest) -> None:
    answer = rest.get("/services/data", headers={"Authorization": None})
    assert answer.status_code == 200
    rows = answer.json()
    assert rows[0] == {"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"}
    assert rows[-1] == {"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"}
    assert rest.get("/services/data/v20.0/limits").status_code == 410


@pytest.mark.parametrize("values", [{}, {"Name": None}, {"Name": ""}, {"Name": "  "}])
def test_a_custom_record_without_a_name_is_called_by_its_id(server: api.Server, values: dict[str, Any]) -> None:
    org = server.control.create_org(
        objects={"Crate__c": {}, "Batch__c": {"nameField": {"type": "autonumber", "format": "B-{00}"}}}
    )
    rest = Rest(server.url, org.access_token, org)
    made = rest.post("/sobjects/Crate__c", json=values).json()["id"]
    found = rest.get("/query", params={"q": f"SELECT Id FROM Crate__c WHERE Name = '{made[:15]}'"}).json()
    assert [record["Id"] for record in found["records"]] == [made]
    assert rest.get(f"/sobjects/Crate__c/{made}").json()["Name"] == made[:15]
    numbered = rest.post("/sobjects/Batch__c", json={}).json()["id"]
    assert rest.get(f"/sobjects/Batch__c/{numbered}").json()["Name"] == "B-01"
    server.control.delete_org(org.id)
