"""Formulas of a schema in the making: each is compiled once, and those that cannot be are told with their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mock_server.org.schema.errors import Path, SchemaError
from mock_server.org.schema.types import Field, SObject

if TYPE_CHECKING:
    from mock_server.org.formula.problems import Problem
    from mock_server.org.schema.schema import Schema

PathOf = Callable[[str, str, bool], tuple[Path, bool]]
_PARTS = {"formula": "formula", "default value": "defaultFormula", "validation rule": "condition"}


def check_formulas(
    schema: Schema,
    names: Iterable[str],
    path_of: PathOf,
    note: Callable[[Path, str], None],
) -> list[SchemaError]:
    """Return what is wrong with the formulas of some objects; what this org merely lacks is noted.

    `path_of` leads from an object and the name of a field, or of a rule (True), to its definition, and tells whether
    that is a saved describe, whose formulas may ask for what was not saved.
    """
    from mock_server.org.formula import check

    errors = []
    for problem in check(schema, names):
        path, described = path_of(problem.sobject, problem.name, problem.source == "validation rule")
        path = (*path, _PARTS[problem.source])
        text = f"{problem.message} (line {problem.row}, column {problem.column} of the formula)"
        if problem.lacking or described:
            note(path, f"{text}: {_effect(problem)}")
        else:
            errors.append(SchemaError(path, text, nearest=problem.nearest))
    return errors


def check_roll_ups(schema: Schema, names: Iterable[str], path_of: PathOf) -> list[SchemaError]:
    """Return the roll-ups of some objects that sum up, or filter by, formulas which cannot be counted on."""
    errors = []
    for name in names:
        sobject = schema.get(name)
        for field in sobject.fields if sobject is not None else ():
            detail = schema.get(field.roll_up.child) if field.roll_up is not None else None
            if field.roll_up is None or detail is None:
                continue
            for used in (field.roll_up.field, *(item.field for item in field.roll_up.filters)):
                source = detail.field(used) if used else None
                if source is not None and source.formula is not None and _asks(schema, detail, source):
                    text = f"{source.name} refers to other records, the user or the time: no roll-up can count on it"
                    errors.append(SchemaError((*path_of(name, field.name, False)[0], "field"), text))
    return errors


def _asks(schema: Schema, sobject: SObject, field: Field) -> bool:
    from mock_server.org.formula.columns import formula_of

    formula = formula_of(schema, sobject, field)
    return formula is not None and formula.asks


def _effect(problem: Problem) -> str:
    if problem.source == "validation rule":
        return f"rule {problem.name} is not enforced"
    return f"{problem.name} is always empty" if problem.source == "formula" else f"{problem.name} has no default"
