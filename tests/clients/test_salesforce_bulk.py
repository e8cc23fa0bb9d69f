"""The unmodified salesforce-bulk does its jobs of Bulk API 1.0: rows that fail, each content type, PK chunking."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.clients import python_clients

pytestmark = pytest.mark.heavy
MISSING = "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"


def test_it_loads_and_reads(server: api.Server, org: OrgInfo, tmp_path: Path) -> None:
    command = [python_clients.installed("salesforce_bulk") / "python", python_clients.JOBS / "bulk_loads.py"]
    variables = {**python_clients.environment(server, org), "SF_VERSION": "62.0"}
    found = json.loads(python_clients.run([*command], variables, tmp_path))
    assert found["csv"] == [["false", MISSING] if number == 3 else ["true", ""] for number in range(10)]
    assert found["failed"] == "1"
    assert found["JSON"] == found["XML"] == [[True, []], [False, ["REQUIRED_FIELD_MISSING"]]]
    numbers = [number for number in range(10) if number != 3]
    assert found["read"] == [{"LastName": f"L{n}", "Description": f'"{n}",\nsaid he'} for n in numbers]
    assert found["original"] == "NotProcessed"
    assert found["chunks"][0] == ["NotProcessed", 0]
    assert {state for state, _ in found["chunks"][1:]} == {"Completed"}
    assert sum(rows for _, rows in found["chunks"]) == 11
    assert found["unknown field"] == "InvalidBatch : Field name not found : Nme"
    assert found["session"] == [400, True]
