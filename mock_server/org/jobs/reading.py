"""The content of an ingest job: bytes of CSV into rows, without ever holding all of them."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from mock_server.org import errors

DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


@dataclass(frozen=True, slots=True)
class Rows:
    """The header of a content, and its rows, one by one as they are asked for."""

    columns: tuple[str, ...]
    rows: Iterator[list[str]]


def read(parts: Iterable[bytes], delimiter: str, charset: str = "utf-8") -> Rows:
    """Read CSV. Raises InvalidBatch for a content that has no header, or cannot be read."""
    reader = csv.reader(_lines(parts, charset), delimiter=DELIMITERS[delimiter], strict=True)
    rows = _rows(reader)
    columns = next(rows, None)
    if columns is None:
        raise errors.INVALID_BATCH(text="Failed to parse CSV header: The CSV file is empty")
    return Rows(tuple(column.strip() for column in columns), rows)


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError) as wrong:
            raise errors.INVALID_BATCH(text=f"Failed to parse CSV. {wrong}") from None
        if row:
            yield row


def _lines(parts: Iterable[bytes], charset: str) -> Iterator[str]:
    """Yield text line by line, with its ends: a line in quotes may hold some of its own."""
    decode = codecs.getincrementaldecoder(charset)("strict").decode
    rest, first = "", True
    for part in chain(parts, (None,)):
        text = rest + (decode(part) if part is not None else decode(b"", True))
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        end = text.rfind("\n") + 1
        rest = text[end:]
        for line in text[:end].split("\n")[:-1]:
            yield line + "\n"
    if rest:
        yield rest
