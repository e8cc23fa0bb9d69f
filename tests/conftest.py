"""One real server for the whole run; a fresh org for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from simple_salesforce import Salesforce

    from mock_server import api
    from mock_server.control.client import OrgInfo

# How long an example takes tells of what else the machine does, so no law is judged by it.
settings.register_profile("sfmock", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sfmock")

FIELDS = {
    "Contact": {
        "External_Id__c": {"type": "text", "length": 64, "externalId": True, "unique": True},
        "Legacy__c": {"type": "text", "length": 40, "externalId": True},
    }
}


@pytest.fixture(scope="session")
def server() -> Iterator[api.Server]:
    from mock_server import api

    with api.start(port=0) as running:
        yield running


@dataclass
class Rest:
    """A plain HTTP client of one org: what a test sends is what the wire carries."""

    url: str
    token: str
    org: OrgInfo
    http: requests.Session = field(default_factory=requests.Session)
    version: str = "60.0"

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        if not path.startswith("/services") and not path.startswith("/_mock") and not path.startswith("/id/"):
            path = f"/services/data/v{self.version}{path}"
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return self.http.request(method, self.url + path, headers=headers, timeout=20, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self("POST", path, **options)

    def patch(self, path: str, **options: Any) -> requests.Response:
        return self("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self("DELETE", path, **options)

    def query(self, soql: str, **options: Any) -> requests.Response:
        return self.get("/query", params={"q": soql}, **options)


@pytest.fixture
def org(server: api.Server) -> Iterator[OrgInfo]:
    """A fresh org with two external id fields on Contact."""
    made = server.control.create_org(fields=FIELDS, journal="whole")
    yield made
    server.control.delete_org(made.id)


def simple_salesforce(rest: Rest, server: api.Server) -> Salesforce:
    """Return the client of that name, for the org of a plain one."""
    from simple_salesforce import Salesforce

    rest.http.verify = str(server.ca_bundle)
    rest.http.trust_env = False
    return Salesforce(instance_url=server.https_url, session_id=rest.token, session=rest.http, version=rest.version)


def allow(rest: Rest, server: api.Server, *permissions: str) -> None:
    """Give the org's user permissions of the system that an administrator does not have from the start."""
    control = server.control.for_org(rest.org.id)
    granted = {f"Permissions{name}": True for name in permissions}
    (made,) = control.seed("PermissionSet", [{"Name": "Further", "Label": "Further", **granted}])
    control.seed("PermissionSetAssignment", [{"PermissionSetId": made, "AssigneeId": rest.org.user_id}])


@pytest.fixture
def rest(server: api.Server, org: OrgInfo) -> Iterator[Rest]:
    client = Rest(server.url, org.access_token, org)
    yield client
    client.http.close()
