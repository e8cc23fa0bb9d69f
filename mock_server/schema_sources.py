"""Opens whatever a user names as a schema, and puts several on top of each other.

A source is an SFDX project or any folder of metadata, a zip of it, saved describes (a JSON file or a folder of them),
or a YAML or JSON file of inline definitions. Later sources count over earlier ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from mock_server import documents
from mock_server.documents import Document, DocumentError
from mock_server.org.schema import Schema, describe_json, metadata
from mock_server.org.schema.definitions import KINDS, Definitions
from mock_server.org.schema.errors import Place, Problem, SchemaErrors
from mock_server.org.schema.metadata_files import LARGEST_FILE, is_project

_PROJECT = "sfdx-project.json"
__all__ = ["Definitions", "Place", "check", "inline", "read"]
_FORMS = "an SFDX project or a folder of metadata, a zip of one, saved describes (JSON), or YAML of objects and fields"


def read(sources: Iterable[str | os.PathLike[str]]) -> Definitions:
    """Return the definitions of all sources on top of each other. Raises DocumentError for YAML that cannot be read.

    What is wrong with metadata and describes stands in `problems`; `check` tells all of it.
    """
    out = Definitions()
    for source in sources:
        try:
            out.add(_one(Path(source)))
        except OSError as error:
            raise DocumentError([f"{str(source)[:200]}:1: cannot read this: {error.strerror or error}"]) from None
    out.settle()
    return out


def check(definitions: Definitions) -> Schema:
    """Return the schema that definitions make. Raises DocumentError with a line for everything that is wrong."""
    try:
        return Schema.load(definitions)
    except SchemaErrors as error:
        raise DocumentError([str(problem) for problem in error.problems]) from None


def _one(path: Path) -> Definitions:
    if "\0" in str(path):
        raise DocumentError(["a path cannot hold a NUL character"])
    if path.exists() and not path.is_dir() and not path.is_file():
        # A pipe would be waited for, a device has no end.
        return _failed(path, "this is no regular file")
    if is_project(path) and path.exists():
        out = metadata.read(path)
        if out.notes or out.problems:
            return out
        if (path / _PROJECT).is_file():
            return _failed(path / _PROJECT, "no file of a schema stands below the folders of packageDirectories")
        return _folder(path) if path.is_dir() else _failed(path, f"no file of a schema is in this zip; give {_FORMS}")
    if path.suffix.lower() == ".json":
        return _json(path)
    if path.suffix.lower() in (".yaml", ".yml") or not path.exists():
        return inline(documents.load(path))
    return _failed(path, f"{path.name} is no schema; give {_FORMS}")


def _failed(path: Path, message: str, line: int = 1) -> Definitions:
    return Definitions(problems=[Problem(Place(str(path), line), message)])


def _folder(path: Path) -> Definitions:
    """Read a folder without metadata: of saved describes, or of definitions."""
    out = Definitions()
    files = sorted(one for one in path.iterdir() if one.suffix.lower() == ".json" and one.is_file())
    if not files:
        return _failed(path, f"no file of a schema stands below this folder; give {_FORMS}")
    parts = [_parsed(one) for one in files]
    together: list[Any] = []
    for file, part in zip(files, parts, strict=True):
        if isinstance(part, Definitions):
            out.add(part)
        elif describe_json.is_describe(part):
            together.append((file, part))
        else:
            out.note("ignored", Place(str(file)), "this JSON is no describe")
    for file, part in together:
        out.add(describe_json.read(part, str(file)))
    return out


def _parsed(path: Path) -> Any:
    """Return the contents of a JSON file; Definitions with a problem where it cannot be read."""
    try:
        if not path.is_file():
            return _failed(path, "this is no regular file")
        if path.stat().st_size > LARGEST_FILE * 5:
            return _failed(path, "the file is too large")
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        return _failed(path, f"cannot read the file: {error.strerror or error}")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _failed(path, f"not valid JSON: {error.msg}", data.count(b"\n", 0, error.pos) + 1)


def _json(path: Path) -> Definitions:
    data = _parsed(path)
    if isinstance(data, Definitions):
        return data
    if describe_json.is_describe(data):
        return describe_json.read(data, str(path))
    if isinstance(data, dict) and data and set(data) <= set(KINDS):
        return inline(Document(str(path), data, {}, {}))
    return _failed(path, "this JSON is no describe of an object, and no definitions", 1)


def inline(document: Document) -> Definitions:
    """Return the definitions of a YAML document. Raises DocumentError where it is not even in outline one."""
    data = document.data
    if not isinstance(data, Mapping) or not set(data) <= set(KINDS):
        wrong = next((key for key in data if key not in KINDS), None) if isinstance(data, Mapping) else None
        problem = documents.Problem(
            () if wrong is None else (wrong,),
            "a schema file is a mapping of `objects` and `fields`",
            KINDS,
            documents.nearest(wrong, KINDS) if wrong is not None else None,
            at_key=wrong is not None,
        )
        raise document.error([problem])
    problems = [
        documents.Problem((kind,), f"{kind} is a mapping of {'object names' if kind in _OBJECTS else 'names'}")
        for kind, given in data.items()
        if given is not None and not isinstance(given, Mapping)
    ]
    problems += [
        documents.Problem((kind, name), f"{name} must be a mapping")
        for kind, given in data.items()
        if isinstance(given, Mapping) and kind != "valueSets"
        for name, value in given.items()
        if not isinstance(value, Mapping)
    ]
    if problems:
        raise document.error(problems)
    out = Definitions()
    out.data.update({kind: dict(given) for kind, given in data.items() if given is not None})
    out.places = {path: Place(document.file, *at) for path, at in (document.values | document.keys).items() if path}
    for path in (path for path in document.values if path):
        # A wrong value is shown where it stands, not where its key does.
        out.places[path] = Place(document.file, *document.values[path])
    for kind, given in out.data.items():
        for name in given:
            # JSON is read without the places of its parts.
            out.places.setdefault((kind, name), Place(document.file))
        if given:
            names = ", ".join(list(given)[:6]) + (f" and {len(given) - 6} more" if len(given) > 6 else "")
            out.note("taken", Place(document.file), f"{kind}: {names}")
    return out


_OBJECTS = frozenset({"objects", "fields", "records"})
