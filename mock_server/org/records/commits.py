"""The commit log: every committed record change, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from mock_server.org.records.changes import Commit, Committed


class Batch(NamedTuple):
    """The changes of one statement. They become single commits only when somebody reads them."""

    first: int
    transaction: int
    verb: Committed
    sobject: str
    at: float
    exchange: int
    columns: tuple[str, ...]
    ids: Sequence[str]
    rows: Sequence[tuple[Any, ...]]
    user: str = ""
    """Who made them."""
    before: Sequence[tuple[Any, ...]] | None = None
    """What the columns of an update held until then, row by row, where somebody wants to know. As `rows`, they may end
    with columns of the store's own."""
    whole: int = 0
    """Tells what was done in one go: a number that all changes of a transaction of several saves have in common."""

    def commits(self) -> Iterator[Commit]:
        for place, (identifier, row) in enumerate(zip(self.ids, self.rows, strict=True)):
            yield Commit(
                self.first + place, self.transaction, self.verb, self.sobject, identifier, self.at, self.exchange,
                self.columns, row,
            )  # fmt: skip


class CommitLog:
    """The newest `keep` commits of an org, or all of them when `keep` is None."""

    def __init__(self, keep: int | None = 20_000) -> None:
        self._log: deque[Batch] = deque()
        self._keep = keep
        self._kept = 0
        self.last = 0
        self.transactions = 0
        self.fresh: list[Batch] | None = None
        """What the transaction that goes on has appended, where somebody is to be told of it: see `outbox`."""
        self.watched: frozenset[str] = frozenset()
        """Objects of whose updates somebody wants to know what was there before."""
        self._watched: dict[str, frozenset[str]] = {}
        self._whole = 0
        """The number of the transaction of several saves that goes on; 0 where each save is one of its own."""

    def watch(self, who: str, sobjects: frozenset[str]) -> None:
        """Have updates of some objects say what was there before; `who` names the one who asks."""
        self._watched[who] = sobjects
        self.watched = frozenset[str]().union(*self._watched.values())

    @contextmanager
    def together(self, *, apart: bool = False) -> Iterator[None]:
        """Mark what is logged in a block as one transaction; or, within such a block, each save as one of its own."""
        outer = self._whole
        self._whole = 0 if apart else outer or self.transactions + 1
        try:
            yield
        finally:
            self._whole = outer

    @property
    def mark(self) -> tuple[int, int]:
        """How far the log is: another mark means that something was written, or taken back."""
        return self.last, self.transactions

    def append(
        self,
        verb: Committed,
        sobject: str,
        at: float,
        exchange: int,
        columns: tuple[str, ...],
        ids: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
        user: str = "",
        before: Sequence[tuple[Any, ...]] | None = None,
    ) -> None:
        """Note the changes of one statement, one a row, as part of the current transaction."""
        batch = Batch(
            self.last + 1, self.transactions, verb, sobject, at, exchange, columns, ids, rows, user, before,
            self._whole or self.transactions,
        )  # fmt: skip
        self._log.append(batch)
        if self.fresh is not None:
            self.fresh.append(batch)
        self.last += len(ids)
        self._kept += len(ids)
        while self._keep is not None and self._kept > self._keep and len(self._log) > 1:
            self._kept -= len(self._log.popleft().ids)

    def since(self, number: int = 0) -> Iterator[Commit]:
        """Yield the kept commits after the given number, oldest first."""
        for batch in list(self._log):
            if batch.first + len(batch.ids) - 1 > number:
                yield from (commit for commit in batch.commits() if commit.number > number)

    def forget_after(self, number: int) -> None:
        """Take back what a transaction logged before it was rolled back."""
        while self._log and self._log[-1].first > number:
            self._kept -= len(self._log.pop().ids)
        self.last = number

    def take_back(self, after: int, last: int) -> None:
        """Take back what a transaction logged that turned out later not to be written; its numbers are not used again.

        These are the commits after one number, up to another.
        """
        kept = [batch for batch in self._log if not after < batch.first <= last]
        self._kept -= sum(len(batch.ids) for batch in self._log) - sum(len(batch.ids) for batch in kept)
        self._log = deque(kept)

    def clear(self) -> None:
        self._log.clear()
        self._kept = self.last = self.transactions = 0
