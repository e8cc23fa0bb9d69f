"""What removed jobs leave behind goes a little at a time: it is large, and others want to be served."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator

from mock_server.org.courtesy import give_way
from mock_server.org.jobs.tables import JobTables
from mock_server.org.records.files import trouble
from mock_server.org.records.store import Store

log = logging.getLogger("sfmock")
_PAGES = 256
"""Pages of the file that go back to the disk at a time: a megabyte."""


class Sweeper:
    """Removes the parts of jobs that are gone, and gives the room of the file back to the disk."""

    def __init__(self, store: Store, tables: JobTables) -> None:
        self._store = store
        self._tables = tables
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Sweep on the event loop that runs; where none does, nobody waits and it is done at once."""
        if self._task is not None and not self._task.done():
            return
        try:
            self._task = asyncio.get_running_loop().create_task(self._sweep())
        except RuntimeError:
            for _ in self._steps():
                pass

    def stop(self) -> None:
        """Leave the rest for the next time."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _sweep(self) -> None:
        try:
            for _ in self._steps():
                await give_way()
        except sqlite3.Error as failure:
            log.error("cannot remove what old jobs have left: %s", trouble(failure) or failure)

    def _sweep_some(self) -> bool:
        with self._store.transaction():
            return self._tables.sweep()

    def _steps(self) -> Iterator[None]:
        while self._sweep_some():
            yield
        while self._store.give_back(_PAGES):
            yield
