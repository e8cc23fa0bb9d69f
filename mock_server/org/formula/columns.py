"""Formula fields in queries: the SQL of one is a call back into the compiled function, over the columns it needs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import getcontext, setcontext
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org.formula.problems import FormulaError
from mock_server.org.records.table_sql import quoted

if TYPE_CHECKING:
    from mock_server.org.formula.compiler import Formula
    from mock_server.org.formula.environment import Environment
    from mock_server.org.schema.schema import Schema
    from mock_server.org.schema.types import Field, SObject

MOST_ARGUMENTS = 100
"""Arguments of an SQL function, of which SQLite allows 127; more travel as JSON."""

Evaluate = Callable[..., Any]


def formula_of(schema: Schema, sobject: SObject, field: Field) -> Formula | None:
    """Return the formula of a field; None for one that does not compile, which was reported at schema load."""
    from mock_server.org.formula.compiler import field_formula

    try:
        return field_formula(schema, sobject, field)
    except FormulaError:
        return None


def sql(sobject: SObject, field: Field, arguments: list[str]) -> str:
    """Return the SQL of a formula field over the SQL of the formula's inputs."""
    name = f"'{sobject.name}.{field.name}'"
    if len(arguments) <= MOST_ARGUMENTS:
        return f"sf_formula({', '.join([name, *arguments])})"
    lists = [
        f"json_array({', '.join(arguments[start : start + MOST_ARGUMENTS])})"
        for start in range(0, len(arguments), MOST_ARGUMENTS)
    ]
    return f"sf_formula_wide({', '.join([name, *lists])})"


def own_columns(schema: Schema) -> Callable[[SObject, Field], str]:
    """Return a function from a field to the SQL of its value, over the columns of its own table."""

    def read(sobject: SObject, field: Field) -> str:
        if field.formula is None:
            return quoted(field.name)
        formula = formula_of(schema, sobject, field)
        if formula is None or formula.asks:
            # Refused, or noted, when the schema was loaded.
            return "NULL"
        return sql(sobject, field, [quoted(needed.field.name) for needed in formula.inputs])

    return read


def functions(schema: Schema, environment: Callable[[], Environment]) -> list[tuple[str, int, Evaluate]]:
    """Return the SQL functions: name, arguments (-1: any number), function. `environment` tells who asks, and when."""
    known: dict[str, Evaluate] = {}
    version = 0

    def find(name: str) -> Evaluate:
        nonlocal version
        if version != schema.version:
            known.clear()
            version = schema.version
        found = known.get(name)
        if found is None:
            found = known[name] = _evaluate(schema, name, environment)
        return found

    def call(name: str, *stored: Any) -> Any:
        return find(name)(*stored)

    def call_wide(name: str, *lists: str) -> Any:
        return find(name)(*[value for one in lists for value in orjson.loads(one)])

    return [("sf_formula", -1, call), ("sf_formula_wide", -1, call_wide)]


def _evaluate(schema: Schema, name: str, environment: Callable[[], Environment]) -> Evaluate:
    from mock_server.org.formula.kinds import outgoing
    from mock_server.org.formula.numbers import CONTEXT

    owner, _, word = name.partition(".")
    sobject = schema.get(owner)
    field = sobject.field(word) if sobject is not None else None
    assert sobject is not None and field is not None
    formula = formula_of(schema, sobject, field)
    assert formula is not None
    run, stored = formula.run, outgoing(field)

    def evaluate(*values: Any) -> Any:
        before = getcontext()
        setcontext(CONTEXT)
        try:
            return stored(run(environment(), *values))
        except (ArithmeticError, ValueError):
            # People see #Error!, the API gives null.
            return None
        finally:
            setcontext(before)

    return evaluate
