"""The content of an ingest job: bytes of CSV into rows, block by block, without ever holding all of them.

What is a record, and what is said of one that cannot be read, are those of the platform's own reader, which its client
library has as well (com.sforce.async.CSVReader, R): blank lines are none, blanks are part of a value, a quote within a
value must be doubled and its value quoted. A mark of the byte order is part of the first column's name (R
forcedotcom/cli#720): such a job fails. What is no UTF-8 is read as U+FFFD, as Java's readers do.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import chain

from mock_server.org import errors
from mock_server.org.errors import ApiError

DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
MOST_IN_FIELD = 32_000
MOST_FIELDS = 5_000
MOST_IN_RECORD = 400_000
MOST_IN_HEADER = 32_000
"""Characters of the header row (D: "Prepare CSV Files")."""
_LONGEST = 1 << 20
"""Characters without the end of a record after which nobody waits for it any more."""
_UNESCAPED = "Found unescaped quote. A value with quote should be within a quote"
_NOT_CLOSED = "EOF reached before closing an opened quote"
_TOO_MANY = f"Exceeded max number of columns per record : {MOST_FIELDS}"
_TEXT_AFTER = "Not expecting more text after end quote"

Row = list[str]


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows in their order, and how many characters they were."""

    rows: list[Row]
    size: int


class Rows:
    """The header of a content, and its rows as they are asked for, in blocks or one by one."""

    def __init__(self, columns: tuple[str, ...], blocks: Iterator[Block], reader: _Reader | None = None) -> None:
        self.columns = columns
        self.blocks = blocks
        """Raises InvalidBatch where a record cannot be read, once all before it were given."""
        self._reader = reader

    @property
    def rows(self) -> Iterator[Row]:
        return chain.from_iterable(block.rows for block in self.blocks)

    def rest(self) -> Iterator[str]:
        """Yield what `blocks` could not read, from the record that it failed at to the end, as it was sent."""
        return iter(()) if self._reader is None else self._reader.rest()


def read(parts: Iterable[bytes], delimiter: str, charset: str = "utf-8", most_in_field: int = MOST_IN_FIELD) -> Rows:
    """Read CSV. Raises InvalidBatch for a header that cannot be read; a content without one has no columns."""
    reader = _Reader(parts, DELIMITERS[delimiter], charset, most_in_field)
    columns = reader.header()
    return Rows(columns, reader.blocks(), reader)


def tolerant(parts: Iterable[bytes], delimiter: str) -> Rows:
    """Read CSV, with no columns where the header cannot be read: all of the content is then the rest."""
    reader = _Reader(parts, DELIMITERS[delimiter])
    try:
        columns = reader.header()
    except ApiError:
        columns = ()
    return Rows(columns, reader.blocks(), reader)


class _Reader:
    def __init__(
        self, parts: Iterable[bytes], mark: str, charset: str = "utf-8", most_in_field: int = MOST_IN_FIELD
    ) -> None:
        self._mark = mark
        self._most = most_in_field
        self._texts = _decoded(parts, charset)
        self._pending = ""
        """Text before which all is read; a record begins at its start."""

    def header(self) -> tuple[str, ...]:
        """Return the columns, and have the blocks begin after them. Raises InvalidBatch."""
        while end := self._whole():
            for record in _records(self._pending[:end]):
                rows = self._parse(record)
                if rows and len(record) > MOST_IN_HEADER:
                    raise _unreadable(_too_long(len(record), MOST_IN_HEADER))
                if rows and len(rows[0]) > MOST_FIELDS:
                    raise _unreadable(_TOO_MANY)
                self._pending = self._pending[len(record) :]
                if rows:
                    return tuple(rows[0])
        return ()

    def _whole(self) -> int:
        """Read on until there are whole records; return where they end, 0 when nothing is left."""
        while not (end := _boundary(self._pending)):
            text = next(self._texts, None)
            if text is None:
                return len(self._pending)
            self._pending += text
            if len(self._pending) > _LONGEST:
                raise _unreadable(_too_long(len(self._pending)))
        return end

    def blocks(self) -> Iterator[Block]:
        while end := self._whole():
            yield from self._block(end)

    def _block(self, end: int) -> Iterator[Block]:
        text = self._pending[:end]
        try:
            rows = self._parse(text)
        except ApiError:
            yield from self._up_to_the_fault(text)
            raise
        self._pending = self._pending[end:]
        if rows:
            yield Block(rows, end)

    def _up_to_the_fault(self, text: str) -> Iterator[Block]:
        """Yield the records before one that cannot be read, which is then the first of what is pending."""
        rows: list[Row] = []
        size = 0
        for record in _records(text):
            try:
                rows += self._parse(record)
            except ApiError:
                break
            size += len(record)
        self._pending = self._pending[size:]
        if rows:
            yield Block(rows, size)

    def _parse(self, text: str) -> list[Row]:
        """Return the rows of whole records. Raises InvalidBatch."""
        if '"' not in text:
            return self._unquoted(text)
        self._check_quotes(text)
        lines = StringIO(text, newline="\n").readlines()
        try:
            rows = self._rows(lines)
        except csv.Error as wrong:
            if "new-line" not in str(wrong):
                raise _unreadable(_told(str(wrong))) from None
            # A carriage return alone ends a line, too.
            rows = self._rows(StringIO(text, newline=None))
        if len(max(lines, key=len)) > self._most or len(rows) < len(lines):
            _check_lengths(rows, self._most)
        if [] in rows or [""] in rows:
            rows = [row for row in rows if len(row) > 1 or (row and row[0])]
        return rows

    def _unquoted(self, text: str) -> list[Row]:
        """Return the rows of records without any quotes, which need no reader of CSV."""
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        rows = [line.split(self._mark) for line in lines if line]
        if len(max(lines, key=len)) > self._most:
            _check_lengths(rows, self._most)
        return rows

    def _rows(self, lines: Iterable[str]) -> list[Row]:
        return list(csv.reader(lines, delimiter=self._mark, strict=True))

    def _check_quotes(self, text: str) -> None:
        """Refuse quotes that a reader of CSV would take for part of a value. Raises InvalidBatch."""
        first, *inner = text.split('"')
        ends = (self._mark, "\n")
        starts = (*ends, "\r")
        if first and not first.endswith(ends):
            raise _unreadable(_UNESCAPED)
        # What stands between the quotes of two values: mostly the same few texts.
        for between in {*inner[1:-1:2]}:
            if between and not between.startswith(starts):
                raise _unreadable(_TEXT_AFTER)
            if between and not between.endswith(ends):
                raise _unreadable(_UNESCAPED)
        if len(inner) % 2:
            raise _unreadable(_NOT_CLOSED)
        if inner[-1] and not inner[-1].startswith(starts):
            raise _unreadable(_TEXT_AFTER)

    def rest(self) -> Iterator[str]:
        yield self._pending
        self._pending = ""
        yield from self._texts


def _decoded(parts: Iterable[bytes], charset: str) -> Iterator[str]:
    decode = codecs.getincrementaldecoder(charset)("replace").decode
    for part in parts:
        yield decode(part)
    yield decode(b"", True)


def _boundary(text: str) -> int:
    """Return where the last record that is there whole ends: after a line feed that is in no quotes."""
    end = text.rfind("\n") + 1
    quotes = text.count('"', 0, end)
    while quotes % 2 and end:
        before = text.rfind("\n", 0, end - 1) + 1
        quotes -= text.count('"', before, end)
        end = before
    return end


def _records(text: str) -> Iterator[str]:
    """Yield the records of a text, one by one, with their ends."""
    start = at = quotes = 0
    while start < len(text):
        end = text.find("\n", at) + 1 or len(text)
        quotes += text.count('"', at, end)
        at = end
        if quotes % 2 == 0 or end == len(text):
            yield text[start:end]
            start, quotes = end, 0


def _check_lengths(rows: list[Row], most: int) -> None:
    for row in rows:
        fault = too_large(row, most)
        if fault is not None:
            raise _unreadable(fault)


def too_large(cells: Collection[str], most: int) -> str | None:
    """Return what is said of a record that is too large, None of one that is not; `most` characters has a field."""
    size = sum(map(len, cells))
    if size > MOST_IN_RECORD:
        return _too_long(size)
    if len(cells) > MOST_FIELDS:
        return _TOO_MANY
    if size > most and (longest := max(map(len, cells))) > most:
        return f"Exceeded max field size: {longest}"
    return None


def _too_long(size: int, most: int = MOST_IN_RECORD) -> str:
    return (
        f"Exceeded max length for one record: {size}. Max length for one record should be less than or equal to {most}"
    )


def _told(wrong: str) -> str:
    """Return the words of the platform's reader for those of Python's."""
    if "field limit" in wrong:
        return f"Exceeded max field size: {csv.field_size_limit() + 1}"
    return _NOT_CLOSED if "unexpected end" in wrong else _TEXT_AFTER


def _unreadable(why: str) -> ApiError:
    return errors.INVALID_BATCH(text=f"Failed to parse CSV. {why}")
