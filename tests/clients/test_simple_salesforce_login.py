"""The unmodified simple-salesforce client logs in: at its built-in hosts through the proxy, and with a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceExpiredSession

from mock_server import api
from mock_server.control.client import OrgInfo

SOQL = "SELECT Id FROM Organization"
Connect = Callable[..., Salesforce]


@pytest.fixture
def through_proxy(server: api.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment that `sfmock env` prints: nothing else tells the client of the mock."""
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost,::1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_bundle))


@pytest.fixture
def connect(through_proxy: None) -> Iterator[Connect]:
    """Make clients, and close their connections afterwards."""
    made: list[Salesforce] = []

    def run(**options: Any) -> Salesforce:
        made.append(Salesforce(**options))
        return made[-1]

    yield run
    for client in made:
        client.session.close()


def organization(client: Salesforce) -> str:
    found: str = client.query(SOQL)["records"][0]["Id"]
    return found


def test_the_contracts_user_logs_in_with_password_and_token(connect: Connect) -> None:
    client = connect(username="integration@sfmock.test", password="sfmock-password", security_token="sfmock-token")
    assert client.sf_instance == "sfmock.my.salesforce.com"
    assert client.session_id.startswith("00D")
    assert organization(client)[:15] == client.session_id[:15]


@pytest.mark.parametrize("domain", ["login", "test", "acme.my"])
def test_any_login_host_will_do(connect: Connect, org: OrgInfo, domain: str) -> None:
    client = connect(username=org.username, password=org.password, security_token=org.security_token, domain=domain)
    assert organization(client) == org.id
    if domain == "acme.my":
        assert client.sf_instance == "acme.my.salesforce.com"


def test_the_security_token_may_be_empty_on_a_trusted_network(connect: Connect, org: OrgInfo) -> None:
    client = connect(username=org.username, password=org.password, security_token="")
    assert organization(client) == org.id


def test_with_an_organization_id_instead_of_a_token(connect: Connect, org: OrgInfo) -> None:
    client = connect(username=org.username, password=org.password, organizationId=org.id)
    assert organization(client) == org.id


def test_a_wrong_password_is_refused_by_soap(connect: Connect, org: OrgInfo) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        connect(username=org.username, password="wrong", security_token="")
    assert refused.value.code == "INVALID_LOGIN"
    assert refused.value.auth_message == "Invalid username, password, security token; or user locked out."


def test_a_version_whose_login_is_retired_is_refused(connect: Connect, org: OrgInfo) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        connect(username=org.username, password=org.password, security_token="", version="65.0")
    assert refused.value.code == "INVALID_OPERATION"


def test_the_password_grant(connect: Connect, org: OrgInfo) -> None:
    client = connect(
        username=org.username,
        password=org.password,
        consumer_key=org.client_id,
        consumer_secret=org.client_secret,
    )
    assert organization(client) == org.id


def test_client_credentials(connect: Connect, org: OrgInfo) -> None:
    client = connect(consumer_key=org.client_id, consumer_secret=org.client_secret, domain="acme.my")
    assert client.sf_instance == "acme.my.salesforce.com"
    assert organization(client) == org.id


def test_the_jwt_bearer_grant(connect: Connect, server: api.Server, org: OrgInfo) -> None:
    key = server.ca_file.with_name("jwt.key")
    client = connect(username=org.username, consumer_key=org.client_id, privatekey_file=str(key))
    assert organization(client) == org.id


def test_a_jwt_still_logs_in_after_the_orgs_clock_was_moved(connect: Connect, server: api.Server, org: OrgInfo) -> None:
    key = server.ca_file.with_name("jwt.key").read_text()
    server.control.for_org(org.id).advance(3 * 3_600)
    client = connect(username=org.username, consumer_key=org.client_id, privatekey=key)
    assert organization(client) == org.id


@pytest.mark.parametrize(
    ("wrong", "code", "message"),
    [
        ({"password": "wrong"}, "invalid_grant", "authentication failure"),
        ({"consumer_key": "unknown"}, "invalid_client_id", "client identifier invalid"),
        ({"consumer_secret": "wrong"}, "invalid_client", "invalid client credentials"),
    ],
)
def test_wrong_credentials_are_refused_by_oauth(
    connect: Connect, org: OrgInfo, wrong: dict[str, str], code: str, message: str
) -> None:
    right = {
        "username": org.username, "password": org.password,
        "consumer_key": org.client_id, "consumer_secret": org.client_secret,
    }  # fmt: skip
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        connect(**{**right, **wrong})
    assert (refused.value.code, refused.value.auth_message) == (code, message)


def test_a_session_and_an_instance_url_need_no_proxy(server: api.Server, org: OrgInfo) -> None:
    # The client speaks https to every host: a requests session that trusts the mock's authority is enough.
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(server.ca_bundle)
        client = Salesforce(instance_url=server.https_url, session_id=org.access_token, session=session)
        assert organization(client) == org.id
        assert client.is_sandbox() is False
        server.control.for_org(org.id).expire_tokens()
        with pytest.raises(SalesforceExpiredSession):
            client.query(SOQL)
