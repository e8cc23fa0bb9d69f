"""The content of an ingest job of Bulk API 2.0 on its way in: once, piece by piece, and either whole or not at all."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from mock_server.org import errors
from mock_server.org.ids import to_15
from mock_server.org.jobs.model import Job

if TYPE_CHECKING:
    from mock_server.org.jobs.jobs import Jobs

PIECE = 1 << 18
"""Bytes of one part of a content."""
_GROWTH = 9
"""Bytes of a database for each of a content, about."""


class Uploads:
    """Takes the contents of one org's jobs."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._org = jobs.org
        self._tables = jobs.tables
        self._under_way: set[str] = set()
        """Jobs whose content is coming in."""

    def take(self, job: Job, content: BinaryIO, exchange: int = 0) -> None:
        """Take the content of a job in one go, as `steps` does."""
        for _ in self.steps(job, content, exchange):
            pass

    def steps(self, job: Job, content: BinaryIO, exchange: int = 0, charset: str = "utf-8") -> Iterator[None]:
        """Take the content of a job, once, in steps of a millisecond, between which others can be served.

        What ends in the middle has uploaded nothing. Raises INVALIDJOB, INVALIDJOBSTATE.
        """
        self._check_upload(job)
        self._under_way.add(job.id)
        # Its rows, their indexes and what is told of them come on top.
        self._org.store.expect(_GROWTH * content.seek(0, os.SEEK_END))
        content.seek(0)
        try:
            # Of one that was cut short by the end of the server there may be some.
            self._tables.drop(job.id, "content")
            for piece in _pieces(content, charset):
                with self._org.store.transaction():
                    self._tables.put(job.id, "content", piece)
                yield
                if self._org.closed:
                    raise errors.SERVER_UNAVAILABLE()
                if self._jobs.known(job.id) is not job:
                    raise errors.NO_SUCH_JOB()
                self._check_open(job)
            with self._org.store.transaction():
                job.uploaded, job.exchange = True, exchange
                job.modified = self._org.clock.now()
                self._tables.keep(job)
        except BaseException:
            job.uploaded = False
            if self._jobs.known(job.id) is job and not self._org.closed:
                self._tables.drop(job.id, "content")
            raise
        finally:
            self._under_way.discard(job.id)

    def _check_upload(self, job: Job) -> None:
        self._check_open(job)
        if job.uploaded or job.id in self._under_way:
            raise errors.SECOND_CONTENT(id=to_15(job.id))

    def _check_open(self, job: Job) -> None:
        if job.state != "Open":
            raise errors.INVALID_JOB_STATE(text=f"Uploading data to a Job in state {job.state} not allowed")


def _pieces(content: BinaryIO, charset: str) -> Iterator[bytes]:
    """Yield a content as it is kept: in UTF-8."""
    if charset == "utf-8":
        while piece := content.read(PIECE):
            yield piece
        return
    decode = codecs.getincrementaldecoder(charset)("replace").decode
    while piece := content.read(PIECE):
        yield decode(piece).encode("utf-8", "replace")
    yield decode(b"", True).encode("utf-8", "replace")
