"""Formulas of a schema in the making: each is compiled once, and those that cannot be are told with their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mock_server.org.schema.errors import Path, SchemaError

if TYPE_CHECKING:
    from mock_server.org.formula.problems import Problem
    from mock_server.org.schema.schema import Schema

_PARTS = {"formula": "formula", "default value": "defaultFormula", "validation rule": "condition"}


def check_formulas(
    schema: Schema,
    names: Iterable[str],
    path_of: Callable[[str, str, bool], tuple[Path, bool]],
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


def _effect(problem: Problem) -> str:
    if problem.source == "validation rule":
        return f"rule {problem.name} is not enforced"
    return f"{problem.name} is always empty" if problem.source == "formula" else f"{problem.name} has no default"
