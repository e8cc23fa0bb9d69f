"""The syntax tree of a SOQL query. `at` is the offset, from 0, of a node's first character in the query's text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ValueKind = Literal["string", "number", "boolean", "null", "date", "datetime", "time", "name", "range"]


@dataclass(frozen=True, slots=True)
class Path:
    """A field, or a field of a parent: `Account.Owner.Name`."""

    parts: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function over a field, such as `COUNT()` or `FIELDS(ALL)`."""

    name: str
    argument: Path | None
    at: int


@dataclass(frozen=True, slots=True)
class Value:
    """A literal. `text` is as written; of a string, what stands between the quotes, escapes and all."""

    kind: ValueKind
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    path: Path
    operator: str
    value: Value | tuple[Value, ...] | Query


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by AND or by OR."""

    word: Literal["AND", "OR"]
    parts: tuple[Condition, ...]


Condition = Comparison | Not | Junction


@dataclass(frozen=True, slots=True)
class Order:
    path: Path
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    items: tuple[Path | Call | Query, ...]
    source: Path
    alias: str | None = None
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    at: int = 0
