"""Uploads whose connection breaks off while they come in, by rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.conftest import Rest
from tests.protocols.bulk2.test_ingest import CSV, ended, new_job

PIECE = b"LastName\n" * 10_000
PIECES = 400
"""Some 36 MB: more than lies on the way between client and server."""


class Upload:
    """A large content that notes how much of it was asked for."""

    sent = 0

    def __len__(self) -> int:
        return PIECES * len(PIECE)

    def read(self, _: int = 0) -> bytes:
        self.sent += 1
        return PIECE if self.sent <= PIECES else b""

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b"")


@pytest.fixture
def control(rest: Rest, server: Any) -> Any:
    return server.control.for_org(rest.org.id)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_large_upload_breaks_off_half_way(rest: Rest, control: Any, chunked: bool) -> None:
    control.add_fault({"on": "bulk2.ingest.upload", "upload": "cut", "when": {"times": 1}})
    job = new_job(rest)
    upload = Upload()
    path = f"/jobs/ingest/{job['id']}/batches"
    with pytest.raises(requests.ConnectionError):
        rest("PUT", path, data=iter(upload) if chunked else upload, headers=CSV)
    assert upload.sent < PIECES
    entry = next(one for one in control.journal() if one["operation"] == "bulk2.ingest.upload")
    assert (entry["outcome"], entry["status"], [one["effect"] for one in entry["strikes"]]) == (
        "reset", 200, ["upload"],
    )  # fmt: skip
    assert rest.get(f"/jobs/ingest/{job['id']}").json()["state"] == "Open"
    assert rest("PUT", path, data=b"LastName\nL\n", headers=CSV).status_code == 201
    rest.patch(f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
    assert ended(rest, job)["numberRecordsProcessed"] == 1


def test_other_uploads_are_read_though_a_rule_stands_by(rest: Rest, control: Any) -> None:
    control.add_fault({"on": "bulk2.ingest.upload", "upload": "cut", "where": {"sobject": "Account"}})
    job = new_job(rest)
    path = f"/jobs/ingest/{job['id']}/batches"
    assert rest("PUT", path, data=b"LastName\nL\n", headers=CSV).status_code == 201
    control.add_fault({"on": "bulk2.ingest.upload", "status": 503, "at": "before", "when": {"times": 1}})
    other = new_job(rest)
    path = f"/jobs/ingest/{other['id']}/batches"
    assert rest("PUT", path, data=PIECE * 50, headers=CSV).status_code == 503
    assert rest("PUT", path, data=b"LastName\nL\n", headers=CSV).status_code == 201
    fingerprints = [one["fingerprint"] for one in control.journal() if one["operation"] == "bulk2.ingest.upload"]
    assert len(set(fingerprints)) == 2
