"""Default values that are formulas: worked out for each new record that leaves the field out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import localcontext
from typing import TYPE_CHECKING, Any

from mock_server.org.formula.compiler import Formula, compiled, holds
from mock_server.org.formula.environment import Environment
from mock_server.org.formula.kinds import TEXTUAL, Kind, kind_of, outgoing
from mock_server.org.formula.numbers import CONTEXT
from mock_server.org.formula.problems import FormulaError
from mock_server.org.schema.types import Field, SObject

if TYPE_CHECKING:
    from mock_server.org.schema.schema import Schema


def default_formula(schema: Schema, sobject: SObject, field: Field) -> Formula:
    """Return the compiled default of a field. Raises FormulaError."""
    kind = kind_of(field)
    if kind is None or kind == "Geolocation":
        raise FormulaError("A field of this type has no default value")
    gives: Kind = "Text" if kind in TEXTUAL else kind
    assert field.default_formula is not None
    return compiled(schema, sobject, field.default_formula, "default", gives=gives)


_Defaults = tuple[tuple[str, Formula, Callable[[Any], Any]], ...]


def defaults_of(schema: Schema, sobject: SObject) -> _Defaults:
    """Return name, formula and stored form of each field of an object whose default is a formula."""
    known = sobject.memo.get("default formulas")
    if isinstance(known, tuple) and all(holds(schema, formula) for _, formula, _ in known):
        return known
    made = []
    for field in sobject.fields:
        if field.default_formula is not None and field.stored:
            try:
                made.append((field.name, default_formula(schema, sobject, field), outgoing(field)))
            except FormulaError:
                # Reported when the schema was loaded: the field goes without a default.
                continue
    found: _Defaults = tuple(made)
    sobject.memo["default formulas"] = found
    return found


def default_values(defaults: _Defaults, environment: Environment) -> dict[str, Any]:
    """Work out all defaults for one user at one moment; one that cannot be worked out is left out."""
    out: dict[str, Any] = {}
    with localcontext(CONTEXT):
        for name, formula, stored in defaults:
            try:
                value = stored(formula.run(environment))
            except (ArithmeticError, ValueError):
                continue
            if value is not None:
                out[name] = value
    return out
