"""The saves of code that runs for a request: what faults make of their rows, and what the journal tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_server.faults.engine import row_key
from mock_server.org import errors

if TYPE_CHECKING:
    from mock_server.faults.engine import Faults, SavedRows
    from mock_server.operations import Call
    from mock_server.org.errors import ApiError
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Change, RowResult


@dataclass
class _Decided:
    """What faults made of one save."""

    keys: list[str]
    refusals: list[ApiError | None]
    after: SavedRows | None


class CodeSaves:
    """Watches the saves of one run of code, which may be run again from its beginning.

    Faults are asked once a save: what they decided holds for the same save of a later run.
    """

    def __init__(self, org: Org, call: Call, faults: Faults | None) -> None:
        self._org = org
        self._call = call
        self._faults = faults
        self._decided: list[_Decided] = []
        self._turn = 0
        self.changes: list[Change] = []
        self.results: list[RowResult] = []

    def begin(self) -> None:
        """Forget the run before this one."""
        self._turn = 0
        self.changes, self.results = [], []

    def saving(self, changes: Sequence[Change]) -> None:
        self.changes += changes
        if self._faults is None:
            return
        keys = [row_key(self._org, change) for change in changes]
        if self._turn == len(self._decided) or self._decided[self._turn].keys != keys:
            del self._decided[self._turn :]
            after = self._faults.rows(self._call, changes, keys)
            self._decided.append(_Decided(keys, [change.refusal for change in changes], after))
        for change, refusal in zip(changes, self._decided[self._turn].refusals, strict=True):
            change.refusal = refusal

    def saved(self, changes: Sequence[Change], results: list[RowResult]) -> list[RowResult]:
        if self._faults is not None:
            after = self._decided[self._turn].after
            self._turn += 1
            if after is not None:
                results = self._faults.after_rows(results, after)
        self.results += results
        return results

    def undone(self) -> list[RowResult]:
        """Return the results where nothing of the code stays: what was saved is rolled back."""
        from mock_server.org.records.changes import RowResult

        rolled_back = RowResult(None, False, False, (errors.ALL_OR_NONE_OPERATION_ROLLED_BACK(),))
        told = [rolled_back if result.success else result for result in self.results]
        return told + [rolled_back] * (len(self.changes) - len(told))
