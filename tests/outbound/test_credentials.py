"""Named credentials: what they add to a callout, and what SOQL, the control plane and the journal do not tell."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest

from mock_server.control.client import ControlError
from tests.outbound.conftest import Make, World
from tests.outbound.receivers import Got, Receiver
from tests.waiting import until

JSON = {"Content-Type": "application/json"}


def pushed(world: Make, receiver: Receiver, auth: Any, **more: Any) -> World:
    credential = {"name": "Billing", "url": f"{receiver.url}/api", "auth": auth}
    callout = {"name": "Push", "object": "Account", "on": "create", "credential": "Billing", "request": {"path": "/a"}}
    return world(namedCredentials=[credential], callouts=[{**callout, **more}])


def callouts(receiver: Receiver) -> list[Got]:
    return [got for got in receiver.got if got.path == "/api/a"]


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ("none", "Authorization", None),
        ({"basic": {"username": "ann", "password": "s3:cret"}}, "Authorization", "Basic YW5uOnMzOmNyZXQ="),
        ({"header": {"X-Api-Key": "k-1"}}, "X-Api-Key", "k-1"),
    ],
)
def test_a_credential_says_who_calls(
    world: Make, receiver: Receiver, auth: Any, header: str, value: str | None
) -> None:
    org = pushed(world, receiver, auth)
    org.account()
    (got,) = receiver.wait(1)
    assert (got.path, got.headers.get(header)) == ("/api/a", value)


def tokens(receiver: Receiver, *, life: int = 3600, refused: set[str] | None = None) -> None:
    """Hand out tokens t1, t2, ... at /token; refuse those named at the callout."""
    given: list[str] = []

    def answer(got: Got) -> Any:
        if got.path == "/token":
            given.append(f"t{len(given) + 1}")
            return 200, JSON, f'{{"access_token": "{given[-1]}", "expires_in": {life}}}'.encode()
        token = got.headers["Authorization"].removeprefix("Bearer ")
        return (401 if token in (refused or ()) else 200), JSON, b"{}"

    receiver.answer = answer


def oauth(receiver: Receiver, **more: Any) -> dict[str, Any]:
    given = {"tokenUrl": f"{receiver.url}/token", "clientId": "id", "clientSecret": "hush", "scope": "a b", **more}
    return {"oauth": given}


@pytest.mark.parametrize("where", ["header", "body"])
def test_client_credentials_fetch_a_token_and_keep_it(world: Make, receiver: Receiver, where: str) -> None:
    tokens(receiver, life=100)
    org = pushed(world, receiver, oauth(receiver, sendCredentials=where))
    org.account(), org.account()
    until(lambda: len(callouts(receiver)) == 2)
    asked = [got for got in receiver.got if got.path == "/token"]
    assert {got.headers["Authorization"] for got in callouts(receiver)} <= {"Bearer t1", "Bearer t2"}
    form = parse_qs(asked[0].body.decode())
    assert (form["grant_type"], form["scope"]) == (["client_credentials"], ["a b"])
    if where == "body":
        assert (form["client_id"], form["client_secret"]) == (["id"], ["hush"])
    else:
        assert asked[0].headers["Authorization"] == "Basic " + base64.b64encode(b"id:hush").decode()
    until(lambda: not org.control.outbound()["waiting"])
    org.account()
    until(lambda: len(callouts(receiver)) == 3)
    assert len([got for got in receiver.got if got.path == "/token"]) == len(asked)
    org.control.advance(101)
    org.account()
    until(lambda: len(callouts(receiver)) == 4)
    assert len([got for got in receiver.got if got.path == "/token"]) == len(asked) + 1
    text = str(org.control.journal())
    assert not any(secret in text for secret in ("hush", "Bearer", "t1"))
    assert {one["operation"] for one in org.sent("outbound.")} == {"outbound.token", "outbound.callout"}


def test_a_refused_token_is_fetched_anew_once(world: Make, receiver: Receiver) -> None:
    refused = {"t1"}
    tokens(receiver, refused=refused)
    org = pushed(world, receiver, oauth(receiver))
    org.account()
    until(lambda: not org.control.outbound()["waiting"])
    assert [got.headers["Authorization"] for got in callouts(receiver)] == ["Bearer t1", "Bearer t2"]
    refused |= {"t2", "t3"}
    org.account()
    until(lambda: not org.control.outbound()["waiting"])
    assert [got.headers["Authorization"] for got in callouts(receiver)[2:]] == ["Bearer t2", "Bearer t3"]
    assert [one["state"] for one in org.control.outbound()["callouts"]] == ["delivered", "failed"]


def test_a_token_that_cannot_be_had_is_an_exception(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (400, JSON, b'{"error": "invalid_client", "error_description": "who?"}')
    org = pushed(world, receiver, oauth(receiver))
    org.account()
    (job,) = until(lambda: [one for one in org.control.outbound()["callouts"] if one["state"] == "failed"])
    assert job["error"] == "System.CalloutException: Unable to fetch the OAuth token. Error: invalid_client, who?"
    assert callouts(receiver) == []


def test_a_jwt_is_signed_by_the_org(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (200, JSON, b"{}")
    org = pushed(
        world, receiver, {"jwt": {"issuer": "acme", "subject": "sync", "audience": "billing", "lifetime": "2m"}}
    )
    org.account()
    (got,) = receiver.wait(1)
    keys = org.rest.get(f"{org.server.url}/id/keys".removeprefix(org.server.url)).json()["keys"]
    token = got.headers["Authorization"].removeprefix("Bearer ")
    key = jwt.PyJWK(next(one for one in keys if one["kid"] == jwt.get_unverified_header(token)["kid"]))
    claims = jwt.decode(token, key.key, ["RS256"], audience="billing", issuer="acme")
    assert (claims["sub"], claims["exp"] - claims["iat"]) == ("sync", 120)


def test_a_jwt_is_exchanged_where_a_token_url_is_named(world: Make, receiver: Receiver) -> None:
    tokens(receiver)
    org = pushed(world, receiver, {"jwt": {"issuer": "a", "audience": "b", "tokenUrl": f"{receiver.url}/token"}})
    org.account()
    until(lambda: callouts(receiver))
    form = parse_qs(receiver.got[0].body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert form["assertion"][0].count(".") == 2
    assert callouts(receiver)[0].headers["Authorization"] == "Bearer t1"


def test_soql_finds_credentials_and_nobody_tells_their_secrets(world: Make, receiver: Receiver) -> None:
    org = pushed(world, receiver, {"basic": {"username": "ann", "password": "s3cret"}})
    (row,) = org.rest.query("SELECT DeveloperName, Endpoint, PrincipalType FROM NamedCredential").json()["records"]
    assert (row["DeveloperName"], row["Endpoint"]) == ("Billing", f"{receiver.url}/api")
    (told,) = org.control.declared("namedCredentials")
    assert told["auth"] == {"basic": {"username": "ann", "password": "(not told)"}}
    org.control.remove_declared("namedCredentials", "Billing")
    assert org.rest.query("SELECT Id FROM NamedCredential").json()["totalSize"] == 0
    org.account()
    (job,) = until(lambda: [one for one in org.control.outbound()["callouts"] if one["state"] == "failed"])
    assert "no named credential Billing" in job["error"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"url": "https://api.example.com"}, "url"),
        ({"auth": "basik"}, "auth"),
        ({"auth": {"basic": {"username": "a"}}}, "auth.basic"),
        ({"auth": {"oauth": {"tokenUrl": "http://evil.example.com", "clientId": "a", "clientSecret": "b"}}},
         "auth.oauth.tokenUrl"),
        ({"auth": {"header": {"X Y": "a"}}}, "auth.header"),
        ({"auth": {"header": {"X-Y": "a\nb"}}}, "auth.header.X-Y"),
        ({"auth": {"jwt": {"issuer": "a", "audience": "b", "key": "no key"}}}, "auth.jwt.key"),
        ({"auth": {"basic": {}, "header": {}}}, "auth"),
        ({"name": "1x"}, "name"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(world: Make, given: dict[str, Any], path: str) -> None:
    with pytest.raises(ControlError) as refused:
        world(namedCredentials=[{"name": "Billing", "url": "http://127.0.0.1:1", **given}])
    assert refused.value.path == f"namedCredentials[0].{path}"
