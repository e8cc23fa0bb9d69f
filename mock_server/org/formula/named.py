"""What names of a formula are compiled to: fields of the record and of its parents, other formulas, globals."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mock_server.org.formula.environment import PERMISSION_OBJECTS
from mock_server.org.formula.kinds import TEXTUAL, Kind, incoming, is_long, kind_of, unsupported_name
from mock_server.org.formula.pieces import Piece
from mock_server.org.formula.problems import FormulaError
from mock_server.org.formula.references import (
    FieldReference,
    GlobalReference,
    Input,
    OriginReference,
    PermissionReference,
    RecordTypeReference,
    resolve,
)
from mock_server.org.formula.syntax import Name

if TYPE_CHECKING:
    from mock_server.org.formula.compiler import Unit

_READ: dict[str, tuple[str, ...]] = {
    "User": ("User",),
    "Profile": ("User", "Profile"),
    "UserRole": ("User", "UserRole"),
    "Organization": ("Organization",),
    "Metadata": (),
}


def named(unit: Unit, node: Name) -> Piece:
    """Compile a name: what it stands for, as a value. Raises FormulaError."""
    found = resolve(unit.schema, unit.sobject, node.text, node.at)
    if isinstance(found, FieldReference):
        return compile_field(unit, found, node)
    if isinstance(found, GlobalReference):
        return _global(unit, found, node)
    if isinstance(found, RecordTypeReference):
        return _record_type(unit, found, node)
    if isinstance(found, PermissionReference):
        unit.objects.update(dict.fromkeys(("User", *PERMISSION_OBJECTS)))
        return Piece("Boolean", f"E.permission({unit.constant(found.name)})", node.at, False)
    assert isinstance(found, OriginReference)
    return Piece("DateTime", unit.constant(datetime(1900, 1, 1)), node.at, False)


def compile_field(unit: Unit, found: FieldReference, node: Name, *, prior: bool = False) -> Piece:
    """Compile a reference to a field of the record or of a parent."""
    field = found.field
    kind = kind_of(field)
    unit.depends.update((step.target.name, step.target) for step in found.path)
    if unit.mode == "default":
        raise FormulaError(f"Field {node.text[:255]} may not be used in this type of formula", node.at)
    if kind is None or (unit.mode == "field" and is_long(field)):
        called = unsupported_name(field) if kind is None else "Rich Text Area" if field.html else "Long Text Area"
        raise FormulaError(
            f'You referenced an unsupported field type called "{called}" using the following field: {node.text[:255]}',
            node.at,
        )
    if field.formula is not None:
        return _inlined(unit, found, kind, node)
    if kind == "Geolocation":
        return _location(unit, found, node)
    code = unit.seen(Input(found.path, field, prior))
    never = kind in TEXTUAL or kind == "Boolean" or (kind == "Number" and unit.blank_as_zero)
    return Piece(kind, code, node.at, not never, reference=found, prior=prior)


def _inlined(unit: Unit, found: FieldReference, kind: Kind, node: Name) -> Piece:
    from mock_server.org.formula.compiler import field_formula

    inner = field_formula(unit.schema, found.owner, found.field)
    unit.size += inner.size
    unit.height = max(unit.height, inner.height + 1)
    unit.asks = unit.asks or inner.asks
    unit.depends.update((one.name, one) for one in inner.depends)
    unit.objects.update(dict.fromkeys(inner.objects))
    arguments = [unit.stored(needed.under(found.path)) for needed in inner.inputs]
    code = f"{unit.constant(inner.run)}({', '.join(['E', *arguments])})"
    if kind == "Number" and unit.blank_as_zero:
        return Piece(kind, f"or_zero({code})", node.at, False, 1, found)
    if kind == "Boolean":
        return Piece(kind, f"({code} is True)", node.at, False, 1, found)
    return Piece(kind, code, node.at, kind not in TEXTUAL, 1, found)


def _location(unit: Unit, found: FieldReference, node: Name) -> Piece:
    parts = {
        word: next((one for one in found.owner.fields if one.compound == found.field.name and word in one.name), None)
        for word in ("Latitude", "Longitude")
    }
    latitude, longitude = parts["Latitude"], parts["Longitude"]
    if latitude is None or longitude is None:
        raise FormulaError(f"Field {node.text[:255]} does not exist. Check spelling.", node.at)
    north, west = (f"number_in({unit.stored(Input(found.path, part))})" for part in (latitude, longitude))
    return Piece("Geolocation", f"location({north}, {west})", node.at, True, 1, found)


def _global(unit: Unit, found: GlobalReference, node: Name) -> Piece:
    kind = kind_of(found.field)
    if kind is None or kind == "Geolocation":
        raise FormulaError(
            f'You referenced an unsupported field type called "{unsupported_name(found.field)}" using the '
            f"following field: {node.text[:255]}",
            node.at,
        )
    unit.objects.update(dict.fromkeys((*_READ.get(found.source, ("User", "Organization")), *found.key[:1])))
    arguments = [unit.constant(word) for word in (found.source, found.field.name, *found.key)]
    raw = f"E.read({', '.join(arguments)})"
    code = incoming(found.field, blank_as_zero=unit.blank_as_zero)
    if code.count("{0}") > 1:
        variable = unit.variable()
        # The first place in the text is the condition, which Python works out first.
        code = code.replace("{0}", f"({variable} := {raw})", 1).replace("{0}", variable)
    else:
        code = code.format(raw)
    never = kind in TEXTUAL or kind == "Boolean"
    return Piece(kind, code, node.at, not never, 1)


def _record_type(unit: Unit, found: RecordTypeReference, node: Name) -> Piece:
    if unit.mode == "default" and found.field is not None:
        raise FormulaError(f"Field {node.text[:255]} may not be used in this type of formula", node.at)
    unit.depends.update((step.target.name, step.target) for step in found.path)
    told = {
        one.id: {"id": one.id[:15], "name": one.label, "developername": one.name}[found.attribute]
        for one in found.types
    }
    if found.field is None:
        return Piece("Text", '""', node.at, False)
    raw = unit.stored(Input(found.path, found.field))
    return Piece("Text", f'{unit.constant(told)}.get({raw}, "")', node.at, False, 1)
