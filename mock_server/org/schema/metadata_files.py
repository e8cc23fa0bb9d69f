"""Finds the metadata files below a folder or in a zip, in source format or metadata format, and reads them one by one.

A file is known by the end of its name, at any depth: `Status__c.field-meta.xml` (source format), `Rental__c.object`
(metadata format); the object of a field is the folder that holds its `fields` folder.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import orjson

from mock_server.org.schema import metadata_apps
from mock_server.org.schema.errors import Place, SchemaErrors
from mock_server.org.schema.forceignore import Ignored
from mock_server.org.schema.xml_tree import Element, XmlError, parse

MOST_FILES = 200_000
LARGEST_FILE = 20_000_000
LARGEST_ZIP = 400_000_000
"""Unpacked, in bytes (Metadata API: 400 MB)."""

_SKIPPED = frozenset({".git", ".sf", ".sfdx", ".husky", "node_modules", "__pycache__", "__MACOSX"})
_SOURCE = "-meta.xml"
_PARTS = {
    "fields": "field",
    "recordTypes": "recordType",
    "validationRules": "validationRule",
    "compactLayouts": "compactLayout",
    "listViews": "listView",
    "webLinks": "webLink",
    "fieldSets": "fieldSet",
    "indexes": "index",
    "businessProcesses": "businessProcess",
    "sharingReasons": "sharingReason",
}
PART_KINDS = frozenset(_PARTS.values())
"""Kinds of files in source format that belong to an object."""
_ALONE = frozenset(
    {
        "object",
        "globalValueSet",
        "standardValueSet",
        "md",
        "platformEventChannel",
        "platformEventChannelMember",
        "profile",
        "permissionset",
        *metadata_apps.KINDS,
        "permissionsetgroup",
        "sharingRules",
        "duplicateRule",
        "matchingRule",
        "quickAction",
        "namedCredential",
        "workflow",
        "assignmentRules",
    }
)


@dataclass(frozen=True)
class MetadataFile:
    """One file. `kind` is its suffix (`object`, `field`, `profile`, ...); `parent` is the object of a part of one."""

    path: str
    """As it is shown to users: below the source that they named, or `archive.zip!/inner/path`."""
    kind: str
    name: str
    parent: str | None
    read_bytes: Callable[[], bytes] = field(repr=False, compare=False)

    @property
    def known(self) -> bool:
        """Whether files of this kind hold a schema or the rights on it."""
        return self.kind in _ALONE or self.kind in PART_KINDS

    def tree(self) -> Element:
        """Return the root element. Raises SchemaErrors, with the line, for what cannot be read."""
        try:
            return parse(self.read_bytes())
        except XmlError as error:
            raise SchemaErrors.at(Place(self.path, error.line), error.message) from None
        except OSError as error:
            raise SchemaErrors.at(Place(self.path), f"cannot read the file: {error.strerror or error}") from None


@dataclass(frozen=True)
class Project:
    """The files of one source, in the order in which they count: later ones over earlier ones."""

    files: tuple[MetadataFile, ...]
    namespace: str | None = None


def is_project(path: Path) -> bool:
    """Whether a path leads to metadata: any folder, or a zip."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def open_project(path: Path) -> Project:
    """Return the metadata files of a folder (an SFDX project, or any folder of one) or a zip. Raises SchemaErrors."""
    shown = str(path)
    try:
        if not path.is_dir():
            return _of_zip(path)
        settings = path / "sfdx-project.json"
        if not settings.is_file():
            inside, namespace = _enclosing(path)
            return Project(tuple(_below(path, Ignored.of(inside or path))), namespace)
        packages, namespace = _settings(settings)
        ignored = Ignored.of(path)
        files: list[MetadataFile] = []
        for package in packages:
            folder = path / package
            if not folder.is_dir():
                raise SchemaErrors.at(
                    Place(str(settings)),
                    f"packageDirectories names {package!r}, and there is no such folder",
                    allowed=sorted(one.name for one in path.iterdir() if one.is_dir() and one.name[0] != "."),
                )
            files += _below(folder, ignored)
        return Project(tuple(files), namespace)
    except OSError as error:
        raise SchemaErrors.at(Place(shown), f"cannot read {shown}: {error.strerror or error}") from None


def _enclosing(path: Path) -> tuple[Path | None, str | None]:
    """Return the project that a folder is part of, and its namespace."""
    for above in path.resolve().parents:
        settings = above / "sfdx-project.json"
        if settings.is_file():
            try:
                return above, _settings(settings)[1]
            except SchemaErrors:
                # Its project is not what was asked for.
                return None, None
    return None, None


def _settings(file: Path) -> tuple[list[str], str | None]:
    place = Place(str(file))
    if file.stat().st_size > LARGEST_FILE:
        raise SchemaErrors.at(place, "the file is too large")
    data = file.read_bytes()
    try:
        found = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        line = data.count(b"\n", 0, error.pos) + 1
        raise SchemaErrors.at(Place(str(file), line), f"not valid JSON: {error.msg}") from None
    packages = found.get("packageDirectories") if isinstance(found, dict) else None
    paths = [one.get("path") if isinstance(one, dict) else None for one in packages or ()] if isinstance(
        packages, list
    ) else []  # fmt: skip
    if not paths or not all(isinstance(one, str) and one and "\0" not in one for one in paths):
        raise SchemaErrors.at(place, "packageDirectories must be a list of {path: FOLDER}", allowed=("path",))
    namespace = found.get("namespace") or None
    if namespace is not None and not (isinstance(namespace, str) and re.fullmatch(r"[A-Za-z]\w{0,14}", namespace)):
        raise SchemaErrors.at(place, "namespace must be a name of at most 15 letters, digits and underscores")
    # A path that leads out of the project is the user's own wish: monorepos have them.
    return [one for one in paths if isinstance(one, str)], namespace


def _below(folder: Path, ignored: Ignored) -> Iterator[MetadataFile]:
    count = 0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            path = Path(root) / name
            count += 1
            if count > MOST_FILES:
                raise SchemaErrors.at(Place(str(folder)), f"there are more than {MOST_FILES:,} files below this folder")
            if ignored.covers(path):
                continue
            yield from _file(str(path), path.parts, _reader(path))


def _reader(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path.name} is no regular file")
        if found.st_size > LARGEST_FILE:
            raise OSError(f"the file is larger than {LARGEST_FILE // 1_000_000} MB")
        return path.read_bytes()

    return read


def _file(shown: str, parts: tuple[str, ...], read: Callable[[], bytes]) -> Iterator[MetadataFile]:
    name, _, kind = parts[-1].removesuffix(_SOURCE).rpartition(".")
    # Without the suffix of source format only the kinds of metadata format count; other files are code and data.
    if not name or (kind not in _ALONE and not parts[-1].endswith(_SOURCE)):
        return
    parent = None
    if kind in PART_KINDS:
        inside = len(parts) > 2 and parts[-2] in _PARTS
        parent = parts[-3] if inside else None
    yield MetadataFile(shown, kind, unquote(name), parent, read)


def _of_zip(path: Path) -> Project:
    """Return the files of a zip. Nothing is unpacked to disk, so the names in it lead nowhere."""
    import zipfile
    import zlib

    shown = str(path)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise SchemaErrors.at(Place(shown), f"this is no zip file: {error}") from None
    entries = [info for info in archive.infolist() if not info.is_dir()]
    if len(entries) > MOST_FILES:
        raise SchemaErrors.at(Place(shown), f"the zip holds more than {MOST_FILES:,} files")
    if sum(info.file_size for info in entries) > LARGEST_ZIP:
        raise SchemaErrors.at(Place(shown), f"the zip unpacks to more than {LARGEST_ZIP // 1_000_000} MB")

    def reader(info: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                with archive.open(info) as stream:
                    # What the directory of the zip says of sizes is a claim.
                    data = stream.read(LARGEST_FILE + 1)
            except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
                raise OSError(f"the zip is damaged or uses what is not read: {error}") from None
            if len(data) > LARGEST_FILE:
                raise OSError(f"the file is larger than {LARGEST_FILE // 1_000_000} MB")
            return data

        return read

    files: list[MetadataFile] = []
    for info in sorted(entries, key=lambda info: info.filename):
        parts = tuple(part for part in info.filename.replace("\\", "/").split("/") if part)
        if parts and not set(parts) & _SKIPPED:
            files += _file(f"{shown}!/{info.filename}", parts, reader(info))
    return Project(tuple(files))
