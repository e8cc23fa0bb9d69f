"""When the schema is written out as rows: before a query that asks for them, as far as it asks.

The rows are those of one user, of one state of the schema; another user's queries write them anew. They lie in tables
that belong to the connection alone. What is there is noted in such a table too, so that a rollback takes both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from mock_server.org.query.derived import Wanted
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import insert_sql, quoted
from mock_server.org.reflection import definitions, fields, list_views, objects, relationships
from mock_server.org.schema import Schema, durable
from mock_server.org.schema.types import SObject

_NOTES = 'CREATE TEMP TABLE IF NOT EXISTS "sf_derived" ("Viewer" TEXT, "Table" TEXT, "About" TEXT)'
_ALL = ""
"""Stands for all objects in the notes."""

_STEP = 20
"""Parts that are written at once while others wait: some 20 ms."""

_Part = tuple[str, str]
"""A table, and the object that its rows are about."""
Rows = Iterator[dict[str, Any]]
_WHOLE: dict[str, Callable[[Schema, str], Rows]] = {
    "EntityDefinition": objects.entity_definitions,
    "UserEntityAccess": objects.user_entity_access,
    "Publisher": objects.publishers,
    "DataType": objects.data_types,
    "CustomObject": definitions.custom_objects,
    "CustomField": definitions.custom_fields,
    "ValidationRule": definitions.validation_rules,
}
"""Tables that are written at once."""
_OF_OBJECT: dict[str, Callable[[Schema, SObject, str], Rows]] = {
    "FieldDefinition": fields.field_definitions,
    "EntityParticle": fields.entity_particles,
    "PicklistValueInfo": fields.picklist_values,
    "UserFieldAccess": fields.user_field_access,
    "ListView": list_views.list_views,
    "RelationshipInfo": relationships.relationship_infos,
    "RelationshipDomain": relationships.relationship_domains,
}
"""Tables that are written object by object."""
_BETWEEN = frozenset({"RelationshipInfo", "RelationshipDomain"})
"""Those of them that are about two objects each."""


class Reflection:
    """The rows of derived objects in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers: WeakKeyDictionary[Schema, int] = WeakKeyDictionary()
        self._next = count(1)

    def prepare(self, wanted: Wanted, schema: Schema, user_id: str) -> None:
        """Write the rows that a query wants and that are not there yet, as a user sees the schema."""
        missing = self._missing(wanted, schema, user_id)
        if missing:
            self._fill(missing, schema, user_id)

    def steps(self, wanted: Wanted, schema: Schema, user_id: str) -> Iterator[None]:
        """Write them step by step, so that others can be served between two.

        Where others had their own written meanwhile, some may still be missing in the end.
        """
        missing = self._missing(wanted, schema, user_id)
        for _ in range(0, len(missing), _STEP):
            self._fill(missing[:_STEP], schema, user_id)
            yield
            missing = self._missing(wanted, schema, user_id)

    def _viewer(self, schema: Schema, user_id: str) -> str:
        """Return what tells apart whose rows they are: the schema that is seen, its state, and the user."""
        described = schema.described
        if described not in self._numbers:
            self._numbers[described] = next(self._next)
        return f"{self._numbers[described]}:{described.version}:{described.changed}:{user_id}"

    def _missing(self, wanted: Wanted, schema: Schema, user_id: str) -> list[_Part]:
        run = self._store.connection.execute
        run(_NOTES)
        notes = run('SELECT "Table", "About" FROM "sf_derived" WHERE "Viewer" = ?', (self._viewer(schema, user_id),))
        known: set[_Part] = set(notes)
        return [one for one in self._parts(wanted, schema.described) if one not in known]

    def _fill(self, parts: Sequence[_Part], schema: Schema, user_id: str) -> None:
        run, viewer = self._store.connection.execute, self._viewer(schema, user_id)
        with self._store.transaction():
            if run('SELECT 1 FROM "sf_derived" WHERE "Viewer" <> ? LIMIT 1', (viewer,)).fetchone():
                for (table,) in run('SELECT DISTINCT "Table" FROM "sf_derived"').fetchall():
                    run(f"DELETE FROM temp.{quoted(table)}")  # noqa: S608
                run('DELETE FROM "sf_derived"')
            for table, about in parts:
                sobject = schema.whole.get(table)
                if sobject is not None:
                    self._store.ready(sobject)
                    self._write(sobject, self._rows(table, about, schema.described, user_id))
                    run('INSERT INTO "sf_derived" VALUES (?, ?, ?)', (viewer, table, about))

    @staticmethod
    def _parts(wanted: Wanted, schema: Schema) -> Iterator[_Part]:
        """Yield the parts of tables that a query wants: the table, and the object that its rows are about."""
        if wanted.entities is None:
            about = related = list(schema.names())
        else:
            known = (durable.find(schema, name) for name in wanted.entities)
            found = {sobject.name: sobject for sobject in known if sobject is not None}
            about = related = sorted(found)
            if wanted.tables & _BETWEEN:
                # What a relationship leads to is of other objects.
                related = sorted({*about, *(link.child for one in found.values() for link in one.children)})
        for table in sorted(wanted.tables):
            if table in _WHOLE:
                yield table, _ALL
            elif table in _OF_OBJECT:
                yield from ((table, name) for name in (about if table in _BETWEEN else related))

    @staticmethod
    def _rows(table: str, about: str, schema: Schema, user_id: str) -> Rows:
        if table in _WHOLE:
            return _WHOLE[table](schema, user_id)
        sobject = schema.get(about)
        return _OF_OBJECT[table](schema, sobject, user_id) if sobject is not None else iter(())

    def _write(self, sobject: SObject, rows: Rows) -> None:
        columns: list[str] = []
        values: list[list[Any]] = []
        for row in rows:
            columns = columns or [name for name in row if name in sobject.by_name]
            values.append([row[name] for name in columns])
        if values:
            sql = insert_sql(sobject.name, columns).replace("INSERT", "INSERT OR REPLACE", 1)
            self._store.execute_many(sql, values)
