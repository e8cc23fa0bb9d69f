"""Conditional requests on records."""

from __future__ import annotations

import pytest

from mock_server import api
from tests.conftest import Rest

OLD, FUTURE = "Thu, 01 Jan 2015 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"


@pytest.fixture
def account(rest: Rest) -> str:
    return f"/sobjects/Account/{rest.post('/sobjects/Account', json={'Name': 'x'}).json()['id']}"


def failed(answer: object) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]  # type: ignore[attr-defined]


def test_an_account_has_a_tag_of_its_content(rest: Rest, account: str) -> None:
    first = rest.get(account)
    tag = first.headers["ETag"]
    assert tag.endswith('=-gzip"')
    assert first.headers["Last-Modified"].endswith("GMT")
    plain = rest.get(account, params={"fields": "Id"}, headers={"Accept-Encoding": "identity"})
    assert plain.headers["ETag"] == tag.replace("-gzip", "")
    for known in (tag, plain.headers["ETag"], f'"other", {tag}', "*", f"W/{tag}"):
        same = rest.get(account, headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert rest.get(account, headers={"If-None-Match": '"other"', "Sforce-Mru": "updateMru=true"}).status_code == 200
    assert rest.get(account, headers={"If-Match": tag}).status_code == 200
    assert failed(rest.get(account, headers={"If-Match": '"other"'})) == (412, "PRECONDITION_FAILED")
    assert rest.patch(account, json={"Name": "y"}).status_code == 204
    assert rest.get(account).headers["ETag"] != tag
    assert rest.get(account, headers={"If-None-Match": tag}).status_code == 200


def test_a_change_by_a_stale_tag_does_nothing(rest: Rest, account: str) -> None:
    tag = rest.get(account).headers["ETag"]
    assert rest.patch(account, json={"Name": "mine"}, headers={"If-Match": tag}).status_code == 204
    assert failed(rest.patch(account, json={"Name": "late"}, headers={"If-Match": tag})) == (412, "PRECONDITION_FAILED")
    assert rest.get(account).json()["Name"] == "mine"
    newer = rest.get(account).headers["ETag"]
    assert failed(rest.patch(account, json={"Name": "z"}, headers={"If-None-Match": newer})) == (
        412,
        "PRECONDITION_FAILED",
    )
    assert rest.patch(account, json={"Name": "z"}, headers={"If-None-Match": '"other"'}).status_code == 204
    assert rest.patch(account, json={"Name": "w"}, headers={"If-Match": "*"}).status_code == 204


def test_dates_hold_for_all_objects(server: api.Server, rest: Rest, account: str) -> None:
    contact = f"/sobjects/Contact/{rest.post('/sobjects/Contact', json={'LastName': 'x'}).json()['id']}"
    for path, body in ((account, {"Name": "y"}), (contact, {"LastName": "y"})):
        assert rest.get(path, headers={"If-Modified-Since": FUTURE}).status_code == 304
        assert rest.get(path, headers={"If-Modified-Since": OLD}).status_code == 200
        assert rest.get(path, headers={"If-Modified-Since": "nonsense"}).status_code == 200
        assert failed(rest.get(path, headers={"If-Unmodified-Since": OLD})) == (412, "PRECONDITION_FAILED")
        assert failed(rest.patch(path, json=body, headers={"If-Unmodified-Since": OLD})) == (412, "PRECONDITION_FAILED")
        last = rest.get(path).headers["Last-Modified"]
        assert rest.get(path, headers={"If-Modified-Since": last}).status_code == 304
        assert rest.patch(path, json=body, headers={"If-Unmodified-Since": last}).status_code == 204
    assert "ETag" not in rest.get(contact).headers
    assert rest.patch(contact, json={"LastName": "z"}, headers={"If-Match": '"other"'}).status_code == 204


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("If-Match", "x"),
        ("If-None-Match", '"x'),
        ("If-Match", ""),
        ("If-Unmodified-Since", "soon"),
        ("If-Match", '"a" "b"'),
    ],
)
def test_a_condition_that_cannot_be_read_fails_a_change(rest: Rest, account: str, name: str, value: str) -> None:
    assert failed(rest.patch(account, json={"Name": "y"}, headers={name: value})) == (400, "INVALID_HEADER")
    assert rest.get(account).json()["Name"] == "x"


def test_deletions_have_no_conditions(rest: Rest, account: str) -> None:
    assert rest.delete(account, headers={"If-Match": '"other"', "If-Unmodified-Since": OLD}).status_code == 204


def test_an_upsert_has_those_of_its_record(rest: Rest) -> None:
    path = "/sobjects/Contact/External_Id__c/k"
    assert rest.patch(path, json={"LastName": "x"}, headers={"If-Unmodified-Since": OLD}).status_code == 201
    assert failed(rest.patch(path, json={"LastName": "y"}, headers={"If-Unmodified-Since": OLD}))[0] == 412
    assert rest.patch(path, json={"LastName": "y"}, headers={"If-Unmodified-Since": FUTURE}).status_code == 200
    assert failed(rest.patch(path, json={"LastName": "y"}, headers={"If-Match": "x"})) == (400, "INVALID_HEADER")


def test_what_is_not_there_stays_not_found(rest: Rest, account: str) -> None:
    rest.delete(account)
    assert rest.patch(account, json={"Name": "y"}, headers={"If-Match": '"x"'}).status_code == 404
    assert rest.get(account, headers={"If-None-Match": '"x"', "If-Modified-Since": FUTURE}).status_code == 404


def test_describes_know_if_unmodified_since(rest: Rest) -> None:
    for path in ("/sobjects", "/sobjects/Account/describe"):
        assert rest.get(path, headers={"If-Unmodified-Since": FUTURE}).status_code == 200
        assert failed(rest.get(path, headers={"If-Unmodified-Since": OLD})) == (412, "PRECONDITION_FAILED")


def test_requests_inside_a_request_have_conditions_of_their_own(rest: Rest, account: str) -> None:
    url = f"/services/data/v60.0{account}"
    tag = rest.get(account).headers["ETag"]
    asked = [
        {"method": "GET", "url": url, "referenceId": "same", "httpHeaders": {"If-None-Match": tag}},
        {"method": "GET", "url": url, "referenceId": "old", "httpHeaders": {"If-Modified-Since": OLD}},
        {
            "method": "PATCH",
            "url": url,
            "referenceId": "late",
            "httpHeaders": {"If-Match": '"x"'},
            "body": {"Name": "y"},
        },
        {
            "method": "PATCH",
            "url": url,
            "referenceId": "right",
            "httpHeaders": {"If-Match": tag},
            "body": {"Name": "z"},
        },
    ]
    answer = rest.post("/composite", json={"compositeRequest": asked})
    same, old, late, right = answer.json()["compositeResponse"]
    assert (same["httpStatusCode"], same["body"]) == (304, None)
    assert same["httpHeaders"]["ETag"].strip('"') in tag
    assert [one["httpStatusCode"] for one in (old, late, right)] == [200, 412, 204]
    assert rest.get(account).json()["Name"] == "z"
