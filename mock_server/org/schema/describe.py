"""Describe bodies, with every key of a real describe in its order.

Source: recorded answers (v48.0 to 2026): object and field keys come in alphabetical order, `urls` in one of its own.
What is described is the sObject that a caller gives: one cut down to what a user may see describes just that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any
from zlib import crc32

from mock_server.org.schema import derived, standard
from mock_server.org.schema.describe_fields import describe_field
from mock_server.org.schema.schema import Schema
from mock_server.org.schema.types import ChildRelationship, SObject
from mock_server.org.schema.urls import USUAL_LINKS, urls

MASTER_RECORD_TYPE = "012000000000000AAA"

_SUMMARY_FLAGS = (
    "activateable", "createable", "custom", "customSetting", "deepCloneable", "deletable", "deprecatedAndHidden",
    "feedEnabled", "hasSubtypes", "isInterface", "isSubtype", "layoutable", "mergeable", "mruEnabled", "queryable",
    "replicateable", "retrieveable", "searchable", "triggerable", "undeletable", "updateable",
)  # fmt: skip
_FULL_FLAGS = (*_SUMMARY_FLAGS, "compactLayoutable", "searchLayoutable")
# Objects that hang on another one: the suffix of their name says what they are.
_ASSOCIATED = ("Feed", "History", "Share", "ChangeEvent")
# Recorded: absent from v48.0, present in v51.0.
_SINCE_50 = frozenset({"associateEntityType", "associateParentEntity", "sobjectDescribeOption"})


def global_describe(schema: Schema, version: str) -> dict[str, Any]:
    """Return the body of `/sobjects`. `version` is a path segment such as `v60.0`."""
    own, bundled = schema.own(), _bundled(version)
    sobjects = [
        summary(own[name], version) if name in own else bundled.get(name) or _change_event(name, schema, version)
        for name in schema.names()
    ]
    if schema.whole is not schema:
        sobjects = [_limited(schema, one) for one in sobjects]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects}


def _change_event(name: str, schema: Schema, version: str) -> dict[str, Any]:
    """Return what the global describe says of a change event, without making it."""
    label, custom = schema.event_label(name), name.endswith("__ChangeEvent")
    flags = derived.CHANGE_FLAGS | ({"custom"} if custom else set())
    return _summary(name, label, label, None, flags, derived.CHANGE_LINKS, version)


def _limited(schema: Schema, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the global describe with the flags that hold for the user whose schema it is."""
    flags = [key for key, value in row.items() if value is True]
    kept = set(schema.flags_of(row["name"], flags))
    return {**row, **{flag: False for flag in flags if flag not in kept}}


@lru_cache(8)
def _bundled(version: str) -> dict[str, dict[str, Any]]:
    # Labels and flags only: parsing hundreds of field lists would take most of a second request's time.
    out = {}
    for name, (prefix, _) in standard.rows().items():
        top = standard.head(name)
        named = top.get("links", ())
        out[name] = _summary(name, top["label"], top["labelPlural"], prefix or None, top["flags"], named, version)
    return out


def summary(sobject: SObject, version: str) -> dict[str, Any]:
    """Return what the global describe says of one object."""
    flags = _flags(sobject)
    return _summary(
        sobject.name, sobject.label, sobject.label_plural, sobject.key_prefix, flags, links(sobject), version
    )


def _flags(sobject: SObject) -> frozenset[str]:
    also = {"custom"} if sobject.custom else set()
    return sobject.flags | also | ({"customSetting"} if sobject.kind == "setting" else set())


def links(sobject: SObject) -> tuple[str, ...]:
    """Return what the describe of an object names under `urls`, beside the links that every object has."""
    if sobject.custom and not sobject.links:
        if sobject.kind == "event":
            return ("eventSchema",)
        return USUAL_LINKS if "layoutable" in sobject.flags else ()
    return sobject.links


def _summary(
    name: str,
    label: str,
    plural: str,
    prefix: str | None,
    flags: Collection[str],
    named: Iterable[str],
    version: str,
) -> dict[str, Any]:
    out: dict[str, Any] = {flag: flag in flags for flag in _SUMMARY_FLAGS}
    kind, parent = _association(name)
    out.update(
        associateEntityType=kind,
        associateParentEntity=parent,
        keyPrefix=prefix,
        label=label,
        labelPlural=plural,
        name=name,
    )
    out["urls"] = urls(name, named, version)
    return _of_version(out, version)


def _of_version(body: dict[str, Any], version: str) -> dict[str, Any]:
    """Put the keys that a version knows into their order; `urls` comes last."""
    left_out = _SINCE_50 if float(version[1:]) < 50 else ()
    return {key: body[key] for key in sorted(body, key=lambda key: (key == "urls", key)) if key not in left_out}


def _association(name: str) -> tuple[str | None, str | None]:
    """Tell what an object is to another one: a feed, a history, ... of it."""
    if name in standard.rows():
        # What the name does not tell, or tells wrongly, stands beside the object.
        head = standard.head(name)
        if "associated" in head:
            kind, parent = head["associated"] or (None, None)
            return kind, parent
    for suffix in _ASSOCIATED:
        parent = name.removesuffix(suffix)
        if not parent or parent == name:
            continue
        if parent in standard.rows():
            return suffix, parent
        if parent.endswith("__"):
            return suffix, f"{parent}c"
    return None, None


def describe(sobject: SObject, version: str, *, instance: str | None = None) -> dict[str, Any]:
    """Return the body of `/sobjects/X/describe`. `instance` is the address of the org's pages: `https://host`."""
    body = sobject.memo.get(("describe", version))
    if not isinstance(body, dict):
        body = sobject.memo["describe", version] = _describe(sobject, version)
    # Addresses come from clients: what depends on them is not remembered.
    found = urls(sobject.name, links(sobject), version, prefix=sobject.key_prefix, instance=instance)
    return {**body, "urls": found}


def _describe(sobject: SObject, version: str) -> dict[str, Any]:
    flags = _flags(sobject)
    out: dict[str, Any] = {flag: flag in flags for flag in _FULL_FLAGS}
    kind, parent = _association(sobject.name)
    out.update(
        actionOverrides=[],
        associateEntityType=kind,
        associateParentEntity=parent,
        childRelationships=[_child(child) for child in sobject.children],
        defaultImplementation=None,
        extendedBy=None,
        extendsInterfaces=None,
        fields=[describe_field(sobject, field) for field in sobject.fields],
        implementedBy=None,
        implementsInterfaces=None,
        keyPrefix=sobject.key_prefix,
        label=sobject.label,
        labelPlural=sobject.label_plural,
        listviewable=None,
        lookupLayoutable=None,
        name=sobject.name,
        namedLayoutInfos=named_layouts(sobject, version),
        networkScopeFieldName=None,
        recordTypeInfos=record_type_infos(sobject, version),
        sobjectDescribeOption="FULL",
        supportedScopes=[{"label": label, "name": name} for name, label in sobject.scopes],
        urls={},
    )
    return _of_version(out, version)


def named_layouts(sobject: SObject, version: str) -> list[dict[str, Any]]:
    """Return the layouts that are asked for by name: only a user has one (UserAlt)."""
    if "namedLayouts" not in sobject.links:
        return []
    base = f"/services/data/{version}/sobjects/{sobject.name}/describe/namedLayouts"
    return [{"name": "UserAlt", "urls": {"layout": f"{base}/UserAlt"}}]


def record_type_infos(sobject: SObject, version: str) -> list[dict[str, Any]]:
    """Return the record types, Master last; none for an object that cannot have any (recorded)."""
    if not record_typed(sobject):
        return []
    base = f"/services/data/{version}/sobjects/{sobject.name}/describe/layouts"
    kinds = [(one.id, one.name, one.label, one.active, False) for one in sobject.record_types]
    return [
        {
            "active": active,
            "available": active,
            "defaultRecordTypeMapping": master,
            "developerName": name,
            "master": master,
            "name": label,
            "recordTypeId": identifier,
            "urls": {"layout": f"{base}/{identifier}"},
        }
        for identifier, name, label, active, master in (*kinds, (MASTER_RECORD_TYPE, "Master", "Master", True, True))
    ]


def record_typed(sobject: SObject) -> bool:
    """Tell whether an object may have record types."""
    ordinary = sobject.custom and sobject.kind == "object" and "layoutable" in sobject.flags
    return sobject.record_typed or ordinary or bool(sobject.record_types)


def _child(child: ChildRelationship) -> dict[str, Any]:
    return {
        "cascadeDelete": child.cascade_delete,
        "childSObject": child.child,
        "deprecatedAndHidden": False,
        "field": child.field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": child.name,
        "restrictedDelete": child.restricted_delete,
    }


def etag(body: bytes) -> str:
    """Return the quoted tag of 8 hex digits that stands for a body."""
    return f'"{crc32(body):08x}"'
