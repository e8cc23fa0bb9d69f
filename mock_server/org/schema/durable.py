"""Durable ids: what names an object or a field for those who read the schema as records.

Recorded: `Account`, `Account.Id`, `Contact.Account` (a standard reference drops its "Id"), `Account.Name.TextName` (the
particle of an account's name), `Account.00N1r00000JYYMV` (a custom field); a custom object has an id of 15 characters.
"""

from __future__ import annotations

from mock_server.org.ids import stable_id, to_18
from mock_server.org.schema.schema import Schema
from mock_server.org.schema.types import Field, SObject

_PARTICLES = {"Account.Name": "Account.Name.TextName"}


def object_id(name: str) -> str:
    """Return the 18-character id of a custom object."""
    return stable_id("01I", name)


def field_id(sobject: str, name: str) -> str:
    """Return the 18-character id of a custom field."""
    return stable_id("00N", f"{sobject}.{name}")


_DEFINED = ("__c", "__e", "__mdt", "__x", "__kav", "__b")
"""How the names of objects end that somebody defined, other than those that came with one."""


def of_object(name: str) -> str:
    return object_id(name)[:15] if name.endswith(_DEFINED) else name


def of_field(sobject: str, field: Field) -> str:
    """Return the durable id of a field's definition; a part of a compound field has that of the whole."""
    return f"{of_object(sobject)}.{_key(sobject, field)}"


def _key(sobject: str, field: Field) -> str:
    if field.compound is not None and field.compound != field.name:
        return field.compound
    if field.custom:
        return field_id(sobject, field.name)[:15]
    return field.name.removesuffix("Id") if field.type == "reference" else field.name


def of_particle(sobject: str, field: Field) -> str:
    """Return the durable id of a field as a record has it: the parts of a compound field apart."""
    whole = of_field(sobject, field)
    if field.compound is not None and field.compound != field.name:
        return f"{whole}.{field.name}"
    return _PARTICLES.get(whole, whole)


def is_part(field: Field) -> bool:
    """Tell whether a field is a part of another one."""
    return field.compound is not None and field.compound != field.name


def find(schema: Schema, text: str) -> SObject | None:
    """Find the object that a name in any case or a durable id stands for."""
    found = schema.get(text)
    if found is not None or not text.startswith("01I"):
        return found
    wanted = to_18(text)
    return next(
        (one for name, one in schema.own().items() if name.endswith(_DEFINED) and object_id(name) == wanted), None
    )


def meant(schema: Schema, text: str) -> str:
    """Return the durable id that a literal stands for: objects may be called by their names, too."""
    head, dot, rest = text.partition(".")
    found = find(schema, head)
    return f"{of_object(found.name)}{dot}{rest}" if found is not None else text
