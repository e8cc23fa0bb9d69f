"""The request of a callout, filled in: URL, headers and body; and the answer, as the code behind it sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from mock_server.org.apex.templates import fill, written
from mock_server.org.outbound.callouts import Answer, CalloutError
from mock_server.org.schema.xml_tree import Element, XmlError, parse
from mock_server.xmltext import escaped

if TYPE_CHECKING:
    from mock_server.org.outbound.callouts import Request, Soap
    from mock_server.outbound.client import Received

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_MOST_ELEMENTS = 200_000


@dataclass(frozen=True, slots=True)
class Written:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def write(request: Request, scope: Mapping[str, Any]) -> Written:
    """Fill in a request. What stands in for a place of the URL can end none of its segments. Raises ApexError."""
    url = "".join(
        part if isinstance(part, str) else quote(written(part.value(scope)), safe="") for part in request.url.parts
    )
    headers = {name: text.text(scope) for name, text in request.headers.items()}
    for name, value in headers.items():
        if not value.isprintable() or not value.isascii():
            raise CalloutError(f"the value of the header {name} is not one line of plain text")
    if request.soap is not None:
        action = f'"{request.soap.action}"'
        ours = {"Content-Type": "text/xml;charset=UTF-8", "SOAPAction": action}
        return Written("POST", url, {**ours, **headers}, _envelope(request.soap, scope))
    body, kind = _body(request.body, scope)
    ours = {"Content-Type": kind} if kind and not any(name.lower() == "content-type" for name in headers) else {}
    return Written(request.method, url, {**ours, **headers}, body)


def _body(template: Any, scope: Mapping[str, Any]) -> tuple[bytes, str | None]:
    if template is None:
        return b"", None
    value = fill(template, scope)
    if isinstance(value, str):
        return value.encode(), "text/plain;charset=UTF-8"
    return orjson.dumps(value, default=str), "application/json;charset=UTF-8"


def _envelope(soap: Soap, scope: Mapping[str, Any]) -> bytes:
    inner = _elements(fill(soap.fields, scope) if soap.fields is not None else {})
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><env:Envelope xmlns:env="{_ENVELOPE}" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><env:Body>'
        f'<{soap.operation} xmlns="{escaped(soap.namespace)}">{inner}</{soap.operation}></env:Body></env:Envelope>'
    ).encode()


def _elements(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(_element(name, one) for name, one in value.items())
    if isinstance(value, bool):
        return "true" if value else "false"
    return escaped(written(value))


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    return f"<{name}>{_elements(value)}</{name}>"


def answer_of(received: Received) -> Answer:
    """Return an answer as code sees it; its body is parsed where it is JSON."""
    kind = next((value for name, value in received.headers.items() if name.lower() == "content-type"), "")
    body: Any = None
    if "json" in kind.lower():
        try:
            body = orjson.loads(received.body)
        except orjson.JSONDecodeError:
            body = None
    if body is None:
        body = received.body.decode("utf-8", "replace")
    return Answer(received.status, received.headers, received.body, body)


def soap_answer(received: Received) -> Answer:
    """Return the answer to a call of SOAP. Raises CalloutError for a fault, and for what is no envelope."""
    try:
        root = parse(received.body, _MOST_ELEMENTS)
    except XmlError as error:
        raise CalloutError(f"Web service callout failed: Unable to parse callout response. {error}"[:300]) from None
    if root.tag != "Envelope":
        raise CalloutError(
            "Web service callout failed: Unexpected element. Parser was expecting element "
            f"'{_ENVELOPE}:Envelope' but found ':{root.tag[:80]}'"
        )
    inner = root.first("Body")
    first = inner.children[0] if inner is not None and inner.children else None
    if first is not None and first.tag == "Fault":
        raise CalloutError(
            f"Web service callout failed: WebService returned a SOAP Fault: {(first.get('faultstring') or '')[:200]} "
            f"faultcode={(first.get('faultcode') or '')[:80]} faultactor={(first.get('faultactor') or '')[:80]}"
        )
    if not 200 <= received.status < 300:
        raise CalloutError(f"Web service callout failed: Status code {received.status}")
    return Answer(received.status, received.headers, received.body, None if first is None else _plain(first))


def _plain(element: Element) -> Any:
    """Return an element as a value: its text, or what stands in it by name; what stands there often is a list."""
    if element.nil:
        return None
    if not element.children:
        return element.text
    out: dict[str, Any] = {}
    for child in element.children:
        value = _plain(child)
        if child.tag in out:
            known = out[child.tag]
            out[child.tag] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            out[child.tag] = value
    return out
