"""What a body of Bulk API 2.0 says of a job: words of an enumeration, and what may not be said."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mock_server.jsontext import place_of
from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.errors import ApiError


def wrong_value(call: Call, key: str) -> ApiError:
    """Return the error of a value of the wrong type, or of no known word (recorded), with its place in the body."""
    line, column = place_of(call.body, key)
    return errors.WRONG_VALUE(line=line, column=column)


def word(call: Call, body: dict[str, Any], key: str, known: Collection[str], default: str | None = None) -> str:
    """Return a word out of a few; without one the default. Raises API_ERROR for any other value."""
    value = body.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or value not in known:
        raise wrong_value(call, key)
    return value


def only(call: Call, body: dict[str, Any], known: Collection[str]) -> None:
    """Refuse keys that nobody knows. Raises JSON_PARSER_ERROR."""
    for key in body:
        if key not in known:
            line, column = place_of(call.body, key)
            raise errors.JSON_PARSER_ERROR(text=f'Unrecognized field "{key}"', line=line, column=column)
