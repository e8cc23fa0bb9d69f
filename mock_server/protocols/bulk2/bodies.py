"""What a body of Bulk API 2.0 says of a job: words of an enumeration, and what may not be said."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mock_server.jsontext import place_of
from mock_server.org import errors
from mock_server.org.errors import ApiError


def wrong_type(text: bytes, key: str) -> ApiError:
    """Return the error of a value of the wrong type, or of no known word (recorded), with its place in the text."""
    line, column = place_of(text, key)
    return errors.WRONG_VALUE(line=line, column=column)


def choice(text: bytes, body: dict[str, Any], key: str, known: Collection[str], default: str | None = None) -> str:
    """Return a word out of a few that a job of ingest is told. Raises API_ERROR, which names the value (recorded)."""
    value = body.get(key)
    if value is None and default is not None:
        return default
    if value is not None and not isinstance(value, str):
        raise wrong_type(text, key)
    if value is None or value not in known:
        raise errors.JOB_PROPERTY(value=(value or "")[:80], name=key)
    return value


def only_known(text: bytes, body: Iterable[str], known: Collection[str]) -> None:
    """Refuse keys that nobody knows in an object, whose text tells their places. Raises JSON_PARSER_ERROR."""
    for key in body:
        if key not in known:
            line, column = place_of(text, key)
            raise errors.JSON_PARSER_ERROR(text=f'Unrecognized field "{key[:80]}"', line=line, column=column)


def words(text: bytes, body: dict[str, Any], known: Mapping[str, Collection[str] | None]) -> dict[str, str]:
    """Return what a body says, None left out: of each key a word out of a few, or any text where it has None.

    Values are read in their order, as the parser does. Raises API_ERROR for one of the wrong type, or of no known word;
    JSON_PARSER_ERROR for a key that nobody knows.
    """
    said = {}
    for key, value in body.items():
        only_known(text, (key,), known)
        if value is None:
            continue
        allowed = known[key]
        if not isinstance(value, str) or (allowed is not None and value not in allowed):
            raise wrong_type(text, key)
        said[key] = value
    return said
