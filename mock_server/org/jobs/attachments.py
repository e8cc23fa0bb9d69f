"""The zip of a batch with binary attachments: `request.txt` holds the records, the other files what they refer to.

Source: Bulk API Developer Guide, "Load Binary Attachments" and the limits of binary content.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from zipfile import BadZipFile, ZipFile, ZipInfo

from mock_server.org import errors
from mock_server.org.errors import ApiError

MANIFEST = "request.txt"
MOST_FILES = 1_000
"""Files of a zip; directories do not count."""
LARGEST = 20_000_000
"""Bytes of all files of a zip, unpacked."""
LONGEST_NAME = 512
"""Bytes of a file's name."""
_ENTRY, _MOST_ENTRIES = b"PK\x01\x02", 20_000
"""What an entry of a zip's directory begins with, and how many of them are read at all."""
_BROKEN = (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError, LookupError)
"""What reading a zip raises that is broken, locked by a password, or packed in some way that nobody knows."""


class Attachments:
    """The files of a zip by their names, unpacked when they are asked for."""

    def __init__(self, data: bytes) -> None:
        """Open a zip. Raises InvalidBatch for one that is broken, too large, or has no manifest."""
        if data.count(_ENTRY) > _MOST_ENTRIES:
            raise _wrong(f"it has more than {MOST_FILES} files")
        try:
            self._zip = ZipFile(BytesIO(data))
            infos = self._zip.infolist()
        except _BROKEN:
            raise _wrong("it is malformed") from None
        self._files = {_plain(info.filename): info for info in infos if not info.is_dir()}
        if len([info for info in infos if not info.is_dir()]) > MOST_FILES:
            raise _wrong(f"it has more than {MOST_FILES} files")
        if sum(info.file_size for info in infos) > LARGEST:
            raise too_large()
        manifest = self.file(f"#{MANIFEST}")
        if manifest is None:
            raise _wrong(f"{MANIFEST} cannot be found")
        self.manifest = manifest

    def size(self, reference: str) -> int:
        """Return how many bytes the file has that a cell names, 0 where there is none."""
        info = self._found(reference)
        return 0 if info is None else info.file_size

    def file(self, reference: str) -> bytes | None:
        """Return the file that a cell names (`#folder/name`); None where there is none of that name.

        Raises InvalidBatch for one that cannot be unpacked.
        """
        info = self._found(reference)
        return None if info is None else self._unpacked(info)

    def _found(self, reference: str) -> ZipInfo | None:
        if not reference.startswith("#") or len(reference) > LONGEST_NAME:
            return None
        return self._files.get(reference[1:].replace("\\", "/").removeprefix("./"))

    def _unpacked(self, info: ZipInfo) -> bytes:
        try:
            with self._zip.open(info) as file:
                # What the zip says of a file's size may be a lie.
                content = file.read(LARGEST + 1)
        except _BROKEN:
            raise _wrong(f"{info.filename[:80]} cannot be read") from None
        if len(content) > LARGEST:
            raise too_large()
        return content


def _plain(name: str) -> str:
    """Return the name of a file as others may write it. Raises InvalidBatch for one that leads out of the zip."""
    name = name.replace("\\", "/").removeprefix("./")
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        raise _wrong(f"a file's name is longer than {LONGEST_NAME} bytes")
    if name.startswith("/") or ".." in name.split("/") or "\0" in name or name[1:2] == ":":
        raise _wrong(f"a file's name leads out of it: {name[:80]}")
    return name


def _wrong(why: str) -> ApiError:
    return errors.INVALID_BATCH(text=f"Failed to read the zip file: {why}")


def too_large() -> ApiError:
    """Return the refusal of a zip whose files are too large when they are unpacked."""
    return errors.INVALID_BATCH(text="The total decompressed size of all files is too large")
