"""Every formula of a schema, compiled once when it is loaded, so that nothing fails later at random."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mock_server.org.formula.problems import FormulaError, Problem, Source, place
from mock_server.org.schema.types import SObject

if TYPE_CHECKING:
    from mock_server.org.schema.schema import Schema


def check(schema: Schema, objects: Iterable[str] | None = None) -> list[Problem]:
    """Return what is wrong with the formulas of a schema, or of some of its objects; nothing is raised.

    Inactive validation rules are compiled too, as Salesforce compiles them.
    """
    found: list[Problem] = []
    for name in sorted(schema.own() if objects is None else objects):
        sobject = schema.get(name)
        if sobject is not None:
            found += _fields(schema, sobject)
            found += _rules(schema, sobject)
    return found


def _fields(schema: Schema, sobject: SObject) -> Iterable[Problem]:
    for field in sobject.fields:
        if field.formula is None and field.default_formula is None:
            continue
        # Lazily: most schemas have no formulas, and need no compiler.
        from mock_server.org.formula.compiler import field_formula
        from mock_server.org.formula.defaults import default_formula

        if field.formula is not None:
            try:
                field_formula(schema, sobject, field)
            except FormulaError as error:
                yield _problem(sobject, "formula", field.name, field.formula, error)
        if field.default_formula is not None:
            try:
                default_formula(schema, sobject, field)
            except FormulaError as error:
                yield _problem(sobject, "default value", field.name, field.default_formula, error)


def _rules(schema: Schema, sobject: SObject) -> Iterable[Problem]:
    for rule in sobject.validation_rules:
        from mock_server.org.formula.compiler import compiled

        try:
            compiled(schema, sobject, rule.condition, "rule", gives="Boolean")
            shown = rule.field
            if shown is not None and sobject.field(shown) is None:
                raise _no_display_field(sobject, shown)
        except FormulaError as error:
            yield _problem(sobject, "validation rule", rule.name, rule.condition, error)


def _no_display_field(sobject: SObject, name: str) -> FormulaError:
    from mock_server.org.formula.references import missing

    return missing(name, 0, name, (field.name for field in sobject.fields))


def _problem(sobject: SObject, source: Source, name: str, text: str, error: FormulaError) -> Problem:
    row, column = place(text, error.at)
    return Problem(sobject.name, source, name, error.text, row, column, error.nearest, error.lacking)
