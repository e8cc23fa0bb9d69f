"""What an org that lives in a file keeps of its events: the logs of its channels, and every replay id given out.

An event is kept by the transaction that it tells of: no kill -9 leaves one without the other, and what was acknowledged
is there. One row stands for it however many channels have it; a replay id that was told without an event has a row
without channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import orjson

from mock_server.org.events.channel import Channel
from mock_server.org.events.model import Event
from mock_server.org.records.store import Store

_TABLES = (
    'CREATE TABLE IF NOT EXISTS "sf_events" ("ReplayId" INTEGER PRIMARY KEY, "At" REAL NOT NULL, '
    '"Channels" TEXT NOT NULL, "Event" TEXT)',
    'CREATE INDEX IF NOT EXISTS "sf_events.At" ON "sf_events" ("At")',
    'CREATE TABLE IF NOT EXISTS "sf_schemas" ("Id" TEXT PRIMARY KEY, "Schema" TEXT NOT NULL) WITHOUT ROWID',
)
_PUT = 'INSERT OR REPLACE INTO "sf_events" VALUES (?, ?, ?, ?)'
_SWEPT_AFTER = 1_000
"""Rows after which what is retained no more is looked for."""

Row = tuple[int, float, tuple[str, ...], Event | None]


class KeptEvents:
    """The tables of an org's file."""

    def __init__(self, store: Store, longest: float) -> None:
        self._store = store
        self._longest = longest
        self.until = 0
        """The replay id up to which all is kept."""
        self._put = 0
        self._made = False
        """Whether the tables are surely there."""
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._fresh: dict[str, Mapping[str, Any]] = {}
        """Schemas that are yet to be kept, or are by a transaction that may still be rolled back."""

    def _make(self) -> None:
        for table in () if self._made else _TABLES:
            self._store.connection.execute(table)
        # What a transaction makes may be rolled back.
        self._made = self._made or not self._store.busy

    def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        self._make()
        return self._store.connection.execute(sql, values).fetchall()

    def rows(self) -> Iterator[Row]:
        """Yield what was kept, in the order of replay ids."""
        for replay_id, at, channels, told in self._run('SELECT * FROM "sf_events" ORDER BY "ReplayId"'):
            self.until = replay_id
            yield replay_id, at, tuple(orjson.loads(channels)), None if told is None else _event(replay_id, at, told)

    def schemas(self) -> Iterator[Mapping[str, Any]]:
        """Yield the schemas that kept events were published with."""
        for name, text in self._run('SELECT "Id", "Schema" FROM "sf_schemas"'):
            self._schemas[name] = orjson.loads(text)
            yield self._schemas[name]

    def keep(self, channels: Iterable[Channel], last: int, now: float) -> None:
        """Keep what channels have got since it was done last, and the newest replay id.

        Where a transaction goes on it is part of that, and `committed` is to be called if that is committed.
        """
        if last <= self.until:
            return
        found: dict[int, tuple[Event, list[str]]] = {}
        for channel in channels:
            for event in channel.after(self.until, len(channel) or 1):
                found.setdefault(event.replay_id, (event, []))[1].append(channel.name)
        rows: list[tuple[int, float, str, str | None]] = [
            (number, event.at, orjson.dumps(names).decode(), _text(event)) for number, (event, names) in found.items()
        ]
        if last not in found:
            rows.append((last, now, "[]", None))
        self._make()
        inside = self._store.busy
        with nullcontext() if inside else self._store.transaction():
            self._put_schemas(self._fresh)
            self._store.execute_many(_PUT, rows)
            self._put += len(rows)
            if self._put >= _SWEPT_AFTER:
                self._put = 0
                # The newest one stays: no replay id is given out twice.
                self._run('DELETE FROM "sf_events" WHERE "At" <= ? AND "ReplayId" < ?', now - self._longest, last)
        self.until = last
        if not inside:
            self.committed()

    def committed(self) -> None:
        """Take note that the transaction was committed of which what was kept is a part."""
        self._schemas.update(self._fresh)
        self._fresh.clear()

    def keep_schema(self, schema: Mapping[str, Any]) -> None:
        """Keep a schema: events that have its id can be read after a restart, though their type has another."""
        if schema["uuid"] in self._schemas:
            return
        self._fresh[schema["uuid"]] = schema
        if not self._store.busy:
            self._make()
            with self._store.transaction():
                self._put_schemas(self._fresh)
            self.committed()

    def _put_schemas(self, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        rows = [(name, orjson.dumps(schema).decode()) for name, schema in schemas.items()]
        if rows:
            self._store.execute_many('INSERT OR REPLACE INTO "sf_schemas" VALUES (?, ?)', rows)

    def renew(self, events: Iterable[Event], *schemas: Mapping[str, Any]) -> None:
        """Keep events once more, which have other schemas now: these."""
        self._make()
        with self._store.transaction():
            self._put_schemas({schema["uuid"]: schema for schema in schemas})
            rows = [(_text(event), event.replay_id) for event in events]
            self._store.execute_many('UPDATE "sf_events" SET "Event" = ? WHERE "ReplayId" = ?', rows)

    def rewrite(self, channels: Sequence[Channel], last: int, now: float) -> None:
        """Keep these channels and nothing else: the org has become another one. Schemas stay known."""
        self.until, self._made = 0, False
        self._make()
        with self._store.transaction():
            self._run('DELETE FROM "sf_events"')
            self._put_schemas(self._schemas)
            self.keep(channels, last, now)
        self.committed()


def _text(event: Event) -> str:
    told = {
        "kind": event.kind, "name": event.name, "payload": event.payload, "uuid": event.uuid,
        "schema_id": event.schema_id, "told": event.told, "exchange": event.exchange,
        "recipients": None if event.recipients is None else sorted(event.recipients),
    }  # fmt: skip
    return orjson.dumps(told).decode()


def _event(replay_id: int, at: float, text: str) -> Event:
    told = orjson.loads(text)
    recipients = told.pop("recipients")
    # The journal that knew the exchange is gone.
    told["exchange"] = 0
    return Event(**told, recipients=None if recipients is None else frozenset(recipients), replay_id=replay_id, at=at)
