"""Small metadata files for tests of the sources of a schema."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from mock_server.org.schema import Schema
from mock_server.org.schema.definitions import Definitions
from mock_server.org.schema.metadata import read

RENTAL = Path(__file__).parent / "projects/rental"
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"


def xml(root: str, body: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">\n{body}\n</{root}>\n'


def text_field(name: str, body: str = "<length>20</length>", kind: str = "Text") -> str:
    return xml("CustomField", f"<fullName>{name}</fullName>\n<label>{name[:-3]}</label>\n<type>{kind}</type>\n{body}")


def custom_object(label: str, body: str = "") -> str:
    named = "<nameField><label>Name</label><type>Text</type></nameField>"
    return xml("CustomObject", f"<label>{label}</label><pluralLabel>{label}s</pluralLabel>\n{named}\n{body}")


def put(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def zipped(file: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file


def load(path: Path) -> tuple[Schema, Definitions]:
    found = read(path)
    return Schema.load(found), found


def warnings(found: Definitions) -> list[str]:
    return [
        f"{Path(note.place.file).name}:{note.place.line}: {note.text}"
        for note in found.notes
        if note.verdict == "warning"
    ]
