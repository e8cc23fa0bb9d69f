"""What FOR VIEW and FOR REFERENCE leave behind: when a record was last viewed or referred to, and recent items.

Reading is no change of a record: it goes past the write pipeline, and no commit tells of it. Salesforce keeps these
times for each user; here all users share them.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from mock_server.org.query.plan import Plan
from mock_server.org.query.rows import Row
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema.types import SObject

_COLUMNS = (("VIEW", "LastViewedDate"), ("REFERENCE", "LastReferencedDate"))


def note_reading(store: Store, items: SObject | None, plan: Plan, rows: Sequence[Row], now: str) -> None:
    """Note that a query's records were read at a moment, in the form of JSON. `items` is the object RecentlyViewed."""
    # A view is a reference too.
    wanted = [name for word, name in _COLUMNS if plan.purposes & {word, "VIEW"}]
    _note(store, items, plan.sobject.whole or plan.sobject, wanted, [row[0] for row in rows], now)


def note_viewed(store: Store, items: SObject | None, sobject: SObject, ids: Sequence[str], now: str) -> None:
    """Note that a user has seen records, as `note_reading` does."""
    _note(store, items, sobject.whole or sobject, [name for _, name in _COLUMNS], ids, now)


def _note(
    store: Store, items: SObject | None, sobject: SObject, wanted: Sequence[str], seen: Sequence[str], now: str
) -> None:
    columns = [name for name in wanted if name in sobject.by_name]
    if not columns:
        return
    store.ready(sobject)
    ids = orjson.dumps(list(seen)).decode()
    read = '"Id" IN (SELECT value FROM json_each(?))'
    pairs = ", ".join(f"{quoted(name)} = ?" for name in columns)
    run = store.connection.execute
    run(f"UPDATE {quoted(sobject.name)} SET {pairs} WHERE {read}", [*([now] * len(columns)), ids])
    name = sobject.name_field.name if sobject.name_field else None
    if items is None or name is None:
        return
    store.ready(items)
    # The item's Name is made of these two.
    parts = ("FirstName", "LastName") if {"FirstName", "LastName"} <= sobject.by_name.keys() else (None, name)
    chosen = ", ".join("NULL" if part is None else quoted(part) for part in parts)
    times = ", ".join(map(quoted, columns))
    run(
        f'INSERT OR REPLACE INTO "RecentlyViewed" ("Id", "FirstName", "LastName", "Type", {times}) '
        f'SELECT "Id", {chosen}, ?, {times} FROM {quoted(sobject.name)} WHERE {read}',
        (sobject.name, ids),
    )
