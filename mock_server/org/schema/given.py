"""Reading of plain definitions: a value in its type, or a SchemaError that says what is needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, overload

from mock_server.org.schema.errors import Path, SchemaError, brief


def mapping(path: Path, value: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(value, Mapping):
        raise SchemaError(path, "a mapping is needed here", keys)
    for key in value:
        if key not in keys:
            raise SchemaError.unknown((*path, key), "setting", key, keys)


@overload
def text(path: Path, definition: Mapping[str, Any], key: str, default: str, most: int = 255) -> str: ...
@overload
def text(path: Path, definition: Mapping[str, Any], key: str, default: None, most: int = 255) -> str | None: ...
@overload
def text(path: Path, definition: Mapping[str, Any], key: str, default: str | None, most: int = 255) -> str | None: ...
def text(path: Path, definition: Mapping[str, Any], key: str, default: str | None, most: int = 255) -> str | None:
    """Return a text. An empty default means that there must be one; with None it may be missing."""
    value = definition.get(key, default)
    if value is None and default is None:
        return None
    if not isinstance(value, str) or not value or len(value) > most:
        raise SchemaError((*path, key), f"a text of 1 to {most} characters is needed here")
    return value


_PARTS = ("{0}", "{YYYY}", "{YY}", "{MM}", "{DD}")
_PART = re.compile(r"\{(?:0{1,10}|YYYY|YY|MM|DD)\}")


def number_format(path: Path, definition: Mapping[str, Any], key: str, default: str | None) -> str | None:
    """Return the display format of an auto number; in braces stand zeros, or a part of the date."""
    value = text(path, definition, key, default)
    if value is not None and re.search(r"[{}]", _PART.sub("", value)):
        raise SchemaError((*path, key), f"an auto number is not displayed as {brief(value)}; in braces stand", _PARTS)
    return value


def texts(path: Path, definition: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = definition.get(key, [])
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
        raise SchemaError((*path, key), "a list of texts is needed here")
    return tuple(value)


def flag(path: Path, definition: Mapping[str, Any], key: str, default: bool = False) -> bool:
    value = definition.get(key, default)
    if not isinstance(value, bool):
        raise SchemaError((*path, key), "true or false is needed here", ("true", "false"))
    return value


def whole(path: Path, definition: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
    value = definition.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SchemaError((*path, key), f"a whole number from {least} to {most} is needed here")
    return value
