"""Snapshots of an org: its records and counters at one moment, held as they are or written to a file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.identity.directory import Secret
from mock_server.org.records import snapshot_file
from mock_server.org.records.store import Store
from mock_server.org.schema import Schema

if TYPE_CHECKING:
    from mock_server.org.events.channel import Channel
    from mock_server.org.org import Org


@dataclass(frozen=True)
class Snapshot:
    """An org's records and counters at one moment."""

    store: Store
    schema: Schema
    next_id: int
    secrets: Mapping[str, Secret] = field(repr=False)
    apps: Mapping[str, ConnectedApp] = field(repr=False)
    channels: Mapping[str, Channel] = field(default_factory=dict, repr=False)
    """What the channels of events held."""
    committed: Mapping[str, int] = field(default_factory=dict, repr=False)
    """How far managed subscriptions had been read."""


def write(org: Org, path: Path) -> None:
    """Write all records and counters to a file. Raises OSError, for the one that the org lives in too."""
    snapshot_file.write(org.store, path, lambda: org.ids.next_number)


async def write_aside(org: Org, path: Path) -> None:
    """Write a snapshot as `write` does, letting others be served while a large one is written."""
    if org.store.in_file and org.clock.mode != "virtual":
        await asyncio.to_thread(snapshot_file.write, org.store, path, lambda: org.ids.next_number, aside=True)
    else:
        write(org, path)


def read(org: Org, path: Path) -> None:
    """Put all records and counters back to those of a file; the schema stays. Raises SnapshotError."""
    store, next_id = snapshot_file.read(path, org.schema)
    try:
        org.restore(Snapshot(store, org.schema.copy(), next_id, org.directory.secrets, org.directory.apps))
    finally:
        store.close()
    # The org goes by its own name, and so do its users.
    org.directory.seed()
