"""What else simple-salesforce 1.12.10 offers: every login, every call of an object, its ways around the classes."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce, SFType
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.login import SalesforceLogin

from mock_server import api
from mock_server.control.client import OrgInfo

VERSION = "60.0"
DATA = f"/services/data/v{VERSION}"


@pytest.fixture
def sf(server: api.Server, org: OrgInfo) -> Iterator[Salesforce]:
    with requests.Session() as http:
        http.verify = str(server.ca_bundle)
        http.trust_env = False
        yield Salesforce(instance_url=server.https_url, session_id=org.access_token, session=http, version=VERSION)


@pytest.fixture
def http(server: api.Server) -> Iterator[requests.Session]:
    """Reach the hosts that are built into the client."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(server.ca_bundle)
        session.proxies = {"https": server.url}
        yield session


KEY = "jwt.key"
WAYS: dict[str, Callable[[OrgInfo, Path], dict[str, Any]]] = {
    "without a token": lambda org, key: {"username": org.username, "password": org.password},
    "with a token": lambda org, key: {
        "username": org.username, "password": org.password, "security_token": org.security_token,
    },
    "with a name of its own": lambda org, key: {
        "username": org.username, "password": org.password, "security_token": "", "client_id": "loader",
    },
    "with an organization": lambda org, key: {
        "username": org.username, "password": org.password, "organizationId": org.id,
    },
    "by password and app": lambda org, key: {
        "username": org.username, "password": org.password,
        "consumer_key": org.client_id, "consumer_secret": org.client_secret,
    },
    "by app alone": lambda org, key: {
        "consumer_key": org.client_id, "consumer_secret": org.client_secret, "domain": "acme.my",
    },
    "by key file": lambda org, key: {
        "username": org.username, "consumer_key": org.client_id, "privatekey_file": str(key),
    },
    "by key": lambda org, key: {
        "username": org.username, "consumer_key": org.client_id, "privatekey": key.read_text(), "domain": "test",
    },
    "by key at the org's own host": lambda org, key: {
        "username": org.username, "consumer_key": org.client_id, "privatekey_file": str(key), "instance_url": "acme.my",
    },
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_it_logs_in(server: api.Server, org: OrgInfo, http: requests.Session, way: str) -> None:
    options = WAYS[way](org, server.ca_file.with_name(KEY))
    session_id, host = SalesforceLogin(session=http, proxies=http.proxies, **options)
    assert host.endswith(".my.salesforce.com")
    client = Salesforce(instance=host, session_id=session_id, session=http)
    assert client.query("SELECT Id FROM Organization")["records"][0]["Id"] == org.id


def test_a_scratch_org_is_reached_by_its_own_address(server: api.Server, org: OrgInfo, http: requests.Session) -> None:
    http.proxies = {}
    _, host = SalesforceLogin(
        username=org.username, password=org.password, security_token="", scratch_url=server.https_url, session=http
    )
    assert server.https_url.endswith(host)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"password": "a<&\"b'", "security_token": ""}, "INVALID_LOGIN"),
        ({"organizationId": "00D000000000001AAA"}, "INVALID_LOGIN"),
        ({"consumer_key": "unknown", "consumer_secret": "x"}, "invalid_client_id"),
    ],
)
def test_logins_that_fail(org: OrgInfo, http: requests.Session, wrong: dict[str, str], code: str) -> None:
    options: dict[str, Any] = {"username": org.username, "password": org.password, **wrong}
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        SalesforceLogin(session=http, proxies=http.proxies, **options)
    assert refused.value.code == code


def test_an_expired_session_is_renewed(server: api.Server, org: OrgInfo, http: requests.Session) -> None:
    client = Salesforce(username=org.username, password=org.password, security_token="", session=http)
    first = client.session_id
    server.control.for_org(org.id).expire_tokens()
    assert client.query("SELECT Id FROM Organization")["totalSize"] == 1
    server.control.for_org(org.id).expire_tokens()
    made = client.Contact.create({"LastName": "Renewed"})
    assert made["success"] and client.session_id != first


def test_proxies_of_the_client_alone(server: api.Server, org: OrgInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_bundle))
    for name in [name for name in os.environ if name.lower() in ("https_proxy", "no_proxy", "all_proxy")]:
        monkeypatch.delenv(name)
    client = Salesforce(
        instance="acme.my.salesforce.com", session_id=org.access_token, proxies={"https": server.url}
    )  # fmt: skip
    assert client.is_sandbox() is False
    client.session.close()


def test_upserts_by_key_by_id_and_without(sf: Salesforce) -> None:
    made = sf.Contact.upsert("External_Id__c/U-1", {"LastName": "Hopper"}, raw_response=True)
    assert (made.status_code, made.json()["created"]) == (201, True)
    again = sf.Contact.upsert("External_Id__c/U-1", {"LastName": "Hopper"}, raw_response=True)
    assert (again.status_code, again.json()["created"]) == (200, False)
    identifier = made.json()["id"]
    assert sf.Contact.upsert(identifier, {"Title": "Admiral"}) == 204
    assert sf.Contact.upsert(f"Id/{identifier}", {"Title": "Admiral"}) == 200
    kept = sf.Contact.update(identifier, {"Title": "Rear Admiral"}, raw_response=True)
    assert (kept.status_code, kept.content) == (204, b"")
    assert "Content-Type" not in kept.headers
    assert sf.Contact.get(identifier, params={"fields": "Title"})["Title"] == "Rear Admiral"


@pytest.mark.parametrize("key", ["a/b", "50%", "x+y@example.com", "q?v=1#2", "Zoë"])
def test_keys_with_signs_that_urls_know(sf: Salesforce, key: str) -> None:
    made = sf.Contact.create({"LastName": "Keyed", "External_Id__c": key})
    assert sf.Contact.get_by_custom_id("External_Id__c", key)["Id"] == made["id"]


def test_a_space_that_the_client_writes_as_a_plus_is_a_plus(sf: Salesforce) -> None:
    # The client quotes ids as if they stood in a query string, and Salesforce finds none of those with a space.
    sf.Contact.create({"LastName": "Spaced", "External_Id__c": "a b"})
    with pytest.raises(SalesforceResourceNotFound):
        sf.Contact.get_by_custom_id("External_Id__c", "a b")
    plus = sf.Contact.create({"LastName": "Plus", "External_Id__c": "a+b"})
    assert sf.Contact.get_by_custom_id("External_Id__c", "a b")["Id"] == plus["id"]


def test_what_changed_and_what_was_deleted(sf: Salesforce, server: api.Server, org: OrgInfo) -> None:
    start = datetime.fromtimestamp(server.control.for_org(org.id).clock().now, UTC)
    kept, gone = (sf.Contact.create({"LastName": name})["id"] for name in ("Kept", "Gone"))
    sf.Contact.delete(gone)
    span = (start - timedelta(hours=1), start + timedelta(minutes=5))
    assert sf.Contact.updated(*span)["ids"] == [kept]
    assert [one["id"] for one in sf.Contact.deleted(*span)["deletedRecords"]] == [gone]


def test_files_go_and_come_as_base64(sf: Salesforce, tmp_path: Path) -> None:
    file = tmp_path / "bytes.bin"
    file.write_bytes(bytes(range(256)) * 8)
    body = base64.b64encode(file.read_bytes()).decode()
    parent = sf.Account.create({"Name": "Parent"})["id"]
    attachment = sf.Attachment.create({"Name": "bytes.bin", "ParentId": parent, "Body": body})["id"]
    assert sf.Attachment.get_base64(attachment) == file.read_bytes()
    file.write_bytes(b"changed")
    assert sf.Attachment.update_base64(attachment, str(file)) == 204
    assert sf.Attachment.get_base64(attachment) == b"changed"
    version = sf.ContentVersion.create({"Title": "File", "PathOnClient": "a.txt", "VersionData": body})["id"]
    assert base64.b64encode(sf.ContentVersion.get_base64(version, "VersionData")).decode() == body
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.Attachment.upload_base64(str(file))
    assert refused.value.content[0]["fields"] == ["ParentId", "Name"]


def test_more_pages_by_locator(sf: Salesforce, server: api.Server, org: OrgInfo) -> None:
    server.control.for_org(org.id).seed("Contact", [{"LastName": f"N{number}"} for number in range(450)])
    for deleted in (False, True):
        options = {"headers": {"Sforce-Query-Options": "batchSize=200"}}
        page = sf.query("SELECT Id FROM Contact", include_deleted=deleted, **options)
        seen = [len(page["records"])]
        while not page["done"]:
            locator = page["nextRecordsUrl"].rpartition("/")[2]
            page = sf.query_more(locator, include_deleted=deleted, **options)
            seen.append(len(page["records"]))
        assert seen == [200, 200, 50]
    with pytest.raises(SalesforceMalformedRequest) as unknown:
        sf.query_more("01g000000000001AAA-2000")
    assert unknown.value.content[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_searches(sf: Salesforce) -> None:
    made = sf.Contact.create({"LastName": "Zuse"})["id"]
    found = sf.search("FIND {Zuse} IN NAME FIELDS RETURNING Contact(Id, LastName)")
    assert [one["Id"] for one in found["searchRecords"]] == [made]
    assert sf.quick_search("Zuse")["searchRecords"][0]["attributes"]["type"] == "Contact"
    assert sf.quick_search("Nobody") == {"searchRecords": []}


def test_around_the_classes(sf: Salesforce, org: OrgInfo) -> None:
    contact = sf.Contact.create({"LastName": "Whole"})["id"]
    url = f"{DATA}/sobjects/Contact/{contact}"
    read = {"method": "GET", "url": url, "referenceId": "one"}
    made = {"method": "POST", "url": f"{DATA}/sobjects/Account", "referenceId": "one", "body": {"Name": "Made"}}
    tree = {"attributes": {"type": "Account", "referenceId": "a"}, "Name": "Tree"}

    def post(path: str, body: dict[str, Any]) -> Any:
        return sf.restful(path, method="POST", json=body)

    assert post("composite", {"compositeRequest": [read]})["compositeResponse"][0]["body"]["Id"] == contact
    batch = {"batchRequests": [{"method": "GET", "url": f"v{VERSION}/limits"}]}
    assert post("composite/batch", batch)["hasErrors"] is False
    assert post("composite/tree/Account/", {"records": [tree]})["results"][0]["referenceId"] == "a"
    graph = {"graphs": [{"graphId": "1", "compositeRequest": [made]}]}
    assert post("composite/graph", graph)["graphs"][0]["isSuccessful"] is True
    counted = sf.restful("limits/recordCount", params={"sObjects": "Contact"})
    assert counted is not None and counted["sObjects"] == [{"count": 1, "name": "Contact"}]
    assert sf.restful(f"sobjects/Contact/{contact}", method="DELETE") is None
    assert sf.oauth2("userinfo")["organization_id"] == org.id
    assert sf.toolingexecute("query/?q=SELECT+Id+FROM+ApexClass")["totalSize"] == 0
    assert sf.toolingexecute("sobjects")["maxBatchSize"] == 200
    with pytest.raises(SalesforceResourceNotFound) as missing:
        sf.apexecute("Missing/x", "POST", {"a": 1})
    assert missing.value.content[0]["message"] == "Could not find a match for URL"


def test_layouts_and_objects(sf: Salesforce) -> None:
    assert {"layouts", "recordTypeMappings"} <= set(sf.Contact.describe_layout(""))
    assert "detailLayoutSections" in sf.Contact.describe_layout("012000000000000AAA")
    alone = SFType("Contact", sf.session_id, sf.sf_instance, sf_version=VERSION, session=sf.session)
    assert alone.describe()["keyPrefix"] == "003"
    with pytest.raises(SalesforceResourceNotFound):
        sf.Unknown__c.describe()


def test_a_password_is_set(sf: Salesforce) -> None:
    user: str = sf.oauth2("userinfo")["user_id"]
    assert sf.set_password(user, "correct-horse-7") is None
    with pytest.raises(SalesforceMalformedRequest) as weak:
        sf.set_password(user, "a")
    assert weak.value.content[0]["errorCode"] == "INVALID_NEW_PASSWORD"


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [("limits", {"method": "PUT"}, 405), ("sobjects/Contact", {"method": "POST", "data": "x", "headers": {"Content-Type": "text/weird"}}, 415)],
)  # fmt: skip
def test_statuses_without_an_exception_of_their_own(
    sf: Salesforce, path: str, options: dict[str, Any], status: int
) -> None:
    with pytest.raises(SalesforceGeneralError) as refused:
        sf.restful(path, **options)
    assert refused.value.status == status


def test_the_metadata_api_is_absent_without_a_crash(sf: Salesforce) -> None:
    with pytest.raises(SalesforceResourceNotFound):
        sf.checkDeployStatus("0Af000000000001AAA")
