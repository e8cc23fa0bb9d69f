"""Zips: a manifest of records and the files that they refer to."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib
from typing import Any

import pytest

from tests.conftest import Rest
from tests.protocols.bulk1.wire import NAMESPACE, Wire, told

FILES = {"#docs/a.txt": b"first \x00\xff", "#b.bin": b"second"}
MANIFESTS = {
    "ZIP_CSV": ("zip/csv", "Title,PathOnClient,VersionData\na,a.txt,#docs/a.txt\nb,b.bin,#b.bin\n"),
    "ZIP_JSON": (
        "zip/json",
        '[{"Title": "a", "PathOnClient": "a.txt", "VersionData": "#docs/a.txt"},'
        '{"Title": "b", "PathOnClient": "b.bin", "VersionData": "#b.bin"}]',
    ),
    "ZIP_XML": (
        "zip/xml",
        f"<sObjects {NAMESPACE}><sObject><Title>a</Title><PathOnClient>a.txt</PathOnClient>"
        "<VersionData>#docs/a.txt</VersionData></sObject><sObject><Title>b</Title><PathOnClient>b.bin</PathOnClient>"
        "<VersionData>#b.bin</VersionData></sObject></sObjects>",
    ),
}
HEADER = "Title,PathOnClient,VersionData\n"


def packed(manifest: str | None, files: dict[str, bytes] | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        if manifest is not None:
            archive.writestr("request.txt", manifest)
        for name, content in (files or {}).items():
            archive.writestr(name, content)
    return out.getvalue()


def load(wire: Wire, content: bytes, kind: str = "ZIP_CSV") -> tuple[Any, Any]:
    return wire.load(content, MANIFESTS[kind][0], contentType=kind, object="ContentVersion")


@pytest.mark.parametrize("kind", MANIFESTS)
def test_files_of_a_zip_become_values_of_records(rest: Rest, wire: Wire, kind: str) -> None:
    content = packed(MANIFESTS[kind][1], {name[1:]: data for name, data in FILES.items()})
    last, result = load(wire, content, kind)
    assert (told(last, "state"), told(last, "numberRecordsFailed")) == ("Completed", "0"), result.text
    records = rest.query("SELECT Id, Title FROM ContentVersion ORDER BY Title").json()["records"]
    assert [record["Title"] for record in records] == ["a", "b"]
    for record, data in zip(records, FILES.values(), strict=True):
        assert rest.get(f"/sobjects/ContentVersion/{record['Id']}/VersionData").content == data


def test_a_file_that_is_not_there_fails_its_record_alone(rest: Rest, wire: Wire) -> None:
    rows = "a,a.txt,#docs/a.txt\nb,b.txt,#nothing\nc,c.txt,docs/a.txt\nd,d.txt,#docs\ne,e.txt,#../../etc/passwd\n"
    _, result = load(wire, packed(HEADER + rows, {"docs/": b"", "docs/a.txt": b"x"}))
    told_rows = list(csv.DictReader(io.StringIO(result.text)))
    assert [row["Success"] for row in told_rows] == ["true", "false", "false", "false", "false"]
    assert all(row["Error"].startswith("INVALID_FIELD:") for row in told_rows[1:])
    assert rest.query("SELECT COUNT() FROM ContentVersion").json()["totalSize"] == 1


def _lying(content: bytes) -> bytes:
    """Let a zip say that its last file is small when it is not."""
    at = content.rindex(b"PK\x01\x02")
    return content[: at + 24] + struct.pack("<I", 10) + content[at + 28 :]


def _encrypted(content: bytes) -> bytes:
    at = content.index(b"PK\x01\x02")
    content = content[: at + 8] + b"\x01\x00" + content[at + 10 :]
    return content[:6] + b"\x01\x00" + content[8:]


def _strange(content: bytes) -> bytes:
    at = content.rindex(b"PK\x01\x02")
    return content[: at + 10] + b"\x63\x00" + content[at + 12 :]


BAD = {
    "no zip": b"PK\x03\x04 not really",
    "cut": packed(HEADER, {"a": b"x" * 100_000})[:300],
    "no manifest": packed(None, {"a.txt": b"x"}),
    "manifest is a folder": packed(None, {"request.txt/": b""}),
    "manifest elsewhere": packed(None, {"docs/request.txt": HEADER.encode()}),
    "name leads up": packed(HEADER + "a,a.txt,#x\n", {"../../etc/x": b"x"}),
    "name leads up, otherwise": packed(HEADER + "a,a.txt,#x\n", {"docs\\..\\..\\x": b"x"}),
    "name is absolute": packed(HEADER, {"/etc/x": b"x"}),
    "name of a drive": packed(HEADER, {"c:/x": b"x"}),
    "name too long": packed(HEADER, {"x" * 513: b"x"}),
    "too many files": packed(HEADER, {str(number): b"" for number in range(1_000)}),
    "bomb": packed(HEADER + "a,a.txt,#x\n", {"x": bytes(20_000_001)}),
    "many bombs": packed(HEADER, {str(number): bytes(1_000_000) for number in range(20)}),
    "one file named again and again": packed(HEADER + "a,a.txt,#x\n" * 100, {"x": bytes(1_000_000)}),
    "lying bomb": _lying(packed(HEADER + "a,a.txt,#x\n", {"x": bytes(30_000_000)})),
    "locked": _encrypted(packed(HEADER)),
    "entries without end": b"PK\x01\x02" * 30_000,
    "packed in a way that nobody knows": _strange(packed(HEADER)),
}


@pytest.mark.parametrize("case", BAD)
def test_zips_that_are_refused(rest: Rest, wire: Wire, case: str) -> None:
    last, result = load(wire, BAD[case])
    assert told(last, "state") == "Failed"
    assert told(last, "stateMessage").startswith("InvalidBatch : ")
    assert told(result, "exceptionMessage") == "Records not processed"
    assert rest.query("SELECT COUNT() FROM ContentVersion").json()["totalSize"] == 0


def test_the_request_of_a_zip_is_the_zip(wire: Wire) -> None:
    content = packed(HEADER + "a,a.txt,#x\n", {"x": zlib.compress(b"1")})
    job = wire.job(contentType="ZIP_CSV", object="ContentVersion")
    batch = wire.add(job, content, "zip/csv")
    answer = wire("GET", f"{batch}/request")
    assert (answer.content, answer.headers["Content-Type"]) == (content, "zip/csv")
