"""A user with the API and nothing else calls every operation: nothing of what he may not see comes back."""

from __future__ import annotations

import re
from urllib.parse import quote

import orjson
import pytest

from mock_server.operations import Operation
from mock_server.org.identity import enrolment, given
from mock_server.org.identity.sessions import Session
from mock_server.org.records.changes import Change
from mock_server.protocols.oauth.forms import FORM
from tests.protocols.desk import Desk

NAME, NEW = "Classified Holdings", "Changed By A Stranger"


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="module")
def stranger(desk: Desk) -> Session:
    definition = {"username": "stranger@few.test", "system": []}
    (made,) = enrolment.enrol(desk.org, [given.read_user(desk.org.schema, definition, ())])
    user = desk.org.directory.by_id(made)
    assert user is not None
    return desk.org.sessions.open(user, desk.org.directory.default_app, ("full",))


@pytest.fixture(scope="module")
def account(desk: Desk) -> str:
    directory = desk.org.directory
    who = desk.org.sessions.open(directory.default_user, directory.default_app, ("full",))
    changes = [Change("create", "Account", {"Name": NAME, "AccountNumber": "classified-77"})]
    (result,) = desk.org.write(who, changes, all_or_none=True)
    assert result.id is not None
    desk.org.sessions.expire(who.token)
    return result.id


def targets(operation: Operation, account: str) -> list[str]:
    """Return ways to ask an operation about the account."""
    known = {
        "version": "v60.0", "sobject": "Account", "object": "Account", "id": account, "ids": account, "field": "Id",
        "value": account, "name": "Account",
    }  # fmt: skip
    paths = set()
    for other in (account, "Account", "Contact"):
        words = {**dict.fromkeys(re.findall(r"\{(\w+)\*?\}", operation.path), other), **known}
        paths.add(re.sub(r"\{(\w+)\*?\}", lambda found, words=words: words[found[1]], operation.path))  # type: ignore[misc]
    soql, sosl = (
        f"SELECT Id, Name, AccountNumber FROM Account WHERE Id = '{account}'",
        f"FIND {{{NAME}}} RETURNING Account(Name)",
    )
    span = f"start={quote('2026-01-01T00:00:00+00:00')}&end={quote('2026-01-20T00:00:00+00:00')}"
    return [
        f"{path}?{query}"
        for path in paths
        for query in (
            f"q={quote(soql)}", f"q={quote(sosl)}", f"q={quote(NAME)}&sobject=Account&sobjects=Account",
            f"fields=Name,AccountNumber&ids={account}&optionalFields=Account.Name&layoutTypes=Full&{span}",
        )
    ]  # fmt: skip


def test_nothing_leaks_and_nothing_changes(desk: Desk, stranger: Session, account: str) -> None:
    inner = f"/services/data/v60.0/sobjects/Account/{account}"
    bodies = [
        {"Name": NEW, "fields": {"Name": NEW}, "apiName": "Account"},
        {"ids": [account], "fields": ["Name", "AccountNumber"], "records": [
            {"attributes": {"type": "Account"}, "id": account, "Name": NEW}]},
        {"q": NAME, "sobjects": [{"name": "Account", "fields": ["Name"]}], "compositeRequest": [
            {"method": "GET", "url": inner, "referenceId": "a"},
            {"method": "PATCH", "url": inner, "referenceId": "b", "body": {"Name": NEW}}]},
        {"batchRequests": [{"method": "GET", "url": inner.removeprefix("/services/data/")}], "graphs": [
            {"graphId": "1", "compositeRequest": [{"method": "DELETE", "url": inner, "referenceId": "a"}]}]},
    ]  # fmt: skip
    calls = 0
    for route in desk.registry.routes:
        operation = route.operation
        if not operation.auth or operation.name.startswith("soap."):
            continue
        headers = {"Authorization": f"Bearer {stranger.token}", "Content-Type": "application/json"}
        given = [b""] if operation.method in ("GET", "HEAD", "DELETE") else [orjson.dumps(body) for body in bodies]
        for target in targets(operation, account):
            for body in given:
                reply = desk.send(operation.method, target, body, headers)
                assert reply.status < 500, (operation, target, reply.body)
                assert b"classified-77" not in reply.body, (operation, target)
                # A search or an error may repeat what was looked for: a record that was found says more.
                assert f'"Name":"{NAME}"'.encode() not in reply.body, (operation, target, reply.body)
                calls += 1
    assert calls > 500
    directory = desk.org.directory
    seeing = desk.org.sessions.open(directory.default_user, directory.default_app, ("full",)).token
    for name in ("rest.query.run", "rest.sobject.read"):
        (operation,) = {route.operation for route in desk.registry.routes if route.operation.name == name}
        found = [desk.get(target, seeing).body for target in targets(operation, account)]
        assert any(b"classified-77" in body for body in found), name
    sobject = desk.org.schema.get("Account")
    assert sobject is not None
    rows = list(desk.org.store.lookup(sobject, "Id", [account], "Name", "IsDeleted"))
    assert rows == [(NAME, 0)]
    users = desk.org.schema.get("User")
    assert users is not None
    assert all(name != NEW for (name,) in desk.org.store.lookup(users, "IsActive", [1], "LastName"))


def test_nothing_leaks_from_within_composite_resources(desk: Desk, stranger: Session, account: str) -> None:
    """Every operation is asked for inside a composite, a graph and a batch, whether or not it may stand there."""
    headers = {"Authorization": f"Bearer {stranger.token}", "Content-Type": "application/json"}
    data = "/services/data/v60.0/composite"
    served = 0
    for operation in {route.operation.path: route.operation for route in desk.registry.routes}.values():
        body = {"body": {"Name": NEW}} if operation.method in ("POST", "PUT", "PATCH") else {}
        for target in targets(operation, account)[::5]:
            one = {"method": operation.method, "url": target, "referenceId": "a", **body}
            other = {"method": operation.method, "url": target.removeprefix("/services/data/")}
            for path, outer in (
                (data, {"compositeRequest": [one]}),
                (f"{data}/graph", {"graphs": [{"graphId": "g", "compositeRequest": [one]}]}),
                (f"{data}/batch", {"batchRequests": [other | ({"richInput": body["body"]} if body else {})]}),
            ):
                reply = desk.send("POST", path, orjson.dumps(outer), headers)
                assert reply.status < 500, (operation, target, reply.body)
                assert b"classified-77" not in reply.body, (operation, target)
                assert f'"Name":"{NAME}"'.encode() not in reply.body, (operation, target, reply.body)
                served += reply.status == 200
    assert served > 100
    sobject = desk.org.schema.get("Account")
    assert sobject is not None
    assert list(desk.org.store.lookup(sobject, "Id", [account], "Name", "IsDeleted")) == [(NAME, 0)]


@pytest.mark.parametrize("name", ["LoginHistory", "AuthSession", "OauthToken", "SetupEntityAccess", "UserLogin"])
def test_what_administrators_read_is_not_his(desk: Desk, stranger: Session, name: str) -> None:
    reply = desk.get(f"/services/data/v60.0/query?q=SELECT+Id+FROM+{name}", stranger.token)
    assert reply.status == 400
    assert orjson.loads(reply.body)[0]["errorCode"] == "INVALID_TYPE"


def test_he_resets_nobodys_password(desk: Desk, stranger: Session) -> None:
    path = f"/services/data/v60.0/sobjects/User/{desk.org.directory.default_user.id}/password"
    headers = {"Authorization": f"Bearer {stranger.token}", "Content-Type": "application/json"}
    for method in ("GET", "POST", "DELETE"):
        assert desk.send(method, path, b'{"NewPassword": "taken-over-1"}', headers).status == 403
    form = {
        "grant_type": "password", "client_id": "sfmock-client-id", "client_secret": "sfmock-client-secret",
        "username": "integration@sfmock.test", "password": "sfmock-password",
    }  # fmt: skip
    assert desk.send("POST", "/services/oauth2/token", "&".join(f"{k}={v}" for k, v in form.items()).encode(),
                     {"Content-Type": FORM}).status == 200  # fmt: skip
