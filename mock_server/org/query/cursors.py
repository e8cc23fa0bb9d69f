"""Cursors over what a page leaves out: two days of the clock, ten queries a user (API Query Cursor Limits)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.clock import Clock
from mock_server.org.ids import IdSource
from mock_server.org.query.rows import Row

if TYPE_CHECKING:
    from mock_server.org.query.plan import Plan

CURSOR_LIFE = 2 * 86_400.0
CURSORS_A_USER = 10


@dataclass(slots=True, eq=False)
class Family:
    """The cursors of one query: over its records, and over the children of records that have too many for a page."""

    user_id: str
    born: float
    locators: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Branch:
    """The rows of a child subquery by the id of their parent, and the branches of those rows."""

    plan: Plan
    rows: dict[str, list[Row]]
    branches: list[Branch]


@dataclass(slots=True)
class Cursor:
    """The rows of a query, or of one parent's children, as they were when the query ran."""

    plan: Plan
    rows: Sequence[Row]
    branches: list[Branch] | None
    """None where the children are read with each page: those of very many records."""
    family: Family
    name: str | None = None


class Cursors:
    """The open cursors of an org."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._names = IdSource("Kd0", first=1 + seed % 1000)
        self._open: dict[str, Cursor] = {}
        self._families: OrderedDict[int, Family] = OrderedDict()

    def family(self, user_id: str) -> Family:
        """Return the family of a query that runs now. It counts once it has a locator."""
        return Family(user_id, self._clock.now())

    def locator(self, cursor: Cursor, place: int) -> str:
        """Return the locator of a place among a cursor's rows; the oldest of too many queries loses its own."""
        if cursor.name is None:
            if not cursor.family.locators:
                self._make_room(cursor.family)
            cursor.name = self._names.take("01g")
            cursor.family.locators.append(cursor.name)
            self._open[cursor.name] = cursor
        return f"{cursor.name}-{place}"

    def find(self, locator: str, user_id: str) -> tuple[Cursor, int]:
        """Return the cursor and the place that a locator means.

        Raises INVALID_QUERY_LOCATOR for one that is unknown, another user's, or too old.
        """
        name, _, place = locator.partition("-")
        cursor = self._open.get(name)
        if cursor is None or cursor.family.user_id != user_id or not place.isdecimal() or len(place) > 9:
            raise errors.INVALID_QUERY_LOCATOR()
        if self._old(cursor.family) or int(place) >= len(cursor.rows):
            raise errors.INVALID_QUERY_LOCATOR()
        return cursor, int(place)

    def _old(self, family: Family) -> bool:
        return self._clock.now() - family.born > CURSOR_LIFE

    def _make_room(self, newest: Family) -> None:
        own = [one for one in self._families.values() if one.user_id == newest.user_id]
        surplus = own[: max(0, len(own) - CURSORS_A_USER + 1)]
        for family in [one for one in self._families.values() if self._old(one) or one in surplus]:
            del self._families[id(family)]
            for name in family.locators:
                self._open.pop(name, None)
        self._families[id(newest)] = newest
