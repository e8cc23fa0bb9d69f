"""Values on their way into a record: each in its stored form, or the reason why it cannot be written."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import compress, repeat
from operator import call, setitem
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.columns import Unusual, stored_of
from mock_server.org.records.parents import NamedParents
from mock_server.org.records.rows import Row

if TYPE_CHECKING:
    from mock_server.org.identity.access import Access


_FEW = 8
"""Rows that are validated one by one: one look at all that they say of a field takes as long."""


def validate_alike(rows: Sequence[Row]) -> set[int]:
    """Validate rows as `validate_plain` does, those together that name the same fields.

    Return which rows that was possible for, by their `id()`; with the others nothing is done.
    """
    done: set[int] = set()
    if len(rows) < _FEW:
        return done
    groups: dict[tuple[Any, ...], list[Row]] = {}
    kind: tuple[Any, ...] = ()
    same: list[Row] = []
    for row in rows:
        if row.errors or not row.writes:
            continue
        # Mostly a row is like the one before it.
        if kind != (kind := (row.plan, row.verb, *row.change.values)):
            same = groups.setdefault(kind, [])
        same.append(row)
    for (_, _, *names), same in groups.items():
        if len(same) >= _FEW and _validate_columns(same, tuple(names)):
            done.update(map(id, same))
    return done


def _validate_columns(rows: list[Row], names: tuple[str, ...]) -> bool:
    shape = rows[0].plan.shape(rows[0].verb == "create", names)
    columns = list(zip(*[row.change.values.values() for row in rows], strict=True))
    if shape is None or any(None in column for column in columns):
        return False
    try:
        stored = list(map(stored_of, shape.fields, columns, shape.coerces))
    except Unusual:
        return False
    if any(None in column for column in compress(stored, shape.filled)):
        return False
    held = [row.values for row in rows]
    for name, column in zip(shape.names, stored, strict=True):
        # Of the ways to fill many dictionaries the quickest.
        deque(map(setitem, held, repeat(name), column), 0)
    return True


def validate_plain(row: Row) -> bool:
    """Validate a row of plain, writable fields; tell whether that was possible and nothing is wrong with it.

    Rows of a call mostly name the same fields, so what their names mean is worked out once.
    """
    given = row.change.values
    shape = row.plan.shape(row.verb == "create", tuple(given))
    if shape is None or None in given.values():
        return False
    try:
        stored = tuple(map(call, shape.coerces, given.values()))
    except ApiError:
        return False
    if None in stored and any(value is None for value in compress(stored, shape.filled)):
        return False
    row.values.update(zip(shape.names, stored, strict=True))
    return True


def validate(row: Row, parents: NamedParents, access: Access | None) -> None:
    """Turn a row's values into their stored form; note what is unknown, unwritable or too long."""
    plan, creating, values = row.plan, row.verb == "create", row.values
    refused: list[str] = []
    for name, value in row.change.values.items():
        slot = plan.slot(name)
        if slot is None:
            if name == "attributes":
                continue
            if parents.read(row, name, value, access):
                if row.errors:
                    return
                continue
            row.fail(errors.NO_SUCH_COLUMN(field=name, sobject=row.sobject.name))
            return
        if not (slot.createable if creating else slot.updateable):
            if slot.field.type == "id" and row.change.key_field is not None and value is None:
                continue
            refused.append(slot.field.name)
        elif value is None:
            values[slot.field.name] = 0 if slot.field.type == "boolean" else None
        else:
            try:
                values[slot.field.name] = slot.coerce(value)
            except ApiError as error:
                row.fail(error)
    if refused:
        if creating and refused == ["Id"]:
            row.fail(errors.ID_IN_INSERT())
        else:
            row.fail(errors.INVALID_FIELD_FOR_INSERT_UPDATE(names=", ".join(refused), fields=refused))
        return


def require(row: Row) -> None:
    """Refuse a row that leaves out, or empties, what every record must have."""
    values, plan = row.values, row.plan
    if row.verb == "create":
        missing = [
            required.name
            for required in plan.required
            if values.get(required.name) is None and not row.refers(required)
        ]
    else:
        missing = [
            name
            for name, value in values.items()
            if value is None and name in plan.not_null and not row.refers(row.sobject.by_name[name])
        ]
    if missing:
        row.fail(errors.REQUIRED_FIELD_MISSING(names=", ".join(missing), fields=missing))
