"""What records an org is to start with: plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Provider:
    """A value made by a Faker provider; `unique` ones come once in a column."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    locale: str = "en_US"
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same value for every row."""

    value: Any


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values, picked by chance; `weights` say how often each."""

    values: tuple[Any, ...]
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """Numbers in order: alone, or in a text between `head` and `tail` with at least `digits` digits."""

    start: int = 1
    step: int = 1
    head: str | None = None
    digits: int = 0
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Between:
    """A whole number, a number, a day or a moment within bounds, both included; days and moments as text."""

    least: Any
    most: Any
    kind: Literal["int", "float", "date", "datetime"]


Picking = Literal["random", "round_robin"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A field of a seeded record. Refs of one row to the same object mean the same record.

    It is picked by chance, or one after the other. `weights` go round the parents: the first of them says how often
    the first parent is picked, and so on, and from the beginning.
    """

    sobject: str
    field: str
    pick: Picking = "random"
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sparse:
    """A value that a share of the rows is without."""

    plan: Provider | Fixed | Choice | Sequence | Between | Ref
    null: float


@dataclass(frozen=True, slots=True)
class Named:
    """The id of the record that a data tree file knows by this name."""

    name: str


FieldPlan = Provider | Fixed | Choice | Sequence | Between | Ref | Sparse


def bare(plan: FieldPlan) -> FieldPlan:
    """Return what makes a field's values where they are not left out."""
    return plan.plan if isinstance(plan, Sparse) else plan


@dataclass(frozen=True, slots=True)
class MadeRecords:
    """Records to make up and put into the org."""

    sobject: str
    count: int
    fields: Mapping[str, FieldPlan]


@dataclass(frozen=True, slots=True)
class GivenRecords:
    """Records read from a file, or given by a test. Values may be `Named`.

    `names` holds each row's own name in a data tree, or None; `places` where each stands: `accounts.csv:12`.
    """

    sobject: str
    rows: tuple[Mapping[str, Any], ...] = field(repr=False)
    names: tuple[str | None, ...] = field(default=(), repr=False)
    places: tuple[str, ...] = field(default=(), repr=False, compare=False)


Records = MadeRecords | GivenRecords
