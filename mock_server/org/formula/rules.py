"""Validation rules: conditions, as formulas, under which a record is not saved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import localcontext
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.formula.compiler import Formula, compiled, holds
from mock_server.org.formula.environment import Environment
from mock_server.org.formula.numbers import CONTEXT
from mock_server.org.formula.problems import FormulaError
from mock_server.org.formula.references import Input, Step
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import person_name
from mock_server.org.schema.types import Field, SObject, ValidationRule

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row
    from mock_server.org.schema.schema import Schema

Get = Callable[["Row"], Any]
Columns = dict[tuple[tuple[str, str], ...], list[str]]


@dataclass(frozen=True)
class Rules:
    """The active rules of an object, compiled. `paths` are the relationships, shortest first, that they follow."""

    rules: tuple[tuple[ValidationRule, Formula], ...]
    paths: tuple[tuple[Step, ...], ...]
    columns: Columns
    """What is read of the record at the end of each path."""
    broken: int | None
    """The version of the schema in which a rule did not compile; None where all did."""


def rules_of(schema: Schema, sobject: SObject) -> Rules:
    """Return an object's rules; those that do not compile were reported when the schema was loaded."""
    known = sobject.memo.get("rules")
    if (
        isinstance(known, Rules)
        and known.broken in (None, schema.version)
        and all(holds(schema, formula) for _, formula in known.rules)
    ):
        return known
    made, broken = [], None
    for rule in sobject.validation_rules:
        if rule.active:
            try:
                made.append((rule, compiled(schema, sobject, rule.condition, "rule", gives="Boolean")))
            except FormulaError:
                broken = schema.version
    paths, columns = needs_of(formula for _, formula in made)
    rules = Rules(tuple(made), paths, columns, broken)
    sobject.memo["rules"] = rules
    return rules


def needs_of(formulas: Iterable[Formula]) -> tuple[tuple[tuple[Step, ...], ...], Columns]:
    """Return the relationships that formulas follow, shortest first, and what they read at the end of each."""
    paths: dict[tuple[tuple[str, str], ...], tuple[Step, ...]] = {}
    columns: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for formula in formulas:
        for needed in formula.inputs:
            for length in range(1, len(needed.path) + 1):
                paths.setdefault(_key(needed.path[:length]), needed.path[:length])
            if needed.path:
                columns.setdefault(_key(needed.path), []).append(needed.field.name)
    for path in paths.values():
        if len(path) > 1:
            columns.setdefault(_key(path[:-1]), []).append(path[-1].reference.name)
    ordered = tuple(sorted(paths.values(), key=len))
    return ordered, {key: list(dict.fromkeys(names)) for key, names in columns.items()}


def _key(path: Sequence[Step]) -> tuple[tuple[str, str], ...]:
    return tuple((step.reference.name, step.target.name) for step in path)


def enforce(schema: Schema, store: Store, rows: list[Row], environment: Environment) -> None:
    """Fail the rows of one object that a rule refuses: one error a rule, in the order of their declaration."""
    sobject = rows[0].sobject
    rules = rules_of(schema, sobject)
    parents = parents_of(store, rows, rules.paths, rules.columns)
    with localcontext(CONTEXT):
        for rule, formula in rules.rules:
            getters = [getter_of(sobject, needed, parents) for needed in formula.inputs]
            run = formula.run
            for row in rows:
                environment.new = row.verb == "create"
                try:
                    refused = run(environment, *[get(row) for get in getters])
                except (ArithmeticError, ValueError) as error:
                    # The text is from recall; that the record is not saved is documented.
                    why = f'Validation Formula "{rule.name}" Invalid ({error if error.args else "#Error!"})'
                    row.fail(errors.FIELD_CUSTOM_VALIDATION_EXCEPTION(text=why, fields=[]))
                    continue
                if refused is True:
                    shown = sobject.field(rule.field) if rule.field else None
                    row.fail(
                        errors.FIELD_CUSTOM_VALIDATION_EXCEPTION(
                            text=rule.message, fields=[shown.name] if shown else []
                        )
                    )


Parents = dict[tuple[tuple[str, str], ...], dict[str, dict[str, Any]]]


def parents_of(store: Store, rows: Sequence[Row], paths: Iterable[tuple[Step, ...]], columns: Columns) -> Parents:
    """Fetch the parents that rules ask about: one look-up a relationship."""
    found: Parents = {}
    for path in paths:
        step, key = path[-1], _key(path)
        if len(path) == 1:
            ids: Iterable[Any] = (row.now(step.reference.name) for row in rows)
        else:
            ids = (record[step.reference.name] for record in found[_key(path[:-1])].values())
        prefix = step.target.key_prefix
        several = len(step.reference.reference_to) > 1
        wanted = list(dict.fromkeys(i for i in ids if i and not (several and i[:3] != prefix)))
        names = columns.get(key, [])
        if wanted:
            store.ready(step.target)
        records = store.lookup(step.target, "Id", wanted, "Id", *names) if wanted else ()
        found[key] = {row[0]: dict(zip(names, row[1:], strict=True)) for row in records}
    return found


def getter_of(sobject: SObject, needed: Input, parents: Parents) -> Get:
    if needed.path:
        return _parent_getter(needed, parents)
    field = needed.field
    if field.type == "id":
        # A record that is being created has no id yet.
        return lambda row: None if row.verb == "create" else row.id
    if needed.prior:
        return _prior_getter(field)
    if person_name(sobject, field):
        return lambda row: " ".join(filter(None, (row.now("FirstName"), row.now("LastName")))) or None
    name = field.name
    if field.type == "boolean":
        default = int(field.default is True)
        return lambda row: default if (value := row.now(name)) is None else value

    def now(row: Row) -> Any:
        values = row.values
        return values[name] if name in values else row.before.get(name)

    return now


def _prior_getter(field: Field) -> Get:
    name = field.name
    return lambda row: row.before.get(name)


def _parent_getter(needed: Input, parents: Parents) -> Get:
    name = needed.field.name
    first = needed.path[0].reference.name
    steps = [(parents[_key(needed.path[: place + 1])], step) for place, step in enumerate(needed.path)]

    def get(row: Row) -> Any:
        identifier = row.now(first)
        record: dict[str, Any] | None = None
        for place, (records, step) in enumerate(steps):
            if place:
                identifier = record.get(step.reference.name) if record is not None else None
            record = records.get(identifier) if identifier else None
            if record is None:
                return None
        return record[name] if record is not None else None

    return get
