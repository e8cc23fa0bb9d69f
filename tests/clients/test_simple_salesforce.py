"""simple-salesforce 1.12.10, unmodified, doing its daily work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from mock_server import api
from mock_server.control.client import OrgInfo


@pytest.fixture
def sf(server: api.Server, org: OrgInfo) -> Iterator[Salesforce]:
    with requests.Session() as http:
        http.verify = str(server.ca_bundle)
        http.trust_env = False
        yield Salesforce(instance_url=server.https_url, session_id=org.access_token, session=http, version="60.0")


def test_a_record_from_its_creation_to_its_end(sf: Salesforce) -> None:
    made = sf.Contact.create({"LastName": "Lovelace", "Email": "Ada@Example.com"})
    assert made["success"] is True
    assert sf.Contact.update(made["id"], {"Title": "Countess"}) == 204
    record = sf.Contact.get(made["id"])
    assert (record["Name"], record["Email"], record["Title"]) == ("Lovelace", "ada@example.com", "Countess")
    assert sf.Contact.upsert("External_Id__c/A-1", {"LastName": "Hopper"}) == 201
    assert sf.Contact.upsert("External_Id__c/A-1", {"Title": "Admiral"}) == 200
    assert sf.Contact.get_by_custom_id("External_Id__c", "A-1")["Title"] == "Admiral"
    assert sf.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Contact.get(made["id"])


def test_queries_page_to_the_end(sf: Salesforce, server: api.Server, org: OrgInfo) -> None:
    server.control.for_org(org.id).seed("Contact", [{"LastName": f"N{number:04}"} for number in range(4100)])
    assert sf.query_all("SELECT Id FROM Contact")["totalSize"] == 4100
    names = [row["LastName"] for row in sf.query_all_iter("SELECT LastName FROM Contact ORDER BY LastName")]
    assert names == sorted(names) and len(names) == 4100
    first = sf.query("SELECT Id FROM Contact")
    assert sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)["done"] is False
    sf.Contact.delete(first["records"][0]["Id"])
    assert sf.query_all("SELECT Id FROM Contact", include_deleted=True)["totalSize"] == 4100


def test_what_it_reads_of_the_org(sf: Salesforce) -> None:
    described = sf.describe()
    assert described is not None
    changes = [one for one in described["sobjects"] if one["name"].endswith("ChangeEvent")]
    assert (len(described["sobjects"]), len(changes)) == (817, 52)
    fields = {field["name"]: field for field in sf.Contact.describe()["fields"]}
    assert fields["External_Id__c"]["externalId"] is True
    assert sf.Contact.metadata()["objectDescribe"]["name"] == "Contact"
    assert sf.limits()["DailyApiRequests"]["Max"] == 5_000_000
    assert sf.api_usage["api-usage"].used > 0
    assert sf.is_sandbox() is False


def test_collections_through_restful(sf: Salesforce) -> None:
    rows = [
        {"attributes": {"type": "Contact"}, "LastName": f"N{number}", "External_Id__c": str(number)}
        for number in range(200)
    ]
    path = "composite/sobjects/Contact/External_Id__c"
    for created in (True, False):
        results: Any = sf.restful(path, method="PATCH", json={"records": rows})
        assert {row["created"] for row in results} == {created}


def test_its_own_exceptions(sf: Salesforce, server: api.Server, org: OrgInfo) -> None:
    with pytest.raises(SalesforceMalformedRequest) as malformed:
        sf.Contact.create({"Nope": 1})
    assert malformed.value.content[0]["errorCode"] == "INVALID_FIELD"
    for _ in range(2):
        sf.Contact.create({"LastName": "x", "Legacy__c": "L"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Contact.get_by_custom_id("Legacy__c", "L")
    steer = server.control.for_org(org.id)
    steer.set_limit("DailyApiRequests", remaining=0)
    with pytest.raises(SalesforceRefusedRequest):
        sf.limits()
    steer.expire_tokens()
    with pytest.raises(SalesforceExpiredSession):
        sf.limits()
