"""A dead-letter queue in a CSV file."""

from __future__ import annotations

import csv
import io
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.letters.files import check_file, read_file
from harness.letters.flat import check_columns, read_row
from harness.letters.letter import BrokenLetter, Letter, LetterMap, QueueError

_DELIMITERS = ",;\t|"
_LONGEST = 2**31 - 1
_limit = threading.Lock()
"""The greatest length of a cell is a setting of the whole process."""


@dataclass(frozen=True)
class CsvQueue:
    """A file whose first row names the columns. Cells are parted by commas, semicolons, tabs or bars."""

    path: Path | str
    mapping: LetterMap | None = None

    def check(self) -> None:
        """Raise QueueError when the file cannot be read, or its header lacks a column."""
        check_file(self.path)
        self.read()

    def read(self) -> list[Letter | BrokenLetter]:
        """Read the file, or nothing where there is none. Raises QueueError for a header that will not do."""
        text = read_file(self.path).decode("utf-8", "replace")
        if not text.strip():
            return []
        with _limit:
            before = csv.field_size_limit(_LONGEST)
            try:
                return list(self._letters(text))
            finally:
                csv.field_size_limit(before)

    def _letters(self, text: str) -> Iterator[Letter | BrokenLetter]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        header = self._header(reader)
        ends_whole = text.endswith(("\n", "\r"))
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BrokenLetter(_lines(text, line, reader.line_num), line, f"not CSV: {error}")
                continue
            if not cells:
                continue  # an empty line between rows says nothing
            if len(cells) != len(header):
                raw = ",".join(cells)
                short = len(cells) < len(header) and not ends_whole
                cut = ", and its end is missing" if short else ""
                reason = f"the row has {len(cells)} cells where the header has {len(header)}{cut}"
                yield BrokenLetter(raw, line, reason)
                continue
            yield read_row(dict(zip(header, cells, strict=True)), line, self.mapping)

    def _header(self, reader: Iterator[list[str]]) -> list[str]:
        where = f"dead-letter queue {self.path}"
        try:
            header = [name.strip() for name in next((cells for cells in reader if cells), [])]
        except csv.Error as error:
            raise QueueError(f"{where}: the header is not CSV: {error}") from None
        twice = [name for name, times in Counter(header).items() if times > 1]
        if twice:
            raise QueueError(f"{where}: the header names {twice[0] or 'an empty column'} more than once")
        check_columns(header, self.mapping, where)
        return header


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=first.count)


def _lines(text: str, first: int, last: int) -> str:
    return "\n".join(text.split("\n")[first - 1 : last])
