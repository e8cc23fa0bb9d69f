"""The result of a query job, page by page: where a page is is told by its locator, which stays good for good."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.jobs.model import Job
from mock_server.org.jobs.querying import RESULT
from mock_server.org.jobs.reading import LINE_ENDINGS
from mock_server.org.jobs.tables import JobTables
from mock_server.org.limits.bulk import MOST_PAGE, PAGE

_LISTED = 5
"""Locators that one answer lists (documented)."""
_OPAQUE_SINCE = 49
"""The API version before which a locator is the number of rows before it (documented)."""


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Part of a result: its own rows and those of the whole result, the locator of the next page, and the text."""

    rows: int
    total: int
    following: str | None
    pieces: Iterator[bytes]


class ResultPages:
    """The pages of one job's result."""

    def __init__(self, tables: JobTables, job: Job, owner: str, size: int) -> None:
        """`owner` is whose the parts are, `size` the rows of a page.

        A size that is smaller than the service's own holds for all clients.
        """
        self._size = size
        self._most = size if size < PAGE else MOST_PAGE
        self._tables = tables
        self._job = job
        self._owner = owner
        self._parts = tables.index(owner, RESULT)
        self.total = sum(rows for _, rows in self._parts)

    def page(self, locator: str | None, most: int | None) -> ResultPage:
        """Return the page at a locator, the first one without, of at most so many rows.

        Raises INVALID_QUERY_LOCATOR.
        """
        start = 0 if locator is None else self._place(locator)
        end = min(start + min(most or self._size, self._most), self.total)
        following = self.locator(end) if end < self.total else None
        return ResultPage(end - start, self.total, following, self._text(start, end))

    def listed(self, locator: str | None) -> tuple[list[str], str | None]:
        """Return the locators of the next few pages, and the locator of the list that follows.

        Raises INVALID_QUERY_LOCATOR.
        """
        start = 0 if locator is None else self._place(locator)
        places = list(range(start, max(1, self.total), self._size))
        rest = places[_LISTED:]
        return [self.locator(place) for place in places[:_LISTED]], self.locator(rest[0]) if rest else None

    def locator(self, place: int) -> str:
        """Return the locator of the page that begins behind so many rows (recorded: `0:0GaHn000005s2T4KAI:1`)."""
        if self._job.version < _OPAQUE_SINCE:
            return str(place)
        told = f"{place}:{to_18('0Ga' + self._job.id[3:15])}:1"
        return urlsafe_b64encode(told.encode()).decode().rstrip("=")

    def _place(self, locator: str) -> int:
        text = locator
        if self._job.version >= _OPAQUE_SINCE:
            try:
                text = urlsafe_b64decode(locator + "=" * (-len(locator) % 4)).decode("ascii").partition(":")[0]
            except ValueError:
                text = ""
        place = int(text) if text.isdecimal() and len(text) < 12 else -1
        if not 0 <= place < max(1, self.total) or self.locator(place) != locator:
            raise errors.INVALID_QUERY_LOCATOR()
        return place

    def _text(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the header and the rows from `start` to before `end`. Raises ApiError where the result vanishes."""
        yield str(self._job.options["header"]).encode()
        before = 0
        for number, rows in self._parts:
            first, last = max(0, start - before), min(rows, end - before)
            before += rows
            if first >= last:
                continue
            data = self._tables.part(self._owner, number)
            yield data if (first, last) == (0, rows) else _cut(data, LINE_ENDINGS[self._job.line_ending], first, last)


def _cut(data: bytes, line_ending: str, first: int, last: int) -> bytes:
    """Return some rows of a part. A line end in quotes ends no row: an odd number of quotes stands before it."""
    end = line_ending.encode()
    at = place = 0
    begin = 0 if first == 0 else -1
    for row in range(1, last + 1):
        quotes = 0
        while True:
            found = data.index(end, at)
            quotes += data.count(b'"', at, found)
            at = found + len(end)
            if quotes % 2 == 0:
                break
        place = at
        if row == first:
            begin = place
    return data[begin:place]
