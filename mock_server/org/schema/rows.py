"""Rows that come with a schema: records of custom metadata types, and the values of status objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from mock_server.org.ids import IdSource
from mock_server.org.schema.errors import Path, SchemaError
from mock_server.org.schema.types import Field, SObject

Row = dict[str, Any]
"""Values in storage form by field, without those that tell when and by whom."""
_STATUS_PREFIX = "01J"


def rows_of(
    path: Path, sobject: SObject, given: Any, ids: IdSource, tell: Callable[[SchemaError], None]
) -> Iterator[Row]:
    """Yield the rows of one object, from definitions by name. What is wrong is told, and left out."""
    if not isinstance(given, Mapping):
        tell(SchemaError(path, "a mapping of names to records is needed here"))
        return
    metadata = sobject.kind == "metadata"
    for name, definition in given.items():
        here = (*path, name)
        if not isinstance(definition, Mapping):
            tell(SchemaError(here, "a mapping of fields to values is needed here"))
            continue
        row: Row = {"Id": ids.take(sobject.key_prefix or _STATUS_PREFIX)}
        if metadata:
            row |= {
                "DeveloperName": str(name)[:40], "Language": "en_US", "QualifiedApiName": str(name),
                "Label": definition.get("MasterLabel", name), "MasterLabel": name,
            }  # fmt: skip
        for key, value in definition.items():
            try:
                found = _stored((*here, key), sobject, key, value, strict=metadata)
            except SchemaError as error:
                tell(error)
                continue
            if found is not None:
                row[found[0].name] = found[1]
        yield row


def _stored(path: Path, sobject: SObject, key: Any, value: Any, *, strict: bool) -> tuple[Field, Any] | None:
    # The write pipeline knows what fits a field; it stands above the schema, so it is asked late.
    from mock_server.org.errors import ApiError
    from mock_server.org.records.values import Misfit, coercion

    field = sobject.field(key) if isinstance(key, str) else None
    if field is None:
        if strict:
            raise SchemaError.unknown(path, f"field of {sobject.name}", key, sobject.by_name)
        return None
    if not field.stored or value is None:
        return None
    if field.type == "reference":
        # By name: what a metadata relationship leads to.
        if not isinstance(value, str):
            raise SchemaError(path, "a name is needed here")
        return field, value
    try:
        return field, coercion(field)(value)
    except (Misfit, ApiError, ValueError, TypeError) as error:
        raise SchemaError(path, f"{field.name} cannot hold {value!r:.100}: {error}") from None


def resolve(records: Mapping[str, Collection[Row]], fields: Mapping[str, Collection[Field]]) -> None:
    """Put ids in place of names where one custom metadata type leads to another."""
    ids = {
        name: {row["QualifiedApiName"]: row["Id"] for row in rows if "QualifiedApiName" in row}
        for name, rows in records.items()
    }
    for name, rows in records.items():
        for field in fields.get(name, ()):
            targets = [ids[target] for target in field.reference_to if target in ids]
            if field.type == "reference" and targets:
                for row in rows:
                    if field.name in row:
                        known = next((t[row[field.name]] for t in targets if row[field.name] in t), None)
                        row[field.name] = known or row[field.name]
