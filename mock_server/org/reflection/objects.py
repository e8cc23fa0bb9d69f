"""Rows about objects: EntityDefinition, and what the running user may do with each (UserEntityAccess)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from mock_server.org.clock import stamp
from mock_server.org.ids import to_15
from mock_server.org.schema import Schema, durable, standard
from mock_server.org.schema.derived import CHANGE_FLAGS
from mock_server.org.schema.describe import MASTER_RECORD_TYPE
from mock_server.org.schema.types import COMPOUND_TYPES, FIELD_TYPES, RecordType, Sharing

_OWN_PUBLISHER, _PLATFORM = "<local>", "System"
_PARENTS_MODEL = frozenset({"Contact", "Order"})


@dataclass(frozen=True, slots=True)
class _Head:
    """What EntityDefinition needs of an object: a bundled one's fields are not read for it."""

    name: str
    label: str
    plural: str
    prefix: str | None
    flags: frozenset[str]
    kind: str = "object"
    sharing: Sharing = "ReadWrite"
    record_types: tuple[RecordType, ...] = ()

    @property
    def custom(self) -> bool:
        return "__" in self.name


def _heads(schema: Schema) -> Iterator[_Head]:
    own = schema.own()
    for name in schema.names():
        found = own.get(name)
        if found is not None:
            yield _Head(
                name, found.label, found.label_plural, found.key_prefix, found.flags, found.kind, found.sharing,
                found.record_types,
            )  # fmt: skip
        elif name not in standard.rows():
            label = schema.event_label(name)
            yield _Head(name, label, label, None, CHANGE_FLAGS)
        else:
            top = standard.head(name)
            flags = frozenset(schema.flags_of(name, top["flags"]))
            yield _Head(name, top["label"], top["labelPlural"], standard.rows()[name][0] or None, flags)


def entity_definitions(schema: Schema, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row of EntityDefinition for each object that the user sees."""
    for head in _heads(schema):
        yield _entity(schema, head, user_id)


def _entity(schema: Schema, head: _Head, user_id: str) -> dict[str, Any]:
    has = {flag: int(flag in head.flags) for flag in _FLAGS}
    identity = durable.of_object(head.name)
    namespace, developer = name_parts(head.name)
    layoutable = bool(has["layoutable"])
    page = f"/{head.prefix}" if head.prefix and layoutable else None
    changed = stamp(schema.changed) if head.custom else None
    return {
        "Id": identity,
        "DurableId": identity,
        "LastModifiedDate": changed,
        "LastModifiedById": None,
        "QualifiedApiName": head.name,
        "NamespacePrefix": namespace,
        "DeveloperName": developer,
        "MasterLabel": head.label,
        "Label": head.label,
        "PluralLabel": head.plural,
        "DefaultCompactLayoutId": None,
        "IsCustomizable": int(head.custom or (layoutable and has["triggerable"] == 1)),
        "IsApexTriggerable": has["triggerable"],
        "IsWorkflowEnabled": int(has["triggerable"] and layoutable),
        "IsProcessEnabled": int(has["triggerable"] and layoutable),
        "IsCompactLayoutable": has["compactLayoutable"],
        "DeploymentStatus": "Deployed" if head.custom else None,
        "KeyPrefix": head.prefix,
        "IsCustomSetting": int(head.kind == "setting"),
        "IsDeprecatedAndHidden": has["deprecatedAndHidden"],
        "IsReplicateable": has["replicateable"],
        "IsRetrieveable": has["retrieveable"],
        "IsSearchLayoutable": has["searchLayoutable"],
        "IsSearchable": has["searchable"],
        "IsTriggerable": has["triggerable"],
        "IsIdEnabled": int(head.kind != "event"),
        "IsEverCreatable": has["createable"],
        "IsEverUpdatable": has["updateable"],
        "IsEverDeletable": has["deletable"],
        "IsFeedEnabled": has["feedEnabled"],
        "IsQueryable": has["queryable"],
        "IsMruEnabled": has["mruEnabled"],
        "DetailUrl": "/{ID}" if page else None,
        "EditUrl": "/{ID}/e" if page else None,
        "NewUrl": f"{page}/e" if page else None,
        "EditDefinitionUrl": _definition_url(head, identity) if layoutable else None,
        "RunningUserEntityAccessId": f"{identity}.{to_15(user_id)}",
        "PublisherId": _publisher(head, namespace),
        "IsLayoutable": has["layoutable"],
        "RecordTypesSupported": orjson.dumps({"recordTypeInfos": _record_types(head)}).decode(),
        "InternalSharingModel": "ControlledByParent" if head.name in _PARENTS_MODEL else head.sharing,
        "ExternalSharingModel": "ControlledByParent" if head.name in _PARENTS_MODEL else "Private",
        "HasSubtypes": has["hasSubtypes"],
        "IsSubtype": has["isSubtype"],
        "IsAutoActivityCaptureEnabled": 0,
        "IsInterface": has["isInterface"],
    }


_FLAGS = (
    "createable", "updateable", "deletable", "undeletable", "queryable", "retrieveable", "replicateable", "searchable",
    "searchLayoutable", "layoutable", "compactLayoutable", "triggerable", "feedEnabled", "mruEnabled", "mergeable",
    "activateable", "deprecatedAndHidden", "hasSubtypes", "isSubtype", "isInterface",
)  # fmt: skip


def name_parts(name: str) -> tuple[str | None, str]:
    """Return the namespace of a name, and the name without it and without its suffix."""
    parts = name.split("__")
    if len(parts) == 1:
        return None, name
    return (parts[0], parts[1]) if len(parts) > 2 else (None, parts[0])


def _publisher(head: _Head, namespace: str | None) -> str:
    return _PLATFORM if not head.custom else namespace or _OWN_PUBLISHER


def _definition_url(head: _Head, identity: str) -> str:
    return f"/{identity}" if head.custom else f"/p/setup/layout/LayoutFieldList?type={head.name}"


def _record_types(head: _Head) -> list[dict[str, Any]]:
    """Return the record types, Master last; the keys are those of a recorded answer."""
    kinds = [(one.id, one.label, one.active, False) for one in head.record_types]
    return [
        {
            "available": active, "defaultRecordTypeMapping": master, "master": master, "name": label,
            "recordTypeId": identifier,
        }
        for identifier, label, active, master in (*kinds, (MASTER_RECORD_TYPE, "Master", True, True))
    ]  # fmt: skip


def user_entity_access(schema: Schema, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield what the running user may do with each object: the flags of the schema that he sees."""
    for head in _heads(schema):
        has = {flag: int(flag in head.flags) for flag in _FLAGS}
        identity = f"{durable.of_object(head.name)}.{to_15(user_id)}"
        yield {
            "Id": identity,
            "DurableId": identity,
            "UserId": user_id,
            "IsMergeable": has["mergeable"],
            "IsUpdatable": has["updateable"],
            "IsActivateable": has["activateable"],
            "IsReadable": has["queryable"],
            "IsCreatable": has["createable"],
            "IsEditable": has["updateable"],
            "IsDeletable": has["deletable"],
            "IsUndeletable": has["undeletable"],
            "IsFlsUpdatable": 0,
            "EntityDefinitionId": durable.of_object(head.name),
        }


def publishers(schema: Schema, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield who made what there is: the platform, the org itself, and each package."""
    spaces = {name_parts(name)[0] for name in schema.own()} - {None}
    for identity in (_PLATFORM, _OWN_PUBLISHER, *sorted(spaces, key=str)):
        yield {
            "Id": identity,
            "DurableId": identity,
            "Name": {_PLATFORM: "salesforce.com", _OWN_PUBLISHER: "<local>"}.get(str(identity), identity),
            "NamespacePrefix": None if identity in (_PLATFORM, _OWN_PUBLISHER) else identity,
            "IsSalesforce": int(identity == _PLATFORM),
            "MajorVersion": None,
            "MinorVersion": None,
        }


def data_types(schema: Schema, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield the types that fields and their values have."""
    for name in sorted({*FIELD_TYPES, "integer", "blob"}):
        yield {
            "Id": name,
            "DurableId": name,
            "DeveloperName": name,
            "IsComplex": int(name in COMPOUND_TYPES),
            "ContextServiceDataTypeId": name,
            "ContextWsdlDataTypeId": None,
        }
