"""The columns of reports: fields of an object and of its parents, groups and totals of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mock_server.org.schema import Schema
from mock_server.org.schema.types import NUMBER_TYPES, Field, SObject

NUMBERS = NUMBER_TYPES
TOTALS = {"s": "SUM", "a": "AVG", "m": "MIN", "x": "MAX", "u": "COUNT_DISTINCT"}
"""How totals are named: by a letter, an exclamation mark and the column (Reports and Dashboards REST API)."""
_WORDS = {"s": "Sum of", "a": "Average", "m": "Smallest", "x": "Largest", "u": "Unique"}
PERIODS = {
    "Day": "DAY_ONLY", "Month": "CALENDAR_MONTH", "Quarter": "CALENDAR_QUARTER", "Year": "CALENDAR_YEAR",
    "FiscalQuarter": "FISCAL_QUARTER", "FiscalYear": "FISCAL_YEAR", "MonthInYear": "CALENDAR_MONTH",
    "DayInMonth": "DAY_IN_MONTH",
}  # fmt: skip
"""The granularities by which dates are grouped, and the function of a query that does it."""
_PATH = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*")


@dataclass(frozen=True, slots=True)
class Column:
    """A field as a report shows it. `path` leads to it from the report's object: `Owner.Name`."""

    path: str
    field: Field
    sobject: SObject | None
    """The object that the field is of; None where a reference leads to several."""
    name: str
    """What clients call it: `Opportunity.Owner.Name`."""
    label: str

    @property
    def link(self) -> str | None:
        """The path of the id of the record that the column names."""
        named = self.field.name_field or (self.sobject is None and self.field.name == "Name")
        return f"{self.path.rpartition('.')[0]}.Id".removeprefix(".") if named else None


@dataclass(frozen=True, slots=True)
class Group:
    """A column by whose values rows are put together, dates by a period."""

    column: Column
    period: str | None = None
    descending: bool = False
    by_total: str | None = None
    """The name of the total by which groups are sorted."""

    @property
    def soql(self) -> str:
        return self.column.path if self.period is None else f"{PERIODS[self.period]}({self.column.path})"


@dataclass(frozen=True, slots=True)
class Total:
    """A number for each group. `letter` is a key of TOTALS; the count of rows has none, and no column."""

    letter: str | None = None
    column: Column | None = None

    @property
    def name(self) -> str:
        return f"{self.letter}!{self.column.name}" if self.letter and self.column else "RowCount"

    @property
    def soql(self) -> str:
        return f"{TOTALS[self.letter]}({self.column.path})" if self.letter and self.column else "COUNT(Id)"

    @property
    def label(self) -> str:
        return f"{_WORDS[self.letter]} {self.column.label}" if self.letter and self.column else "Record Count"

    @property
    def type(self) -> str:
        return "int" if self.column is None or self.letter == "u" else self.column.field.type

    @property
    def scale(self) -> int:
        return 0 if self.column is None or self.letter == "u" else self.column.field.scale


def column_of(schema: Schema, sobject: SObject, given: str) -> Column | None:
    """Return the column that a path means, with or without the object in front; None for none."""
    if not _PATH.fullmatch(given) or len(given) > 300:
        return None
    steps = given.split(".")
    found = _column(schema, sobject, steps)
    if found is None and len(steps) > 1 and steps[0].lower() == sobject.name.lower():
        found = _column(schema, sobject, steps[1:])
    return found


def _column(schema: Schema, sobject: SObject, steps: list[str]) -> Column | None:
    here: SObject | None = sobject
    names: list[str] = []
    labels: list[str] = []
    for step in steps[:-1]:
        reference = here.parent(step) if here is not None else None
        if reference is None or reference.relationship_name is None or len(names) == 5:
            return None
        names.append(reference.relationship_name)
        labels.append(reference.label.removesuffix(" ID"))
        here = schema.get(reference.reference_to[0]) if len(reference.reference_to) == 1 else None
    of = here if here is not None else schema.get("Name")
    field = of.field(steps[-1]) if of is not None else None
    if field is None or not field.valued or field.type == "base64":
        return None
    path = ".".join([*names, field.name])
    return Column(path, field, here, f"{sobject.name}.{path}", ": ".join([*labels, field.label]))
