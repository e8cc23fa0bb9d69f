"""Saves of tables: column by column where no step has to ask row by row, else as changes, 200 at a time.

The rows of a block with something out of the ordinary go the way of rows, on which their errors are told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mock_server.org.identity.permissions import Permissions
from mock_server.org.records.blocks import BLOCK, Blocks
from mock_server.org.records.changes import CHUNK, RowResult
from mock_server.org.records.columns import Unusual
from mock_server.org.records.headers import header_of
from mock_server.org.records.locks import RowLocks
from mock_server.org.records.plans import plan_of
from mock_server.org.records.store import Store
from mock_server.org.records.tables import Table
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject
from mock_server.org.standard import companions

if TYPE_CHECKING:
    from mock_server.org.records.pipeline import Pipeline


class TableSaves:
    """Saves the tables of one org."""

    def __init__(
        self,
        pipeline: Pipeline,
        blocks: Blocks,
        schema: Schema,
        store: Store,
        locks: RowLocks,
        permissions: Permissions,
    ) -> None:
        self._pipeline = pipeline
        self._blocks = blocks
        self._schema = schema
        self._store = store
        self._locks = locks
        self._permissions = permissions

    def save(self, table: Table, user_id: str, exchange: int, give_up: bool) -> list[RowResult]:
        """Save the rows, each for itself; return one result a row, in order. Raises LockHeld."""
        return self._save(table, user_id, exchange, give_up, BLOCK)

    def _save(self, table: Table, user_id: str, exchange: int, give_up: bool, size: int) -> list[RowResult]:
        """Save rows by column in parts of a size, where that is possible; else in smaller parts, at last row by row."""
        saved = self._by_column(table, user_id)
        results: list[RowResult] = []
        for start in range(0, len(table.rows), size if saved else CHUNK):
            part = table.part(start, start + (size if saved else CHUNK))
            try:
                if saved is None or part.refusals:
                    raise Unusual
                results += saved(part.rows, exchange)
            except Unusual:
                if saved is not None and len(part.rows) > CHUNK:
                    results += self._save(part, user_id, exchange, give_up, CHUNK)
                    continue
                results += self._pipeline.write(
                    part.changes(self._schema),
                    user_id=user_id,
                    all_or_none=False,
                    exchange=exchange,
                    give_up=give_up,
                )
        return results

    def _by_column(
        self, table: Table, user_id: str
    ) -> Callable[[Sequence[Sequence[str]], int], list[RowResult]] | None:
        """Return what saves rows of a table by column; None where some step has to ask them one by one."""
        sobject = self._schema.get(table.sobject)
        if (
            sobject is None
            or table.verb not in ("create", "update", "upsert")
            or self._permissions.of(user_id) is not None
        ):
            return None
        plan = plan_of(sobject)
        header = header_of(self._schema, table.verb, sobject, table.columns, table.key_field)
        if header.fault is not None or not plan.plain or not self._undisturbed(sobject, table.verb):
            return None
        self._store.ready(sobject)
        try:
            sources = self._blocks.sources(plan, header)
        except Unusual:
            return None
        given = {source.field.name for source in sources}
        if not given.isdisjoint(plan.concerned) or ("OwnerId" in given and not self._permissions.calm):
            return None
        constants = dict(plan.defaults)
        if plan.owned:
            constants["OwnerId"] = user_id
        return partial(self._blocks.save, plan, header, sources, table.verb, constants, user_id)

    def _undisturbed(self, sobject: SObject, verb: str) -> bool:
        """Tell whether nothing of the org has a say in saves of an object: no trigger, lock, total or approval."""
        pipeline = self._pipeline
        return (
            not (pipeline.transaction_time or (pipeline.automation and pipeline.meets_hooks({sobject.name})))
            and self._locks.idle
            and not pipeline.rollups.feeds_of(sobject.name)
            and sobject.name not in companions.MAKERS
            and not pipeline.steps.sends(sobject)
            and (verb == "create" or not pipeline.approvals)
        )
