"""What is wrong with the roll-up summaries of a schema, told when it is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches

from mock_server.org.rollups.conditions import FilterError, conditions, reading
from mock_server.org.schema import Schema
from mock_server.org.schema.types import FLOAT_TYPES, NUMBER_TYPES, Field, FieldType, SObject

MOST = 40
"""Roll-up summaries an object may have at the very most (25 unless support raises it)."""
_DEEPEST = 8
"""More than enough levels: three of master-detail are allowed. What sums up itself ends here, and is refused."""
_SUMMED = NUMBER_TYPES
_COMPARED = NUMBER_TYPES | {"date", "datetime"}
_LOOKED_UP = {
    ("Opportunity", "AccountId"), ("CampaignMember", "CampaignId"), ("OpportunityLineItem", "OpportunityId"),
    ("Quote", "OpportunityId"), ("QuoteLineItem", "QuoteId"), ("OrderItem", "OrderId"),
}  # fmt: skip
"""References of standard objects that are lookups in a describe, and may be summed up nevertheless."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A roll-up summary that cannot work."""

    sobject: str
    field: str
    message: str
    nearest: str | None = None


def summed(schema: Schema, field: Field, depth: int = 0) -> Field:
    """Return a roll-up field with the type that it gets from what it sums up: a count is a whole number."""
    roll_up = field.roll_up
    detail = schema.get(roll_up.child) if roll_up else None
    if roll_up is None or detail is None:
        return field
    if roll_up.operation == "count":
        return replace(field, type="double", precision=18, scale=0, length=0, digits=0)
    source = detail.field((roll_up.field or "").rpartition(".")[2])
    if source is None:
        return field
    if source.roll_up is not None and depth < _DEEPEST:
        source = summed(schema, source, depth + 1)
    kind: FieldType = "double" if source.type in ("int", "long") else source.type
    precision = 18 if kind in FLOAT_TYPES else 0
    return replace(field, type=kind, precision=precision, scale=source.scale, length=0, digits=0)


def check(schema: Schema) -> list[Problem]:
    """Return what is wrong with the roll-ups of a schema; cycles are told at each field that takes part."""
    problems: list[Problem] = []
    for master in schema.own().values():
        summaries = [field for field in master.fields if field.roll_up is not None]
        if len(summaries) > MOST:
            problems.append(
                Problem(
                    master.name, summaries[MOST].name, f"an object has at most {MOST} roll-ups, not {len(summaries)}"
                )
            )
        for field in summaries:
            problems += _problems(schema, master, field)
    return problems or list(_cycles(schema))


def _problems(schema: Schema, master: SObject, field: Field) -> Iterator[Problem]:
    def problem(message: str, given: str = "", known: list[str] | None = None) -> Problem:
        near = get_close_matches(given, known or (), 1)
        return Problem(master.name, field.name, message, near[0] if near else None)

    roll_up = field.roll_up
    assert roll_up is not None
    detail = schema.get(roll_up.child)
    if detail is None:
        yield problem(f"there is no object {roll_up.child}", roll_up.child, list(schema.names()))
        return
    names = [one.name for one in detail.fields]
    reference = detail.field(roll_up.reference)
    if reference is None:
        yield problem(f"{detail.name} has no field {roll_up.reference}", roll_up.reference, names)
    elif master.name not in reference.reference_to:
        yield problem(f"{detail.name}.{reference.name} does not lead to {master.name}")
    elif (
        not (reference.cascade_delete and not (reference.custom and reference.nillable))
        and (detail.name, reference.name) not in _LOOKED_UP
    ):
        yield problem(f"{detail.name}.{reference.name} is a lookup; a roll-up needs a master-detail field")
    elif detail.name == master.name:
        yield problem("a roll-up sums up the records of another object")
    if roll_up.operation not in ("count", "sum", "min", "max"):
        yield problem(f"there is no operation {roll_up.operation!r}; allowed: count, sum, min, max")
        return
    if roll_up.operation == "count":
        if roll_up.field is not None:
            yield problem("count needs no field to sum up")
    elif roll_up.field is None:
        yield problem(f"{roll_up.operation} needs a field to sum up")
    else:
        name = roll_up.field.rpartition(".")[2]
        source = detail.field(name)
        allowed = _SUMMED if roll_up.operation == "sum" else _COMPARED
        if source is None:
            yield problem(f"{detail.name} has no field {name}", name, names)
        elif source.type not in allowed:
            yield problem(f"{roll_up.operation} does not go with {detail.name}.{source.name}, which is a {source.type}")
        elif source.formula is not None:
            try:
                reading(schema)(detail, source)
            except FilterError as error:
                yield problem(str(error))
    try:
        conditions(detail, roll_up.filters, reading(schema))
    except FilterError as error:
        yield problem(f"its filter: {error}")


def _cycles(schema: Schema) -> Iterator[Problem]:
    """Find roll-ups whose totals would feed themselves."""
    reads: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for master in schema.own().values():
        for field in master.fields:
            if field.roll_up is None:
                continue
            detail = schema.get(field.roll_up.child)
            assert detail is not None
            used = [field.roll_up.field, *(item.field for item in field.roll_up.filters)]
            found = [detail.field(name.rpartition(".")[2]) for name in used if name]
            reads[master.name, field.name] = {(detail.name, one.name) for one in found if one and one.roll_up}
    for start, used_first in reads.items():
        seen: set[tuple[str, str]] = set()
        open_ends = list(used_first)
        while open_ends:
            one = open_ends.pop()
            if one == start:
                circle = ", ".join(sorted(".".join(name) for name in {start, *seen} if name in reads))
                yield Problem(*start, f"it sums up itself, by way of {circle}")
                break
            if one not in seen:
                seen.add(one)
                open_ends += reads.get(one, ())
