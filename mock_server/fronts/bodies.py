"""Bodies as they come in: unpacked, bounded, whole in memory or, of an upload, in a file."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from io import BytesIO
from tempfile import SpooledTemporaryFile, gettempdir
from typing import TYPE_CHECKING, BinaryIO, cast
from zlib import crc32

from mock_server.journal import fingerprint, print_of
from mock_server.org import errors
from mock_server.org.courtesy import give_way
from mock_server.org.errors import ApiError

if TYPE_CHECKING:
    from aiohttp.streams import StreamReader

    from mock_server.operations import Call

log = logging.getLogger("sfmock")

LARGEST_BODY = 52_428_800
"""50 MB: the greatest body of a request that is no blob."""
LARGEST_UPLOAD = 157_286_400
"""150 MB: the greatest body with a file in parts, and of an upload. Salesforce takes 500 MB of files, and 2 GB of a
ContentVersion; here such a body is held in memory whole, some three times at its peak."""
PATIENCE = 60.0
"""Seconds that a client has for the next part of its body."""
_IN_MEMORY = 1 << 20
"""Bytes of an upload from which on it is kept in a file on disk."""
_PIECE = 1 << 18
"""Bytes of a body that are unpacked before others are served."""
_PACKINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_UNKNOWN_PACKINGS = frozenset({"br", "zstd", "compress"})
"""What would be taken for rubbish. Anything else that clients name (`UTF-8`) says nothing."""


class Unreadable(Exception):
    """A body that cannot be taken; `refusal` is the answer."""

    def __init__(self, refusal: ApiError) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def broken() -> Unreadable:
    """Return the refusal of a body whose encoding is not what its headers say."""
    return Unreadable(errors.JSON_PARSER_ERROR(text="The request body could not be read", line=1, column=1))


class Body:
    """A body that is coming in. Raises Unreadable as soon as it is clear that it cannot be taken.

    `take` is given the pieces, unpacked; `size` is their length so far.
    """

    def __init__(self, headers: Mapping[str, str], take: Callable[[bytes], object], *, upload: bool = False) -> None:
        multipart = headers.get("Content-Type", "").startswith("multipart/")
        self._largest = LARGEST_UPLOAD if upload or multipart else LARGEST_BODY
        packing = headers.get("Content-Encoding", "").strip().lower()
        if packing in _UNKNOWN_PACKINGS:
            raise broken()
        announced = headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > self._largest:
            # Nothing is waited for that would be refused.
            raise self._too_large()
        self._bits = _PACKINGS.get(packing)
        self._inflater = None if self._bits is None else zlib.decompressobj(self._bits)
        self._begun = False
        self._take = take
        self.size = 0

    def _too_large(self) -> Unreadable:
        return Unreadable(errors.REQUEST_ENTITY_TOO_LARGE(most=self._largest >> 20))

    def feed(self, data: bytes) -> Iterator[None]:
        """Take what has come, in steps of a few milliseconds."""
        if self._inflater is None:
            self._accept(data)
            yield
            return
        try:
            yield from self._unpack(data)
        except zlib.error:
            raise broken() from None

    def _unpack(self, data: bytes) -> Iterator[None]:
        assert self._inflater is not None
        if not self._begun and data:
            self._begun = True
            if self._bits == _PACKINGS["deflate"] and data[0] & 0x0F != zlib.DEFLATED:
                # Some clients leave out the header that belongs to this packing.
                self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while data:
            if self._inflater.eof:
                # A file may be made of several packed ones; blanks after the last are nothing.
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._inflater = zlib.decompressobj(self._bits or zlib.MAX_WBITS)
            piece = self._inflater.decompress(data, _PIECE)
            data = self._inflater.unconsumed_tail or self._inflater.unused_data
            self._accept(piece)
            yield

    def _accept(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self._largest:
            raise self._too_large()
        self._take(piece)

    def end(self) -> None:
        """Note that no more comes. Raises Unreadable where the packing has not ended."""
        if self._inflater is not None and self._begun and not self._inflater.eof:
            raise broken()


class Spool:
    """A file that a body is put into. On disk it has no name: nothing is left of it, whatever ends the process."""

    def __init__(self) -> None:
        self.file = cast(BinaryIO, SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115  # it outlives this block
        self._crc = self._size = 0

    def take(self, piece: bytes) -> None:
        self._crc, self._size = crc32(piece, self._crc), self._size + len(piece)
        try:
            self.file.write(piece)
        except OSError as error:
            log.error("an upload cannot be taken into %s: %s", gettempdir(), error.strerror)
            raise Unreadable(errors.SERVER_UNAVAILABLE()) from None

    def into(self, call: Call) -> None:
        """Make it the body of a call."""
        self.file.seek(0)
        call.upload, call.fingerprint = self.file, print_of(self._crc, self._size) if self._size else ""


async def receive(call: Call, content: StreamReader, go_on: Callable[[], Awaitable[None]], *, upload: bool) -> None:
    """Read the body of a call as it comes in; `go_on` tells a client that waits for leave to send it.

    Raises Unreadable, TimeoutError when nothing more comes, what aiohttp raises for a body that breaks off or is
    framed wrongly. Nothing is left behind then.
    """
    if content.is_eof() and not upload and "Content-Encoding" not in call.headers:
        # It has come together with its head: the usual case.
        call.body = content.read_nowait()
        return
    if upload:
        spool = Spool()
        try:
            body = Body(call.headers, spool.take, upload=True)
            await _read(body, call, content, go_on)
        except BaseException:
            spool.file.close()
            raise
        spool.into(call)
    else:
        whole = bytearray()
        await _read(Body(call.headers, whole.extend), call, content, go_on)
        call.body = bytes(whole)


async def _read(body: Body, call: Call, content: StreamReader, go_on: Callable[[], Awaitable[None]]) -> None:
    now = asyncio.get_running_loop().time
    if call.headers.get("Expect", "").lower() == "100-continue":
        await go_on()
    async with asyncio.timeout(PATIENCE) as patience:
        while data := await content.readany():
            for _ in body.feed(data):
                await give_way()
            patience.reschedule(now() + PATIENCE)
    body.end()


def take(call: Call, content: bytes, *, upload: bool) -> None:
    """Give a call a body that is here already. Raises Unreadable."""
    whole = BytesIO()
    body = Body(call.headers, whole.write, upload=upload)
    for _ in body.feed(content):
        pass
    body.end()
    if upload:
        whole.seek(0)
        call.upload, call.fingerprint = whole, fingerprint(whole.getvalue()) if body.size else ""
    else:
        call.body = whole.getvalue()
