"""The forms in which answers come besides JSON: XML, a form, and a script for pages of other sites."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import orjson

from mock_server.operations import Call, Reply
from mock_server.protocols.oauth.forms import FORM, NO_STORE, answer

XML = "application/xml;charset=UTF-8"
_SCRIPT = "application/javascript;charset=UTF-8"
_BY_MEDIA = {"application/json": "json", "application/xml": "xml", "text/xml": "xml", FORM: "urlencoded"}
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_NIL = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
# A name that a page's script may have, and nothing that would be run itself.
_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,127}", re.ASCII)
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
        inside = "".join(f"<{name}>{_text(one)}</{name}>" for name, one in value.items())
        return Reply(status, f"{_DECLARATION}<OAuth>{inside}</OAuth>".encode(), XML, dict(NO_STORE))
    if shape == "urlencoded":
        return Reply(status, urlencode(value).encode(), FORM, dict(NO_STORE))
    return answer(dict(value), status)


def identity_answer(call: Call, value: dict[str, Any]) -> Reply:
    """Write who a token belongs to as `json`, `xml` or `jsonp`, the last as a call of `callback`."""
    shape = asked(call, call.query, ("json", "xml", "jsonp"))
    if shape == "xml":
        text = f"{_DECLARATION}<user{_NIL}>{_elements(value)}</user>"
        return Reply(200, text.encode(), XML, dict(NO_STORE))
    if shape == "jsonp":
        name = call.query.get("callback", "")
        if not _CALLBACK.fullmatch(name):
            return answer({"error": "invalid_request", "error_description": "invalid callback"}, 400)
        return Reply(200, name.encode() + b"(" + orjson.dumps(value) + b");", _SCRIPT, dict(NO_STORE))
    return answer(value)


def _elements(value: Mapping[str, Any]) -> str:
    found = []
    for name, one in value.items():
        if one is None:
            found.append(f'<{name} xsi:nil="true"/>')
        else:
            found.append(f"<{name}>{_elements(one) if isinstance(one, Mapping) else _text(one)}</{name}>")
    return "".join(found)


def _text(value: Any) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return escape(_UNPRINTABLE.sub("\ufffd", text))
