"""Inline definitions: fields and objects as a user declares them in YAML or JSON.

fields:  {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}
objects: {Invoice__c: {label: Invoice, plural: Invoices, nameField: {type: autonumber, format: "INV-{0000}"},
                       fields: {Amount__c: {type: currency, precision: 18, scale: 2}}}}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mock_server.org.schema.errors import Path, SchemaError
from mock_server.org.schema.types import ChildRelationship, Field, FieldType, FilterItem, PicklistValue, RollUp, SObject

_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,39}__c")
_ROW = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,39}")
_COMMON = ("type", "label", "required", "default")
_TEXT = ("length", "externalId", "unique", "caseSensitive")
_NUMBER = ("precision", "scale", "externalId", "unique")
_VALUES = ("values", "restricted")
_LINK = ("referenceTo", "relationshipName", "relationshipLabel")
_SUMMARY = ("summaryOperation", "summaryForeignKey", "summarizedField", "summaryFilterItems")


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
    "number": Kind("double", (*_NUMBER, "length")),
    "double": Kind("double", (*_NUMBER, "length")),
    "currency": Kind("currency", (*_NUMBER, "length")),
    "percent": Kind("percent", (*_NUMBER, "length")),
    "int": Kind("int", ("digits", "externalId", "unique")),
    "checkbox": Kind("boolean"),
    "boolean": Kind("boolean"),
    "date": Kind("date"),
    "datetime": Kind("datetime"),
    "time": Kind("time"),
    "email": Kind("email", ("externalId", "unique"), 80, 80),
    "phone": Kind("phone", (), 40, 40),
    "url": Kind("url", (), 255, 255),
    "picklist": Kind("picklist", _VALUES, 255, 255),
    "multiselectpicklist": Kind("multipicklist", _VALUES, 4099, 4099),
    "multipicklist": Kind("multipicklist", _VALUES, 4099, 4099),
    "lookup": Kind("reference", _LINK, 18),
    "reference": Kind("reference", _LINK, 18),
    "masterdetail": Kind("reference", _LINK, 18),
    "autonumber": Kind("string", ("format", "externalId"), 30),
    "summary": Kind("double", _SUMMARY),
    "encryptedtext": Kind("encryptedstring", ("length",), 175, 175),
}


def check_object_name(find: Callable[[str], SObject | None], name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SchemaError(
            ("objects", name),
            "a custom object's name starts with a letter, holds letters, digits and single underscores "
            "(at most 40 characters), and ends in __c",
        )
    if find(name) is not None:
        raise SchemaError(("objects", name), "this object is declared twice")


def fields_of(definition: Any) -> Any:
    return definition.get("fields", {}) if isinstance(definition, Mapping) else {}


def new_object(name: str, definition: Any, prefix: str) -> SObject:
    """Return a custom object with its standard fields. Raises SchemaError."""
    path: Path = ("objects", name)
    keys = ("label", "plural", "nameField", "fields")
    _mapping(path, definition, keys)
    bare = name.removesuffix("__c").replace("_", " ")
    label = _text(path, definition, "label", bare)
    named = definition.get("nameField", {"type": "text"})
    _mapping((*path, "nameField"), named, ("type", "label", "format"))
    kind = str(named.get("type", "text")).lower()
    if kind not in ("text", "autonumber"):
        raise SchemaError.unknown((*path, "nameField", "type"), "type of name field", kind, ("text", "autonumber"))
    auto = kind == "autonumber"
    name_field = Field(
        "Name", _text((*path, "nameField"), named, "label", f"{label} Name"), "string", length=80, name_field=True,
        id_lookup=True, defaulted_on_create=True, auto_number=auto, createable=not auto, updateable=not auto,
        display_format=_text((*path, "nameField"), named, "format", "{00000000}") if auto else None, nillable=not auto,
    )  # fmt: skip
    # Only a master-detail field takes the owner away; a detail object shows its own field in `fields`.
    detail = any(
        str(field.get("type", "")).lower() == "masterdetail"
        for field in fields_of(definition).values()
        if isinstance(field, Mapping)
    ) if isinstance(fields_of(definition), Mapping) else False  # fmt: skip
    return SObject(
        name=name,
        label=label,
        label_plural=_text(path, definition, "plural", f"{label}s"),
        key_prefix=prefix,
        flags=frozenset(
            [
                "createable",
                "deletable",
                "layoutable",
                "queryable",
                "replicateable",
                "retrieveable",
                "searchable",
                "triggerable",
                "undeletable",
                "updateable",
                "compactLayoutable",
                "searchLayoutable",
                "mruEnabled",
                "deepCloneable",
            ]
        ),
        fields=tuple(field for field in _system_fields(name_field) if not (detail and field.name == "OwnerId")),
        custom=True,
    )


def _system_fields(name_field: Field) -> tuple[Field, ...]:
    def system(name: str, label: str, kind: FieldType, **more: Any) -> Field:
        return Field(
            name, label, kind, nillable=more.pop("nillable", False), createable=False, updateable=False,
            defaulted_on_create=more.pop("defaulted_on_create", True), **more,
        )  # fmt: skip

    def user(name: str, label: str) -> Field:
        relation = name.removesuffix("Id")
        return system(name, label, "reference", length=18, reference_to=("User",), relationship_name=relation)

    def moment(name: str, label: str, **more: Any) -> Field:
        return system(name, label, "datetime", groupable=False, **more)

    return (
        system("Id", "Record ID", "id", length=18, id_lookup=True),
        replace(user("OwnerId", "Owner ID"), createable=True, updateable=True, reference_to=("Group", "User")),
        system("IsDeleted", "Deleted", "boolean", default=False),
        name_field,
        moment("CreatedDate", "Created Date"),
        user("CreatedById", "Created By ID"),
        moment("LastModifiedDate", "Last Modified Date"),
        user("LastModifiedById", "Last Modified By ID"),
        moment("SystemModstamp", "System Modstamp"),
        system("LastActivityDate", "Last Activity Date", "date", nillable=True, defaulted_on_create=False),
        moment("LastViewedDate", "Last Viewed Date", nillable=True, defaulted_on_create=False),
        moment("LastReferencedDate", "Last Referenced Date", nillable=True, defaulted_on_create=False),
    )


def new_field(
    find: Callable[[str], SObject | None],
    names: Callable[[], tuple[str, ...]],
    path: Path,
    name: Any,
    definition: Any,
    taken: list[str],
) -> Field:
    """Return a custom field. Raises SchemaError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SchemaError(
            path,
            "a custom field's name starts with a letter, holds letters, digits and single underscores "
            "(at most 40 characters), and ends in __c",
            nearest=f"{name}__c" if isinstance(name, str) and _ROW.fullmatch(name) else None,
        )
    if name.lower() in {other.lower() for other in taken}:
        raise SchemaError(path, "this field is declared twice")
    if not isinstance(definition, Mapping) or "type" not in definition:
        raise SchemaError(path, "a field needs at least a type", sorted(KINDS))
    word = str(definition["type"])
    kind = KINDS.get(word.lower().replace("-", "").replace(" ", "").replace("_", ""))
    if kind is None:
        raise SchemaError.unknown((*path, "type"), "field type", word, KINDS)
    _mapping(path, definition, (*_COMMON, *kind.keys))
    word = word.lower()
    required = _flag(path, definition, "required") or word == "masterdetail"
    default = definition.get("default")
    long = kind.type == "textarea" and kind.longest > 255
    field = Field(
        name=name,
        label=_text(path, definition, "label", name.removesuffix("__c").replace("_", " ")),
        type=kind.type,
        length=kind.length,
        nillable=not required and kind.type != "boolean",
        defaulted_on_create=kind.type == "boolean" or default is not None,
        default=_default(path, kind, default),
        unique=_flag(path, definition, "unique"),
        external_id=_flag(path, definition, "externalId"),
        case_sensitive=_flag(path, definition, "caseSensitive"),
        id_lookup=_flag(path, definition, "externalId"),
        custom=True,
        permissionable=not required,
        filterable=not long,
        sortable=not long and kind.type != "multipicklist",
        groupable=not long and kind.type not in ("datetime", "double", "currency", "percent", "time", "multipicklist"),
        html=word == "html",
    )
    if "length" in kind.keys and kind.longest:
        field = replace(field, length=_whole(path, definition, "length", kind.length, 1, kind.longest))
    if "precision" in kind.keys:
        precision = _whole(path, definition, "precision", 18, 1, 18)
        scale = _whole(path, definition, "scale", 0, 0, precision)
        if "length" in definition:
            precision = _whole(path, definition, "length", 18, 1, 18 - scale) + scale
        field = replace(field, precision=precision, scale=scale)
    if kind.type == "int":
        field = replace(field, digits=_whole(path, definition, "digits", 9, 1, 9))
    if "values" in kind.keys:
        field = replace(
            field, picklist=_values(path, definition), restricted_picklist=_flag(path, definition, "restricted")
        )
    if kind.type == "reference":
        field = _link(find, names, path, definition, field, master=word == "masterdetail")
    if word == "summary":
        field = replace(field, roll_up=_roll_up(path, definition), calculated=True, createable=False, updateable=False)
    if word == "autonumber":
        field = replace(
            field, auto_number=True, createable=False, updateable=False, nillable=False, defaulted_on_create=True,
            default=None, display_format=_text(path, definition, "format", "{00000000}"),
        )  # fmt: skip
    return field


def _link(
    find: Callable[[str], SObject | None],
    names: Callable[[], tuple[str, ...]],
    path: Path,
    definition: Mapping[str, Any],
    field: Field,
    *,
    master: bool,
) -> Field:
    wanted = definition.get("referenceTo")
    if wanted is None:
        raise SchemaError(path, "a lookup needs referenceTo: the object it leads to")
    targets = []
    for given in wanted if isinstance(wanted, list) else [wanted]:
        target = find(given) if isinstance(given, str) else None
        if target is None:
            raise SchemaError.unknown((*path, "referenceTo"), "object", given, names())
        targets.append(target.name)
    return replace(
        field,
        reference_to=tuple(targets),
        relationship_name=field.name.removesuffix("__c") + "__r",
        cascade_delete=master,
        updateable=not master,
    )


def _roll_up(path: Path, definition: Mapping[str, Any]) -> RollUp:
    """Read a roll-up summary, written as in a custom field's metadata. What it names is looked up later."""
    operations = ("count", "sum", "min", "max")
    operation = str(definition.get("summaryOperation"))
    if operation not in operations:
        raise SchemaError.unknown((*path, "summaryOperation"), "operation", operation, operations)
    key = definition.get("summaryForeignKey")
    child, _, reference = key.partition(".") if isinstance(key, str) else ("", "", "")
    if not child or not reference:
        raise SchemaError((*path, "summaryForeignKey"), "a roll-up needs its master-detail field: Detail__c.Master__c")
    summarized = definition.get("summarizedField")
    if summarized is not None and (not isinstance(summarized, str) or not summarized.startswith(f"{child}.")):
        raise SchemaError((*path, "summarizedField"), f"a field of {child} is needed here: {child}.Amount__c")
    items = definition.get("summaryFilterItems", [])
    if not isinstance(items, list):
        raise SchemaError((*path, "summaryFilterItems"), "a list of conditions is needed here")
    filters = []
    for place, item in enumerate(items):
        where = (*path, "summaryFilterItems", place)
        _mapping(where, item, ("field", "operation", "value"))
        name, compared, value = item.get("field"), item.get("operation"), item.get("value", "")
        if not isinstance(name, str) or not isinstance(compared, str):
            raise SchemaError(where, "a condition needs field and operation, and mostly a value")
        filters.append(FilterItem(name.rpartition(".")[2], compared, "" if value is None else str(value)))
    source = summarized.rpartition(".")[2] if summarized else None
    return RollUp(child, reference, operation, source, tuple(filters))  # type: ignore[arg-type]  # checked above


def child_of(child: str, field: Field, definition: Mapping[str, Any], parent: SObject) -> ChildRelationship:
    """Return what a lookup adds to its parent. Raises SchemaError when the parent has that relationship already."""
    wanted = definition.get("relationshipName")
    name = f"{wanted or child.removesuffix('__c') + 's'}__r".replace("__r__r", "__r")
    if parent.child(name) is not None:
        if wanted:
            raise SchemaError(
                ("fields", child, field.name, "relationshipName"), f"{parent.name} has a relationship {name} already"
            )
        name = f"{name.removesuffix('__r')}_{field.name.removesuffix('__c')}__r"
    return ChildRelationship(child, field.name, name, field.cascade_delete)


def _mapping(path: Path, value: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(value, Mapping):
        raise SchemaError(path, "a mapping is needed here", keys)
    for key in value:
        if key not in keys:
            raise SchemaError.unknown((*path, key), "setting", key, keys)


def _text(path: Path, definition: Mapping[str, Any], key: str, default: str) -> str:
    value = definition.get(key, default)
    if not isinstance(value, str) or not value or len(value) > 255:
        raise SchemaError((*path, key), "a text of 1 to 255 characters is needed here")
    return value


def _flag(path: Path, definition: Mapping[str, Any], key: str) -> bool:
    value = definition.get(key, False)
    if not isinstance(value, bool):
        raise SchemaError((*path, key), "true or false is needed here", ("true", "false"))
    return value


def _whole(path: Path, definition: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
    value = definition.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SchemaError((*path, key), f"a whole number from {least} to {most} is needed here")
    return value


def _values(path: Path, definition: Mapping[str, Any]) -> tuple[PicklistValue, ...]:
    values = definition.get("values", [])
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise SchemaError((*path, "values"), "a list of texts is needed here")
    return tuple(PicklistValue(value, value) for value in values)


def _default(path: Path, kind: Kind, value: Any) -> Any:
    if value is None:
        return False if kind.type == "boolean" else None
    if kind.type == "boolean" and not isinstance(value, bool):
        raise SchemaError((*path, "default"), "true or false is needed here", ("true", "false"))
    if not isinstance(value, str | int | float | bool):
        raise SchemaError((*path, "default"), "a plain value is needed here")
    return value
