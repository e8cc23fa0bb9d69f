"""What a body of Bulk API 2.0 says of a job: words of an enumeration, and what may not be said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mock_server.jsontext import place_of
from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.errors import ApiError


def wrong_value(call: Call, key: str) -> ApiError:
    """Return the error of a value of the wrong type, or of no known word (recorded), with its place in the body."""
    line, column = place_of(call.body, key)
    return errors.WRONG_VALUE(line=line, column=column)


def words(call: Call, body: dict[str, Any], known: Mapping[str, Collection[str] | None]) -> dict[str, str]:
    """Return what a body says, None left out: of each key a word out of a few, or any text where it has None.

    Values are read in their order, as the parser does. Raises API_ERROR for one of the wrong type, or of no known word;
    JSON_PARSER_ERROR for a key that nobody knows.
    """
    said = {}
    for key, value in body.items():
        if key not in known:
            line, column = place_of(call.body, key)
            raise errors.JSON_PARSER_ERROR(text=f'Unrecognized field "{key}"', line=line, column=column)
        if value is None:
            continue
        choice = known[key]
        if not isinstance(value, str) or (choice is not None and value not in choice):
            raise wrong_value(call, key)
        said[key] = value
    return said
