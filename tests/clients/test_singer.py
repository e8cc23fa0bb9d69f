"""The unmodified Singer tap reads an org: discovery, a whole read, and what has changed since."""

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

WANTED = ("Account", "Contact")
COUNT = 2100


class Tap:
    """One installation of the tap, configured for one org."""

    def __init__(self, server: api.Server, org: OrgInfo, folder: Path, api_type: str = "REST") -> None:
        self._command = python_clients.installed("singer") / "tap-salesforce"
        self._variables = python_clients.environment(server, org)
        self._folder = folder
        config = {
            "refresh_token": org.refresh_token,
            "client_id": org.client_id,
            "client_secret": org.client_secret,
            "start_date": "2020-01-01T00:00:00Z",
            "api_type": api_type,
            "select_fields_by_default": True,
        }
        self._write("config.json", config)

    def _write(self, name: str, value: Any) -> None:
        (self._folder / name).write_text(json.dumps(value))

    def discover(self) -> list[dict[str, Any]]:
        said = python_clients.run(
            [self._command, "--config", "config.json", "--discover"], self._variables, self._folder
        )
        streams: list[dict[str, Any]] = json.loads(said)["streams"]
        return streams

    def sync(self, streams: list[dict[str, Any]], state: Any = None) -> list[dict[str, Any]]:
        """Read the streams; return the messages of the tap."""
        for stream in streams:
            for entry in stream["metadata"]:
                if not entry["breadcrumb"]:
                    entry["metadata"] |= {
                        "selected": True, "replication-method": "INCREMENTAL", "replication-key": "SystemModstamp",
                    }  # fmt: skip
        self._write("catalog.json", {"streams": streams})
        command: list[str | Path] = [self._command, "--config", "config.json", "--properties", "catalog.json"]
        if state is not None:
            self._write("state.json", state)
            command += ["--state", "state.json"]
        said = python_clients.run(command, self._variables, self._folder)
        return [json.loads(line) for line in said.splitlines()]


def read(messages: list[dict[str, Any]], stream: str) -> list[dict[str, Any]]:
    return [one["record"] for one in messages if one["type"] == "RECORD" and one["stream"] == stream]


@pytest.fixture
def org(server: api.Server) -> Iterator[OrgInfo]:
    """An org whose clock is a day behind, so that a test can move it and never passes the tap's own."""
    made = server.control.create_org(clock_start=int(time.time()) - 86_400)
    yield made
    server.control.delete_org(made.id)


def test_whole_and_incremental_reads(server: api.Server, org: OrgInfo, tmp_path: Path) -> None:
    control = server.control.for_org(org.id)
    (account,) = control.seed("Account", [{"Name": "Acme"}])
    control.seed("Contact", [{"LastName": f"Row {number}", "AccountId": account} for number in range(COUNT)])
    control.advance(3600)
    control.seed("Contact", [{"LastName": "Last"}])
    tap = Tap(server, org, tmp_path)
    streams = {one["stream"]: one for one in tap.discover()}
    assert len(streams) > 200
    wanted = [streams[name] for name in WANTED]

    messages = tap.sync(wanted)
    assert [one["Name"] for one in read(messages, "Account")] == ["Acme"]
    assert {one["LastName"] for one in read(messages, "Contact")} == {
        "Last",
        *(f"Row {number}" for number in range(COUNT)),
    }
    state = [one["value"] for one in messages if one["type"] == "STATE"][-1]

    control.advance(3600)
    control.seed("Contact", [{"LastName": "Later"}])
    later = tap.sync(wanted, state)
    # What was saved at the very moment of the bookmark comes once more.
    assert {one["LastName"] for one in read(later, "Contact")} == {"Last", "Later"}


def test_bulk_reads(server: api.Server, org: OrgInfo, tmp_path: Path) -> None:
    control = server.control.for_org(org.id)
    control.seed(
        "Contact", [{"LastName": f'Row "{number}",\nsaid', "Email": "a@example.com"} for number in range(COUNT)]
    )
    tap = Tap(server, org, tmp_path, "BULK")
    streams = {one["stream"]: one for one in tap.discover()}
    contacts = read(tap.sync([streams["Contact"]]), "Contact")
    assert {one["LastName"] for one in contacts} == {f'Row "{number}",\nsaid' for number in range(COUNT)}
    used = {one["operation"] for one in control.journal()}
    assert {"bulk1.job.create", "bulk1.batch.create", "bulk1.batch.download", "bulk1.job.close"} <= used
