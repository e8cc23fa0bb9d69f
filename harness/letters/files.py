"""Queues that are files: whether one can be read, and its bytes as they are at this moment."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from harness.letters.letter import QueueError

MOST = 512 * 1024 * 1024
"""Bytes of a queue that are read."""
_BOM = b"\xef\xbb\xbf"


def check_file(path: Path | str) -> None:
    """Raise QueueError when the file cannot be read, or could never be written."""
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise QueueError(f"dead-letter queue {path}: the folder {folder} {what}")
    descriptor = _opened(path)
    if descriptor is not None:
        os.close(descriptor)


def read_file(path: Path | str) -> bytes:
    """Return what the file holds, nothing where there is none. Raises QueueError when it cannot be read."""
    descriptor = _opened(path)
    if descriptor is None:
        if not Path(path).absolute().parent.is_dir():
            raise QueueError(f"dead-letter queue {path}: its folder is gone")
        return b""
    with os.fdopen(descriptor, "rb") as file:
        try:
            # A file that grows meanwhile is read as far as it went at the start.
            size = os.fstat(descriptor).st_size
            if size > MOST:
                raise QueueError(f"dead-letter queue {path}: {size:,} bytes; no more than {MOST:,} are read")
            return file.read(size).removeprefix(_BOM)
        except OSError as error:
            raise QueueError(f"dead-letter queue {path}: {error.strerror}") from None


def _opened(path: Path | str) -> int | None:
    """Open a file for reading; None where there is none. A pipe or a device would block, or never end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise QueueError(f"dead-letter queue {path}: it cannot be read ({reason})") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise QueueError(f"dead-letter queue {path}: this is {what}")
    return descriptor
