"""The unmodified aiosalesforce client: it knows `https://*.my.salesforce.com` alone, and reaches the mock by its proxy."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from aiosalesforce import Salesforce
from aiosalesforce.auth import Auth, ClientCredentialsFlow, SoapLogin
from aiosalesforce.exceptions import AuthenticationError, NotFoundError, SalesforceError

from mock_server import api
from mock_server.control.client import OrgInfo

HOST = "https://acme.my.salesforce.com"
Connect = Callable[[Auth], Salesforce]


@pytest.fixture
async def connect(server: api.Server) -> AsyncIterator[Connect]:
    trust = ssl.create_default_context(cafile=str(server.ca_bundle))
    async with httpx.AsyncClient(proxy=server.url, verify=trust, trust_env=False) as http:
        yield lambda auth: Salesforce(http, HOST, auth)


@pytest.fixture
def client(connect: Connect, org: OrgInfo) -> Salesforce:
    return connect(ClientCredentialsFlow(org.client_id, org.client_secret))


async def records(client: Salesforce, soql: str, **options: Any) -> list[dict[str, Any]]:
    return [record async for record in client.query(soql, **options)]


@pytest.mark.parametrize("way", ["client_credentials", "soap"])
async def test_every_login_reaches_the_org(connect: Connect, org: OrgInfo, way: str) -> None:
    auth: Auth = (
        ClientCredentialsFlow(org.client_id, org.client_secret)
        if way == "client_credentials"
        else SoapLogin(org.username, org.password, org.security_token)
    )
    assert [one["Id"] for one in await records(connect(auth), "SELECT Id FROM Organization")] == [org.id]


async def test_a_refused_login_tells_its_code(connect: Connect, org: OrgInfo) -> None:
    with pytest.raises(AuthenticationError) as refused:
        await records(connect(ClientCredentialsFlow(org.client_id, "wrong")), "SELECT Id FROM User")
    assert refused.value.error_code == "invalid_client"
    with pytest.raises(AuthenticationError) as refused:
        await records(connect(SoapLogin(org.username, "wrong", "")), "SELECT Id FROM User")
    assert refused.value.error_code == "INVALID_LOGIN"


async def test_a_record_from_its_creation_to_its_end(client: Salesforce) -> None:
    identifier = await client.sobject.create("Contact", {"LastName": "Arden"})
    await client.sobject.update("Contact", identifier, {"FirstName": "Mary"})
    read = await client.sobject.get("Contact", identifier, fields=["FirstName", "LastName"])
    assert (read["FirstName"], read["LastName"]) == ("Mary", "Arden")
    await client.sobject.delete("Contact", identifier)
    with pytest.raises(NotFoundError):
        await client.sobject.get("Contact", identifier)
    deleted = await records(client, "SELECT Id FROM Contact WHERE IsDeleted = true", include_all_records=True)
    assert [one["Id"] for one in deleted] == [identifier]


async def test_upsert_tells_whether_it_created(client: Salesforce) -> None:
    made = await client.sobject.upsert("Contact", "a-1", "External_Id__c", {"LastName": "Arden"})
    again = await client.sobject.upsert("Contact", "a-1", "External_Id__c", {"Title": "Doctor"})
    assert (made.created, again.created, again.id) == (True, False, made.id)


async def test_an_error_carries_salesforces_code(client: Salesforce) -> None:
    with pytest.raises(SalesforceError) as refused:
        await client.sobject.create("Contact", {"FirstName": "Mary"})
    assert refused.value.error_code == "REQUIRED_FIELD_MISSING"


async def test_an_ended_session_is_renewed(client: Salesforce, server: api.Server, org: OrgInfo) -> None:
    await client.get_limits()
    server.control.for_org(org.id).expire_tokens()
    assert (await client.get_limits())["DailyApiRequests"]["Max"] > 0


async def test_a_batch_of_subrequests(client: Salesforce) -> None:
    async with client.composite.batch() as batch:
        made = batch.sobject.create("Contact", {"LastName": "Arden"})
        failed = batch.sobject.create("Contact", {"FirstName": "Mary"})
        found = batch.query("SELECT Id FROM Contact")
    assert (made.is_success, failed.is_success) == (True, False)
    assert [one["Id"] for one in found.records] == [made.id]


async def test_a_composite_call_whose_steps_refer_to_each_other(client: Salesforce) -> None:
    async with client.composite(all_or_none=True) as steps:
        account = steps.sobject.create("Account", {"Name": "Acme"})
        contact = steps.sobject.create("Contact", {"LastName": "Arden", "AccountId": str(account.reference.id)})
        read = steps.sobject.get("Contact", str(contact.reference.id), fields=["LastName", "AccountId"])
        found = steps.query(f"SELECT Account.Name FROM Contact WHERE Id = '{contact.reference.id}'")
    assert (read.record["LastName"], read.record["AccountId"]) == ("Arden", account.id)
    assert [one["Account"]["Name"] for one in found.records] == ["Acme"]
