"""The syntax tree of a SOQL query. `at` is the offset, from 0, of a node's first character in the query's text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

ValueKind = Literal["string", "number", "boolean", "null", "date", "datetime", "time", "name", "range"]


@dataclass(frozen=True, slots=True)
class Path:
    """A field, or a field of a parent: `Account.Owner.Name`."""

    parts: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function: `COUNT()`, `FIELDS(ALL)`, `CALENDAR_YEAR(convertTimezone(CreatedDate))`."""

    name: str
    arguments: tuple[Path | Call | Value, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Value:
    """A literal. `text` is as written; of a string, what stands between the quotes, escapes and all."""

    kind: ValueKind
    text: str
    at: int


Expression = Path | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    path: Expression
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
    path: Expression
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Aliased:
    """An item of a SELECT with a name of its own: `COUNT(Id) total`."""

    item: Expression
    alias: str
    at: int


@dataclass(frozen=True, slots=True)
class TypeOf:
    """`TYPEOF What WHEN Account THEN Phone ELSE Name END`: fields by the object that a reference leads to."""

    reference: Path
    cases: tuple[tuple[Path, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Group:
    """GROUP BY: the keys, and whether their subtotals are wanted too."""

    keys: tuple[Expression, ...]
    totals: Literal["none", "rollup", "cube"]
    at: int


Item = Path | Call | Aliased | TypeOf


@dataclass(frozen=True, slots=True)
class Query:
    items: tuple[Item | Query, ...]
    source: Path
    alias: str | None = None
    others: tuple[tuple[Path, str | None], ...] = ()
    """Further sources: parents, each with its alias."""
    scope: Path | None = None
    where: Condition | None = None
    mode: Literal["SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"] | None = None
    categories: tuple[Path, ...] = ()
    """The groups of a WITH DATA CATEGORY."""
    group: Group | None = None
    having: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    all_rows: bool = False
    purposes: frozenset[str] = frozenset()
    """What the records are read for: VIEW, REFERENCE, UPDATE (locks them), TRACKING, VIEWSTAT."""
    at: int = 0


def within(query: Query, first: str, before: str | None) -> Query:
    """Return a query that asks for records from one id on alone, and for those before another one, if there is one."""
    path = Path(("Id",), 0)
    tests: list[Condition] = [] if query.where is None else [query.where]
    tests.append(Comparison(path, ">=", Value("string", first, 0)))
    if before is not None:
        tests.append(Comparison(path, "<", Value("string", before, 0)))
    return replace(query, where=Junction("AND", tuple(tests)))
