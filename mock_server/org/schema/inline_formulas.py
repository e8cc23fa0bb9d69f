"""What inline definitions say in the formula language: formula fields, default values, validation rules.

fields:  {Contact: {Double__c: {type: number, scale: 2, formula: Score__c * 2, formulaTreatBlanksAs: BlankAsZero},
                    Code__c: {type: text, defaultFormula: '"C-" & $User.Alias'}}}
objects: {Contact: {validationRules: {Score_Positive: {errorConditionFormula: Score__c < 0, errorMessage: Not below 0,
                                                       errorDisplayField: Score__c}}}}
The words are those of the Metadata API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mock_server.org.schema.errors import Path, SchemaError
from mock_server.org.schema.types import Field, ValidationRule

if TYPE_CHECKING:
    from mock_server.org.formula.problems import Source
    from mock_server.org.schema.schema import Schema

FIELD_KEYS = ("formula", "formulaTreatBlanksAs", "defaultFormula")
_BLANKS = ("BlankAsZero", "BlankAsBlank")
_RESULTS = {
    "string": "text", "double": "number", "currency": "currency", "percent": "percent", "boolean": "checkbox",
    "date": "date", "datetime": "datetime", "time": "time",
}  # fmt: skip
"""Types of formula fields, and how users name them."""
_RULE_WORDS = {
    "errorConditionFormula": "condition", "errorMessage": "message", "errorDisplayField": "field", "active": "active",
    "condition": "condition", "message": "message", "field": "field",
}  # fmt: skip
_MOST_TEXT = 1300
"""Characters of a text formula's value."""


def with_formulas(path: Path, definition: Mapping[str, Any], field: Field) -> Field:
    """Return a field with the formula or the default formula that its definition has. Raises SchemaError."""
    default = _formula(path, definition, "defaultFormula")
    if default is not None:
        if "default" in definition or "formula" in definition:
            raise SchemaError((*path, "defaultFormula"), "a field has one of default, defaultFormula and formula")
        return replace(field, default_formula=default, defaulted_on_create=True)
    blanks = definition.get("formulaTreatBlanksAs", "BlankAsZero")
    if blanks not in _BLANKS:
        raise SchemaError.unknown((*path, "formulaTreatBlanksAs"), "treatment of blanks", blanks, _BLANKS)
    text = _formula(path, definition, "formula")
    if text is None:
        if "formulaTreatBlanksAs" in definition:
            raise SchemaError((*path, "formulaTreatBlanksAs"), "only a field with a formula has this setting")
        return field
    if field.type not in _RESULTS or field.auto_number:
        raise SchemaError((*path, "type"), "a formula field cannot have this type", sorted(_RESULTS.values()))
    for key in ("default", "required", "unique", "externalId"):
        if definition.get(key):
            raise SchemaError((*path, key), "a formula field is never written, so it has no such setting")
    return as_formula(field, text, blank_as_zero=blanks == "BlankAsZero")


def as_formula(field: Field, text: str, *, blank_as_zero: bool) -> Field:
    """Return a field as a describe shows formula fields: calculated, read-only, texts and numbers not groupable."""
    return replace(
        field,
        formula=text,
        blank_as_zero=blank_as_zero,
        calculated=True,
        createable=False,
        updateable=False,
        nillable=field.type != "boolean",
        default=None,
        defaulted_on_create=field.type == "boolean",
        length=_MOST_TEXT if field.type == "string" else 0,
        groupable=field.type in ("boolean", "date"),
    )


def _formula(path: Path, definition: Mapping[str, Any], key: str) -> str | None:
    value = definition.get(key)
    if value is None and key not in definition:
        return None
    if isinstance(value, bool):
        # YAML reads a bare TRUE so.
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise SchemaError((*path, key), "a formula, as text, is needed here")
    return value


def rules_of(path: Path, definition: Mapping[str, Any]) -> tuple[ValidationRule, ...]:
    """Read `validationRules`: names, each with its condition and message. Raises SchemaError."""
    given = definition.get("validationRules", {})
    path = (*path, "validationRules")
    if not isinstance(given, Mapping):
        raise SchemaError(path, "a mapping of rule names to their definitions is needed here")
    rules = []
    for name, rule in given.items():
        where = (*path, name)
        if not isinstance(rule, Mapping):
            raise SchemaError(where, "a mapping is needed here", [*_RULE_WORDS][:4])
        said: dict[str, Any] = {}
        for key in rule:
            if key not in _RULE_WORDS:
                raise SchemaError.unknown((*where, key), "setting", key, [*_RULE_WORDS][:4])
            if _RULE_WORDS[key] in said:
                raise SchemaError((*where, key), f"{_RULE_WORDS[key]} is given twice")
            said[_RULE_WORDS[key]] = (
                _formula(where, rule, key) if _RULE_WORDS[key] == "condition" else _rule_value(where, rule, key)
            )
        for word, key in (("condition", "errorConditionFormula"), ("message", "errorMessage")):
            if word not in said:
                raise SchemaError(where, f"a validation rule needs {key}", [*_RULE_WORDS][:4])
        rules.append(ValidationRule(str(name), **said))
    return tuple(rules)


def _rule_value(where: Path, rule: Mapping[str, Any], key: str) -> Any:
    value = rule[key]
    if key == "active":
        if not isinstance(value, bool):
            raise SchemaError((*where, key), "true or false is needed here", ("true", "false"))
    elif not isinstance(value, str) or not value or len(value) > 255:
        raise SchemaError((*where, key), "a text of 1 to 255 characters is needed here")
    return value


_PLACES: dict[Source, str] = {"formula": "formula", "default value": "defaultFormula"}


def refuse_broken(schema: Schema, paths: Mapping[str, Path]) -> None:
    """Raise SchemaError for the first formula that does not compile; `paths` lead to the objects' definitions."""
    from mock_server.org.formula import check

    for problem in check(schema):
        where = paths.get(problem.sobject, ("fields", problem.sobject))
        if problem.source == "validation rule":
            where = (*where, "validationRules", problem.name)
        else:
            where = (*where, *(("fields",) if where[0] == "objects" else ()), problem.name, _PLACES[problem.source])
        place = f" (line {problem.row}, column {problem.column} of the formula)"
        raise SchemaError(where, problem.message.strip() + place, nearest=problem.nearest)
