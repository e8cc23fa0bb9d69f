"""The forms in which answers come besides JSON: XML, a form, and a script for pages of other sites."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from mock_server.operations import Call, Reply
from mock_server.protocols.oauth.forms import FORM, NO_STORE, answer
from mock_server.xmltext import CONTENT_TYPE, write

_SCRIPT = "application/javascript;charset=UTF-8"
_BY_MEDIA = {"application/json": "json", "application/xml": "xml", "text/xml": "xml", FORM: "urlencoded"}
_FUNCTION = re.compile(r"[A-Za-z_$][\w$.]{0,127}", re.ASCII)


def asked(call: Call, fields: Mapping[str, str], known: tuple[str, ...]) -> str:
    """Return the form that a request asks for, of those that are known: by `format`, else by its Accept header."""
    wanted = fields.get("format", "").lower()
    if wanted in known:
        return wanted
    for one in call.headers.get("Accept", "").split(","):
        form = _BY_MEDIA.get(one.partition(";")[0].strip().lower())
        if form in known:
            return form
    return "json"


def token_answer(value: Mapping[str, Any], shape: str, status: int = 200) -> Reply:
    """Write an answer of the token endpoint as `json`, `xml` or `urlencoded`."""
    if shape == "xml":
        return Reply(status, write("OAuth", "", value), CONTENT_TYPE, dict(NO_STORE))
    if shape == "urlencoded":
        return Reply(status, urlencode(value).encode(), FORM, dict(NO_STORE))
    return answer(dict(value), status)


def identity_answer(call: Call, value: dict[str, Any]) -> Reply:
    """Write who a token belongs to as `json`, `xml` or `jsonp`, the last as a call of `callback`."""
    shape = asked(call, call.query, ("json", "xml", "jsonp"))
    if shape == "xml":
        return Reply(200, write("user", "", value), CONTENT_TYPE, dict(NO_STORE))
    if shape == "jsonp":
        name = call.query.get("callback", "")
        if not is_function(name):
            return answer({"error": "invalid_request", "error_description": "invalid callback"}, 400)
        return script_answer(name, orjson.dumps(value))
    return answer(value)


def is_function(name: str) -> bool:
    """Tell a name that a page's script may have from what would be run itself."""
    return _FUNCTION.fullmatch(name) is not None


def script_answer(function: str, argument: bytes, status: int = 200) -> Reply:
    """Write JSONP: a script that hands JSON to a function of the page that asks for it."""
    return Reply(status, function.encode() + b"(" + argument + b");", _SCRIPT, dict(NO_STORE))
