"""Pages of results: the records at a place of a cursor, and of their children those of the first page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mock_server.org.query.cursors import Branch, Cursor, Cursors
from mock_server.org.query.rows import Row
from mock_server.org.query.running import Lane


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a query's result. `cursor` leads to the rest: a locator, a dash, the number of rows read so far."""

    total: int
    records: list[dict[str, Any]]
    cursor: str | None = None
    locked: tuple[str, ...] = ()
    """The ids of records that the query reads FOR UPDATE."""


class Pages:
    """Makes pages; what they leave out gets a cursor."""

    def __init__(self, cursors: Cursors) -> None:
        self._cursors = cursors

    def page(self, lane: Lane, cursor: Cursor, start: int, size: int, base: str) -> Page:
        """Return up to `size` records from a place on."""
        rows, end, build = cursor.rows, start + size, cursor.plan.build
        assert build is not None
        shown = rows if start == 0 and len(rows) <= size else rows[start:end]
        following = self._cursors.locator(cursor, end) if end < len(rows) else None
        branches = cursor.branches
        if branches is None:
            branches = [lane.branch(child, shown) for child in cursor.plan.children]
        children = [self._children(cursor, branch, shown, size, base) for branch in branches]
        return Page(len(rows), build(shown, base, children), following)

    def _children(
        self, cursor: Cursor, branch: Branch, parents: Sequence[Row], size: int, base: str
    ) -> Mapping[str, Any]:
        """Return the answer's form of each parent's children by its id. More than a page's have a locator."""
        build = branch.plan.build
        assert build is not None
        out: dict[str, dict[str, Any]] = {}
        shown: list[Row] = []
        for parent in parents:
            rows = branch.rows.get(parent[0])
            if rows is None:
                continue
            listed: dict[str, Any] = {"totalSize": len(rows), "done": len(rows) <= size}
            if len(rows) > size:
                own = Cursor(branch.plan, rows, branch.branches, cursor.family)
                listed["nextRecordsUrl"] = f"{base.removesuffix('sobjects')}query/{self._cursors.locator(own, size)}"
                rows = rows[:size]
            listed["records"] = rows
            shown += rows
            out[parent[0]] = listed
        nested = [self._children(cursor, one, shown, size, base) for one in branch.branches]
        records = iter(build(shown, base, nested))
        for listed in out.values():
            listed["records"] = [next(records) for _ in listed["records"]]
        return out
