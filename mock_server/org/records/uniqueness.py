"""Values that no two records may share."""

from __future__ import annotations

from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity.permissions import Permissions
from mock_server.org.ids import to_15
from mock_server.org.records.rows import Chunk, Row
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import fold_column
from mock_server.org.schema.types import Field, fold


def refuse_duplicates(store: Store, permissions: Permissions, chunk: Chunk, rows: list[Row], unique: Field) -> None:
    """Refuse rows of one object whose value of a unique field another record, or an earlier one of them, has."""
    claims: list[tuple[Row, Any]] = []
    for row in rows:
        value = row.values.get(unique.name)
        if value is not None and not row.errors:
            claims.append((row, fold(value) if unique.folded else value))
    # A row that an upsert found, or did not find, by this very field needs no second look.
    # Unless the saver does not see all records: then it may be there, and was not found.
    unsure = [
        value
        for row, value in claims
        if chunk.access is not None or (row.change.key_field or "").lower() != unique.name.lower()
    ]
    taken: dict[Any, str] = {}
    if unsure:
        column = fold_column(unique.name) if unique.folded else unique.name
        found = store.lookup(rows[0].sobject, column, unsure, column, "Id", "IsDeleted")
        taken = {value: identifier for value, identifier, deleted in found if not deleted}
    for row, value in claims:
        owner = taken.get(value)
        if owner is not None and owner != row.id:
            row.fail(_duplicate(permissions, chunk, row, unique, owner))
        else:
            taken[value] = row.id or ""


def _duplicate(permissions: Permissions, chunk: Chunk, row: Row, unique: Field, owner: str) -> ApiError:
    access = chunk.access
    if access is not None and owner not in {other.id for other in chunk.rows}:
        seen = access.sees(row.sobject, unique) and permissions.reached(access, row.sobject, [owner])
        if not seen:
            # Recorded: a record that the saver does not see is not named.
            return errors.DUPLICATE_VALUE(field="<unknown>", id="<unknown>")
    return errors.DUPLICATE_VALUE(field=unique.name, id=to_15(owner))
