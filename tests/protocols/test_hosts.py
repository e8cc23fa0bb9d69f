"""Which host serves what: the login hosts let in, and serve the data of no org."""

from __future__ import annotations

import orjson
import pytest

from tests.protocols.desk import Desk, json_of

LOGIN = {
    "grant_type": "password", "client_id": "sfmock-client-id", "client_secret": "sfmock-client-secret",
    "username": "integration@sfmock.test", "password": "sfmock-password",
}  # fmt: skip


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("host", ["https://login.salesforce.com", "https://TEST.salesforce.com"])
def test_data_is_not_at_the_login_host(desk: Desk, host: str) -> None:
    body = json_of(desk.post("/services/oauth2/token", LOGIN, host))
    token = body["access_token"]
    reply = desk.get("/services/data/v60.0/limits", token, host)
    assert reply.status == 403
    assert reply.body == (
        b'[{"errorCode":"URL_NOT_RESET","message":"Destination URL not reset. The URL returned from login must be set"}]'
    )
    assert desk.get("/services/data/v60.0/limits", token, body["instance_url"]).status == 200
    assert desk.get("/services/oauth2/userinfo", token, host).status == 200
    assert desk.get("/services/data", base=host).status == 200


def test_soap_says_so_in_its_own_words(desk: Desk) -> None:
    body = (
        '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com">'
        f"<env:Header><SessionHeader><sessionId>{desk.session()}</sessionId></SessionHeader></env:Header>"
        "<env:Body><emptyRecycleBin><ids>001000000000001</ids></emptyRecycleBin></env:Body></env:Envelope>"
    )
    headers = {"Content-Type": "text/xml"}
    reply = desk.send("POST", "/services/Soap/u/60.0", body.encode(), headers, "https://login.salesforce.com")
    assert reply.status == 500
    assert b"The URL returned from login must be set in the SforceService" in reply.body


def test_a_token_opens_its_own_org_alone(desk: Desk) -> None:
    mine, other = desk.session(), desk.session(desk.other)
    organization = "/services/data/v60.0/sobjects/Organization"
    assert desk.get(f"{organization}/{desk.org.id}", mine).status == 200
    assert desk.get(f"{organization}/{desk.org.id}", other).status == 404
    for name in ("Authorization ", "AUTHORIZATION", "Cookie", "X-SFDC-Session", "authorization\0"):
        # Another session within a request is none.
        url = f"{organization}/{desk.org.id}"
        one = {"method": "GET", "url": url, "referenceId": "a", "httpHeaders": {name: f"Bearer {mine}"}}
        headers = {"Authorization": f"Bearer {other}", "Content-Type": "application/json"}
        body = orjson.dumps({"compositeRequest": [one]})
        reply = desk.send("POST", "/services/data/v60.0/composite", body, headers)
        assert b'"attributes"' not in reply.body
    forged = desk.org.id[:15] + other[15:]
    assert desk.get("/services/data/v60.0/limits", forged).status == 401
