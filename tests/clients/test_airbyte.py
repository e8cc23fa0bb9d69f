"""The unmodified Airbyte source reads an org through REST: the check, discovery, a full refresh, and increments."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.clients import python_clients

pytestmark = pytest.mark.heavy

COUNT = 2100
DAY = 86_400


@pytest.fixture
def org(server: api.Server) -> Iterator[OrgInfo]:
    """An org whose clock is days behind, so that a test can move it and never passes the source's own."""
    made = server.control.create_org(clock_start=int(time.time()) - 10 * DAY)
    yield made
    server.control.delete_org(made.id)


class Source:
    """One installation of the source, configured for one org."""

    def __init__(self, server: api.Server, org: OrgInfo, folder: Path, **more: Any) -> None:
        self._command = python_clients.installed("airbyte") / "source-salesforce"
        self._variables = python_clients.environment(server, org) | {"DO_NOT_TRACK": "1"}
        self._folder = folder
        config = {
            "client_id": org.client_id,
            "client_secret": org.client_secret,
            "refresh_token": org.refresh_token,
            "start_date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 12 * DAY)),
            "streams_criteria": [{"criteria": "exacts", "value": name} for name in ("Account", "Contact")],
            **more,
        }
        self._write("config.json", config)

    def _write(self, name: str, value: Any) -> None:
        (self._folder / name).write_text(json.dumps(value))

    def run(self, verb: str, *options: str) -> list[dict[str, Any]]:
        said = python_clients.run(
            [self._command, verb, "--config", "config.json", *options], self._variables, self._folder
        )
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    def streams(self) -> dict[str, dict[str, Any]]:
        (catalog,) = [one["catalog"] for one in self.run("discover") if one["type"] == "CATALOG"]
        return {one["name"]: one for one in catalog["streams"]}

    def read(self, stream: dict[str, Any], mode: str, state: list[Any] | None = None) -> list[dict[str, Any]]:
        """Read one stream; return the messages of the source."""
        configured = {"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"}
        if mode == "incremental":
            configured["cursor_field"] = stream["default_cursor_field"]
        self._write("catalog.json", {"streams": [configured]})
        options = ["--catalog", "catalog.json"]
        if state is not None:
            self._write("state.json", state)
            options += ["--state", "state.json"]
        return self.run("read", *options)


def last_names(messages: list[dict[str, Any]]) -> list[str]:
    return sorted(one["record"]["data"]["LastName"] for one in messages if one["type"] == "RECORD")


def test_check_tells_right_credentials_from_wrong_ones(server: api.Server, org: OrgInfo, tmp_path: Path) -> None:
    def verdict(source: Source) -> str:
        (status,) = [
            one["connectionStatus"]["status"] for one in source.run("check") if one["type"] == "CONNECTION_STATUS"
        ]
        return str(status)

    assert verdict(Source(server, org, tmp_path)) == "SUCCEEDED"
    assert verdict(Source(server, org, tmp_path, refresh_token="5Aep861wrong")) == "FAILED"


def test_full_refresh_and_increments(server: api.Server, org: OrgInfo, tmp_path: Path) -> None:
    control = server.control.for_org(org.id)
    rows = [f"Row {number:04d}" for number in range(COUNT)]
    control.seed("Contact", [{"LastName": name, "MailingCity": "Oslo"} for name in rows])
    source = Source(server, org, tmp_path)
    contacts = source.streams()["Contact"]
    assert last_names(source.read(contacts, "full_refresh")) == rows

    control.advance(2 * DAY)
    control.seed("Contact", [{"LastName": "Second"}])
    first = source.read(contacts, "incremental")
    assert set(last_names(first)) == {*rows, "Second"}
    state = [one["state"] for one in first if one["type"] == "STATE"][-1]
    # The source goes on where its own clock stood: from here on the org's shows the same.
    control.advance(8 * DAY)
    control.seed("Contact", [{"LastName": "Third"}])
    assert last_names(source.read(contacts, "incremental", [state])) == ["Third"]


def test_bulk_reads(server: api.Server, org: OrgInfo, tmp_path: Path) -> None:
    control = server.control.for_org(org.id)
    rows = [f"Row {number:04d}" for number in range(COUNT)]
    control.seed("Contact", [{"LastName": name, "Description": 'quotes ",\nlines'} for name in rows])
    source = Source(server, org, tmp_path, force_use_bulk_api=True)
    messages = source.read(source.streams()["Contact"], "full_refresh")
    assert last_names(messages) == rows
    (said,) = {one["record"]["data"]["Description"] for one in messages if one["type"] == "RECORD"}
    assert said == 'quotes ",\nlines'
    used = {one["operation"] for one in control.journal()}
    assert {"bulk2.query.create", "bulk2.query.poll", "bulk2.query.results", "bulk2.query.delete"} <= used
