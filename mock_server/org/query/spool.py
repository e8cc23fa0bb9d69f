"""Rows of a large result, kept in a file: a cursor may live for two days, and memory is for what is used."""

from __future__ import annotations

import marshal
import tempfile
from collections.abc import Sequence
from typing import overload

from mock_server.org.query.rows import Row


class Spool(Sequence[Row]):
    """Rows in blocks of `BLOCK`, each written once. The file has no name and goes with the spool."""

    BLOCK = 2000

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the spool
        self._places: list[tuple[int, int]] = []
        self._rest: list[Row] = []
        """What does not fill a block yet."""

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        self._rest += rows
        while len(self._rest) >= self.BLOCK:
            block = marshal.dumps(self._rest[: self.BLOCK])
            del self._rest[: self.BLOCK]
            self._places.append((self._file.tell(), len(block)))
            self._file.write(block)

    def __len__(self) -> int:
        return len(self._places) * self.BLOCK + len(self._rest)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, int):
            found: Row = self[place : place + 1][0]
            return found
        start, end, _ = place.indices(len(self))
        first = start // self.BLOCK
        rows: list[Row] = []
        for block in range(first, -(-end // self.BLOCK)):
            rows += self._block(block)
        return rows[start - first * self.BLOCK : max(start, end) - first * self.BLOCK]

    def _block(self, number: int) -> list[Row]:
        if number == len(self._places):
            return self._rest
        offset, length = self._places[number]
        self._file.seek(offset)
        # Written by this process, above.
        found: list[Row] = marshal.loads(self._file.read(length))  # noqa: S302
        self._file.seek(0, 2)
        return found
