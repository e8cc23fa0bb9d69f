"""The body of a SOAP call as a tree, for the operations that carry records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mock_server.protocols.soap.envelope import CLIENT_FAULT, ENVELOPE

LARGEST = 10 << 20
"""Bytes of the largest call; SOAP requests of Salesforce end at 50 MB, but none of these carries so much."""
_DEEPEST = 12
_MOST_NODES = 100_000
XSI = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass(slots=True)
class Node:
    """An element: its name without namespace, its own text, its children; `kind` is the local name of its xsi:type."""

    name: str
    text: str = ""
    nil: bool = False
    kind: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Node]:
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> str | None:
        """Return the text of the first child of a name; None when there is none, or an empty one."""
        found = next(self.all(name), None)
        return None if found is None or found.nil else found.text.strip() or None

    def flag(self, name: str) -> bool:
        return (self.first(name) or "").lower() in ("true", "1")


class _Builder:
    def __init__(self) -> None:
        self.root = Node("")
        self._open = [self.root]
        self._text: list[list[str]] = [[]]
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) > _DEEPEST or self._count > _MOST_NODES:
            raise CLIENT_FAULT(text="The request has too many elements")
        nil = attributes.get(f"{{{XSI}}}nil", "").strip() in ("true", "1")
        kind = attributes.get(f"{{{XSI}}}type", "").rpartition(":")[2]
        node = Node(tag.rpartition("}")[2], nil=nil, kind=kind)
        self._open[-1].children.append(node)
        self._open.append(node)
        self._text.append([])

    def data(self, text: str) -> None:
        self._text[-1].append(text)

    def end(self, tag: str) -> None:
        self._open.pop().text = "".join(self._text.pop())

    def close(self) -> None:
        pass


def read_tree(body: bytes) -> tuple[Node, Node]:
    """Return the operation's element, and that of the header (an empty one without a header). Raises CLIENT_FAULT."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    if len(body) > LARGEST:
        raise CLIENT_FAULT(text="The request is too large")
    builder = _Builder()
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    try:
        parser.feed(body)
        parser.close()
    except DefusedXmlException:
        raise CLIENT_FAULT(text="DTD is not supported in SOAP messages") from None
    except (ParseError, ValueError, LookupError):
        raise CLIENT_FAULT(text="The request is not well-formed XML") from None
    envelope = builder.root.children[0]
    header = next(envelope.all("Header"), Node("Header"))
    operation = next((child for part in envelope.all("Body") for child in part.children), None)
    if envelope.name != "Envelope" or operation is None:
        raise CLIENT_FAULT(text=f"The request is no SOAP 1.1 envelope ({ENVELOPE})")
    return operation, header
