"""JSON as Salesforce reads and writes it: parser errors with line and column, and pretty printing."""

from __future__ import annotations

import json
from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.values import Misfit


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
        json.loads(text)
    except json.JSONDecodeError as error:
        at = error.pos
    except RecursionError:
        return errors.JSON_PARSER_ERROR(text="Document nesting depth exceeds the maximum allowed", line=1, column=1)
    except ValueError:
        return errors.JSON_PARSER_ERROR(text="Number value length exceeds the maximum allowed", line=1, column=1)
    else:
        at = len(text)
    line, column = _place(text[:at])
    if at >= len(text.rstrip()):
        message = "Unexpected end-of-input: expected close marker or value"
        if not text.strip():
            message = "The HTTP entity body is required, but this request has no entity body."
    else:
        found = text[at]
        message = f"Unexpected character ('{found}' (code {ord(found)})): expected a valid value or separator"
    return errors.JSON_PARSER_ERROR(text=message, line=line, column=column)


def _place(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


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
    text = body.decode(errors="replace")
    wanted = json.dumps(misfit.field.name).lower()
    at, folded = -1, text.lower()
    decoder = json.JSONDecoder()
    while (at := folded.find(wanted, at + 1)) >= 0:
        start = at + len(wanted)
        while start < len(text) and text[start] in " \t\r\n:":
            start += 1
        try:
            if decoder.raw_decode(text, start)[0] == misfit.value:
                break
        except (json.JSONDecodeError, RecursionError):
            continue
    else:
        start = 0
    line, column = _place(text[:start])
    return errors.JSON_PARSER_ERROR(text=misfit.text, line=line, column=column)


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
