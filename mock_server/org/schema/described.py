"""Fields and objects as a describe states them: the `describe` key of a definition, read attribute by attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from mock_server.org.schema.errors import Path, SchemaError
from mock_server.org.schema.given import flag, text
from mock_server.org.schema.inline import Made, values
from mock_server.org.schema.standard import RENAMED
from mock_server.org.schema.types import FIELD_TYPES, Field, SObject

_MORE = {
    "calculatedFormula": "formula",
    "formulaTreatNullNumberAsZero": "blank_as_zero",
    "defaultValueFormula": "default_formula",
    "inlineHelpText": "help_text",
    "mask": "mask",
    "maskType": "mask_type",
    "displayLocationInDecimal": "display_in_decimal",
    "relationshipOrder": "relationship_order",
    "writeRequiresMasterRead": "write_requires_master_read",
}
_PLAIN = (
    "label", "length", "precision", "scale", "digits", "nillable", "createable", "updateable", "filterable",
    "sortable", "groupable", "unique", "encrypted", "permissionable", "calculated", "custom",
)  # fmt: skip
ATTRIBUTES: dict[str, str] = {**RENAMED, **_MORE, **{name: name for name in _PLAIN}}
"""Describe attributes of a field that are taken over, and what they are called here."""
DEFAULTS: dict[str, Any] = {
    attribute: one.default
    for one in fields(Field)
    for attribute, name in ATTRIBUTES.items()
    if one.name == name and one.default is not MISSING
}
_NULLABLE = frozenset(
    {
        "defaultValue", "relationshipName", "compoundFieldName", "extraTypeInfo", "calculatedFormula",
        "defaultValueFormula", "inlineHelpText", "mask", "maskType", "relationshipOrder",
    }
)  # fmt: skip
FLAGS = (
    "activateable", "createable", "customSetting", "deepCloneable", "deletable", "deprecatedAndHidden", "feedEnabled",
    "hasSubtypes", "isInterface", "isSubtype", "layoutable", "mergeable", "mruEnabled", "queryable", "replicateable",
    "retrieveable", "searchable", "triggerable", "undeletable", "updateable", "compactLayoutable", "searchLayoutable",
)  # fmt: skip


def described_field(path: Path, name: str, definition: Mapping[str, Any]) -> Made:
    """Return a field from `{describe: {...}}`. Raises SchemaError."""
    raw = definition["describe"]
    path = (*path, "describe")
    if not isinstance(raw, Mapping):
        raise SchemaError(path, "a mapping of describe attributes is needed here")
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in FIELD_TYPES:
        raise SchemaError.unknown((*path, "type"), "field type", kind, FIELD_TYPES)
    known: dict[str, Any] = {"label": name}
    for attribute, value in raw.items():
        target = ATTRIBUTES.get(attribute)
        if target is None:
            continue
        _check(path, attribute, value)
        known[target] = value
    if known.get("default") is None and kind == "boolean":
        known["default"] = False
    targets = raw.get("referenceTo", [])
    if not isinstance(targets, list) or not all(isinstance(one, str) for one in targets):
        raise SchemaError((*path, "referenceTo"), "a list of object names is needed here")
    field = Field(
        **{**known, "name": name, "type": kind},
        reference_to=tuple(targets),
        picklist=values(path, raw),
        controller=text(path, raw, "controllerName", None),
    )
    relationship = text(path, definition, "relationshipName", None)
    return Made(field, path, relationship, loose=True)


def _check(path: Path, attribute: str, value: Any) -> None:
    if value is None and attribute in _NULLABLE:
        return
    default = DEFAULTS.get(attribute, "")
    if attribute == "defaultValue":
        right = isinstance(value, str | int | float | bool)
    elif isinstance(default, bool):
        right = isinstance(value, bool)
    elif isinstance(default, int) or attribute == "relationshipOrder":
        right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9
    else:
        right = isinstance(value, str) and len(value) <= 20_000
    if not right:
        raise SchemaError((*path, attribute), f"{type(value).__name__} is not what a describe holds here")


def described_object(path: Path, name: str, raw: Any) -> SObject:
    """Return an object, without fields, from the attributes of its describe. Raises SchemaError."""
    path = (*path, "describe")
    if not isinstance(raw, Mapping):
        raise SchemaError(path, "a mapping of describe attributes is needed here")
    prefix = text(path, raw, "keyPrefix", None, most=3)
    if prefix is not None and not (len(prefix) == 3 and prefix.isascii() and prefix.isalnum()):
        raise SchemaError((*path, "keyPrefix"), "a key prefix has three letters or digits")
    setting, custom = flag(path, raw, "customSetting"), flag(path, raw, "custom")
    kind = (
        "setting" if setting else "event" if name.endswith("__e") else "metadata" if name.endswith("__mdt")
        else "external" if name.endswith("__x") else "object"
    )  # fmt: skip
    return SObject(
        name=name,
        label=text(path, raw, "label", name),
        label_plural=text(path, raw, "labelPlural", text(path, raw, "label", name)),
        key_prefix=prefix,
        flags=frozenset(mark for mark in FLAGS if flag(path, raw, mark)),
        fields=(),
        custom=custom,
        kind=kind,  # type: ignore[arg-type]
    )
