"""What a row is known by: the name under which a rule sees it again in a later request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from mock_server.faults.condition import Look
from mock_server.journal import fingerprint
from mock_server.org.ids import to_18
from mock_server.org.records.locking import parents_of
from mock_server.org.records.table_sql import fold_column
from mock_server.org.schema.types import Field, SObject, fold

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Change


def row_key(org: Org, change: Change) -> str:
    """Return the key of a row: its external id where it has one, else its id, else a fingerprint of its values."""
    if change.verb == "upsert" and change.key is not None:
        return str(change.key)
    sobject = org.schema.get(change.sobject)
    external = next((field for field in sobject.fields if field.external_id), None) if sobject else None
    if sobject is not None and external is not None:
        value = _sent(change, external.name)
        if value is None and change.id:
            value = _stored(org, sobject, change.id, external)
        if value is not None:
            return str(value)
    if change.id:
        return to_18(str(change.id)) or str(change.id)
    return fingerprint(orjson.dumps(change.values, option=orjson.OPT_SORT_KEYS, default=str))


def look_of(org: Org, change: Change) -> Look:
    """Return the way to a row's values: those that were sent, else, for a record that exists, the stored ones."""
    sobject = org.schema.get(change.sobject)

    def look(name: str) -> Any:
        if change.key_field is not None and name.lower() == change.key_field.lower():
            return change.key
        if any(sent.lower() == name.lower() for sent in change.values):
            return _sent(change, name)
        identifier = record_id(org, change)
        if name.lower() == "id":
            return identifier
        field = sobject.field(name) if sobject else None
        if sobject is None or field is None or identifier is None or not field.stored:
            return None
        return _stored(org, sobject, identifier, field)

    return look


def record_id(org: Org, change: Change) -> str | None:
    """Return the id of the record that a row means, None when there is none yet."""
    if change.id:
        return to_18(str(change.id))
    sobject = org.schema.get(change.sobject)
    field = sobject.field(change.key_field) if sobject and change.key_field else None
    if sobject is None or field is None or not field.stored or not isinstance(change.key, str | int | float):
        return None
    if field.type == "id":
        return to_18(str(change.key))
    column, value = (fold_column(field.name), fold(str(change.key))) if field.folded else (field.name, str(change.key))
    org.store.ready(sobject)
    rows = org.store.lookup(sobject, column, [value], "Id", "IsDeleted")
    return next((identifier for identifier, deleted in rows if not deleted), None)


def known_ids(org: Org, change: Change) -> dict[str, str]:
    """Return `ids` and `count` for the text of a lock error: the row itself, else the parent that a new row locks."""
    identifier = record_id(org, change)
    if identifier is None:
        sobject = org.schema.get(change.sobject)
        parents = parents_of(org.schema, sobject) if sobject else None
        for name in (*parents.always, *parents.when_set) if parents else ():
            parent = _sent(change, name)
            identifier = to_18(parent) if isinstance(parent, str) else None
            if identifier:
                break
    return {"ids": identifier, "count": "1"} if identifier else {}


def _sent(change: Change, name: str) -> Any:
    if name in change.values:
        return change.values[name]
    return next((value for sent, value in change.values.items() if sent.lower() == name.lower()), None)


def _stored(org: Org, sobject: SObject, identifier: str, field: Field) -> Any:
    org.store.ready(sobject)
    return next((row[0] for row in org.store.lookup(sobject, "Id", [to_18(identifier) or ""], field.name)), None)
