"""The Avro schema of a change event: its header first, then every field of the object, null where it did not change.

Sources: Pub/Sub API documentation, "Event Deserialization Considerations"; schemas and events recorded from orgs.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import md5
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org.ids import stable_id
from mock_server.org.schema.types import FLOAT_TYPES, Field, SObject

if TYPE_CHECKING:
    from mock_server.org.events.changes.types import Carried

NAMESPACE = "com.sforce.eventbus"
CHANGE_TYPES = (
    "CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW",
)  # fmt: skip
_STRINGS = {"type": "array", "items": "string"}
_HEADER: tuple[tuple[str, Any], ...] = (
    ("entityName", "string"),
    ("recordIds", _STRINGS),
    # Snapshots are reserved for a future use that the enumeration knows of (Apex Reference, ChangeEventHeader).
    ("changeType", {"type": "enum", "name": "ChangeType", "symbols": [*CHANGE_TYPES, "SNAPSHOT"]}),
    ("changeOrigin", "string"),
    ("transactionKey", "string"),
    ("sequenceNumber", "int"),
    ("commitTimestamp", "long"),
    ("commitNumber", "long"),
    ("commitUser", "string"),
    ("nulledFields", _STRINGS),
    ("diffFields", _STRINGS),
    ("changedFields", _STRINGS),
)
HEADER_FIELDS = tuple(name for name, _ in _HEADER)
_DOCS = {
    "string": "Text", "textarea": "StringPlusClob", "picklist": "DynamicEnum", "multipicklist": "MultiEnum",
    "combobox": "Text", "boolean": "Boolean", "int": "Integer", "long": "Double", "double": "Double",
    "currency": "Currency", "percent": "Percent", "date": "DateOnly", "datetime": "DateTime", "time": "TimeOnly",
    "email": "Email", "phone": "Phone", "url": "Url", "encryptedstring": "EncryptedText", "address": "Address",
    "location": "Location", "complexvalue": "ComplexValueType", "anyType": "AnyType",
}  # fmt: skip
_SYSTEM = {
    "CreatedDate": "CreatedDate:DateTime",
    "CreatedById": "CreatedBy:EntityId",
    "LastModifiedDate": "LastModifiedDate:DateTime",
    "LastModifiedById": "LastModifiedBy:EntityId",
    "OwnerId": "Owner:EntityId",
}


def event_schema(sobject: SObject, name: str, fields: Iterable[Carried]) -> dict[str, Any]:
    """Return the schema without its id."""
    header = {"type": "record", "name": "ChangeEventHeader", "fields": [
        {"name": key, "type": kind} for key, kind in _HEADER
    ]}  # fmt: skip
    first = {"name": "ChangeEventHeader", "type": header, "doc": "Data:ComplexValueType"}
    return {
        "name": name,
        "namespace": NAMESPACE,
        "type": "record",
        "fields": [first, *_fields(sobject, fields)],
    }


def identified(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with its id: 22 characters that follow from what it says."""
    # Nothing is kept secret by it: it has to be short, and always the same.
    digest = md5(orjson.dumps(schema), usedforsecurity=False).digest()
    return {**schema, "uuid": urlsafe_b64encode(digest).decode().rstrip("=")}


def renewed(schema: Mapping[str, Any], times: int) -> dict[str, Any]:
    """Return a schema of another id that says the same."""
    plain = {key: value for key, value in schema.items() if key != "uuid"}
    return identified({**plain, "doc": f"Version {times + 1}"})


def _fields(sobject: SObject, fields: Iterable[Carried]) -> Iterator[dict[str, Any]]:
    # A named type is spelled out where it comes first, and called by its name from then on.
    spelled: set[str] = set()
    for one in fields:
        kind: list[Any] = ["null"]
        if one.field.extra_type == "switchablepersonname":
            # The name of an account is a text, that of a person account a record.
            kind += ["string", _record(spelled, "Switchable_PersonName", _PERSON_NAME)]
        elif one.listed:
            kind.append(_STRINGS)
        elif one.parts:
            record = {"address": "Address", "location": "Location"}.get(one.field.type, "PersonName")
            kind.append(_record(spelled, record, [(name, _kind(part)) for name, part in one.parts]))
        else:
            kind.append(_kind(one.field))
        doc = "Data:MultiEnum" if one.listed else _doc(sobject, one.field)
        yield {"name": one.name, "type": kind, "doc": doc, "default": None}


_PERSON_NAME = [(name, "string") for name in ("Salutation", "FirstName", "LastName")]


def _record(spelled: set[str], name: str, fields: Iterable[tuple[str, str]]) -> dict[str, Any] | str:
    if name in spelled:
        return name
    spelled.add(name)
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": part, "type": ["null", kind], "default": None} for part, kind in fields],
    }


def _kind(field: Field) -> str:
    if field.type == "boolean":
        return "boolean"
    if field.type == "int":
        return "int"
    if field.type == "long":
        return "long"
    if field.type in FLOAT_TYPES:
        return "double"
    return "long" if field.type in ("date", "datetime") else "string"


def _doc(sobject: SObject, field: Field) -> str:
    """Return `Data:Text`, `ForeignKey:EntityId`, `Data:Phone:00N…`: what a field is, and its id if it is custom."""
    known = _SYSTEM.get(field.name)
    if known is not None:
        return known
    number = f":{stable_id('00N', f'{sobject.name}.{field.name}')[:15]}" if field.custom else ""
    if field.type == "reference":
        return f"ForeignKey:EntityId{number}"
    if field.extra_type in ("switchablepersonname", "personname"):
        return "Data:Switchable_PersonName" if field.extra_type == "switchablepersonname" else "Data:PersonName"
    said = "ExternalId" if field.external_id else _DOCS.get(field.type, "Text")
    return f"Data:{said}{number}"
