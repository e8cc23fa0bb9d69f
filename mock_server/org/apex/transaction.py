"""Runs code as one Apex transaction: what it saves stays together or not at all, and it spends one budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from mock_server.org.automation.attempts import Attempts
from mock_server.org.automation.budget import Budget
from mock_server.org.automation.execution import Execution
from mock_server.org.automation.inner import InnerOrg
from mock_server.org.records.changes import Change, RowResult

if TYPE_CHECKING:
    from mock_server.org.automation.inner import Query
    from mock_server.org.records.pipeline import Pipeline

T = TypeVar("T")


class Watch(Protocol):
    """Sees each save of the code: may refuse rows by their `refusal` before it, and change what it is told after."""

    def saving(self, changes: Sequence[Change]) -> None: ...

    def saved(self, changes: Sequence[Change], results: list[RowResult]) -> list[RowResult]: ...


def run(
    pipeline: Pipeline,
    work: Callable[[InnerOrg], T],
    *,
    name: str,
    user_id: str,
    query: Query,
    as_user: bool,
    exchange: int,
    give_up: bool,
    watch: Watch | None,
    later: bool = False,
) -> T:
    """Run code; undo all that it saved when it raises. Raises LockHeld when it met a lock, whatever it made of that."""
    execution = Execution(Budget(pipeline.automation.metered), [name], later=later)
    attempts = Attempts(
        pipeline, pipeline.inner_query(user_id), user_id, exchange, give_up, execution=execution, as_user=as_user
    )

    def save(changes: Sequence[Change], all_or_none: bool) -> list[RowResult]:
        if watch is not None:
            watch.saving(changes)
        results = attempts.nested(execution, changes, all_or_none)
        return results if watch is None else watch.saved(changes, results)

    calls = partial(pipeline.call_out, user_id, exchange)
    inner = InnerOrg(execution, query, save, give_up=give_up, calls=calls)
    with pipeline.transaction():
        try:
            value = work(inner)
        finally:
            # What ends a transaction ends it though the code went on, or raised something else in its place.
            if execution.fatal is not None:
                raise execution.fatal
    pipeline.hold(execution.locked)
    return value
