"""References to other records: whether what they lead to is there, and may stand there."""

from __future__ import annotations

from collections.abc import Sequence

from mock_server.org import errors
from mock_server.org.records.leads import converted
from mock_server.org.records.rows import Chunk, Row
from mock_server.org.records.store import Store
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject


def living(schema: Schema, store: Store, prefix: str, ids: Sequence[str]) -> tuple[SObject | None, set[str]]:
    """Return the object that ids of a key prefix are of, and which of them are records that are there."""
    target = schema.anywhere_by_prefix(prefix)
    if target is None:
        return None, set()
    store.ready(target)
    return target, {one for one, gone in store.lookup(target, "Id", ids, "Id", "IsDeleted") if not gone}


def check_references(schema: Schema, store: Store, chunk: Chunk) -> None:
    """Refuse references of another type, to records that are not there, and to converted leads."""
    users: dict[str, list[tuple[Row, Field]]] = {}
    for row in chunk.rows:
        if row.errors or not row.writes:
            continue
        related = row.plan.related
        for name, value in row.values.items():
            if name in related and value is not None:
                users.setdefault(value, []).append((row, related[name]))
    wanted: dict[str, list[str]] = {}
    for identifier in users:
        wanted.setdefault(identifier[:3], []).append(identifier)
    for prefix, identifiers in wanted.items():
        target, live = living(schema, store, prefix, identifiers)
        for identifier in identifiers:
            for row, reference in users[identifier]:
                if target is None or (reference.reference_to and target.name not in reference.reference_to):
                    row.fail(errors.WRONG_ID_TYPE(label=reference.label, value=identifier, fields=[reference.name]))
                elif identifier not in live:
                    row.fail(errors.INVALID_CROSS_REFERENCE_KEY())
                elif target.name == "Lead" and converted(store, target, [identifier]):
                    row.fail(errors.CANNOT_UPDATE_CONVERTED_LEAD())
