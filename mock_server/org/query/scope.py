"""One SELECT being bound: its object, the joins to parents it needs, and the parameters it collects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.formula.columns import formula_of
from mock_server.org.formula.columns import sql as formula_sql
from mock_server.org.query.context import failure
from mock_server.org.query.dates import Calendar
from mock_server.org.query.syntax import Path
from mock_server.org.records.table_sql import fold_column, quoted
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject

Parameter = Any
"""A value, or a `Moment` that is worked out when the query runs."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A parameter that depends on the day the query runs, the user who runs it and the org's fiscal year."""

    of: Callable[[Calendar], str]


HINT = " Please reference your WSDL or the describe call for the appropriate names."
NO_ID = "'000000000000000AAA'"
"""What all rows show for an id that are worked out from the schema (recorded)."""
MOST_PARENTS = 5
"""Levels of parents that a path climbs."""
MOST_RELATIONSHIPS = 55
"""Relationships from child to parent that a query follows."""


def no_such_column(name: str, entity: str) -> str:
    return (
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append "
        f"the '__c' after the custom field name.{HINT}"
    )


def no_such_relationship(name: str) -> str:
    return (
        f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, "
        f"be sure to append the '__r' after the custom relationship name.{HINT}"
    )


@dataclass(frozen=True, slots=True)
class Bound:
    """A path that was found: the field, the SQL for its value, and the parents on the way, outermost first."""

    field: Field
    table: str
    parents: tuple[Parent, ...]
    sql: str

    def exact(self) -> str:
        return self.sql

    def folded(self) -> str:
        """The SQL of the form by which the value compares and sorts; an indexed column where there is one."""
        if self.field.folded and self.table:
            return f"{self.table}.{quoted(fold_column(self.field.name))}"
        if self.table and self.field.stored:
            # SQLite lowers ASCII itself, without a call into Python for each row.
            return f"CASE WHEN {self.sql} GLOB '*[^ -~]*' THEN sf_fold({self.sql}) ELSE lower({self.sql}) END"
        return f"sf_fold({self.sql})"


@dataclass(frozen=True, slots=True)
class Parent:
    """A step to a parent: the relationship's name, what it leads to (None for several objects), the SQL of its id."""

    name: str
    sobject: SObject | None
    id_sql: str
    reference: Field


class Scope:
    """The tables of one SELECT. `prefix` keeps the tables of nested selects apart."""

    def __init__(
        self,
        schema: Schema,
        ready: Callable[[SObject], None],
        soql: str,
        sobject: SObject,
        *,
        alias: str | None = None,
        prefix: str = "t",
        all_rows: bool = False,
        others: Sequence[tuple[Path, str | None]] = (),
    ) -> None:
        self.schema = schema
        self.ready = ready
        self.soql = soql
        self.sobject = sobject
        self.alias = alias
        self.prefix = prefix
        self.all_rows = all_rows
        self.table = f"{prefix}0"
        self.joins: list[str] = []
        self.parameters: list[Parameter] = []
        self._parents: dict[tuple[str, ...], Parent] = {}
        self._tables: dict[tuple[str, ...], str] = {}
        self._nested = 0
        self.semi_joins = 0
        self._aliases: dict[str, tuple[str, ...]] = {}
        ready(sobject)
        for path, name in others:
            self._name_parent(path, name)

    def seen(self) -> list[str]:
        """Return what every row must meet: to be live, unless deleted ones are wanted, and to be seen by the user."""
        rows = self.schema.rows(self.sobject, self.table, self.ready)
        alive = [] if self.all_rows else [f'{self.table}."IsDeleted" = 0']
        return alive if rows is None else [*alive, rows]

    def add(self, value: Parameter) -> str:
        self.parameters.append(value)
        return "?"

    def nested_prefix(self) -> str:
        self._nested += 1
        return f"{self.prefix}s{self._nested}_"

    def fail(self, at: int, text: str, *, column: int | None = None) -> ApiError:
        return failure(errors.INVALID_FIELD, self.soql, at, text, column=column)

    def find(self, path: Path) -> Bound:
        """Bind a path. Raises INVALID_FIELD for what is not there."""
        parts, at = path.parts, path.at
        if self._aliases and parts[0].lower() in self._aliases:
            parts = (*self._aliases[parts[0].lower()], *parts[1:])
        own = len(parts) > 1 and self._is_own_name(parts[0])
        if own:
            # A path that begins with the object's own name is blamed at the dot behind it.
            at += len(parts[0])
            parts = parts[1:]
        if len(parts) - 1 > MOST_PARENTS:
            raise failure(
                errors.MALFORMED_QUERY,
                self.soql,
                path.at,
                "SOQL relationship queries reach at most 5 levels of parents",
            )
        return self._walk(parts, at, self.sobject, self.table, (), ())

    def _name_parent(self, path: Path, alias: str | None) -> None:
        """Take in a further source: `FROM Contact c, c.Account a` gives the parent a name. Raises INVALID_TYPE."""
        first, *rest = path.parts
        start = self._aliases.get(first.lower(), () if self._is_own_name(first) else None)
        if start is None or not rest:
            text = f"sObject type '{'.'.join(path.parts)}' is not supported."
            raise failure(errors.INVALID_TYPE, self.soql, path.at, text + HINT)
        trail = (*start, *rest)
        self._walk((*trail, "Id"), path.at, self.sobject, self.table, (), ())
        if alias is not None:
            self._aliases[alias.lower()] = trail

    def find_in(self, reference: Path, target: SObject, path: Path) -> Bound:
        """Bind a path from an object that a reference leads to. Parents on the way count from that object."""
        field, id_sql = self.reference(reference)
        trail = (field.relationship_name or field.name, target.name)
        table = self._tables.get(trail)
        if table is None:
            self.ready(target)
            table = self._tables[trail] = f"{self.prefix}{len(self.joins) + 1}"
            self._add_join(target, table, id_sql)
        return self._walk(path.parts, path.at, target, table, (), trail)

    def _add_join(self, target: SObject, table: str, id_sql: str, alive: str = "") -> None:
        """Join a parent: one that the user may not see is not there."""
        seen = self.schema.rows(target, table, self.ready)
        also = f" AND {seen}" if seen is not None else ""
        self.joins.append(f'LEFT JOIN {quoted(target.name)} {table} ON {table}."Id" = {id_sql}{alive}{also}')

    def find_name(self, reference: Path, path: Path) -> Bound:
        """Bind a field that all objects have which a reference leads to."""
        field, id_sql = self.reference(reference)
        if len(path.parts) > 1:
            raise self.fail(path.at, no_such_relationship(path.parts[0]))
        parent = Parent(field.relationship_name or field.name, None, id_sql, field)
        return replace(self._polymorphic(path.parts[0], (parent,), path.at), parents=())

    def reference(self, path: Path) -> tuple[Field, str]:
        """Return the reference behind a relationship's name, and the SQL of its id. Raises INVALID_FIELD."""
        found = self.sobject.parent(path.parts[0]) if len(path.parts) == 1 else None
        if found is None:
            raise self.fail(path.at, no_such_relationship(path.parts[0]))
        return found, f"{self.table}.{quoted(found.name)}"

    def _walk(
        self,
        parts: tuple[str, ...],
        at: int,
        start: SObject,
        table: str,
        parents: tuple[Parent, ...],
        trail: tuple[str, ...],
    ) -> Bound:
        sobject: SObject | None = start
        for step in parts[:-1]:
            reference = sobject.parent(step) if sobject is not None else None
            if reference is None or reference.relationship_name is None or self._leads_nowhere(reference):
                raise self.fail(at, no_such_relationship(step))
            trail = (*trail, reference.relationship_name)
            parent = self._join(trail, table, reference)
            parents = (*parents, parent)
            sobject, table = parent.sobject, self._tables.get(trail, "")
        name = parts[-1]
        if sobject is None:
            return self._polymorphic(name, parents, at)
        field = sobject.field(name)
        if field is None:
            raise self.fail(at, no_such_column(name, sobject.name))
        if field.formula is not None:
            return Bound(field, table, parents, self._formula(sobject, field, table, trail))
        if sobject.anonymous and field.type == "id":
            return Bound(field, "", parents, NO_ID)
        return Bound(field, table, parents, f"{table}.{quoted(field.name)}")

    def _formula(self, sobject: SObject, field: Field, table: str, trail: tuple[str, ...]) -> str:
        """Return the SQL of a formula field; parents that the formula refers to are joined.

        A formula sees all fields and records, whatever its reader may see.
        """
        schema, sobject = self.schema.whole, sobject.whole or sobject
        formula = formula_of(schema, sobject, field)
        if formula is None:
            return "NULL"
        for name in formula.objects:
            needed = schema.get(name)
            if needed is not None:
                self.ready(needed)
        arguments = []
        for needs in formula.inputs:
            at, way = table, trail
            for step in needs.path:
                way = (*way, f"{step.reference.relationship_name}:{step.target.name}")
                at = self._join_target(way, at, step.reference, step.target)
            arguments.append(f"{at}.{quoted(needs.field.name)}")
        return formula_sql(sobject, field, arguments)

    def _join_target(self, trail: tuple[str, ...], table: str, reference: Field, target: SObject) -> str:
        """Join one of the objects that a reference may lead to; return its table."""
        joined = self._tables.get(trail)
        if joined is None:
            self.ready(target)
            joined = self._tables[trail] = f"{self.prefix}{len(self.joins) + 1}"
            id_sql = f"{table}.{quoted(reference.name)}"
            self.joins.append(f'LEFT JOIN {quoted(target.name)} {joined} ON {joined}."Id" = {id_sql}')
        return joined

    def _is_own_name(self, word: str) -> bool:
        if self.alias is not None and word.lower() == self.alias.lower():
            return True
        return word.lower() == self.sobject.name.lower() and self.sobject.parent(word) is None

    def _join(self, trail: tuple[str, ...], table: str, reference: Field) -> Parent:
        known = self._parents.get(trail)
        if known is not None:
            return known
        if len(self._parents) == MOST_RELATIONSHIPS:
            # The text is from recall.
            text = f"SOQL queries follow at most {MOST_RELATIONSHIPS} child-to-parent relationships"
            raise errors.MALFORMED_QUERY(text=text)
        # Whether it is polymorphic does not depend on what of it the user sees.
        targets = [found for name in reference.reference_to if (found := self.schema.whole.get(name))]
        id_sql = f"{table}.{quoted(reference.name)}"
        if len(targets) != 1:
            parent = Parent(trail[-1], None, id_sql, reference)
        else:
            target = self.schema.get(targets[0].name) or targets[0]
            self.ready(target)
            joined = f"{self.prefix}{len(self.joins) + 1}"
            alive = "" if self.all_rows else f' AND {joined}."IsDeleted" = 0'
            self._add_join(target, joined, id_sql, alive)
            self._tables[trail] = joined
            parent = Parent(trail[-1], target, f'{joined}."Id"', reference)
        self._parents[trail] = parent
        return parent

    def _leads_nowhere(self, reference: Field) -> bool:
        """Tell whether a user sees none of the objects that a reference leads to."""
        seen = any(self.schema.get(name) is not None for name in reference.reference_to)
        return not seen and any(self.schema.whole.get(name) is not None for name in reference.reference_to)

    def _polymorphic(self, name: str, parents: tuple[Parent, ...], at: int) -> Bound:
        """Bind a field of a reference that leads to several objects, through the object each id belongs to."""
        parent = parents[-1]
        if name.lower() == "id":
            return Bound(Field("Id", "Record ID", "id", sortable=True), "", parents, parent.id_sql)
        targets = [found for target in parent.reference.reference_to if (found := self.schema.get(target))]
        key = f"substr({parent.id_sql}, 1, 3)"
        # Every object has these two, whatever else its fields are.
        shared = {"type": Field("Type", "Type", "picklist"), "name": Field("Name", "Name", "string")}
        found_field = shared.get(name.lower())
        branches = []
        for target in targets:
            if not target.key_prefix:
                continue
            if name.lower() == "type":
                branches.append(f"WHEN '{target.key_prefix}' THEN '{target.name}'")
                continue
            field = target.field(name)
            if field is None and name.lower() == "name":
                field = target.name_field
            if field is None or not field.stored:
                continue
            found_field = found_field or (field if field.name.lower() == name.lower() else None)
            self.ready(target)
            seen = self.schema.rows(target, "x", self.ready)
            also = f" AND {seen}" if seen is not None else ""
            branches.append(
                f"WHEN '{target.key_prefix}' THEN (SELECT x.{quoted(field.name)} FROM {quoted(target.name)} x "
                f'WHERE x."Id" = {parent.id_sql}{also})'
            )
        if found_field is None:
            raise self.fail(at, no_such_column(name, "Name"))
        if not branches:
            return Bound(found_field, "", parents, "NULL")
        return Bound(found_field, "", parents, f"CASE {key} {' '.join(branches)} END")

    def source(self) -> str:
        """Return the FROM clause."""
        return " ".join([f"{quoted(self.sobject.name)} {self.table}", *self.joins])
