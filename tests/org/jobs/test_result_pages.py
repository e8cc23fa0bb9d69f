"""Pages of a result: whatever its rows hold, they are cut where rows end."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mock_server.org.jobs.model import Job
from mock_server.org.jobs.result_pages import ResultPages

cells = st.text(
    st.sampled_from('ab",\n\r"\n;') | st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6
)
rows = st.lists(st.tuples(cells, cells), max_size=12)


class Parts:
    """The parts of one result, in a list."""

    def __init__(self, parts: list[tuple[int, bytes]]) -> None:
        self._parts = parts

    def index(self, owner: str, kind: str) -> list[tuple[int, int]]:
        return [(number, count) for number, (count, _) in enumerate(self._parts)]

    def part(self, owner: str, number: int) -> bytes:
        return self._parts[number][1]


def written(some: list[tuple[str, ...]], mark: str, end: str) -> bytes:
    out = StringIO(newline="")
    csv.writer(out, delimiter=mark, quoting=csv.QUOTE_ALL, lineterminator=end).writerows(some)
    return out.getvalue().encode()


@given(
    st.lists(rows, max_size=5), st.integers(1, 15), st.sampled_from([",", ";", "\t"]), st.sampled_from(["LF", "CRLF"])
)
def test_pages_together_are_the_whole(parts: list[list[tuple[str, str]]], size: int, mark: str, ending: str) -> None:
    end = {"LF": "\n", "CRLF": "\r\n"}[ending]
    kept: Any = Parts([(len(some), written(list(some), mark, end)) for some in parts])
    job = Job(
        "750Kd0000000001AAA", "query", "query", "Contact", 60.0, "CSV", ending, "COMMA", None, "Parallel", None,
        "SELECT Id FROM Contact", {"header": '"A","B"' + end}, "005", 0.0, 0.0,
    )  # fmt: skip
    pages = ResultPages(kept, job, "x", 50_000)
    found: list[tuple[str, ...]] = []
    locator = None
    while True:
        page = pages.page(locator, size)
        text = b"".join(page.pieces).decode()
        assert text.startswith('"A","B"' + end)
        own = [tuple(row) for row in csv.reader(StringIO(text[len('"A","B"' + end) :], newline=""), delimiter=mark)]
        assert len(own) == page.rows <= size
        found += own
        if page.following is None:
            break
        locator = page.following
    assert found == [row for some in parts for row in some]
    assert (page.total, pages.total) == (len(found), len(found))
