"""The saves of code that runs for a request: what faults make of their rows, and what the journal tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.records.changes import Change, RowResult
from mock_server.subrequests import RowDecisions, decide_rows

if TYPE_CHECKING:
    from mock_server.faults.engine import Faults
    from mock_server.operations import Call


class CodeSaves:
    """Watches the saves of one run of code, which may be run again from its beginning.

    Faults are asked once a save: what they decided holds for the same save of a later run.
    """

    def __init__(self, call: Call, faults: Faults | None) -> None:
        self._call = call
        self._faults = faults
        self._known: list[RowDecisions] = []
        self._turn = 0
        self.changes: list[Change] = []
        self.results: list[RowResult] = []

    def begin(self) -> None:
        """Forget the run before this one."""
        self._turn = 0
        self.changes, self.results = [], []

    def saving(self, changes: Sequence[Change]) -> None:
        self.changes += changes
        faults, series = self._faults, self._call.series
        if faults is None:
            return
        if series is not None:
            # Part of a transaction that others began, and that remembers for all of its requests.
            self._known[self._turn :] = [series.decide(faults, self._call, changes)]
        elif self._turn == len(self._known) or len(self._known[self._turn].refusals) != len(changes):
            self._known[self._turn :] = [decide_rows(faults, self._call, changes)]
        for change, refusal in zip(changes, self._known[self._turn].refusals, strict=False):
            change.refusal = refusal

    def saved(self, changes: Sequence[Change], results: list[RowResult]) -> list[RowResult]:
        if self._faults is not None:
            results = self._known[self._turn].after(self._faults, results)
            self._turn += 1
        self.results += results
        return results

    def undone(self) -> list[RowResult]:
        """Return the results where nothing of the code stays: what was saved is rolled back."""
        rolled_back = RowResult(None, False, False, (errors.ALL_OR_NONE_OPERATION_ROLLED_BACK(),))
        told = [rolled_back if result.success else result for result in self.results]
        return told + [rolled_back] * (len(self.changes) - len(told))
