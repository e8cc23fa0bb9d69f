"""What sets a message or a callout going: events of an object's records, and a condition that is a formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import localcontext
from typing import TYPE_CHECKING, Any, Literal, cast

from mock_server.org.formula.numbers import CONTEXT
from mock_server.org.formula.problems import FormulaError

if TYPE_CHECKING:
    from mock_server.org.formula.compiler import Formula
    from mock_server.org.formula.environment import Environment
    from mock_server.org.records.rows import Row
    from mock_server.org.records.store import Store
    from mock_server.org.schema import Schema
    from mock_server.org.schema.types import SObject

Event = Literal["create", "update", "delete", "undelete", "become"]
ALWAYS = "TRUE"


@dataclass(frozen=True, slots=True)
class Cause:
    """`become` is a creation that meets the condition, or an update by which the record comes to meet it."""

    on: frozenset[Event]
    condition: str = ALWAYS

    @classmethod
    def of_rule(cls, on: str, condition: str) -> Cause:
        """Return what a workflow rule of that moment stands for."""
        events: dict[str, frozenset[Event]] = {
            "create": frozenset({"create"}),
            "save": frozenset({"create", "update"}),
        }
        return cls(events.get(on, frozenset({"become"})), condition)


class Asking:
    """Works out conditions for rows of one object that are about to be saved, or deleted."""

    def __init__(self, schema: Schema, store: Store, rows: Sequence[Row], environment: Environment) -> None:
        self._schema = schema
        self._store = store
        self._sobject = rows[0].sobject
        self._rows = rows
        self._environment = environment

    def meeting(self, cause: Cause) -> Iterator[Row]:
        """Yield the rows that set something going."""
        rows = [row for row in self._rows if self._concerns(cause, row)]
        if not rows:
            return
        if cause.condition == ALWAYS:
            yield from (row for row in rows if row.verb in cause.on or row.verb == "create")
            return
        try:
            formula = condition(self._schema, self._sobject, cause.condition)
        except FormulaError:
            # It was told when it was declared, or when the schema changed since.
            return
        from mock_server.org.formula.rules import getter_of, needs_of, parents_of

        parents = parents_of(self._store, rows, *needs_of([formula]))
        getters = [getter_of(self._sobject, needed, parents) for needed in formula.inputs]

        def holds(row: Row) -> bool:
            self._environment.new = row.verb == "create"
            try:
                return formula.run(self._environment, *[get(row) for get in getters]) is True
            except (ArithmeticError, ValueError):
                return False

        with localcontext(CONTEXT):
            for row in rows:
                if not holds(row):
                    continue
                if row.verb in cause.on or row.verb == "create":
                    yield row
                else:
                    values, row.values = row.values, {}
                    try:
                        held = holds(row)
                    finally:
                        row.values = values
                    if not held:
                        yield row

    @staticmethod
    def _concerns(cause: Cause, row: Row) -> bool:
        return row.verb in cause.on or ("become" in cause.on and row.verb in ("create", "update"))


def condition(schema: Schema, sobject: SObject, text: str) -> Formula:
    """Return a condition, compiled once an object. Raises FormulaError."""
    from mock_server.org.formula.compiler import compiled, holds

    key = f"cause {text}"
    found = sobject.memo.get(key)
    if found is None or not holds(schema, cast("Formula", found)):
        found = sobject.memo[key] = compiled(schema, sobject, text, "rule", gives="Boolean")
    return cast("Formula", found)


def values_of(sobject: SObject, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored record as code sees it: its fields by name, booleans as such."""
    return {
        field.name: bool(stored[field.name]) if field.type == "boolean" else stored[field.name]
        for field in sobject.fields
        if field.name in stored
    }
