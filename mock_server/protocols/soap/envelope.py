"""Reading a SOAP 1.1 envelope: no tree is built, so that neither depth nor size can hurt."""

from __future__ import annotations

from dataclasses import dataclass, field

from mock_server.org.errors import ApiError, ErrorSpec

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
LARGEST = 65_536
"""Bytes of the largest login that is read; of longer calls only the beginning, to name the operation."""
CLIENT_FAULT = ErrorSpec("soapenv:Client", 500, "{text}", "permanent", "statement", "K")
"""A request that is no SOAP call the API knows. Not in the catalogue: it has no exception code."""


@dataclass(slots=True)
class Envelope:
    """What a login or logout says. `fields` are the operation's own, `headers` those one level inside a header."""

    namespace: str = ""
    operation: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class _Known(Exception):
    """The operation is named: nothing more is wanted."""


class _Reader:
    """Takes the parser's events; a path of at most four names says where they belong."""

    def __init__(self, envelope: Envelope, *, whole: bool) -> None:
        self._envelope = envelope
        self._whole = whole
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, tag: str, attributes: object) -> None:
        self._text.clear()
        self._path.append(tag)
        depth, envelope = len(self._path), self._envelope
        if depth == 1 and tag != f"{{{ENVELOPE}}}Envelope":
            raise CLIENT_FAULT(text="The request is no SOAP 1.1 envelope")
        if depth == 3 and self._path[1] == f"{{{ENVELOPE}}}Body" and not envelope.operation:
            envelope.namespace, envelope.operation = _split(tag)
            if not self._whole:
                raise _Known

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str) -> None:
        if len(self._path) == 4:
            part = self._path[1]
            if part == f"{{{ENVELOPE}}}Header":
                self._envelope.headers.setdefault(_split(tag)[1], "".join(self._text))
            elif part == f"{{{ENVELOPE}}}Body":
                self._envelope.fields.setdefault(_split(tag)[1], "".join(self._text))
        self._text.clear()
        self._path.pop()

    def close(self) -> None:
        pass


def _split(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition("}")
    return namespace[1:], name


def read(body: bytes, *, whole: bool = True) -> Envelope:
    """Read an envelope, or only as far as its operation. Raises CLIENT_FAULT for what is none."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    envelope = Envelope()
    if whole and len(body) > LARGEST:
        raise CLIENT_FAULT(text="The request is too large")
    parser = DefusedXMLParser(target=_Reader(envelope, whole=whole), forbid_dtd=True)
    try:
        parser.feed(body[:LARGEST])
        parser.close()
    except _Known:
        return envelope
    except DefusedXmlException:
        raise CLIENT_FAULT(text="DTD is not supported in SOAP messages") from None
    except (ParseError, ValueError, LookupError):
        raise CLIENT_FAULT(text="The request is not well-formed XML") from None
    if not envelope.operation:
        raise CLIENT_FAULT(text="The Body of the envelope names no operation")
    return envelope


def operation_of(body: bytes) -> tuple[str, str] | None:
    """Return namespace and name of the operation a body asks for, None when it is no SOAP call."""
    try:
        envelope = read(body, whole=False)
    except ApiError:
        return None
    return envelope.namespace, envelope.operation
