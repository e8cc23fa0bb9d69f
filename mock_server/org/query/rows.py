"""From SQL rows to JSON records: a function compiled for each selection, since a page has thousands of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

Row = Sequence[Any]
Build = Callable[[Sequence[Row], str, Sequence[Mapping[str, Any]]], list[dict[str, Any]]]
"""Takes rows, the start of record urls, and for each child subquery the records by parent id."""

_PARTS = ("city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street")
"""An address's keys, in the order of a recorded answer."""


class _Source:
    """What the pieces of a builder's source share: the starts of urls, worked out once a page instead of once a row."""

    def __init__(self) -> None:
        self.starts: dict[str, str] = {}
        self.functions: dict[str, Callable[..., Any]] = {}

    def function(self, work: Callable[..., Any]) -> str:
        """Return the name under which the builder knows a function."""
        name = f"f{len(self.functions)}"
        self.functions[name] = work
        return name

    def start(self, sobject: str) -> str:
        return self.starts.setdefault(sobject, f"p{len(self.starts)}")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value as it is in a column; a boolean is stored as 0 or 1."""

    column: int
    boolean: bool = False

    def code(self, source: _Source) -> str:
        return f"c{self.column} == 1" if self.boolean else f"c{self.column}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A value that is shown in another form than it is stored."""

    column: int
    show: Callable[[Any], Any]

    def code(self, source: _Source) -> str:
        return f"{source.function(self.show)}(c{self.column})"


@dataclass(frozen=True, slots=True)
class File:
    """The bytes of a file: a record has the path that leads to them. The column tells whether there are any."""

    column: int
    sobject: str
    id_column: int
    field: str

    def code(self, source: _Source) -> str:
        path = f"{source.start(self.sobject)} + c{self.id_column} + {'/' + self.field!r}"
        return f"({path} if c{self.column} else None)"


@dataclass(frozen=True, slots=True)
class Compound:
    """An address or a location: several columns, None where a part is not stored. `keys` name them."""

    keys: tuple[str, ...]
    columns: tuple[int | None, ...]

    def code(self, source: _Source) -> str:
        stored = [f"c{column}" for column in self.columns if column is not None]
        if not stored:
            return "None"
        cells = ", ".join(
            f"{key!r}: {'None' if column is None else f'c{column}'}"
            for key, column in zip(self.keys, self.columns, strict=True)
        )
        return f"(None if {' is None and '.join(stored)} is None else {{{cells}}})"


@dataclass(frozen=True, slots=True)
class Children:
    """The records of a child subquery, null where a parent has none."""

    index: int

    def code(self, source: _Source) -> str:
        return f"k[{self.index}].get(c0)"


@dataclass(frozen=True, slots=True)
class Nested:
    """A record: the object's name (None for one that the id tells), the column of its id, its fields in order."""

    sobject: str | None
    id_column: int
    fields: dict[str, Any]
    optional: bool = True

    def code(self, source: _Source) -> str:
        identifier = f"c{self.id_column}"
        if self.sobject is None:
            head = f"{{'type': 'Name', 'url': u + '/' + object_of({identifier}) + '/' + {identifier}}}"
        else:
            head = f"{{'type': {self.sobject!r}, 'url': {source.start(self.sobject)} + {identifier}}}"
        cells = "".join(f", {name!r}: {node.code(source)}" for name, node in self.fields.items())
        record = f"{{'attributes': {head}{cells}}}"
        return f"(None if {identifier} is None else {record})" if self.optional else record


@dataclass(frozen=True, slots=True)
class Variant:
    """A record whose fields depend on the object that an id belongs to, by key prefix; None where no case fits."""

    id_column: int
    cases: tuple[tuple[str, Nested], ...]
    otherwise: Nested | None

    def code(self, source: _Source) -> str:
        identifier = f"c{self.id_column}"
        chosen = "None" if self.otherwise is None else self.otherwise.code(source)
        for prefix, record in reversed(self.cases):
            chosen = f"({record.code(source)} if {identifier}[:3] == {prefix!r} else {chosen})"
        return f"(None if {identifier} is None else {chosen})"


@lru_cache(512)
def _code(source: str) -> CodeType:
    """Compile a builder's source: queries that differ in their literals alone share it."""
    return compile(source, "<row builder>", "exec")


def compiled(record: Nested, columns: int, extra: int, object_of: Callable[[str], str]) -> Build:
    """Return the function that builds a selection's records from rows of `columns` columns, and `extra` unused ones.

    The source holds only names of the schema, through `repr`, and column numbers: nothing that a client wrote.
    """
    shared = _Source()
    one = record.code(shared)
    cells = ", ".join([*(f"c{column}" for column in range(columns)), *["_"] * extra])
    starts = "".join(f"    {name} = u + {'/' + sobject + '/'!r}\n" for sobject, name in shared.starts.items())
    source = f"def build(rows, u, k):\n{starts}    return [{one} for ({cells},) in rows]\n"
    names: dict[str, Any] = {"object_of": object_of, **shared.functions}
    exec(_code(source), names)  # noqa: S102
    build: Build = names["build"]
    return build


def compiled_groups(columns: Sequence[tuple[str, bool]]) -> Build:
    """Return the function that builds the rows of an aggregate query: name and whether it is a boolean, by column.

    Names may be a client's own aliases: they are data, never source. Rows may end with sort keys, which are left out.
    """
    names = [name for name, _ in columns]
    booleans = [place for place, (_, boolean) in enumerate(columns) if boolean]
    count = len(columns)

    def build(rows: Sequence[Row], base: str, children: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        out = []
        for row in rows:
            cells = list(row[:count])
            for place in booleans:
                cells[place] = None if cells[place] is None else cells[place] == 1
            out.append({"attributes": {"type": "AggregateResult"}, **dict(zip(names, cells, strict=True))})
        return out

    return build


def compound_keys(kind: str) -> tuple[str, ...]:
    """Return the keys of an `address` or a `location`."""
    return _PARTS if kind == "address" else ("latitude", "longitude")
