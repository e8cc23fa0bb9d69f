"""XML as a tree of plain elements that know their lines; safe against what XML can do to its readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

_DEEPEST = 100
_MOST_ELEMENTS = 500_000


class XmlError(ValueError):
    """Text that cannot be read as XML: what is wrong, and in which line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


@dataclass(slots=True)
class Element:
    """One element: `tag` without its namespace, `text` stripped, `type` and `nil` as `xsi:` says.

    `reference` is the attribute `referenceId` of a record in a tree.
    """

    tag: str
    line: int
    text: str = ""
    type: str | None = None
    nil: bool = False
    reference: str | None = None
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> Iterator[Element]:
        """Yield the children of that name."""
        return (child for child in self.children if child.tag == tag)

    def first(self, tag: str) -> Element | None:
        """Return the last child of that name: where one stands twice, the later counts, as in a deployment."""
        for child in reversed(self.children):
            if child.tag == tag:
                return child
        return None

    def get(self, tag: str) -> str | None:
        """Return the text of a child; None where it is missing or empty."""
        found = self.first(tag)
        return found.text or None if found is not None else None

    def is_true(self, tag: str) -> bool:
        return (self.get(tag) or "").lower() in ("true", "1")


def parse(data: bytes) -> Element:
    """Return the root element. Raises XmlError for what is no XML, and for DTDs and entities."""
    from xml.sax import SAXException, SAXParseException

    from defusedxml.common import DefusedXmlException
    from defusedxml.sax import parseString

    if not data.strip():
        raise XmlError(1, "the file is empty")
    reader = _reader()()
    try:
        parseString(data, reader, forbid_dtd=True)
    except SAXParseException as error:
        raise XmlError(error.getLineNumber() or 1, f"not well-formed XML: {error.getMessage()}") from None
    except DefusedXmlException:
        raise XmlError(
            reader.line(), "a DTD or an entity stands here; metadata has none, and they are not read"
        ) from None
    except (SAXException, ValueError, LookupError, TypeError) as error:
        if isinstance(error, XmlError):
            raise
        raise XmlError(reader.line(), f"cannot be read as XML: {str(error)[:200]}") from None
    root: Element = reader.root
    return root


@cache
def _reader() -> Any:
    # Made late: a start without a project need not pay for the XML modules.
    from xml.sax.handler import ContentHandler

    class Reader(ContentHandler):
        def __init__(self) -> None:
            super().__init__()
            self.root: Element | None = None
            self.open: list[Element] = []
            self.texts: list[list[str]] = []
            self.count = 0

        def line(self) -> int:
            locator = getattr(self, "_locator", None)
            return (locator.getLineNumber() or 1) if locator is not None else 1

        def startElement(self, name: str, attributes: object) -> None:
            self.count += 1
            if self.count > _MOST_ELEMENTS:
                raise XmlError(self.line(), f"the file has more than {_MOST_ELEMENTS:,} elements")
            if len(self.open) >= _DEEPEST:
                raise XmlError(self.line(), f"elements are nested more than {_DEEPEST} deep")
            made = Element(name.rpartition(":")[2], self.line())
            for key, value in attributes.items():  # type: ignore[attr-defined]
                bare = key.rpartition(":")[2]
                if bare == "type":
                    made.type = value.rpartition(":")[2]
                elif bare == "nil":
                    made.nil = value.lower() in ("true", "1")
                elif key == "referenceId":
                    made.reference = value
            if self.open:
                self.open[-1].children.append(made)
            else:
                self.root = made
            self.open.append(made)
            self.texts.append([])

        def characters(self, content: str) -> None:
            if self.texts:
                self.texts[-1].append(content)

        def endElement(self, name: str) -> None:
            self.open.pop().text = "".join(self.texts.pop()).strip()

    return Reader
