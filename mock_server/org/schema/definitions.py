"""What the sources of a schema say: plain data in the form of inline definitions, and the place of each part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mock_server.org.schema.errors import Path, Place, Problem, SchemaError

KINDS = (
    "objects", "fields", "valueSets", "records", "channels", "profiles", "permissionSets", "apps", "quickActions",
    "outboundMessages", "namedCredentials",
)  # fmt: skip
"""What definitions are of. `records` are by object and name, `channels` (of platform events) by name."""
_PARTS = ("validationRules", "recordTypes", "compactLayouts", "duplicateRules", "workflowRules", "assignmentRules")


@dataclass(frozen=True, slots=True)
class FileNote:
    """What became of one file: `taken` with what it gave, `ignored` with the reason, or a `warning` at a line."""

    verdict: Literal["taken", "ignored", "warning"]
    place: Place
    text: str


@dataclass
class Definitions:
    """The definitions of one source, or of several on top of each other."""

    data: dict[str, dict[str, Any]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    places: dict[Path, Place] = field(default_factory=dict)
    notes: list[FileNote] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    relationships: dict[tuple[str, str], str] = field(default_factory=dict)
    """What parents, in their describes, call the relationship of a child and its field."""

    def place(self, path: Path) -> Place | None:
        """Return where a part is defined: it, else the nearest part around it that has a place, else one inside it."""
        for length in range(len(path), 0, -1):
            found = self.places.get(path[:length])
            if found is not None:
                own = self.places.get(path[:3], found)
                # A part of a field that a later source defined anew is where that source is.
                return found if path[0] != "fields" or found.file == own.file else own
        inside = (place for one, place in self.places.items() if path and one[: len(path)] == path)
        return next(inside, self.places.get(()))

    def problem(self, error: SchemaError) -> Problem:
        """Return a mistake with its place."""
        place = self.place(error.path) or Place(".".join(map(str, error.path))[:200] or "schema")
        return Problem(place, error.message, error.allowed, error.nearest, error.path)

    def note(self, verdict: Literal["taken", "ignored", "warning"], place: Place, text: str) -> None:
        self.notes.append(FileNote(verdict, place, text))

    def lines(self, file: str, path: Path, lines: Mapping[tuple[Any, ...], int]) -> None:
        """Say at which lines of a file a part is defined, and what is in it, by the paths from there."""
        for inner, line in lines.items():
            self.places[(*path, *inner)] = Place(file, line)

    def field(self, sobject: str, name: str, definition: dict[str, Any], place: Place | None = None) -> None:
        """Define a field; an earlier definition of it is gone."""
        sobject = _key(self.data["fields"], sobject)
        inner = self.data["objects"].get(_key(self.data["objects"], sobject), {})
        if isinstance(inner, dict) and isinstance(inner.get("fields"), dict):
            inner["fields"].pop(_key(inner["fields"], name), None)
        fields = self.data["fields"].setdefault(sobject, {})
        if not isinstance(fields, dict):
            # What is below is wrong, and will be told.
            return
        key = _key(fields, name)
        if definition.get("standard") and isinstance(fields.get(key), dict):
            definition = {**fields[key], **definition}
        fields.pop(key, None)
        fields[name] = definition
        if place is not None:
            self.places["fields", sobject, name] = place

    def object(self, name: str, definition: Mapping[str, Any], place: Place | None = None) -> None:
        """Define an object, or say more of it: parts by name, settings one by one."""
        name = _key(self.data["objects"], name)
        known = self.data["objects"].setdefault(name, {})
        if not isinstance(known, dict):
            return
        for key, value in definition.items():
            if key in _PARTS and isinstance(value, dict) and isinstance(known.get(key), dict):
                known[key].update(value)
            elif key == "fields" and isinstance(value, dict):
                known.setdefault("fields", {})
                for one, inner in value.items():
                    self.field(name, one, inner)
            else:
                known[key] = dict(value) if key in _PARTS and isinstance(value, dict) else value
        if place is not None:
            self.places["objects", name] = place

    def add(self, other: Definitions) -> None:
        """Put a later source on top of this one."""
        index = _by_field(other.places)
        for name, definition in other.data["objects"].items():
            if isinstance(definition, Mapping):
                plain = {key: value for key, value in definition.items() if key != "fields"}
                self.object(name, plain)
                inner = definition.get("fields", {})
                if isinstance(inner, Mapping):
                    self._fields(name, inner, other, ("objects", name, "fields"), index)
                else:
                    self.data["objects"][_key(self.data["objects"], name)] = {**plain, "fields": inner}
            else:
                self.data["objects"][name] = definition
        for name, definition in other.data["fields"].items():
            if isinstance(definition, Mapping):
                self.data["fields"].setdefault(_key(self.data["fields"], name), {})
                self._fields(name, definition, other, ("fields", name), index)
            else:
                self.data["fields"][name] = definition
        for kind in KINDS:
            if kind in ("objects", "fields", "records"):
                continue
            self.data[kind].update(other.data[kind])
        for name, rows in other.data["records"].items():
            if name.endswith("__mdt") and isinstance(rows, Mapping):
                self.data["records"].setdefault(name, {}).update(rows)
            else:
                self.data["records"][name] = rows
        for path, place in other.places.items():
            if path[:1] != ("fields",) and path[2:3] != ("fields",):
                self.places[_canonical(self.data, path)] = place
        self.relationships |= other.relationships
        self.notes += other.notes
        self.problems += other.problems

    def settle(self) -> None:
        """Name the relationships of described fields, once all describes are there."""
        for (child, name), relationship in self.relationships.items():
            definition = self.data["fields"].get(child, {}).get(name)
            if isinstance(definition, dict) and "describe" in definition:
                definition["relationshipName"] = relationship

    def _fields(
        self, sobject: str, fields: Mapping[str, Any], other: Definitions, at: Path, index: Mapping[Path, list[Path]]
    ) -> None:
        for name, definition in fields.items():
            if isinstance(definition, Mapping):
                self.field(sobject, name, dict(definition))
            else:
                self.data["fields"].setdefault(_key(self.data["fields"], sobject), {})[name] = definition
            inside = ("fields", _key(self.data["fields"], sobject), name)
            start = (*at, name)
            for path in index.get(start, ()):
                self.places[(*inside, *path[len(start) :])] = other.places[path]
        if not fields:
            place = other.places.get(at)
            if place is not None:
                self.places["fields", _key(self.data["fields"], sobject)] = place


def _by_field(places: Mapping[Path, Place]) -> dict[Path, list[Path]]:
    """Return the paths at and below each field."""
    out: dict[Path, list[Path]] = {}
    for path in places:
        out.setdefault(path[: 4 if path[:1] == ("objects",) else 3], []).append(path)
    return out


def _key(table: Mapping[str, Any], name: str) -> str:
    """Return the key by which a table knows a name, in any case."""
    if name in table:
        return name
    folded = name.lower()
    return next((key for key in table if key.lower() == folded), name)


def _canonical(data: Mapping[str, Mapping[str, Any]], path: Path) -> Path:
    kind, name = path[:2] if len(path) > 1 else ("", "")
    if isinstance(kind, str) and kind in data and isinstance(name, str):
        return (kind, _key(data[kind], name), *path[2:])
    return path
