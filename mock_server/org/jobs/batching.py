"""How the platform makes batches of a content: 10,000 records each, or as many as have 10,000,000 characters."""

from __future__ import annotations

from collections.abc import Iterator

from mock_server.org.jobs.reading import Row, Rows
from mock_server.org.limits.bulk import BATCH

MOST_CHARACTERS = 10_000_000
"""Characters of a batch, give or take a block: no batch is held in memory that is larger."""


class Batching:
    """The batches of one content. They are the same ones each time that it is read."""

    def __init__(self, content: Rows, most: int = BATCH) -> None:
        self._content = content
        self._most = most
        self.pending: list[Row] = []
        """Rows of the batch that is being read; what is left of them when a record cannot be read."""

    def __iter__(self) -> Iterator[list[Row] | None]:
        """Yield the rows of each batch, and None whenever others may be served. Raises InvalidBatch."""
        size = 0
        for block in self._content.blocks:
            start = 0
            while start < len(block.rows):
                end = start + self._most - len(self.pending)
                self.pending += block.rows[start:end]
                start = end
                if len(self.pending) == self._most:
                    yield self._batch()
                    size = 0
            size += block.size
            if size > MOST_CHARACTERS and self.pending:
                yield self._batch()
                size = 0
            yield None
        if self.pending:
            yield self._batch()

    def _batch(self) -> list[Row]:
        rows, self.pending = self.pending, []
        return rows
