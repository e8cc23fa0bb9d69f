"""From SQL rows to JSON records: a function compiled for each selection, since a page has thousands of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Sequence[Any]
Build = Callable[[Row, str, Sequence[Mapping[str, Any]]], dict[str, Any]]
"""Takes a row, the start of record urls, and for each child subquery the records by parent id."""

_PARTS = ("city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street")
"""An address's keys, in the order of a recorded answer."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value as it is in a column; a boolean is stored as 0 or 1."""

    column: int
    boolean: bool = False

    def code(self) -> str:
        return f"r[{self.column}] == 1" if self.boolean else f"r[{self.column}]"


@dataclass(frozen=True, slots=True)
class Address:
    """A compound value of several columns, None where its part is not selected. `keys` name them."""

    keys: tuple[str, ...]
    columns: tuple[int | None, ...]

    def code(self) -> str:
        cells = ", ".join("None" if column is None else f"r[{column}]" for column in self.columns)
        return f"_compound({self.keys!r}, ({cells},))"


@dataclass(frozen=True, slots=True)
class Children:
    """The records of a child subquery, null where a parent has none."""

    index: int

    def code(self) -> str:
        return f"k[{self.index}].get(r[0])"


@dataclass(frozen=True, slots=True)
class Nested:
    """A record: the object's name (None for one that the id tells), the column of its id, its fields in order."""

    sobject: str | None
    id_column: int
    fields: dict[str, Any]
    optional: bool = True

    def code(self) -> str:
        identifier = f"r[{self.id_column}]"
        if self.sobject is None:
            head = f"{{'type': 'Name', 'url': u + '/' + _object_of({identifier}) + '/' + {identifier}}}"
        else:
            head = f"{{'type': {self.sobject!r}, 'url': u + {'/' + self.sobject + '/'!r} + {identifier}}}"
        cells = "".join(f", {name!r}: {node.code()}" for name, node in self.fields.items())
        record = f"{{'attributes': {head}{cells}}}"
        return f"(None if {identifier} is None else {record})" if self.optional else record


def compiled(record: Nested, object_of: Callable[[str], str]) -> Build:
    """Return the function that builds a selection's records.

    The source holds only names of the schema, through `repr`, and column numbers: nothing that a client wrote.
    """
    source = f"lambda r, u, k: {record.code()}"
    names = {"_compound": _compound, "_object_of": object_of}
    build: Build = eval(compile(source, "<row builder>", "eval"), names)  # noqa: S307
    return build


def _compound(keys: tuple[str, ...], cells: tuple[Any, ...]) -> dict[str, Any] | None:
    if all(cell is None for cell in cells):
        return None
    return dict(zip(keys, cells, strict=True))


def address_keys(kind: str) -> tuple[str, ...]:
    """Return the keys of an `address` or a `location`."""
    return _PARTS if kind == "address" else ("latitude", "longitude")
