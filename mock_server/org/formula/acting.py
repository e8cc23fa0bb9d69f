"""Workflow rules and assignment rules: conditions, as formulas, under which a save sets fields or the owner.

What they set is part of the save that asks them. A real org saves the record once more and runs its triggers again
(Apex Developer Guide, "Triggers and Order of Execution"); here hooks before the save do not see what rules set, those
after it do. As there, validation rules are not asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import localcontext
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.approvals.processes import fixed_id
from mock_server.org.errors import ApiError
from mock_server.org.formula.compiler import Formula, compiled, holds
from mock_server.org.formula.environment import Environment
from mock_server.org.formula.kinds import TEXTUAL, Kind, kind_of, outgoing
from mock_server.org.formula.numbers import CONTEXT
from mock_server.org.formula.problems import FormulaError
from mock_server.org.formula.rules import Parents, getter_of, needs_of, parents_of
from mock_server.org.records.store import Store
from mock_server.org.records.values import Misfit, coercion
from mock_server.org.schema.types import (
    AssignmentEntry,
    AssignmentRule,
    Field,
    FieldUpdate,
    Named,
    SObject,
    WorkflowRule,
)

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row
    from mock_server.org.schema.schema import Schema

RULE = "01Q"
"""The key prefix of both kinds of rules."""


@dataclass(frozen=True, slots=True)
class _Set:
    """A field update, compiled."""

    field: Field
    value: Formula | None
    literal: Any
    """In stored form."""
    named: Named | None


@dataclass(frozen=True, slots=True)
class _Acting:
    """The rules of an object, compiled for one version of the schema."""

    version: int
    workflow: tuple[tuple[WorkflowRule, Formula, tuple[_Set, ...]], ...]
    assignment: tuple[tuple[AssignmentRule, tuple[tuple[AssignmentEntry, Formula], ...]], ...]

    def formulas(self) -> Iterator[Formula]:
        for _, condition, sets in self.workflow:
            yield condition
            yield from (one.value for one in sets if one.value is not None)
        for _, entries in self.assignment:
            yield from (condition for _, condition in entries)


def rule_id(sobject: SObject, rule: WorkflowRule | AssignmentRule) -> str:
    """Return the id of a rule, always the same."""
    kind = "workflow" if isinstance(rule, WorkflowRule) else "assignment"
    return fixed_id(RULE, f"{kind}/{sobject.name}/{rule.name}")


def why_not(schema: Schema, sobject: SObject) -> list[tuple[str, str, str]]:
    """Return the rules that do not compile: the kind as definitions call it, the name, the reason."""
    found: list[tuple[str, str, str]] = []
    for rule in sobject.workflow_rules:
        try:
            _workflow(schema, sobject, rule)
        except FormulaError as error:
            found.append(("workflowRules", rule.name, error.text))
    for one in sobject.assignment_rules:
        try:
            _assignment(schema, sobject, one)
        except FormulaError as error:
            found.append(("assignmentRules", one.name, error.text))
    return found


def _workflow(schema: Schema, sobject: SObject, rule: WorkflowRule) -> tuple[WorkflowRule, Formula, tuple[_Set, ...]]:
    condition = compiled(schema, sobject, rule.condition, "rule", gives="Boolean")
    return rule, condition, tuple(_set(schema, sobject, one) for one in rule.updates)


def _set(schema: Schema, sobject: SObject, update: FieldUpdate) -> _Set:
    field = sobject.field(update.field)
    kind = None if field is None else kind_of(field)
    if field is None or kind is None or not field.stored or field.calculated or field.type == "id":
        raise FormulaError(f"no rule can set the field {update.field}")
    if update.formula is None:
        return _Set(field, None, _stored(field, update.literal), update.named)
    gives: Kind = "Text" if kind in TEXTUAL else kind
    return _Set(field, compiled(schema, sobject, update.formula, "rule", gives=gives), None, None)


def _stored(field: Field, literal: str | None) -> Any:
    """Return a literal as a field holds it. Raises FormulaError."""
    if field.type == "boolean":
        return int((literal or "").lower() in ("1", "true"))
    if not literal:
        return None
    try:
        return coercion(field)(literal)
    except (Misfit, ApiError, ValueError, TypeError):
        raise FormulaError(f"{field.name} cannot hold {literal[:80]!r}") from None


def _assignment(
    schema: Schema, sobject: SObject, rule: AssignmentRule
) -> tuple[AssignmentRule, tuple[tuple[AssignmentEntry, Formula], ...]]:
    return rule, tuple((one, compiled(schema, sobject, one.condition, "rule", gives="Boolean")) for one in rule.entries)


def _acting(schema: Schema, sobject: SObject) -> _Acting:
    known = sobject.memo.get("acting")
    if (
        isinstance(known, _Acting)
        and known.version == schema.version
        and all(holds(schema, formula) for formula in known.formulas())
    ):
        return known
    broken = {(key, name) for key, name, _ in why_not(schema, sobject)}
    made = _Acting(
        schema.version,
        tuple(
            _workflow(schema, sobject, one)
            for one in sobject.workflow_rules
            if one.active and ("workflowRules", one.name) not in broken
        ),
        tuple(
            _assignment(schema, sobject, one)
            for one in sobject.assignment_rules
            if ("assignmentRules", one.name) not in broken
        ),
    )
    sobject.memo["acting"] = made
    return made


class _Asking:
    """Works out formulas for rows of one object."""

    def __init__(self, schema: Schema, store: Store, rows: Sequence[Row], environment: Environment) -> None:
        self._sobject = rows[0].sobject
        self._environment = environment
        self._schema = schema
        self._store = store
        self._ids: dict[Named, str | None] = {}
        self.rules = _acting(schema, self._sobject)
        self._parents: Parents = parents_of(store, rows, *needs_of(self.rules.formulas()))

    def value(self, formula: Formula, row: Row) -> Any:
        """Return what a formula gives. Raises ArithmeticError and ValueError."""
        self._environment.new = row.verb == "create"
        given = [getter_of(self._sobject, needed, self._parents)(row) for needed in formula.inputs]
        return formula.run(self._environment, *given)

    def holds(self, formula: Formula, row: Row) -> bool:
        """Tell whether a condition holds; one that cannot be worked out does not."""
        try:
            return self.value(formula, row) is True
        except (ArithmeticError, ValueError):
            return False

    def held(self, formula: Formula, row: Row) -> bool:
        """Tell whether a condition held before the save."""
        values, row.values = row.values, {}
        try:
            return self.holds(formula, row)
        finally:
            row.values = values

    def id_of(self, named: Named) -> str | None:
        """Return the id of an active user, a queue or a record type of the object; None where there is none."""
        if named not in self._ids:
            self._ids[named] = self._find(named)
        return self._ids[named]

    def _find(self, named: Named) -> str | None:
        table, column, only = {
            "User": ("User", "Username", ("IsActive", 1)),
            "Queue": ("Group", "DeveloperName", ("Type", "Queue")),
            "RecordType": ("RecordType", "DeveloperName", ("SobjectType", self._sobject.name)),
        }[named.kind]
        sobject = self._schema.anywhere(table)
        if sobject is None:
            return None
        self._store.ready(sobject)
        rows = self._store.lookup(sobject, column, [named.name], "Id", only[0])
        return min((str(row[0]) for row in rows if row[1] == only[1]), default=None)


def act(
    schema: Schema, store: Store, rows: Sequence[Row], environment: Environment
) -> list[tuple[Row, frozenset[str]]]:
    """Set what workflow rules say in rows of one object; return those that changed, with the names of the fields."""
    asking = _Asking(schema, store, rows, environment)
    changed: list[tuple[Row, frozenset[str]]] = []
    with localcontext(CONTEXT):
        for row in rows:
            chosen = [sets for rule, condition, sets in asking.rules.workflow if _meets(asking, rule, condition, row)]
            names = frozenset(one.field.name for sets in chosen for one in sets if _put(asking, one, row))
            if names:
                changed.append((row, names))
    return changed


def _meets(asking: _Asking, rule: WorkflowRule, condition: Formula, row: Row) -> bool:
    if not asking.holds(condition, row):
        return False
    if row.verb == "create" or row.change.act or rule.on == "save":
        return True
    return rule.on == "become" and not asking.held(condition, row)


def _put(asking: _Asking, one: _Set, row: Row) -> bool:
    """Set a field; tell whether that changes it. A value that it cannot hold fails the row."""
    if one.named is not None:
        value: Any = asking.id_of(one.named)
        if value is None:
            return False
    elif one.value is None:
        value = one.literal
    else:
        try:
            value = outgoing(one.field)(asking.value(one.value, row))
        except (ArithmeticError, ValueError) as error:
            # The text is from recall; that the record is not saved is documented.
            text = (
                "A workflow or approval field update caused an error when saving this record. Contact your "
                f"administrator to resolve it.\n\n{one.field.label}: {error}"
            )
            row.fail(errors.FIELD_INTEGRITY_EXCEPTION(text=text, fields=[one.field.name]))
            return False
    if row.now(one.field.name) == value:
        return False
    row.values[one.field.name] = value
    return True


def assign(schema: Schema, store: Store, rows: Sequence[Row], environment: Environment) -> None:
    """Set the owner of rows of one object to whom the wanted rule gives them; without one that fits he stays."""
    asking = _Asking(schema, store, rows, environment)
    sobject = rows[0].sobject
    with localcontext(CONTEXT):
        for row in rows:
            wanted = row.change.assign
            for rule, entries in asking.rules.assignment:
                if rule.active if not wanted else rule_id(sobject, rule) == wanted:
                    found = next((one.to for one, condition in entries if asking.holds(condition, row)), None)
                    owner = asking.id_of(found) if found is not None else None
                    if owner is not None:
                        row.values["OwnerId"] = owner
                    break
