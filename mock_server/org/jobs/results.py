"""What clients are told of each row: result files of Bulk 2.0, in the columns that were uploaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mock_server.org.jobs.reading import DELIMITERS, LINE_ENDINGS
from mock_server.org.records.changes import RowResult

_OWN = {"successful": ('"sf__Id"', '"sf__Created"'), "failed": ('"sf__Id"', '"sf__Error"'), "unprocessed": ()}


def row_error(code: str, message: str, fields: Iterable[str]) -> str:
    """Write an error of a row (recorded): `REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --`."""
    return f"{code}:{message}:{','.join(fields)} --"


class ResultFiles:
    """Writes `successful`, `failed` and `unprocessed` of one job: its own columns in quotes, and every value."""

    def __init__(self, columns: Sequence[str], delimiter: str, line_ending: str) -> None:
        self._mark = DELIMITERS[delimiter]
        self._end = LINE_ENDINGS[line_ending]
        self._between = f'"{self._mark}"'
        self._next_line = f'"{self._end}"'
        self._names = [self._name(column) for column in columns]

    def _name(self, column: str) -> str:
        """Write a column's name as it was sent (recorded), in quotes where it cannot be without."""
        if any(sign in column for sign in (self._mark, '"', "\n", "\r")):
            return '"' + column.replace('"', '""') + '"'
        return column

    def header(self, kind: str) -> bytes:
        """Return the first line of a file; a content without columns leaves nothing but the platform's own."""
        names = self._mark.join((*_OWN[kind], *self._names))
        return (names + self._end).encode() if names else b""

    def write(self, rows: Sequence[Sequence[str]], results: Sequence[RowResult]) -> tuple[bytes, bytes, int]:
        """Return lines of successful rows, lines of failed ones, and how many failed."""
        between = self._between
        created, updated = f"{between}true{between}", f"{between}false{between}"
        good = [
            f"{result[0]}{created if result[2] else updated}{between.join(row)}"
            for row, result in zip(rows, results, strict=True)
            if result[1]
        ]
        saved = self._lines(good)
        failed = len(rows) - len(good)
        wide = (
            sum(map(len, rows))
            if not failed
            else sum(len(row) for row, result in zip(rows, results, strict=True) if result[1])
        )
        if saved.count(b'"') != 2 * (wide + 2 * len(good)):
            # Some value has quotes of its own.
            told = [
                self._escaped((str(result.id), "true" if result.created else "false", *row))
                for row, result in zip(rows, results, strict=True)
                if result.success
            ]
            saved = self._lines(told)
        return saved, self._failed(rows, results) if failed else b"", failed

    def _failed(self, rows: Sequence[Sequence[str]], results: Sequence[RowResult]) -> bytes:
        lines = []
        for row, result in zip(rows, results, strict=True):
            if not result.success:
                said = ";".join(row_error(error.code, error.message, error.fields or ()) for error in result.errors)
                lines.append(self._escaped((result.id or "", said, *row)))
        return self._lines(lines)

    def rest(self, rows: Iterable[Sequence[str]]) -> bytes:
        """Return lines of rows that nobody came to."""
        return self._lines([self._escaped(row) for row in rows])

    def _lines(self, lines: list[str]) -> bytes:
        return f'"{self._next_line.join(lines)}"{self._end}'.encode() if lines else b""

    def _escaped(self, cells: Sequence[str]) -> str:
        """Return a line without the quotes at its ends."""
        line = self._between.join(cells)
        if line.count('"') != 2 * (len(cells) - 1):
            line = self._between.join(cell.replace('"', '""') for cell in cells)
        return line
