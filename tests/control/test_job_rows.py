"""What the control plane tells of the rows of jobs: those that nothing was done with, and the others in their order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mock_server import api
from mock_server.control.client import ControlClient, OrgInfo
from mock_server.org.clock import wall
from tests.conftest import FIELDS


class Client:
    """A client of one org that loads contacts."""

    def __init__(self, server: api.Server, org: OrgInfo) -> None:
        self.base = f"{server.url}/services"
        self.token = org.access_token
        self.control: ControlClient = server.control.for_org(org.id)

    def job(self, content: str, *, close: bool = True) -> str:
        told = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "External_Id__c"}
        job = self("POST", "", json=told).json()["id"]
        assert self("PUT", f"/{job}/batches", data=content.encode()).status_code == 201
        if close:
            self("PATCH", f"/{job}", json={"state": "UploadComplete"})
            end = wall() + 20
            while self("GET", f"/{job}").json()["state"] not in ("JobComplete", "Failed"):
                assert wall() < end
        return str(job)

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.base}/data/v60.0/jobs/ingest{path}"
        return requests.request(method, url, headers=headers, timeout=20, **options)

    def left(self) -> list[tuple[int, Any, Any, dict[str, Any]]]:
        """Return the exchange, key, success and values of the rows of the last job that nothing was done with."""
        rows = self.control.jobs(rows=True)[-1]["unprocessed"]
        return [(row["exchange"], row["key"], row["success"], row["values"]) for row in rows]


@pytest.fixture
def client(server: api.Server) -> Iterator[Client]:
    settings = {"bulk_batch_size": 200, "transaction_time": 0.02}
    org = server.control.create_org(fields=FIELDS, settings=settings, journal="whole")
    yield Client(server, org)
    server.control.delete_org(org.id)


def test_the_rows_of_a_job_that_was_never_closed(client: Client) -> None:
    client.job("External_Id__c,LastName\nK1,Ada\nK2,Grace\n", close=False)
    assert client.left() == [(2, "K1", None, {"LastName": "Ada"}), (2, "K2", None, {"LastName": "Grace"})]
    assert "unprocessed" not in client.control.jobs()[-1]


def test_the_rows_under_a_header_that_cannot_be(client: Client) -> None:
    client.job("External_Id__c,LastNme\nK1,Ada\n")
    assert client.left() == [(2, "K1", None, {"LastNme": "Ada"})]


def test_a_job_that_is_complete_has_none_left(client: Client) -> None:
    client.job("External_Id__c,LastName\nK1,Ada\nK2,\n")
    assert client.left() == []


def test_the_rows_of_a_1_0_batch_that_failed(client: Client) -> None:
    headers = {"X-SFDC-Session": client.token, "Content-Type": "application/json"}
    url = f"{client.base}/async/60.0/job"
    told = {"object": "Contact", "operation": "insert", "contentType": "JSON"}
    job = requests.post(url, json=told, headers=headers, timeout=20).json()["id"]
    requests.post(f"{url}/{job}/batch", json=[{"LastNme": "Ada"}], headers=headers, timeout=20)
    end = wall() + 20
    while client.control.jobs()[-1]["batches"][0]["state"] != "Failed":
        assert wall() < end
    assert client.left() == [(2, None, None, {"LastNme": "Ada"})]


def test_rows_are_noted_in_the_order_of_the_content_whichever_batch_comes_first(client: Client) -> None:
    keys = [f"K{number:04d}" for number in range(1000)]
    client.job("External_Id__c,LastName\n" + "".join(f"{key},L\n" for key in keys))
    entry = client.control.journal()[1]
    assert [row["key"] for row in entry["rows"]] == keys
    assert all(row["success"] for row in entry["rows"])
