"""What a write asks for, and what it answers, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from mock_server.org.errors import ApiError

CHUNK = 200
"""Rows a transaction handles at once, as a trigger sees them."""

Verb = Literal["create", "update", "upsert", "delete", "undelete", "hard_delete", "erase"]
"""`delete` moves a record to the recycle bin, `hard_delete` past it, `erase` out of it for good."""
Committed = Literal["create", "update", "delete", "undelete"]
"""What the commit log tells of: the record is there or not, whatever the bin holds."""


@dataclass(slots=True)
class Change:
    """One row of a write. `sobject` and field names may come in any case.

    `values` are JSON values by field name. `id` is given for update and delete. For an upsert, `key_field` names the
    external id field (or Id) and `key` its value. `refusal` is an error the row gets before anything else is asked:
    a row fault, or a decoding error of its own. `update_only` keeps an upsert from creating. `into` names the record
    that a deleted one is merged into. `derived` are values that the platform itself sets, in stored form and by exact
    field name, whatever users may write. `duplicates_known` lets a record pass that duplicate rules warn of. `tooling`
    says that the object is one of the Tooling API. `assign` has assignment rules choose the owner: the active one where
    it is empty, else the one of that id. `act` has workflow rules asked whatever they wait for. A platform event that
    is `lost` is published with success, and never delivered.
    """

    verb: Verb
    sobject: str
    values: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    key_field: str | None = None
    key: Any = None
    refusal: ApiError | None = None
    update_only: bool = False
    into: str | None = None
    derived: Mapping[str, Any] | None = None
    duplicates_known: bool = False
    tooling: bool = False
    assign: str | None = None
    act: bool = False
    lost: bool = False


class RowResult(NamedTuple):
    """The outcome of one row: an id, or errors. `created` tells an upsert's two outcomes apart."""

    id: str | None
    success: bool
    created: bool = False
    errors: tuple[ApiError, ...] = ()
    enqueued: str | None = None
    """Of a platform event: the id of its publishing, its EventUuid."""


class Commit(NamedTuple):
    """One committed record change. `values` holds what was written, as stored, by field name."""

    number: int
    transaction: int
    verb: Committed
    sobject: str
    id: str
    at: float
    exchange: int
    """The journal entry of the request that caused it; 0 for none (seeded records)."""
    columns: tuple[str, ...]
    row: tuple[Any, ...]

    @property
    def values(self) -> dict[str, Any]:
        # A row may end with columns of the store's own, which have no field's name.
        return dict(zip(self.columns, self.row, strict=False))


class LockHeld(Exception):
    """A write met a row lock. Nothing was done; try again at `until` (clock seconds)."""

    def __init__(self, until: float, ids: tuple[str, ...]) -> None:
        super().__init__(f"locked until {until}: {', '.join(ids)}")
        self.until = until
        self.ids = ids
