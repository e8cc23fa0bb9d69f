"""A save of rows that meet hooks: tried again without those that failed (Apex Developer Guide, "Bulk DML Exceptions").

The first attempt takes all rows. Where some fail, all is rolled back, and the others are tried again, their triggers
with them; errors in the third attempt too refuse what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.automation.budget import Budget
from mock_server.org.automation.execution import Execution
from mock_server.org.automation.hooks import Automation
from mock_server.org.automation.inner import InnerOrg, Query
from mock_server.org.automation.running import hooked, run_hooks
from mock_server.org.records.changes import CHUNK, Change, RowResult
from mock_server.org.records.rows import Chunk, Row

if TYPE_CHECKING:
    from mock_server.org.records.pipeline import Pipeline

ATTEMPTS = 3


class _RollBack(Exception):
    """Leaves a transaction that must not stay."""


@dataclass(frozen=True)
class Attempts:
    """One save, or one that code asks for; `execution` is the transaction that the latter is part of.

    `as_user` tells whether the user's permissions count: what triggers save they save in the system's mode.
    """

    pipeline: Pipeline
    query: Query
    user_id: str
    exchange: int
    give_up: bool
    execution: Execution | None = None
    as_user: bool = True

    def save(self, changes: Sequence[Change], all_or_none: bool) -> list[RowResult]:
        """Save up to 200 rows. Raises what `Pipeline.write` raises."""
        results: dict[int, RowResult] = {}
        places = list(range(len(changes)))
        for attempt in range(ATTEMPTS):
            access = self.pipeline.access_of(self.user_id) if self.as_user else None
            chunk = Chunk([changes[place] for place in places], self.user_id, self.give_up, access, self.exchange)
            # The budget of a later attempt is whole again; a nested save spends what its transaction has left.
            chunk.execution = execution = self.execution or Execution(Budget(self.pipeline.automation.metered))
            stays = self._attempt(chunk, all_or_none)
            outcome = self.pipeline.results(chunk, all_or_none)
            if self.execution is None and stays:
                self.pipeline.hold(execution.locked)
            if stays or all_or_none:
                return _placed(results, places, outcome)
            kept = []
            for place, result in zip(places, outcome, strict=True):
                if result.success:
                    kept.append(place)
                else:
                    results[place] = result
            # Where a limit was met inside a trigger, the transaction is over: that trigger will tell.
            if not kept or execution.fatal is not None or attempt == ATTEMPTS - 1:
                return _placed(results, kept, _too_many(kept))
            places = kept
        raise AssertionError("the last attempt returns")

    def _attempt(self, chunk: Chunk, all_or_none: bool) -> bool:
        """Take the rows through all steps, the write and the triggers after it; tell whether it stays."""
        pipeline = self.pipeline
        automation = pipeline.automation
        assert chunk.execution is not None
        chunk.inner = InnerOrg(
            chunk.execution,
            self.query,
            partial(replace(self, as_user=False).nested, chunk.execution),
            give_up=self.give_up,
            calls=partial(self.pipeline.call_out, self.user_id, self.exchange),
        )
        try:
            with pipeline.transaction(nested=self.execution is not None):
                pipeline.take(chunk)
                if all_or_none and any(row.errors for row in chunk.rows):
                    raise _RollBack
                if not pipeline.store_rows(chunk):
                    raise _RollBack
                run_hooks(chunk, "after", automation, pipeline.stored)
                # A row without triggers fails for itself: there is nothing that its failure could have misled.
                if any(row.errors and (all_or_none or _hooked(automation, row)) for row in chunk.rows):
                    raise _RollBack
        except _RollBack:
            return False
        return True

    def nested(self, execution: Execution, changes: Sequence[Change], all_or_none: bool) -> list[RowResult]:
        """Save rows for code, 200 at a time, within its transaction."""
        inner = replace(self, execution=execution)
        results: list[RowResult] = []
        try:
            with self.pipeline.transaction(nested=True):
                for start in range(0, len(changes), CHUNK):
                    results += inner.save(changes[start : start + CHUNK], all_or_none)
                    if all_or_none and not all(result.success for result in results):
                        raise _RollBack
        except _RollBack:
            # The chunks before the one that failed are undone with it, those behind it were never begun.
            undone = RowResult(None, False, False, (errors.ALL_OR_NONE_OPERATION_ROLLED_BACK(),))
            results = [undone if result.success else result for result in results]
            results += [undone] * (len(changes) - len(results))
        return results


def _hooked(automation: Automation, row: Row) -> bool:
    return row.plan is not None and hooked(automation, row)


def _placed(results: dict[int, RowResult], places: Sequence[int], outcome: Sequence[RowResult]) -> list[RowResult]:
    """Return the results of all attempts in the order of the call."""
    results.update(zip(places, outcome, strict=True))
    return [results[place] for place in sorted(results)]


def _too_many(places: Sequence[int]) -> list[RowResult]:
    text = "Too many batch retries in the presence of Apex triggers and partial failures."
    return [RowResult(None, False, False, (errors.APEX_FAILURE(text=text, fields=()),)) for _ in places]
