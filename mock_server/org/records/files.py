"""The file that an org is kept in: one server at a time, a log that stays short, what goes wrong in plain words."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LONGEST_LOG = 64 << 20
"""Bytes from which on the write-ahead log is to begin anew; it keeps no more of a file that it once needed more of."""
_LONG_LOG = 8 << 20
"""Bytes from which on the log is brought into the database, beside the work."""
_LOOK_EVERY = 0.25
"""Seconds of the wall's time."""
_TROUBLES = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY,
    }
)  # fmt: skip


def trouble(error: BaseException) -> str | None:
    """Return what is wrong with the file or its disk, None where an error has another cause."""
    code = getattr(error, "sqlite_errorcode", None)
    return str(error) if isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _TROUBLES else None


class Claim:
    """Says that a file is in use, for as long as the process lives or until it is dropped.

    SQLite itself would let several servers write into the same file, each with its own idea of what the last id is.
    Raises sqlite3.OperationalError where another one has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + "-lock")
        self._file: int | None = None
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.drop()
            raise sqlite3.OperationalError("another server uses it") from None
        except OSError as error:
            # A folder that is not there, or cannot be written: the log could not be made in it either.
            self.drop()
            raise sqlite3.OperationalError(f"{error.strerror} ({path.parent})") from None

    def drop(self) -> None:
        """Let others have the file. What marks it stays: who waits for it may hold it open."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class LogKeeper:
    """Brings the write-ahead log of a file into its database, on a thread of its own: that takes time, and disks wait.

    While there is a writer, there is always something of the log that has not been brought over, and the log grows.
    `full` tells the writer to bring over the little that is left, between two transactions; then it begins anew.
    """

    def __init__(self, path: Path, *, lasting: bool) -> None:
        self.full = False
        self._path = path
        self._lasting = lasting
        """Whether the file is to outlive the process, and the disk is to be waited for."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sfmock log", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        log = self._path.with_name(self._path.name + "-wal")
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA synchronous={'NORMAL' if self._lasting else 'OFF'}")
            (page,) = connection.execute("PRAGMA page_size").fetchone()
            seen = 0
            while not self._ended.wait(_LOOK_EVERY):
                with suppress(OSError, sqlite3.Error):
                    # A full or failing disk is told to those who write.
                    found = log.stat()
                    if found.st_size <= _LONG_LOG or found.st_mtime_ns == seen:
                        continue
                    seen = found.st_mtime_ns
                    _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    self.full = frames * page > LONGEST_LOG

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
