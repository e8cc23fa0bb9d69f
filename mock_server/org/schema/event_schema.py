"""The schema of a platform event's messages.

Source: Platform Events Developer Guide, "Platform Event Schema by Event Name": the order of fields and their `doc`s.
"""

from __future__ import annotations

from typing import Any

from mock_server.org.ids import stable_id
from mock_server.org.schema.types import FLOAT_TYPES, Field, SObject

_NAMESPACE = "com.sforce.eventbus"
_HEADER = {"CreatedDate": ("CreatedDate", "DateTime"), "CreatedById": ("CreatedBy", "EntityId")}


def event_schema(sobject: SObject) -> dict[str, Any]:
    """Return the schema of an event's messages, as Avro readers take it."""
    payload = [*(_header(name) for name in _HEADER), *(_field(sobject, one) for one in sobject.fields if one.custom)]
    return {"name": sobject.name, "namespace": _NAMESPACE, "type": "record", "fields": payload}


def _header(name: str) -> dict[str, Any]:
    said, kind = _HEADER[name]
    return {"name": name, "type": "long" if kind == "DateTime" else "string", "doc": f"{said}:{kind}"}


_KINDS = {"boolean": "Boolean", "date": "DateOnly", "datetime": "DateTime", "textarea": "LongTextArea"}


def _field(sobject: SObject, field: Field) -> dict[str, Any]:
    kind = "boolean" if field.type == "boolean" else "string"
    if field.type in FLOAT_TYPES or field.type == "int":
        kind = "double"
    elif field.type in ("date", "datetime"):
        kind = "long"
    number = stable_id("00N", f"{sobject.name}.{field.name}")[:15]
    said = _KINDS.get(field.type, "Double" if kind == "double" else "Text")
    return {
        "name": field.name,
        "type": ["null", kind] if field.nillable else kind,
        "doc": f"Data:{said}:{number}",
        **({"default": None} if field.nillable else {}),
    }
