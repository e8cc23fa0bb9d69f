"""The commit log: every committed record change, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from mock_server.org.records.changes import Commit


class CommitLog:
    """The newest `keep` commits of an org, or all of them when `keep` is None."""

    def __init__(self, keep: int | None = 100_000) -> None:
        self._log: deque[Commit] = deque(maxlen=keep)
        self.last = 0
        self.transactions = 0

    def append(self, commit: Commit) -> None:
        self._log.append(commit)
        self.last = commit.number

    def since(self, number: int = 0) -> Iterator[Commit]:
        """Yield the kept commits after the given number, oldest first."""
        skip = max(0, number - (self.last - len(self._log)))
        return islice(self._log, skip, None)

    def forget_after(self, number: int) -> None:
        """Take back what a transaction logged before it was rolled back."""
        while self._log and self._log[-1].number > number:
            self._log.pop()
        self.last = number

    def clear(self) -> None:
        self._log.clear()
        self.last = self.transactions = 0
