"""The OpenAPI description: whole, valid, and good enough for a fuzzer that knows nothing else to find no defect."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import requests

from mock_server import api, cli
from mock_server.control.client import OrgInfo
from tests.clients import python_clients


def test_it_describes_every_operation(server: api.Server) -> None:
    document = requests.get(f"{server.url}/_mock/openapi.json", timeout=20).json()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": server.url}]
    described = {
        (re.sub(r"\{\w+\}", "{}", path), method.upper()) for path, item in document["paths"].items() for method in item
    }
    for route in api.operations().routes:
        operation = route.operation
        if operation.method == "GRPC" or operation.outgoing:
            # The protocol file describes it; or no request matches it.
            continue
        assert (re.sub(r"\{\w+\*?\}", "{}", operation.path), operation.method) in described, operation.name


def test_no_two_of_its_paths_are_the_same(server: api.Server) -> None:
    document = requests.get(f"{server.url}/_mock/openapi.json", timeout=20).json()
    blank = [re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]]
    assert len(blank) == len(set(blank))
    for path, item in document["paths"].items():
        for described in item.values():
            named = {one["name"] for one in described["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["openapi", "--server", "https://acme.my.salesforce.com"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["servers"] == [{"url": "https://acme.my.salesforce.com"}]


@pytest.mark.heavy
def test_schemathesis_finds_no_defect(server: api.Server, org: OrgInfo, tmp_path: Path) -> None:
    """Every route from its description: no 5xx, and each answer within ten seconds. SOAP's errors have status 500."""
    said = python_clients.run(
        [
            python_clients.installed("schemathesis") / "st", "run", f"{server.url}/_mock/openapi.json",
            "--header", f"Authorization: Bearer {org.access_token}",
            "--checks", "not_a_server_error", "--exclude-tag", "soap",
            "--phases", "examples,coverage,fuzzing", "--max-examples", "60", "--seed", "1", "--request-timeout", "10",
            "--no-color",
        ],
        python_clients.environment(server, org) | {"HTTPS_PROXY": ""},
        tmp_path,
    )  # fmt: skip
    assert re.search(r"API Operations:\s+Selected: \d+/\d+\s+Tested: \d+", said), said[-3000:]
