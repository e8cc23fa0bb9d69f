"""What clients are told of each row: result files of Bulk 2.0, in the columns that were uploaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mock_server.org.jobs.reading import DELIMITERS, LINE_ENDINGS
from mock_server.org.records.changes import RowResult


def row_error(code: str, message: str, fields: Iterable[str]) -> str:
    """Write an error of a row (recorded): `REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --`."""
    return f"{code}:{message}:{','.join(fields)} --"


class ResultFiles:
    """Writes `successful`, `failed` and `unprocessed` of one job: its own columns in quotes, and every value."""

    def __init__(self, columns: Sequence[str], delimiter: str, line_ending: str) -> None:
        self._mark = DELIMITERS[delimiter]
        self._end = LINE_ENDINGS[line_ending]
        self._between = f'"{self._mark}"'
        self._names = self._mark.join(columns)

    def header(self, kind: str) -> bytes:
        """Return the first line of a file (recorded: names as they were sent)."""
        own = {"successful": ('"sf__Id"', '"sf__Created"'), "failed": ('"sf__Id"', '"sf__Error"')}.get(kind, ())
        return (self._mark.join((*own, self._names)) + self._end).encode()

    def write(self, rows: Iterable[Sequence[str]], results: Sequence[RowResult]) -> tuple[bytes, bytes, int]:
        """Return lines of successful rows, lines of failed ones, and how many failed."""
        good: list[str] = []
        bad: list[str] = []
        for row, result in zip(rows, results, strict=True):
            if result.success:
                good.append(self._line((result.id or "", "true" if result.created else "false", *row)))
            else:
                said = ";".join(row_error(error.code, error.message, error.fields or ()) for error in result.errors)
                bad.append(self._line((result.id or "", said, *row)))
        return "".join(good).encode(), "".join(bad).encode(), len(bad)

    def rest(self, rows: Iterable[Sequence[str]]) -> bytes:
        """Return lines of rows that nobody came to."""
        return "".join(map(self._line, rows)).encode()

    def _line(self, cells: Sequence[str]) -> str:
        line = self._between.join(cells)
        if line.count('"') != 2 * (len(cells) - 1):
            line = self._between.join(cell.replace('"', '""') for cell in cells)
        return f'"{line}"{self._end}'
