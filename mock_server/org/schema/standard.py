"""The bundled standard objects, read lazily: an object's fields are parsed when somebody first asks for them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from mock_server.org.schema.reified import NAMES as REIFIED
from mock_server.org.schema.reified import reified
from mock_server.org.schema.types import ChildRelationship, Field, PicklistValue, SObject

RENAMED = {
    "defaultedOnCreate": "defaulted_on_create",
    "defaultValue": "default",
    "caseSensitive": "case_sensitive",
    "externalId": "external_id",
    "idLookup": "id_lookup",
    "autoNumber": "auto_number",
    "nameField": "name_field",
    "htmlFormatted": "html",
    "restrictedPicklist": "restricted_picklist",
    "cascadeDelete": "cascade_delete",
    "restrictedDelete": "restricted_delete",
    "queryByDistance": "query_by_distance",
    "relationshipName": "relationship_name",
    "compoundFieldName": "compound",
    "extraTypeInfo": "extra_type",
    "searchPrefilterable": "search_prefilterable",
}
_SAME = frozenset(
    [
        "name",
        "label",
        "type",
        "length",
        "precision",
        "scale",
        "digits",
        "nillable",
        "createable",
        "updateable",
        "filterable",
        "sortable",
        "groupable",
        "unique",
        "encrypted",
        "permissionable",
        "calculated",
    ]
)


@cache
def rows() -> dict[str, tuple[str, bytes]]:
    """Return key prefix and head, unparsed, of every bundled object by name."""
    out = {}
    for line in _data("standard_objects.tsv").splitlines():
        name, prefix, head = line.split(b"\t")
        out[name.decode()] = (prefix.decode(), head)
    return out


def _data(name: str) -> bytes:
    return files("mock_server.org.schema").joinpath("data", name).read_bytes()


@cache
def _bodies() -> bytes:
    # Two and a half megabytes are searched for one line much faster than they are cut into lines.
    return b"\n" + _data("standard_fields.tsv")


def _body(name: str) -> bytes:
    text = _bodies()
    start = text.index(f"\n{name}\t".encode()) + len(name) + 2
    return text[start : text.index(b"\n", start)]


@cache
def head(name: str) -> dict[str, Any]:
    """Return label, plural, flags, scopes and links of a bundled object, without reading its fields."""
    found: dict[str, Any] = orjson.loads(rows()[name][1])
    return found


@cache
def load(name: str) -> SObject:
    """Return a bundled object. Raises KeyError for an unknown one."""
    top, parts = head(name), orjson.loads(_body(name))
    sobject = SObject(
        name=name,
        label=top["label"],
        label_plural=top["labelPlural"],
        key_prefix=rows()[name][0] or None,
        flags=frozenset(top["flags"]),
        fields=tuple(_field(raw) for raw in parts["fields"]),
        children=tuple(_child(*raw) for raw in parts["children"]),
        scopes=tuple((scope, label) for scope, label in top.get("scopes", ())),
        links=tuple(top.get("links", ())),
        record_typed=top.get("recordTypes", False),
        # Which views there are follows from the objects that there are.
        derived=name == "ListView",
    )
    return reified(sobject) if name in REIFIED else sobject


def _field(raw: dict[str, Any]) -> Field:
    known: dict[str, Any] = {"label": raw["name"]}
    for key, value in raw.items():
        if key in _SAME:
            known[key] = value
        elif key in RENAMED:
            known[RENAMED[key]] = value
    known["reference_to"] = tuple(raw.get("referenceTo", ()))
    known["picklist"] = tuple(_value(entry) for entry in raw.get("picklistValues", ()))
    return Field(**known)


def _value(raw: str | dict[str, Any]) -> PicklistValue:
    if isinstance(raw, str):
        return PicklistValue(raw, raw)
    return PicklistValue(
        raw["value"], raw.get("label", raw["value"]), raw.get("active", True), raw.get("default", False)
    )


def _child(child: str, field: str, name: str | None, marks: str = "") -> ChildRelationship:
    return ChildRelationship(child, field, name, "c" in marks, "r" in marks)
