"""The type of a field as Setup names it: `Text(80)`, `Lookup(Account)`, `Picklist` (FieldDefinition.DataType)."""

from __future__ import annotations

from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject

_PLAIN = {
    "boolean": "Checkbox", "date": "Date", "datetime": "Date/Time", "time": "Time", "email": "Email", "phone": "Phone",
    "picklist": "Picklist", "multipicklist": "Picklist (Multi-Select)", "combobox": "Picklist", "address": "Address",
    "location": "Geolocation", "base64": "Base64", "complexvalue": "Complex Value", "anyType": "Any Type",
}  # fmt: skip
_LONG = 255
"""Characters beyond which a text area is a long one."""
_FORMULA = {
    "string": "Text", "boolean": "Checkbox", "date": "Date", "datetime": "Date/Time", "time": "Time",
    "currency": "Currency", "percent": "Percent", "double": "Number", "int": "Number",
}  # fmt: skip
_HIERARCHIES = frozenset({("Account", "ParentId"), ("User", "ManagerId"), ("Campaign", "ParentId")})


def data_type(schema: Schema, sobject: SObject, field: Field) -> str:
    """Return the text; the schema has the labels of the objects that a lookup leads to."""
    if field.formula is not None:
        return f"Formula ({_FORMULA.get(field.type, 'Text')})"
    if field.roll_up is not None:
        child = schema.get(field.roll_up.child)
        return f"Roll-Up Summary ({field.roll_up.operation.upper()} {child.label if child else field.roll_up.child})"
    if field.auto_number:
        return f"Auto Number{_marks(field)}"
    if field.name_field and "LastName" in sobject.by_name:
        return "Name"
    if sobject.name == "Account" and field.name == "Name":
        return "Name"
    return _typed(schema, sobject, field) + _marks(field)


def _typed(schema: Schema, sobject: SObject, field: Field) -> str:
    kind = field.type
    if kind == "id":
        # Recorded.
        return "Lookup()"
    if kind == "reference":
        return _reference(schema, sobject, field)
    if kind == "textarea":
        if field.html:
            return f"Rich Text Area({field.length})"
        return f"{'Long Text Area' if field.length > _LONG else 'Text Area'}({field.length})"
    if kind == "encryptedstring":
        return f"Text (Encrypted)({field.length})"
    if kind == "string":
        return f"Text({field.length})"
    if kind == "url":
        return f"URL({field.length})"
    if kind in ("int", "long"):
        return f"Number({field.digits or 8}, 0)"
    if kind in ("double", "currency", "percent"):
        word = {"double": "Number", "currency": "Currency", "percent": "Percent"}[kind]
        # Setup counts the digits before the point, a describe all of them.
        return f"{word}({field.precision - field.scale}, {field.scale})"
    if kind == "picklist" and field.name == "RecordTypeId":
        return "Record Type"
    return _PLAIN.get(kind, kind)


def _reference(schema: Schema, sobject: SObject, field: Field) -> str:
    if field.name == "RecordTypeId":
        return "Record Type"
    if (sobject.name, field.name) in _HIERARCHIES:
        return "Hierarchy"
    # A user's and a group's record are owners: the names stand in this order (recorded).
    names = sorted(field.reference_to, key=lambda name: name == "Group")
    labels = [found.label if (found := schema.get(name)) else name for name in names]
    return f"{'Master-Detail' if field.cascade_delete and field.custom else 'Lookup'}({','.join(labels)})"


def _marks(field: Field) -> str:
    """Return what Setup adds for keys. Recorded: `Text(255) (External ID) (Unique Case Insensitive)`."""
    out = " (External ID)" if field.external_id else ""
    if field.unique and field.custom:
        if field.type in ("string", "email"):
            return f"{out} (Unique Case {'Sensitive' if field.case_sensitive else 'Insensitive'})"
        return f"{out} (Unique)"
    return out
