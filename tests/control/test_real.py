"""The control plane of a real server, through its typed client."""

from __future__ import annotations

import socket

import pytest
import requests

from mock_server import api
from mock_server.control.client import ControlError, OrgInfo
from tests.conftest import Rest
from tests.waiting import PATIENCE, until


def names(server: api.Server, org: str) -> list[str]:
    return [row["Name"] for row in server.control.for_org(org).records("SELECT Name FROM Account ORDER BY Name")]


def test_orgs_do_not_see_each_other(server: api.Server, org: OrgInfo) -> None:
    other = server.control.create_org()
    server.control.for_org(org.id).seed("Account", [{"Name": "Acme"}])
    assert names(server, org.id) == ["Acme"]
    assert names(server, other.id) == []
    assert {org.username, org.client_id} & {other.username, other.client_id} == set()
    # A login finds its org by the user or the client; a token leads to the org that issued it.
    token = requests.post(
        f"{server.url}/services/oauth2/token",
        data={"grant_type": "client_credentials", "client_id": other.client_id, "client_secret": other.client_secret},
        timeout=20,
    ).json()["access_token"]
    assert token[:15] == other.id[:15]
    server.control.delete_org(other.id)
    answer = requests.get(
        f"{server.url}/services/data/v60.0/limits", headers={"Authorization": f"Bearer {token}"}, timeout=20
    )
    assert answer.status_code == 401


def test_a_clone_starts_with_the_records_and_goes_its_own_way(server: api.Server, org: OrgInfo) -> None:
    steer = server.control.for_org(org.id)
    steer.seed("Account", [{"Name": "Acme"}])
    clone = steer.clone()
    server.control.for_org(clone.id).seed("Account", [{"Name": "Beta"}])
    assert names(server, clone.id) == ["Acme", "Beta"]
    assert names(server, org.id) == ["Acme"]
    (organization,) = server.control.for_org(clone.id).records("SELECT Id FROM Organization")
    assert organization["Id"] == clone.id
    server.control.delete_org(clone.id)


def test_snapshot_restore_and_reset(server: api.Server, org: OrgInfo) -> None:
    steer = server.control.for_org(org.id)
    steer.seed("Account", [{"Name": "Acme"}])
    name = steer.snapshot()
    steer.seed("Account", [{"Name": "Beta"}])
    steer.restore(name)
    assert names(server, org.id) == ["Acme"]
    steer.add_fault({"on": "rest.*", "status": 503})
    steer.reset()
    assert names(server, org.id) == []
    assert steer.faults() == []
    with pytest.raises(ControlError) as error:
        steer.restore("s99")
    assert error.value.status == 404


def test_commits_say_what_was_written_and_whether_the_client_heard_of_it(rest: Rest, server: api.Server) -> None:
    steer = server.control.for_org(rest.org.id)
    rest.post("/sobjects/Contact", json={"LastName": "heard"})
    steer.add_fault({"on": "rest.sobject.create", "reply": "lost"})
    with pytest.raises(requests.ConnectionError):
        rest.post("/sobjects/Contact", json={"LastName": "lost"})
    commits = steer.commits()
    assert [(commit.values["LastName"], commit.delivered) for commit in commits] == [("heard", True), ("lost", False)]
    assert [entry["outcome"] for entry in steer.journal()] == ["answered", "lost"]
    (fault,) = steer.faults()
    assert (fault.matched, fault.fired) == (1, 1)


def test_a_client_that_leaves_does_not_cancel_its_work(rest: Rest, server: api.Server) -> None:
    steer = server.control.for_org(rest.org.id)
    steer.add_fault({"on": "rest.sobject.create", "latency": "1h"})
    body = b'{"LastName": "Lovelace"}'
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), PATIENCE) as client:
        client.sendall(
            f"POST /services/data/v60.0/sobjects/Contact HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {rest.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        until(steer.journal)
    until(lambda: steer.journal()[-1]["left"] is not None)
    assert steer.commits() == []
    steer.advance(3_601)
    until(lambda: steer.journal()[-1]["end"] is not None)
    assert [entry["outcome"] for entry in steer.journal()] == ["abandoned"]
    assert [commit.delivered for commit in steer.commits()] == [False]


def test_what_is_not_served_is_marked_in_the_journal(rest: Rest, server: api.Server) -> None:
    rest.get("/eclair")
    (entry,) = server.control.for_org(rest.org.id).journal()
    assert (entry["operation"], entry["unimplemented"], entry["codes"]) == ("unknown", True, ["NOT_FOUND"])


def test_no_secret_is_ever_in_the_journal(rest: Rest, server: api.Server) -> None:
    rest.get("/limits")
    rest.http.post(
        f"{server.url}/services/oauth2/token",
        data={
            "grant_type": "password",
            "username": rest.org.username,
            "password": rest.org.password,
            "client_id": rest.org.client_id,
            "client_secret": rest.org.client_secret,
        },
        timeout=20,
    )
    rest.http.get(f"{server.url}/services/oauth2/revoke", params={"token": rest.token}, timeout=20)
    kept = str(server.control.for_org(rest.org.id).journal())
    assert not [secret for secret in (rest.token, rest.org.password, rest.org.client_secret) if secret in kept]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "attacker.example"}, 403),
        ({"Origin": "https://attacker.example"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
def test_pages_of_other_origins_cannot_steer(server: api.Server, headers: dict[str, str], status: int) -> None:
    assert requests.get(f"{server.url}/_mock/health", headers=headers, timeout=20).status_code == status


def test_a_control_token_must_be_the_right_one() -> None:
    with api.start(control_token="let-me-in") as server:
        wrong = {"X-Sfmock-Token": "let-me-inn"}
        assert requests.get(f"{server.url}/_mock/health", headers=wrong, timeout=20).status_code == 403
        assert server.control.health()["status"] == "ok"
