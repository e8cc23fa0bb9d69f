"""The content of a batch of Bulk API 1.0: records in CSV, XML or JSON, all of them read into rows of text cells.

A cell of JSON or XML becomes what a CSV would say: what is not there is an empty cell, null is `#N/A`, a parent by its
key (`"Account": {"Ext__c": "A-1"}`) is a column of its own (`Account.Ext__c`), with the parent's type before it where
the record names one. So all three save by one way. Limits and their texts are those of the client library's own reader
(com.sforce.async.CSVReader), which has them as the service does.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org import errors
from mock_server.org.jobs import reading
from mock_server.org.limits.bulk import BATCH
from mock_server.org.records.text import NULL

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

MOST_CHARACTERS = 10_000_000
"""Characters of all data of a batch; its bytes may be no more (recorded text of the refusal)."""
MOST_IN_FIELD = 131_072
_CHARSETS = re.compile(
    r"utf-?(8|16)(le|be)?|us-ascii|ascii|iso-8859-\d{1,2}|latin-?1|(windows|cp)-?125\d|windows-31j|cp932|shift_jis|"
    r"euc-(jp|kr)|iso-2022-jp|gb2312|gbk|gb18030|big5|koi8-r|macroman"
)
_PIECE = 65_536
_LONGEST_TOKEN = 262_144
_ROOT, _RECORD = "sObjects", "sObject"
_DEEPEST = 5
"""sObjects, sObject, a relationship, the sObject in it, its field."""

Record = dict[str, str]


@dataclass(slots=True)
class Content:
    """What a batch brings. A record has the cells that it names; `rows` gives them by column."""

    columns: list[str] = field(default_factory=list)
    records: list[Sequence[str] | Record] = field(default_factory=list)

    def rows(self, start: int, end: int) -> list[Sequence[str]]:
        """Return some records as rows, as wide as there are columns."""
        return [
            [one.get(column, "") for column in self.columns] if isinstance(one, dict) else one
            for one in self.records[start:end]
        ]


def known_charset(name: str) -> bool:
    """Tell whether a content may be in a charset."""
    if _CHARSETS.fullmatch(name.lower()) is None:
        return False
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def steps(form: str, data: bytes, charset: str, content: Content) -> Iterator[None]:
    """Read a content into `content`, record by record, so that others can be served in between.

    `form` is `CSV`, `XML` or `JSON`. Raises InvalidBatch.
    """
    if form == "CSV":
        pieces = (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
        found = reading.read(pieces, "COMMA", charset, MOST_IN_FIELD)
        content.columns.extend(found.columns)
        for row in found.rows:
            _add(content, row)
            yield
        return
    columns: dict[str, str] = {}
    """By its name in lower case, each column as it was written first: others may write it in another case."""
    for record in _xml(data) if form == "XML" else _json(data):
        # Files are no texts: they come with zip contents after this.
        fault = reading.too_large(record.values(), MOST_IN_FIELD)
        if fault is not None:
            raise errors.INVALID_BATCH(text=fault)
        _add(content, {columns.setdefault(name.lower(), name): cell for name, cell in record.items()})
        yield
    content.columns.extend(columns.values())


def _add(content: Content, record: Sequence[str] | Record) -> None:
    content.records.append(record)
    if len(content.records) > BATCH:
        raise errors.INVALID_BATCH(
            text=f"Exceeded number of records : {len(content.records)}. "
            f"Number of records should be less than or equal to {BATCH}"
        )


# -- JSON


def _json(data: bytes) -> Iterator[Record]:
    try:
        said = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as wrong:
        raise errors.INVALID_BATCH(text=f"Failed to parse JSON: {wrong}") from None
    if not isinstance(said, list):
        raise errors.INVALID_BATCH(text="Failed to parse JSON: an array of records is expected")
    for one in said:
        if not isinstance(one, dict):
            raise errors.INVALID_BATCH(text="Failed to parse JSON: a record is an object")
        record: Record = {}
        for name, value in one.items():
            if name == "attributes":
                continue
            if isinstance(value, dict):
                parent = {key: _cell(key, part) for key, part in value.items() if not isinstance(part, dict)}
                attributes = value.get("attributes")
                kind = attributes.get("type") if isinstance(attributes, dict) else None
                _parent(record, name, parent, kind if isinstance(kind, str) else "")
            else:
                record[name] = _cell(name, value)
        yield record


def _cell(name: str, value: Any) -> str:
    if value is None or value == "":
        return NULL
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise errors.INVALID_BATCH(text=f"Failed to parse JSON: {name} holds no value")


def _parent(record: Record, relationship: str, named: Record, kind: str) -> None:
    """Take a parent that is named by a key, as a column of its own; `type` is that of the parent, if it says so."""
    kind = kind or named.pop("type", "")
    if not named:
        return
    if len(named) > 1:
        raise errors.INVALID_BATCH(text=f"Relationship {relationship} must be specified with one field")
    ((key, cell),) = named.items()
    record[f"{kind}:{relationship}.{key}" if kind else f"{relationship}.{key}"] = cell


# -- XML


def _xml(data: bytes) -> Iterator[Record]:
    # Late: most batches are CSV.
    from xml.parsers.expat import ErrorString, ExpatError, ParserCreate

    parser = ParserCreate()
    reader = _XmlReader(parser)
    try:
        for start in range(0, len(data), _PIECE):
            parser.Parse(data[start : start + _PIECE], False)
            # What is not whole yet is read anew with each piece.
            if start - parser.CurrentByteIndex > _LONGEST_TOKEN:
                raise errors.INVALID_BATCH(text="Failed to parse XML: a tag or comment is too long")
            yield from reader.taken()
        parser.Parse(b"", True)
    except ExpatError as wrong:
        why = f"{ErrorString(wrong.code)} in line {wrong.lineno}"
        raise errors.INVALID_BATCH(text=f"Failed to parse XML: {why}") from None
    except (ValueError, LookupError, TypeError):
        # An encoding that nobody knows, a character that none can be.
        raise errors.INVALID_BATCH(text="Failed to parse XML: it cannot be read") from None
    yield from reader.taken()


class _XmlReader:
    """Takes the parser's events. Texts come through as they are: blanks around a value belong to it."""

    def __init__(self, parser: XMLParserType) -> None:
        self._path: list[str] = []
        self._text: list[str] = []
        self._nil = self._leaf = False
        self._record: Record = {}
        self._parent: Record = {}
        self._done: list[Record] = []
        parser.buffer_text = parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.CharacterDataHandler = self._text.append
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = self._refuse
        parser.ExternalEntityRefHandler = self._refuse

    def taken(self) -> list[Record]:
        """Return the records that have been read since the last time."""
        done, self._done = self._done, []
        return done

    def _refuse(self, *_: object) -> int:
        raise errors.INVALID_BATCH(text="Failed to parse XML: DTD is not supported")

    def _start(self, name: str, attributes: list[str]) -> None:
        path = self._path
        path.append(name.rpartition(":")[2])
        depth = len(path)
        wanted = {1: _ROOT, 2: _RECORD, 4: _RECORD}.get(depth)
        if depth > _DEEPEST or (wanted is not None and path[-1] != wanted):
            raise errors.INVALID_BATCH(text=f"Failed to parse XML: unexpected element {path[-1][:80]}")
        if depth == 2:
            self._record = {}
        elif depth == 4:
            self._parent = {}
        self._text.clear()
        self._leaf = True
        self._nil = any(
            key.rpartition(":")[2] == "nil" and value.strip() in ("true", "1")
            for key, value in zip(attributes[::2], attributes[1::2], strict=True)
        )

    def _end(self, name: str) -> None:
        path = self._path
        depth = len(path)
        if depth in (3, 5) and self._leaf:
            # A field that is empty says nothing; `xsi:nil` empties it.
            cell = NULL if self._nil else "".join(self._text)
            (self._record if depth == 3 else self._parent)[path[-1]] = cell
        elif depth == 4:
            _parent(self._record, path[2], self._parent, "")
        elif depth == 2:
            self._done.append(self._record)
        self._text.clear()
        self._leaf = False
        path.pop()
