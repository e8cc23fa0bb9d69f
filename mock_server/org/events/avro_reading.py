"""Avro's binary form, read: a schema is compiled to one function. Whatever the bytes are, what is wrong has words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

Read = Callable[[bytes, int], tuple[Any, int]]
"""Takes the bytes of an event and where a value begins; returns the value and where it ends."""
_double, _float = Struct("<d"), Struct("<f")
_LONGEST = 10
"""Bytes of a whole number of 64 bits."""


class NotDecoded(ValueError):
    """Bytes that are no event of a schema."""


class _Short(Exception):
    """The bytes end in the middle of something."""


def reader(kind: Any, known: dict[str, Any]) -> Read:
    """Return what reads a value of a type. `known` are the types of the schema that were named so far."""
    if isinstance(kind, list):
        return _either([_null if one == "null" else reader(one, known) for one in kind])
    if isinstance(kind, str):
        return reader(known[kind], known) if kind in known else _PLAIN[kind]
    if kind["type"] == "record":
        known[kind["name"]] = kind
        return _record(kind, known)
    if kind["type"] == "array":
        return _array(reader(kind["items"], known))
    if kind["type"] == "enum":
        known[kind["name"]] = kind
        return _symbol(kind["symbols"])
    return reader(kind["type"], known)


def _record(record: Mapping[str, Any], known: dict[str, Any]) -> Read:
    fields = tuple((field["name"], reader(field["type"], known)) for field in record["fields"])

    def read(content: bytes, at: int) -> tuple[dict[str, Any], int]:
        values: dict[str, Any] = {}
        name = ""
        try:
            for name, read in fields:
                values[name], at = read(content, at)
        except (_Short, IndexError):
            raise NotDecoded(f"the data ends before the value of {name} does") from None
        except UnicodeDecodeError:
            raise NotDecoded(f"the text of {name} is not UTF-8") from None
        except _Unfit as unfit:
            raise NotDecoded(f"the value of {name} {unfit}") from None
        return values, at

    return read


class _Unfit(Exception):
    """What is wrong with a value, told of its field."""


def _either(reads: list[Read]) -> Read:
    by_mark = {place * 2: read for place, read in enumerate(reads)}

    def read(content: bytes, at: int) -> tuple[Any, int]:
        mark = content[at]
        if mark not in by_mark:
            raise _Unfit("is of no type of its union")
        return by_mark[mark](content, at + 1)

    return read


def _array(read: Read) -> Read:
    def all_of(content: bytes, at: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        while True:
            count, at = _number(content, at)
            if count == 0:
                return values, at
            if count < 0:
                # The size of the block follows, for those who skip it.
                count = -count
                _, at = _number(content, at)
            for _ in range(count):
                value, at = read(content, at)
                values.append(value)

    return all_of


def _symbol(symbols: list[str]) -> Read:
    def read(content: bytes, at: int) -> tuple[str, int]:
        place, at = _number(content, at)
        if not 0 <= place < len(symbols):
            raise _Unfit("is none of its symbols")
        return symbols[place], at

    return read


def _null(content: bytes, at: int) -> tuple[None, int]:
    return None, at


def _number(content: bytes, at: int) -> tuple[int, int]:
    byte = content[at]
    if byte < 128:
        return (byte >> 1) ^ -(byte & 1), at + 1
    value = shift = 0
    start = at
    while byte > 127:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if at - start >= _LONGEST:
            raise _Unfit("is a number of more than 64 bits")
        byte = content[at]
    value |= byte << shift
    if value >> 64:
        raise _Unfit("is a number of more than 64 bits")
    return (value >> 1) ^ -(value & 1), at + 1


def _text(content: bytes, at: int) -> tuple[str, int]:
    size, at = _number(content, at)
    if size < 0:
        raise _Unfit("has a length below 0")
    end = at + size
    if end > len(content):
        raise _Short
    return content[at:end].decode(), end


def _flag(content: bytes, at: int) -> tuple[bool, int]:
    return content[at] == 1, at + 1


def _packed(form: Struct) -> Read:
    size, unpack = form.size, form.unpack_from

    def read(content: bytes, at: int) -> tuple[float, int]:
        if at + size > len(content):
            raise _Short
        return unpack(content, at)[0], at + size

    return read


_PLAIN: dict[str, Read] = {
    "string": _text,
    "boolean": _flag,
    "int": _number,
    "long": _number,
    "double": _packed(_double),
    "float": _packed(_float),
}
