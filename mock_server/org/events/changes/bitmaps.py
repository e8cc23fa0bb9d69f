"""The lists of field names of a change event's header, as the Pub/Sub API tells them: bitmaps by the event's schema.

Bit n of the first one, counted from the least significant, is field n of the record; those of `3-0x6` are fields of the
record that is field 3. Source: the utilities of the vendor's examples (pub-sub-api).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def encode(schema: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return the bitmaps of field names such as `Industry` and `Name.LastName`."""
    own = 0
    nested: dict[int, int] = {}
    places = {field["name"]: place for place, field in enumerate(schema["fields"])}
    records = _records(schema)
    for name in names:
        top, _, part = name.partition(".")
        place = places[top]
        if not part:
            own |= 1 << place
            continue
        parts = [field["name"] for field in _record(schema["fields"][place]["type"], records)["fields"]]
        nested[place] = nested.get(place, 0) | 1 << parts.index(part)
    out = [_hex(own)] if own else []
    return out + [f"{place}-{_hex(bits)}" for place, bits in sorted(nested.items())]


def decode(schema: Mapping[str, Any], bitmaps: Sequence[str]) -> list[str]:
    """Return the field names that bitmaps stand for, in the order of the fields, compound ones last."""
    if not bitmaps:
        return []
    names = []
    fields, records = schema["fields"], _records(schema)
    for bitmap in bitmaps:
        place, _, bits = bitmap.rpartition("-")
        prefix, among = ("", fields)
        if place:
            prefix = f"{fields[int(place)]['name']}."
            among = _record(fields[int(place)]["type"], records)["fields"]
        number = int(bits, 16)
        names += [f"{prefix}{field['name']}" for bit, field in enumerate(among) if number >> bit & 1]
    return names


def _hex(bits: int) -> str:
    digits = f"{bits:X}"
    return f"0x{'0' * (len(digits) % 2)}{digits}"


def _record(kind: Any, records: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the record of an optional field's type."""
    last = kind[-1] if isinstance(kind, list) else kind
    found: Mapping[str, Any] = records[last] if isinstance(last, str) else last
    return found


def _records(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the named records within a schema."""
    kinds = (field["type"] for field in schema["fields"])
    lasts = (kind[-1] if isinstance(kind, list) else kind for kind in kinds)
    return {last["name"]: last for last in lasts if isinstance(last, dict) and last["type"] == "record"}
