"""The SOAP messages of outbound messaging: what is sent, and what the receiver may answer.

Source: SOAP API Developer Guide, "Understanding the Outbound Messaging WSDL"; indents, the order of fields and what a
blank field looks like (it is left out) as recorded from real messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from mock_server.org.schema.xml_tree import Element, XmlError, parse

if TYPE_CHECKING:
    from mock_server.org.schema.types import Field, SObject

OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
SOBJECT = "urn:sobject.enterprise.soap.sforce.com"
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
    " <soapenv:Body>\n"
    f'  <notifications xmlns="{OUTBOUND}">\n'
)
_TAIL = "  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>\n"
_MOST_ANSWERED = 1_000
"""Elements of an answer that are read."""


def notifications(
    sobject: SObject,
    heads: Mapping[str, str | None],
    records: Sequence[tuple[str, Mapping[str, Any] | None]],
) -> bytes:
    """Return the envelope. `heads` are the elements in front, `records` pairs of notification id and field values.

    A record that is there no more, or not seen by the sender, is a notification without data.
    """
    out = [_HEAD]
    for name, value in heads.items():
        out.append(f"   <{name}>{escape(value)}</{name}>\n" if value is not None else f'   <{name} xsi:nil="true"/>\n')
    for identifier, values in records:
        out.append(f"   <Notification>\n    <Id>{identifier}</Id>\n")
        if values is None:
            out.append(f'    <sObject xsi:type="sf:{sobject.name}" xmlns:sf="{SOBJECT}" xsi:nil="true"/>\n')
        else:
            out.append(f'    <sObject xsi:type="sf:{sobject.name}" xmlns:sf="{SOBJECT}">\n')
            out += [f"     <sf:{name}>{escape(text)}</sf:{name}>\n" for name, text in _texts(sobject, values)]
            out.append("    </sObject>\n")
        out.append("   </Notification>\n")
    out.append(_TAIL)
    return "".join(out).encode()


def _texts(sobject: SObject, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("Id", *sorted(name for name in values if name != "Id")):
        field = sobject.by_name.get(name)
        if field is not None and values.get(name) is not None:
            yield name, _printable(text_of(field, values[name]))


def text_of(field: Field, value: Any) -> str:
    """Return a value in JSON form as XML Schema writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and field.type in ("double", "currency", "percent"):
        return repr(float(value))
    text = str(value)
    if field.type in ("datetime", "time") and text.endswith("+0000"):
        return text.removesuffix("+0000") + "Z"
    return text


def _printable(text: str) -> str:
    """Leave out what XML cannot hold."""
    if text.isprintable():
        return text
    return "".join(letter for letter in text if (letter >= " " and letter not in "\ufffe\uffff") or letter in "\t\n\r")


class NotAcknowledged(Exception):
    """An answer that does not count as received; the text is what the queue shows (texts from recall)."""


def read_answer(status: int, body: bytes) -> None:
    """Raise NotAcknowledged unless an answer acknowledges all notifications of a message."""
    if status != 200:
        raise NotAcknowledged(f"({status}){_REASONS.get(status, '')}")
    try:
        root = parse(body, _MOST_ANSWERED)
    except XmlError as error:
        raise NotAcknowledged(f"org.xml.sax.SAXParseException: {error}"[:200]) from None
    if root.tag != "Envelope":
        raise NotAcknowledged(f"org.xml.sax.SAXException: Bad envelope tag:  {root.tag[:80]}")
    inner = root.first("Body")
    answer = inner.children[0] if inner is not None and inner.children else None
    if answer is None or answer.tag != "notificationsResponse":
        said = _fault(answer)
        raise NotAcknowledged(said or "the SOAP body holds no notificationsResponse")
    ack = (answer.get("Ack") or "").lower()
    if ack not in ("true", "1"):
        raise NotAcknowledged("SOAP response was a nack" if ack in ("false", "0") else "there is no <Ack> to read")


def _fault(answer: Element | None) -> str | None:
    if answer is None or answer.tag != "Fault":
        return None
    return f"SOAP fault: {(answer.get('faultstring') or '')[:150]}"


_REASONS = {
    301: "Moved Permanently", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip
