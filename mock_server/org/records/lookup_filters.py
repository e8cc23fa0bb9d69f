"""Lookup filters: which records a reference may lead to (Salesforce help, "Lookup Filters").

A filter is asked when a save sets the reference: a record whose parent no longer fits can still be edited (K).
"""

from __future__ import annotations

from collections.abc import Sequence

from mock_server.org import errors
from mock_server.org.formula.columns import formula_of, own_columns
from mock_server.org.records.rows import Row
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import quoted
from mock_server.org.rollups.conditions import Condition, FilterError, conditions
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, FilterItem, SObject

_REFUSED = "Value does not exist or does not match filter criteria."


def condition_of(schema: Schema, reference: Field) -> tuple[SObject, Condition]:
    """Return the object that a filtered reference leads to, and what its records must meet. Raises FilterError."""
    target = schema.get(reference.reference_to[0]) if len(reference.reference_to) == 1 else None
    if target is None:
        raise FilterError("it is of a reference to several objects")
    items = [_own(target, item) for item in reference.lookup_filter]
    for item in items:
        field = target.field(item.field)
        formula = formula_of(schema, target, field) if field is not None and field.formula is not None else None
        if formula is not None and formula.asks:
            raise FilterError(f"{item.field} refers to other records, the user or the time")
    return target, conditions(target, items, own_columns(schema))


def _own(target: SObject, item: FilterItem) -> FilterItem:
    """Return a condition that names a field of the target by its name alone."""
    head, _, rest = item.field.partition(".")
    name = rest if head == target.name else item.field
    if "." in name or "$" in name or item.value.startswith("$"):
        raise FilterError(f"{item.field} {item.operator} {item.value} asks for more than the record's own fields")
    return FilterItem(name, item.operator, item.value)


def enforce(schema: Schema, store: Store, rows: Sequence[Row]) -> None:
    """Fail those rows of one object that set a reference to a record its filter does not let through."""
    for reference in rows[0].plan.filtered:
        asked = [row for row in rows if row.values.get(reference.name) is not None]
        if not asked:
            continue
        try:
            target, (where, values) = condition_of(schema, reference)
        except FilterError:
            # Told when the schema was loaded.
            continue
        ids = list(dict.fromkeys(row.values[reference.name] for row in asked))
        store.ready(target)
        marks = ",".join("?" * len(ids))
        sql = f'SELECT "Id" FROM {quoted(target.name)} WHERE "Id" IN ({marks}) AND {where}'  # noqa: S608
        passed = {identifier for (identifier,) in store.connection.execute(sql, [*ids, *values])}
        for row in asked:
            if row.values[reference.name] not in passed:
                text = reference.lookup_message or _REFUSED
                row.fail(errors.FIELD_FILTER_VALIDATION_EXCEPTION(text=text, fields=[reference.name]))


def why_not(schema: Schema, reference: Field) -> str | None:
    """Return why a filter cannot be enforced; None where it can."""
    try:
        condition_of(schema, reference)
    except FilterError as error:
        return str(error)
    return None
