"""JSON as Salesforce reads and writes it: parser errors with line and column, and pretty printing."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from mock_server import xmltext
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.values import Misfit

_TOO_DEEP = "Document nesting depth exceeds the maximum allowed"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


def parser_error(body: bytes) -> ApiError:
    """Return the JSON_PARSER_ERROR for a body that does not parse.

    The wording follows Jackson, Salesforce's parser; Python's finds the place.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        line, column = _place(body[: error.start].decode())
        return errors.JSON_PARSER_ERROR(
            text=f"Invalid UTF-8 start byte 0x{body[error.start]:x}", line=line, column=column
        )
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except _NotANumber as error:
        at = _outside_texts(text, error.word)
        line, column = _place(text[:at])
        return errors.JSON_PARSER_ERROR(
            text=f"Non-standard token '{error.word.lstrip('-')}': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS "
            "to allow",
            line=line,
            column=column,
        )
    except json.JSONDecodeError as error:
        at = error.pos
    except RecursionError:
        return errors.JSON_PARSER_ERROR(text=_TOO_DEEP, line=1, column=1)
    except ValueError:
        return errors.JSON_PARSER_ERROR(text="Number value length exceeds the maximum allowed", line=1, column=1)
    else:
        # What Python reads and nobody can write again: half of a surrogate pair.
        half = _SURROGATE.search(text)
        line, column = _place(text[: half.start()] if half else text)
        return errors.JSON_PARSER_ERROR(text="Unpaired surrogate in a character escape", line=line, column=column)
    line, column = _place(text[:at])
    if at >= len(text.rstrip()):
        message = "Unexpected end-of-input: expected close marker or value"
        if not text.strip():
            message = "The HTTP entity body is required, but this request has no entity body."
    else:
        found = text[at]
        message = f"Unexpected character ('{found}' (code {ord(found)})): expected a valid value or separator"
    return errors.JSON_PARSER_ERROR(text=message, line=line, column=column)


class _NotANumber(Exception):
    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def _refuse_constant(word: str) -> Any:
    raise _NotANumber(word)


def _outside_texts(text: str, word: str) -> int:
    """Return where a word stands that is no part of a text."""
    blanked = _TEXT.sub(lambda match: " " * len(match[0]), text)
    return max(0, blanked.find(word))


def lenient(body: bytes) -> Any:
    """Return the value of a body that the quick parser refuses and Salesforce's reads: numbers beyond all floats.

    Raises ValueError or RecursionError for what is no JSON, or holds texts that cannot be written again.
    """
    value = json.loads(body.decode(), parse_constant=_refuse_word, parse_int=_integer)
    # Half of a surrogate pair stands in no encoding.
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _integer(digits: str) -> int | float:
    # Python reads no integers of thousands of digits; all that matters here is that they are too large.
    return int(digits) if len(digits) < 1000 else float(digits)


def _refuse_word(word: str) -> Any:
    raise ValueError(word)


def _place(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


DEEPEST = 200
"""Levels that a body may be nested: no record needs as many, and what is read must be shown and written again."""
_WRITTEN = 254
"""Levels that orjson writes."""


def check_depth(body: bytes, value: Any) -> None:
    """Refuse the value of a body that is nested too deep. Raises JSON_PARSER_ERROR."""
    if body.count(b"[") + body.count(b"{") > DEEPEST and not _shallow(value):
        raise errors.JSON_PARSER_ERROR(text=_TOO_DEEP, line=1, column=1)


def _shallow(value: Any) -> bool:
    try:
        # Writing it takes a fiftieth of the time of looking at each of its values.
        orjson.dumps(_within(value, _WRITTEN - DEEPEST))
    except TypeError:
        # Or there is something else in it that cannot be written.
        return _is_shallow(value)
    return True


def _within(value: Any, levels: int) -> Any:
    """Return a value within so many lists."""
    for _ in range(levels):
        value = [value]
    return value


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False


def wrong_kind(body: bytes, value: Any) -> ApiError:
    """Return the error for a body whose outermost value is not an object."""
    token = {list: "START_ARRAY", str: "VALUE_STRING", bool: "VALUE_TRUE", type(None): "VALUE_NULL"}.get(
        type(value), "VALUE_NUMBER_INT"
    )
    line, column = _place(body[: len(body) - len(body.lstrip())].decode())
    return errors.JSON_PARSER_ERROR(
        text=f"Cannot deserialize request body: an object was expected, but {token} was found", line=line, column=column
    )


def misfit_error(body: bytes, misfit: Misfit) -> ApiError:
    """Return the JSON_PARSER_ERROR for a value of the wrong type, at the place where it stands in the body."""
    if body.lstrip()[:1] == b"<":
        return xmltext.misfit_error(misfit.text)
    text = body.decode(errors="replace")
    wanted = json.dumps(misfit.field.name).lower()
    at, folded = -1, text.lower()
    decoder = json.JSONDecoder(parse_int=_integer)
    while (at := folded.find(wanted, at + 1)) >= 0:
        start = at + len(wanted)
        while start < len(text) and text[start] in " \t\r\n:":
            start += 1
        try:
            if decoder.raw_decode(text, start)[0] == misfit.value:
                break
        except (ValueError, RecursionError):
            continue
    else:
        start = 0
    line, column = _place(text[:start])
    return errors.JSON_PARSER_ERROR(text=misfit.text, line=line, column=column)


def place_of(body: bytes, key: str) -> tuple[int, int]:
    """Return line and column at which Salesforce's parser is when it reads the value of a key of an object.

    It has read the first character of a text, an array or an object, and all of anything else.
    """
    text = body.decode(errors="replace")
    decoder = json.JSONDecoder(parse_int=_integer)
    at = text.find("{") + 1
    try:
        while at:
            at = text.index('"', at)
            name, at = decoder.raw_decode(text, at)
            at = text.index(":", at) + 1
            while text[at] in " \t\r\n":
                at += 1
            _, end = decoder.raw_decode(text, at)
            if name == key:
                return _place(text[: at + 1 if text[at] in '"[{' else end])
            at = end
    except (ValueError, IndexError, RecursionError):
        pass
    return 1, 1


def pretty(value: Any, indent: str = "") -> str:
    """Write a value as `X-PrettyPrint: 1` does: two spaces, ` : `, and `}, {` on one line."""
    if isinstance(value, dict):
        if not value:
            return "{ }"
        inner = indent + "  "
        rows = [f"{inner}{json.dumps(key, ensure_ascii=False)} : {pretty(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list):
        if not value:
            return "[ ]"
        return "[ " + ", ".join(pretty(item, indent) for item in value) + " ]"
    return json.dumps(value, ensure_ascii=False)
