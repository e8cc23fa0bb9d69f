"""Reads the request of a callout: its URL, headers and body, or the call of a SOAP service."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mock_server import code_reading
from mock_server.code_reading import template, text
from mock_server.faults.reader import Reader, shown
from mock_server.org.apex.templates import Text
from mock_server.org.outbound.callouts import METHODS, Request, Soap
from mock_server.org.outbound.targets import SERVICE

ROOTS = ("record", "old", "records", "event", "user", "org", "callout", "given")
"""What places of a request may begin with; `response` is there, too, in `then`."""
_REQUEST = ("method", "url", "path", "headers", "body")
_SOAP = ("operation", "namespace", "fields", "action", "url", "path", "headers")
_WORD = re.compile(r"[A-Za-z_][\w.-]{0,200}", re.ASCII)
_MARK = "\x00service\x00"


def read_request(reader: Reader, credential: str | None) -> Request | None:
    if ("request" in reader) == ("soap" in reader):
        reader.refuse((), "a callout has a request, or a call of SOAP (soap)")
        return None
    key = "request" if "request" in reader else "soap"
    given = reader.mapping(key)
    if given is None:
        return None
    return request_of(given, credential, ROOTS) if key == "request" else _soap_of(given, credential)


def _headers(given: Reader, roots: Sequence[str]) -> dict[str, Text]:
    headers = given.mapping("headers")
    listed: dict[str, Text] = {}
    for name in headers.data if headers is not None else ():
        assert headers is not None
        if not isinstance(name, str) or not code_reading.is_header(name):
            headers.refuse(str(name), f"{shown(name)} is no name of a header")
        elif (filled := text(headers, name, roots)) is not None:
            listed[name] = filled
    return listed


def request_of(given: Reader, credential: str | None, roots: Sequence[str]) -> Request | None:
    given.only(_REQUEST, "a request")
    url, headers = _url(given, credential, roots), _headers(given, roots)
    method = given.text("method")
    if method is not None and method.upper() not in METHODS:
        given.refuse("method", f"there is no method {shown(method)}", METHODS, method.upper())
    body = template(given, "body", given.data.get("body"), roots)
    default = "GET" if body is None else "POST"
    return None if url is None else Request((method or default).upper(), url, headers, body)


def _url(given: Reader, credential: str | None, roots: Sequence[str] = ROOTS) -> Text | None:
    """Read `url`, or behind a credential's `path`. `{service}` is no place to be filled from records."""
    if credential is not None:
        if "url" in given:
            given.refuse("url", "a callout with a credential has a path behind the credential's URL")
        said, key = given.data.get("path", "/"), "path"
        if isinstance(said, str) and not said.startswith("/"):
            given.refuse("path", f"a path begins with /, not {shown(said)}")
            return None
    else:
        said, key = given.data.get("url"), "url"
        if "path" in given:
            given.refuse("path", "a path needs a credential; without one a callout has a url")
        if said is None:
            given.refuse((), "a callout needs a url, or a credential")
            return None
    if not isinstance(said, str) or not said:
        given.refuse(key, f"{key} must be text, not {shown(said)}")
        return None
    marked = Reader({key: said.replace(SERVICE, _MARK)}, given.path, given.problems)
    found = text(marked, key, roots)
    if found is None:
        return None
    return Text(tuple(part.replace(_MARK, SERVICE) if isinstance(part, str) else part for part in found.parts))


def _soap_of(given: Reader, credential: str | None) -> Request | None:
    given.only(_SOAP, "a call of SOAP")
    url, headers = _url(given, credential), _headers(given, ROOTS)
    operation, namespace = given.text("operation"), given.text("namespace")
    for key in ("operation", "namespace"):
        if key not in given:
            given.refuse((), f"a call of SOAP needs {key}")
    if operation is not None and not _WORD.fullmatch(operation):
        given.refuse("operation", f"{shown(operation)} is no name of an element")
    fields = given.data.get("fields")
    _check_names(given, ("fields",), fields)
    filled = template(given, "fields", fields, ROOTS)
    if url is None or operation is None or namespace is None:
        return None
    soap = Soap(operation, namespace, filled, given.text("action") or "")
    return Request("POST", url, headers, None, soap)


def _check_names(given: Reader, at: tuple[str | int, ...], value: object) -> None:
    """Refuse what cannot be the name of an element."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not isinstance(name, str) or not _WORD.fullmatch(name):
                given.refuse((*at, str(name)), f"{shown(name)} is no name of an element", at_key=True)
            _check_names(given, (*at, str(name)), inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _check_names(given, (*at, place), inner)
    elif at == ("fields",) and value is not None:
        given.refuse("fields", f"fields must be a mapping, not {shown(value)}")
