"""Saved describes as a source: what `sf sobject describe --json` prints, a bare describe, a list of them.

Of an object that is bundled, its custom fields and the values of its picklists are taken; of any other, all.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from mock_server.org.schema import standard
from mock_server.org.schema.definitions import Definitions
from mock_server.org.schema.described import ATTRIBUTES, DEFAULTS, FLAGS
from mock_server.org.schema.errors import Place, Problem, brief


def is_describe(data: Any) -> bool:
    """Whether JSON data is a describe, or holds some."""
    if isinstance(data, list):
        return bool(data) and all(is_describe(one) for one in data)
    if not isinstance(data, Mapping):
        return False
    if "result" in data:
        return is_describe(data["result"])
    return "sobjects" in data or ("fields" in data and "name" in data)


def read(data: Any, file: str) -> Definitions:
    """Return the definitions that describes give; `data` is parsed JSON that `is_describe` knows."""
    out = Definitions()
    described = list(_each(data))
    for one in described:
        for child in _list(one, "childRelationships"):
            key = child.get("childSObject"), child.get("field")
            name = child.get("relationshipName")
            if isinstance(name, str) and all(isinstance(part, str) for part in key):
                out.relationships[str(key[0]), str(key[1])] = name
    bare = sum(not isinstance(one.get("fields"), list) for one in described)
    if bare:
        out.note(
            "ignored", Place(file), f"{bare} objects stand here without their fields: a global describe says too little"
        )
    for one in described:
        place = Place(file)
        name = one.get("name")
        if not isinstance(name, str) or not name:
            out.problems.append(Problem(place, "a describe needs the name of its object", ("name", "fields")))
        elif not isinstance(one.get("fields"), list):
            continue
        elif name in standard.rows():
            _bundled(out, one, name, place)
        else:
            _whole(out, one, name, place)
        _record_types(out, one, name, place)
    return out


def _record_types(out: Definitions, one: Mapping[str, Any], sobject: Any, place: Place) -> None:
    """Take over the record types, with their ids; a describe does not say which values they offer."""
    found: dict[str, Any] = {}
    for info in _list(one, "recordTypeInfos"):
        name, identifier = info.get("developerName"), info.get("recordTypeId")
        if info.get("master") is True or not isinstance(name, str) or not isinstance(identifier, str):
            continue
        label = info.get("name")
        found[name] = {"label": label if isinstance(label, str) and label else name, "id": identifier}
        if info.get("active") is False:
            found[name]["active"] = False
    if found and isinstance(sobject, str) and isinstance(one.get("fields"), list):
        out.object(sobject, {"recordTypes": found}, place)


def _each(data: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(data, list):
        for one in data:
            yield from _each(one)
    elif isinstance(data, Mapping):
        inner = data.get("result", data.get("sobjects"))
        if inner is not None and "fields" not in data:
            yield from _each(inner)
        else:
            yield data


def _list(one: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    given = one.get(key)
    return (part for part in given if isinstance(part, Mapping)) if isinstance(given, list) else iter(())


def _bundled(out: Definitions, one: Mapping[str, Any], name: str, place: Place) -> None:
    known = standard.load(name)
    taken = changed = 0
    for raw in _list(one, "fields"):
        called = raw.get("name")
        if not isinstance(called, str):
            out.problems.append(Problem(place, f"a field of {name} has no name"))
            continue
        field = known.field(called)
        if field is None and raw.get("custom") is True:
            out.field(name, called, _definition(out, one, raw, name, called, place), place)
            taken += 1
        elif field is not None and field.type in ("picklist", "multipicklist", "combobox"):
            values = _values(one, raw)
            if values and [value["value"] for value in values] != [value.value for value in field.picklist]:
                out.field(name, called, {"values": values, "standard": True}, place)
                changed += 1
    out.note("taken", place, f"{taken} custom fields of {name}, and the values of {changed} of its picklists")


def _whole(out: Definitions, one: Mapping[str, Any], name: str, place: Place) -> None:
    described = {flag: True for flag in FLAGS if one.get(flag) is True}
    described |= {
        key: one[key] for key in ("label", "labelPlural", "keyPrefix", "custom") if one.get(key) not in (None, False)
    }
    out.object(name, {"describe": described}, place)
    count = 0
    for raw in _list(one, "fields"):
        called = raw.get("name")
        if not isinstance(called, str) or not called or len(called) > 80:
            out.problems.append(Problem(place, f"a field of {brief(name)} has no name that could be one"))
            continue
        out.field(name, called, _definition(out, one, raw, name, called, place), place)
        count += 1
    out.note("taken", place, f"object {name} with {count} fields")


def _definition(
    out: Definitions,
    one: Mapping[str, Any],
    raw: Mapping[str, Any],
    sobject: str,
    name: str,
    place: Place,
) -> dict[str, Any]:
    described: dict[str, Any] = {"type": raw.get("type")}
    for attribute in ATTRIBUTES:
        if attribute in raw and raw[attribute] != DEFAULTS.get(attribute, ...):
            described[attribute] = raw[attribute]
    values = _values(one, raw)
    if values:
        described["values"] = values
    if isinstance(raw.get("controllerName"), str) and raw["controllerName"]:
        described["controllerName"] = raw["controllerName"]
    if raw.get("referenceTo"):
        described["referenceTo"] = raw["referenceTo"]
    if raw.get("calculated") is True and not raw.get("calculatedFormula"):
        text = f"{sobject}.{name} is reckoned by the org, and its describe does not say how: it stays empty"
        out.note("warning", place, text)
    return {"describe": described}


def _values(one: Mapping[str, Any], raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    controlling = list(_controlling(one, raw.get("controllerName")))
    out = []
    for entry in _list(raw, "picklistValues"):
        value, label = entry.get("value"), entry.get("label")
        if not isinstance(value, str) or not value:
            continue
        found: dict[str, Any] = {"value": value}
        if isinstance(label, str) and label and label != value:
            found["label"] = label
        if entry.get("active") is False:
            found["active"] = False
        if entry.get("defaultValue") is True:
            found["default"] = True
        if controlling and (chosen := _chosen(entry.get("validFor"), controlling)):
            found["validFor"] = chosen
        out.append(found)
    return out


def _controlling(one: Mapping[str, Any], name: Any) -> Iterator[str]:
    """Yield the values of the controlling field in the order of the bits."""
    for raw in _list(one, "fields") if name else ():
        if raw.get("name") == name:
            if raw.get("type") == "boolean":
                yield from ("unchecked", "checked")
            for entry in _list(raw, "picklistValues"):
                yield str(entry.get("value"))


def _chosen(valid_for: Any, controlling: list[str]) -> list[str]:
    """Return the values whose bits are set, the first bit being the highest of the first byte."""
    if not isinstance(valid_for, str):
        return []
    try:
        bits = base64.b64decode(valid_for, validate=True)
    except (binascii.Error, ValueError):
        return []
    in_reach = controlling[: len(bits) * 8]
    return [value for place, value in enumerate(in_reach) if bits[place // 8] >> (7 - place % 8) & 1]
