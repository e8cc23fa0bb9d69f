"""Inline definitions of fields, as users declare them in YAML or JSON; every other source is read into this form.

fields:  {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}
objects: {Invoice__c: {label: Invoice, plural: Invoices, nameField: {type: autonumber, format: "INV-{0000}"},
                       fields: {Amount__c: {type: currency, precision: 18, scale: 2}}}}

A field of a standard object that is there already may be changed: its values, label, help, `required`, `default`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mock_server.org.schema.errors import Path, SchemaError
from mock_server.org.schema.given import flag, mapping, number_format, text, texts, whole
from mock_server.org.schema.types import Field, FieldType, FilterItem, PicklistValue, RollUp

FIELD_NAME = re.compile(r"(?:[A-Za-z][A-Za-z0-9]{0,14}__)?[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,39}__c")
_ROW = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,39}")
_COMMON = ("type", "label", "required", "default", "defaultFormula", "help")
_CHANGES = ("label", "help", "required", "default", "values", "valueSet", "restricted", "sorted", "controller")
_TEXT = ("length", "externalId", "unique", "caseSensitive", "formula", "blankAsZero")
_NUMBER = ("precision", "scale", "length", "externalId", "unique", "formula", "blankAsZero")
_VALUES = ("values", "valueSet", "restricted", "sorted", "controller")
_LINK = ("referenceTo", "relationshipName", "relationshipLabel", "filter", "filterMessage")
_ROLL_UP = ("child", "reference", "operation", "field", "filters")
_MASKS = {"asterisk": "*", "X": "X", "*": "*"}
_MASK_TYPES = ("all", "creditCard", "ssn", "lastFour", "sin", "nino")
OPERATORS = (
    "equals", "notEqual", "lessThan", "greaterThan", "lessOrEqual", "greaterOrEqual", "contains", "notContain",
    "startsWith", "includes", "excludes", "within",
)  # fmt: skip
OPERATIONS = ("count", "sum", "min", "max")


@dataclass(frozen=True)
class Kind:
    """A field type as users name it: what it is in a describe, its further keys and its default length."""

    type: FieldType
    keys: tuple[str, ...] = ()
    length: int = 0
    longest: int = 0


KINDS: dict[str, Kind] = {
    "text": Kind("string", _TEXT, 255, 255),
    "string": Kind("string", _TEXT, 255, 255),
    "textarea": Kind("textarea", ("length",), 255, 255),
    "longtextarea": Kind("textarea", ("length",), 32768, 131072),
    "html": Kind("textarea", ("length",), 32768, 131072),
    "number": Kind("double", _NUMBER),
    "double": Kind("double", _NUMBER),
    "currency": Kind("currency", _NUMBER),
    "percent": Kind("percent", _NUMBER),
    "int": Kind("int", ("digits", "externalId", "unique")),
    "checkbox": Kind("boolean", ("formula", "blankAsZero")),
    "boolean": Kind("boolean", ("formula", "blankAsZero")),
    "date": Kind("date", ("formula", "blankAsZero")),
    "datetime": Kind("datetime", ("formula", "blankAsZero")),
    "time": Kind("time", ("formula", "blankAsZero")),
    "email": Kind("email", ("externalId", "unique", "caseSensitive"), 80, 80),
    "phone": Kind("phone", (), 40, 40),
    "url": Kind("url", (), 255, 255),
    "picklist": Kind("picklist", _VALUES, 255, 255),
    "multiselectpicklist": Kind("multipicklist", (*_VALUES, "lines"), 4099, 4099),
    "multipicklist": Kind("multipicklist", (*_VALUES, "lines"), 4099, 4099),
    "lookup": Kind("reference", (*_LINK, "onDelete"), 18),
    "reference": Kind("reference", (*_LINK, "onDelete"), 18),
    "masterdetail": Kind("reference", (*_LINK, "reparentable", "order", "masterRead"), 18),
    "hierarchy": Kind("reference", _LINK, 18),
    "metadatarelationship": Kind("reference", _LINK, 18),
    "autonumber": Kind("string", ("format", "startingNumber", "externalId"), 30),
    "encryptedtext": Kind("encryptedstring", ("length", "mask", "maskType"), 175, 175),
    "location": Kind("location", ("scale", "decimal")),
    "rollup": Kind("double", _ROLL_UP),
    "summary": Kind("double", _ROLL_UP),
}

_NOT_GROUPED = frozenset({"datetime", "double", "currency", "percent", "multipicklist", "location", "encryptedstring"})
_FORMULA_NOT_GROUPED = _NOT_GROUPED | {"string"}


@dataclass(frozen=True, slots=True)
class Made:
    """A field with what concerns other objects: the names as they were given, to be looked up once all are known."""

    field: Field
    path: Path
    relationship: str | None = None
    """The name of the relationship on the parent, as it was given."""
    extra: tuple[Field, ...] = ()
    """The parts of a compound field."""
    loose: bool = False
    """Whether targets that nobody knows are left out: a saved describe tells of objects that were not saved."""


def new_field(
    path: Path, name: Any, definition: Any, value_sets: Callable[[Path, Any], tuple[PicklistValue, ...]]
) -> Made:
    """Return a custom field. Raises SchemaError."""
    if not isinstance(name, str) or not FIELD_NAME.fullmatch(name):
        raise SchemaError(
            path,
            "a custom field's name starts with a letter, holds letters, digits and single underscores "
            "(at most 40 characters), and ends in __c",
            nearest=f"{name}__c" if isinstance(name, str) and _ROW.fullmatch(name) else None,
        )
    if not isinstance(definition, Mapping) or "type" not in definition:
        raise SchemaError(path, "a field needs at least a type", sorted(KINDS))
    word = str(definition["type"]).lower().replace("-", "").replace(" ", "").replace("_", "")
    kind = KINDS.get(word)
    if kind is None:
        raise SchemaError.unknown((*path, "type"), "field type", definition["type"], KINDS)
    mapping(path, definition, (*_COMMON, *kind.keys))
    required = flag(path, definition, "required") or word == "masterdetail"
    default = definition.get("default")
    if "defaultFormula" in definition and "default" in definition:
        raise SchemaError((*path, "defaultFormula"), "a field has one of default and defaultFormula")
    formula = text(path, definition, "defaultFormula", None, most=5000)
    long = kind.type == "textarea" and kind.longest > 255
    hidden = long or kind.type == "encryptedstring"
    field = Field(
        name=name,
        label=text(path, definition, "label", name.removesuffix("__c").replace("_", " ")),
        type=kind.type,
        length=kind.length,
        nillable=not required and kind.type != "boolean",
        defaulted_on_create=kind.type == "boolean" or default is not None or formula is not None,
        default=_default(path, kind, default),
        default_formula=formula,
        unique=flag(path, definition, "unique"),
        external_id=flag(path, definition, "externalId"),
        case_sensitive=flag(path, definition, "caseSensitive"),
        id_lookup=flag(path, definition, "externalId"),
        custom=True,
        permissionable=not required,
        filterable=not hidden and kind.type != "location",
        sortable=not hidden and kind.type not in ("multipicklist", "location"),
        groupable=not hidden and kind.type not in _NOT_GROUPED,
        html=word == "html",
        extra_type="richtextarea" if word == "html" else "plaintextarea" if kind.type == "textarea" else None,
        encrypted=kind.type == "encryptedstring",
        help_text=text(path, definition, "help", None, most=510),
    )
    if "length" in kind.keys and kind.longest:
        field = replace(field, length=whole(path, definition, "length", kind.length, 1, kind.longest))
    if "precision" in kind.keys:
        precision = whole(path, definition, "precision", 18, 1, 18)
        scale = whole(path, definition, "scale", 0, 0, min(precision, 17))
        if "length" in definition:
            precision = whole(path, definition, "length", 18, 1, 18 - scale) + scale
        field = replace(field, precision=precision, scale=scale)
    if kind.type == "int":
        field = replace(field, digits=whole(path, definition, "digits", 9, 1, 9))
    if "values" in kind.keys:
        field = _picklist(path, definition, field, value_sets)
        if "lines" in kind.keys:
            field = replace(field, precision=whole(path, definition, "lines", 4, 1, 50))
    if "formula" in definition:
        field = _formula(path, definition, field)
    if word == "encryptedtext":
        mask = text(path, definition, "mask", "asterisk")
        if mask not in _MASKS:
            raise SchemaError.unknown((*path, "mask"), "mask", mask, _MASKS)
        style = text(path, definition, "maskType", "all")
        if style not in _MASK_TYPES:
            raise SchemaError.unknown((*path, "maskType"), "type of mask", style, _MASK_TYPES)
        field = replace(field, mask=_MASKS[mask], mask_type=style)
    if kind.type == "reference":
        return Made(_link(path, definition, field, word), path, _relationship(path, definition))
    if word == "autonumber":
        field = replace(
            field, auto_number=True, createable=False, updateable=False, nillable=False, defaulted_on_create=True,
            default=None, display_format=number_format(path, definition, "format", "{00000000}"),
            first_number=whole(path, definition, "startingNumber", 1, 0, 1_000_000_000),
        )  # fmt: skip
    if word == "location":
        return _location(path, definition, field)
    if word in ("rollup", "summary"):
        field = _roll_up(path, definition, field)
    return Made(field, path)


def changed_field(
    path: Path, field: Field, definition: Any, value_sets: Callable[[Path, Any], tuple[PicklistValue, ...]]
) -> Field:
    """Return a field that is there already with what the definition changes. Raises SchemaError."""
    mapping(path, definition, (*_CHANGES, "type", "standard"))
    kind = KINDS.get(str(definition.get("type", "")).lower())
    if "values" in definition or "valueSet" in definition:
        if field.type not in ("picklist", "multipicklist", "combobox"):
            raise SchemaError((*path, "values"), f"{field.name} is a {field.type} and has no values")
        field = _picklist(path, definition, field, value_sets)
    elif "restricted" in definition:
        field = replace(field, restricted_picklist=flag(path, definition, "restricted"))
    if "default" in definition:
        value = _default(path, kind or Kind(field.type), definition["default"])
        field = replace(field, default=value, defaulted_on_create=value is not None)
    if "required" in definition and not field.name_field and field.type != "boolean" and field.createable:
        # What the platform itself demands stays.
        field = replace(field, nillable=field.nillable and not flag(path, definition, "required"))
    return replace(
        field,
        label=text(path, definition, "label", field.label),
        help_text=text(path, definition, "help", field.help_text, most=510),
    )


def _picklist(
    path: Path,
    definition: Mapping[str, Any],
    field: Field,
    value_sets: Callable[[Path, Any], tuple[PicklistValue, ...]],
) -> Field:
    given = "values" in definition
    found = values(path, definition) if given or "valueSet" not in definition else ()
    if "valueSet" in definition:
        shared = value_sets((*path, "valueSet"), definition["valueSet"])
        # Beside a set, `values` only says with which controlling values each may be chosen.
        limits = {value.value: value.valid_for for value in found}
        found = tuple(replace(v, valid_for=limits.get(v.value, v.valid_for)) for v in shared)
    if flag(path, definition, "sorted"):
        found = tuple(sorted(found, key=lambda value: value.label.casefold()))
    chosen = next((value.value for value in found if value.default and value.active), None)
    if chosen is not None and field.default_formula is None and definition.get("default") is None:
        field = replace(field, default=chosen, defaulted_on_create=True)
    elif not field.custom and definition.get("default") is None:
        # The values of a standard field are replaced, and its default goes with them.
        field = replace(field, default=None)
    return replace(
        field,
        picklist=found,
        restricted_picklist=flag(path, definition, "restricted", field.restricted_picklist),
        controller=text(path, definition, "controller", None),
    )


def values(path: Path, definition: Mapping[str, Any], key: str = "values") -> tuple[PicklistValue, ...]:
    """Return picklist values: texts, or mappings of `value`, `label`, `active`, `default`, `validFor`."""
    given = definition.get(key, [])
    at = (*path, key)
    if not isinstance(given, list):
        raise SchemaError(at, "a list of texts is needed here")
    out: dict[str, PicklistValue] = {}
    for index, one in enumerate(given):
        if isinstance(one, str) and one:
            value = PicklistValue(one, one)
        elif isinstance(one, Mapping):
            here = (*at, index)
            mapping(here, one, ("value", "label", "active", "default", "validFor"))
            name = text(here, one, "value", "")
            value = PicklistValue(
                name,
                text(here, one, "label", name),
                flag(here, one, "active", True),
                flag(here, one, "default"),
                texts(here, one, "validFor"),
            )
        else:
            raise SchemaError(at, "a list of texts is needed here")
        # A value that stands twice is one value, as in a deployment that says it twice.
        out[value.value] = value
    return tuple(out.values())


def _formula(path: Path, definition: Mapping[str, Any], field: Field) -> Field:
    formula = text(path, definition, "formula", "", most=20_000)
    for key in ("unique", "externalId", "required", "default", "defaultFormula"):
        if definition.get(key):
            raise SchemaError((*path, key), "a formula field is reckoned, and takes no such setting")
    return replace(
        field,
        formula=formula,
        blank_as_zero=flag(path, definition, "blankAsZero"),
        calculated=True,
        createable=False,
        updateable=False,
        nillable=field.type != "boolean",
        defaulted_on_create=field.type == "boolean",
        length=1300 if field.type == "string" else field.length,
        groupable=field.groupable and field.type not in _FORMULA_NOT_GROUPED,
        permissionable=True,
    )


def _relationship(path: Path, definition: Mapping[str, Any]) -> str | None:
    name = text(path, definition, "relationshipName", None, most=80)
    if name is not None and not re.fullmatch(r"\w+", name):
        raise SchemaError((*path, "relationshipName"), "a name of letters, digits and underscores is needed here")
    return name


def _link(path: Path, definition: Mapping[str, Any], field: Field, word: str) -> Field:
    wanted = definition.get("referenceTo")
    if wanted is None and word == "hierarchy":
        wanted = "User"
    if wanted is None or wanted == []:
        raise SchemaError(path, "a lookup needs referenceTo: the object it leads to")
    master = word == "masterdetail"
    on_delete = text(path, definition, "onDelete", "SetNull")
    if on_delete not in ("SetNull", "Restrict", "Cascade"):
        raise SchemaError.unknown((*path, "onDelete"), "constraint", on_delete, ("SetNull", "Restrict", "Cascade"))
    targets = wanted if isinstance(wanted, list) else [wanted]
    if not all(isinstance(one, str) and one for one in targets):
        raise SchemaError((*path, "referenceTo"), "the name of an object is needed here, or a list of them")
    return replace(
        field,
        reference_to=tuple(targets),
        relationship_name=field.name.removesuffix("__c") + "__r",
        cascade_delete=master or on_delete == "Cascade",
        restricted_delete=on_delete == "Restrict",
        updateable=not master or flag(path, definition, "reparentable"),
        relationship_order=whole(path, definition, "order", 0, 0, 1) if master else None,
        write_requires_master_read=flag(path, definition, "masterRead"),
        lookup_filter=filters(path, definition, "filter"),
        lookup_message=text(path, definition, "filterMessage", None),
    )


def _location(path: Path, definition: Mapping[str, Any], field: Field) -> Made:
    """Return a geolocation with its two parts: only these have columns, and only these are written."""
    scale = whole(path, definition, "scale", 6, 0, 15)
    decimal = flag(path, definition, "decimal")
    bare = field.name.removesuffix("__c")
    parts = tuple(
        Field(
            f"{bare}__{part}__s", f"{field.label} ({part})", "double", precision=scale + digits, scale=scale,
            nillable=field.nillable, custom=True, permissionable=field.permissionable, compound=field.name,
            groupable=False, help_text=field.help_text,
        )
        for part, digits in (("Latitude", 2), ("Longitude", 3))
    )  # fmt: skip
    whole_field = replace(
        field, createable=False, updateable=False, query_by_distance=True, display_in_decimal=decimal, nillable=True,
    )  # fmt: skip
    return Made(whole_field, path, extra=parts)


def _roll_up(path: Path, definition: Mapping[str, Any], field: Field) -> Field:
    operation = text(path, definition, "operation", "")
    if operation not in OPERATIONS:
        raise SchemaError.unknown((*path, "operation"), "operation", operation, OPERATIONS)
    wanted = text(path, definition, "field", None)
    if operation != "count" and wanted is None:
        raise SchemaError(path, f"a roll-up that takes the {operation} needs field: what it sums up")
    roll_up = RollUp(
        child=text(path, definition, "child", ""),
        reference=text(path, definition, "reference", ""),
        operation=operation,  # type: ignore[arg-type]
        field=None if operation == "count" else wanted,
        filters=filters(path, definition, "filters"),
    )
    return replace(
        field, roll_up=roll_up, calculated=True, createable=False, updateable=False, nillable=True,
        defaulted_on_create=False, precision=18,
    )  # fmt: skip


def filters(path: Path, definition: Mapping[str, Any], key: str) -> tuple[FilterItem, ...]:
    given = definition.get(key, [])
    if not isinstance(given, list):
        raise SchemaError((*path, key), "a list of conditions is needed here", ("field", "operator", "value"))
    out = []
    for index, one in enumerate(given):
        here = (*path, key, index)
        mapping(here, one, ("field", "operator", "value"))
        operator = text(here, one, "operator", "equals")
        if operator not in OPERATORS:
            raise SchemaError.unknown((*here, "operator"), "operator", operator, OPERATORS)
        value = one.get("value", "")
        if isinstance(value, Mapping | list):
            raise SchemaError((*here, "value"), "a plain value is needed here")
        shown = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        out.append(FilterItem(text(here, one, "field", ""), operator, shown))
    return tuple(out)


def child_name(child: str, made: Made, parent: str, taken: Collection[str]) -> str | None:
    """Return what a lookup is called on its parent. Raises SchemaError where the parent has such a relationship.

    `taken` has the names of the parent's relationships in lower case.
    """
    wanted = made.relationship
    if made.loose:
        # As the describe says; a name that another relationship has is the only thing that cannot be kept.
        return wanted if wanted and wanted.lower() not in taken else None
    name = f"{wanted or child.removesuffix('__c') + 's'}__r".replace("__r__r", "__r")
    if name.lower() in taken:
        if wanted:
            raise SchemaError((*made.path, "relationshipName"), f"{parent} has a relationship {name} already")
        name = f"{name.removesuffix('__r')}_{made.field.name.removesuffix('__c')}__r"
    return name


def _default(path: Path, kind: Kind, value: Any) -> Any:
    if value is None:
        return False if kind.type == "boolean" else None
    if kind.type == "boolean" and not isinstance(value, bool):
        raise SchemaError((*path, "default"), "true or false is needed here", ("true", "false"))
    if not isinstance(value, str | int | float | bool):
        raise SchemaError((*path, "default"), "a plain value is needed here")
    return value
