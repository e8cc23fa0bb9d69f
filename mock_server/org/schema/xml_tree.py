"""XML as a tree of plain elements that know their lines; safe against what XML can do to its readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

_DEEPEST = 100
_MOST_ELEMENTS = 500_000
_PIECE = 65_536
_LONGEST_TOKEN = 262_144
"""Bytes of the longest tag, comment or instruction. Texts may be longer: they come in pieces."""


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


def parse(data: bytes, most: int = _MOST_ELEMENTS) -> Element:
    """Return the root element. Raises XmlError for what is no XML, and for DTDs and entities.

    So does it for what is beyond measure: more than `most` elements, deep nesting, a tag as long as a file.
    """
    # Late: a start without a project need not pay for the XML modules.
    from xml.parsers.expat import ErrorString, ExpatError, ParserCreate

    if not data.strip():
        raise XmlError(1, "the file is empty")
    parser = ParserCreate()
    reader = _Reader(parser, most)
    try:
        for start in range(0, len(data), _PIECE):
            parser.Parse(data[start : start + _PIECE], False)
            # What is not whole yet is read anew with each piece.
            if start - parser.CurrentByteIndex > _LONGEST_TOKEN:
                raise XmlError(reader.line(), f"a tag or comment is longer than {_LONGEST_TOKEN:,} bytes")
        parser.Parse(b"", True)
    except ExpatError as error:
        raise XmlError(error.lineno or 1, f"not well-formed XML: {ErrorString(error.code)}") from None
    except (ValueError, LookupError, TypeError) as error:
        if isinstance(error, XmlError):
            raise
        raise XmlError(reader.line(), f"cannot be read as XML: {str(error)[:200]}") from None
    assert reader.root is not None  # a document without an element is none
    return reader.root


class _Reader:
    """Builds the tree from a parser's events. What would reach beyond the document (DTDs, entities) is refused."""

    def __init__(self, parser: XMLParserType, most: int) -> None:
        self.root: Element | None = None
        self._parser = parser
        self._most = most
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0
        parser.buffer_text = parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.CharacterDataHandler = self._data
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = self._refuse
        parser.ExternalEntityRefHandler = self._refuse

    def line(self) -> int:
        return self._parser.CurrentLineNumber

    def _refuse(self, *_: object) -> int:
        raise XmlError(self.line(), "a DTD or an entity stands here; they are not read")

    def _start(self, name: str, attributes: list[str]) -> None:
        self._count += 1
        if self._count > self._most:
            raise XmlError(self.line(), f"the file has more than {self._most:,} elements")
        if len(self._open) >= _DEEPEST:
            raise XmlError(self.line(), f"elements are nested more than {_DEEPEST} deep")
        made = Element(name.rpartition(":")[2], self.line())
        for key, value in zip(attributes[::2], attributes[1::2], strict=True):
            bare = key.rpartition(":")[2]
            if bare == "type":
                made.type = value.rpartition(":")[2]
            elif bare == "nil":
                made.nil = value.lower() in ("true", "1")
            elif key == "referenceId":
                made.reference = value
        if self._open:
            self._open[-1].children.append(made)
        else:
            self.root = made
        self._open.append(made)
        self._texts.append([])

    def _data(self, content: str) -> None:
        if self._texts:
            self._texts[-1].append(content)

    def _end(self, name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop()).strip()
