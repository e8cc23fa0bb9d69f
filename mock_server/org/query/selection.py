"""What a query selects: the columns of its statement, and the shape of its records."""

from __future__ import annotations

import orjson

from mock_server.org.query.masks import masking
from mock_server.org.query.plan import Chosen
from mock_server.org.query.rows import Build, Compound, File, Leaf, Nested, Shown, compiled, compound_keys
from mock_server.org.query.scope import Bound, Scope
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema import Schema
from mock_server.org.schema.types import COMPOUND_TYPES, Field, SObject


class Selection:
    """The columns of a SELECT and the shape of its records."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._columns = [f'{scope.table}."Id"']
        self.record = Nested(scope.sobject.name, 0, {}, optional=False)
        self.chosen: list[Chosen] = []

    def column(self, sql: str) -> int:
        if sql in self._columns:
            return self._columns.index(sql)
        self._columns.append(sql)
        return len(self._columns) - 1

    def add(self, bound: Bound, at: int, *, name: str | None = None, into: Nested | None = None) -> None:
        """Select a field, inside the records of the parents on its path. Raises INVALID_FIELD for a second time.

        `name` is an alias, which stands in the record itself; `into` the record to select into, its own by default.
        """
        record = into or self.record
        for parent in bound.parents if name is None else ():
            nested = record.fields.get(parent.name)
            if not isinstance(nested, Nested):
                nested = Nested(parent.sobject.name if parent.sobject else None, self.column(parent.id_sql), {})
                record.fields[parent.name] = nested
            record = nested
        field, key = bound.field, name or bound.field.name
        if key in record.fields:
            raise self._scope.fail(at, f"duplicate field selected: {key}")
        trail = [parent.name for parent in bound.parents] if name is None else []
        compound = field.type in COMPOUND_TYPES and not field.structured
        self.chosen.append(Chosen(".".join([*trail, key]), "" if compound else bound.sql, field))
        if field.structured:
            record.fields[key] = Shown(self.column(bound.sql), _said)
        elif field.type in COMPOUND_TYPES:
            owner = bound.parents[-1].sobject if bound.parents else self._scope.sobject
            record.fields[key] = self._compound(field, bound.table, owner)
        elif field.type == "base64" and record.sobject is not None:
            column = self.column(f"({bound.sql} IS NOT NULL)")
            record.fields[key] = File(column, record.sobject, record.id_column, field.name)
        elif field.mask is not None and field.type == "encryptedstring":
            # Who may see encrypted data is given a schema whose fields have no masks.
            record.fields[key] = Shown(self.column(bound.sql), masking(field.mask, field.mask_type))
        else:
            record.fields[key] = Leaf(self.column(bound.sql), field.type == "boolean")

    def _compound(self, field: Field, table: str, owner: SObject | None) -> Compound:
        keys = compound_keys(field.type)
        parts = {
            one.name.lower(): one
            for one in (owner.fields if owner else ())
            if one.compound == field.name and one.name != field.name and one.stored
        }
        # MailingCity is the part "city" of MailingAddress, PlaceLatitude__s the part "latitude" of a location.
        found = [next((one for name, one in parts.items() if key.lower() in name), None) for key in keys]
        return Compound(keys, tuple(self.column(f"{table}.{quoted(one.name)}") if one else None for one in found))

    def sql(self) -> str:
        return ", ".join(self._columns)

    def build(self, schema: Schema, *, extra: int = 0) -> Build:
        """Return the function that builds the records; rows may end with `extra` columns that it does not read."""

        def object_of(identifier: str) -> str:
            sobject = schema.by_prefix(identifier[:3])
            return sobject.name if sobject else "Name"

        return compiled(self.record, len(self._columns), extra, object_of)


def _said(text: str | None) -> object:
    """Return what the JSON text of a complex value says."""
    return None if text is None else orjson.loads(text)
