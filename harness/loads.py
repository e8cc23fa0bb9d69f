"""Loads: the rows that one request brought into a job, and when the client knew what became of them.

The rows of a job are those of the request that brought them (an upload, a 1.0 batch, a creation with content). What
the client is told of them comes later, by other requests: how the job ended, and which rows failed. A **load** is such
a request together with all that was asked about it: it begins with the creation of its job, and ends when the client
knows what became of its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.exchanges import Exchange, Failure, Row, class_of
from harness.jobs import ENDED, Batch, Job
from mock_server.org.errors import BY_CODE

WORTHLESS = frozenset({"InvalidBatch", "InvalidJob", "InvalidEntity", "ClientInputError", "FeatureNotEnabled"})
"""Codes of a job that failed for what it says: it would fail again."""


@dataclass(frozen=True, slots=True)
class Load:
    """The rows that one request brought into a job, and by which requests their outcome was told.

    `ended` told that nothing more becomes of the rows, `saved`, `failed` and `left` what became of those that were
    saved, that failed, and with which nothing was done; each is None while nothing was told, or where no row ended so.
    `why` is the class of a failure of the whole job, or batch. `asked` is whether the client tried to learn how it
    ended.
    """

    job: Job
    exchange: Exchange
    """The request that brought the rows, as it was."""
    sending: Exchange
    """The same, from the creation of its job until the client knew what became of the rows."""
    batch: Batch | None = None
    """Of Bulk 1.0."""
    state: str | None = None
    ended: Exchange | None = None
    saved: Exchange | None = None
    failed: Exchange | None = None
    left: Exchange | None = None
    why: Failure = "transient"
    codes: tuple[str, ...] = ()
    asked: bool = False
    rules: tuple[str, ...] = ()
    failed_steps: int = 0
    """How many requests about the job came to nothing."""

    @property
    def number(self) -> int:
        return self.exchange.number

    @property
    def counts(self) -> Counter[bool | None]:
        """How many rows were saved (True), failed (False), and are as they were (None)."""
        return Counter(row.success for row in self.exchange.rows)

    @property
    def is_over(self) -> bool:
        return self.state in ENDED

    def told(self, row: Row) -> Exchange | None:
        """Return the request by which the client was told what became of a row."""
        if row.success is None:
            return self.left
        return self.saved if row.success else self.failed

    def failure_of(self, row: Row) -> Failure | None:
        """Return what the client had to make of a row: also of one that it could have read, and did not."""
        if row.success is True:
            if self.saved is not None or (self.exchange.failure is None and not self.asked):
                return None
            # It ended, and the client knew: what it did not read is no doubt of its own.
            return None if self.ended is not None else "ambiguous"
        if row.success is False:
            return class_of(row.codes)
        return self.why if self.is_over else "ambiguous"


def loads_of(jobs: Iterable[Job]) -> tuple[Load, ...]:
    """Return the loads of all jobs that save records, in the order of the requests that brought them."""
    found = [_Telling(job, upload).load() for job in jobs if job.is_ingest for upload in job.uploads]
    return tuple(sorted(found, key=lambda load: load.number))


class _Telling:
    """Reads from the requests about a job, or a 1.0 batch, what was told of the rows of one upload."""

    def __init__(self, job: Job, upload: Exchange) -> None:
        self._job = job
        self._upload = upload
        self._batch = next((one for one in job.batches if one.exchange == upload.number), None) if job.classic else None
        self._counts = Counter(row.success for row in upload.rows)
        self._later = [one for one in job.exchanges if one.number >= upload.number and self._concerns(one)]

    def _concerns(self, exchange: Exchange) -> bool:
        """Tell whether a request is about this batch, or about its job as a whole."""
        told = exchange.job
        batch = self._upload.job.batch if self._upload.job is not None else None
        return told is None or told.batch is None or batch is None or told.batch[:15] == batch[:15]

    def load(self) -> Load:
        job, upload = self._job, self._upload
        state = self._state()
        ended = next((one for one in self._later if self._tells_the_end(one, state)), None)
        saved = failed = left = None
        whole = self._download("batch")
        # The results of a 1.0 batch stand in the order of its rows: what it had not come to has none.
        failures, successes = self._download("failed"), self._download("successful")
        rest = self._download("unprocessed")
        if whole is not None:
            saved = failed = whole
        elif ended is not None or failures is not None or successes is not None:
            failed = failures
            saved = successes or self._inferred(ended, failures, rest)
        if self._counts[None] and state in ENDED:
            left = rest or whole or self._nothing_done(ended) or self._neither(failures, successes)
        codes = _codes_of(job, self._batch)
        return Load(
            job=job,
            exchange=upload,
            sending=self._sending(ended, saved, failed, left),
            batch=self._batch,
            state=state,
            ended=ended,
            saved=saved if self._counts[True] else None,
            failed=failed if self._counts[False] else None,
            left=left,
            why=_why(state, codes),
            codes=codes if _why(state, codes) in ("permanent", "quota") else (),
            failed_steps=sum(one.failure in ("transient", "ambiguous", "quota") for one in job.exchanges),
            asked=any(one.job_role in ("poll", "results") for one in self._later),
            rules=tuple(dict.fromkeys(rule for one in job.exchanges if one.job_role != "poll" for rule in one.rules)),
        )

    def _state(self) -> str | None:
        return self._batch.state if self._batch is not None else self._job.state

    def _tells_the_end(self, exchange: Exchange, state: str | None) -> bool:
        """Tell whether an answer said that nothing more becomes of the rows."""
        if not _answered(exchange) or exchange.job is None or exchange.job_role not in ("poll", "abort", "close"):
            return False
        told = exchange.job
        if not self._job.classic:
            return told.state in ENDED
        if told.batch is not None:
            return told.state in ENDED
        # A list of batches, or the job's own counts, taken when this batch had ended.
        ended = self._batch.ended if self._batch is not None else None
        return exchange.job_role == "poll" and state in ENDED and ended is not None and exchange.end >= ended

    def _download(self, kind: str) -> Exchange | None:
        """Return the first answer that brought all rows of a kind, once there were no more to come."""
        wanted = {
            "failed": self._counts[False],
            "successful": self._counts[True],
            "unprocessed": self._counts[None],
            "batch": self._counts[True] + self._counts[False],
        }[kind]
        for exchange in self._later:
            told = exchange.job
            if exchange.job_role != "results" or told is None or told.results != kind or not _answered(exchange):
                continue
            if told.rows is None or told.rows >= wanted:
                return exchange
        return None

    def _inferred(self, ended: Exchange | None, failures: Exchange | None, rest: Exchange | None) -> Exchange | None:
        """Return the answer from which it follows that all other rows were saved."""
        told = ended.job if ended is not None else None
        if told is not None and told.failed == 0 and told.state in ("JobComplete", "Completed"):
            return ended
        if told is not None and told.failed is None and not self._counts[False] and not self._counts[None]:
            return ended  # a list of batches, all of them completed
        if failures is not None and (rest is not None or not self._counts[None]):
            return _later_of(failures, ended)
        return None

    def _nothing_done(self, ended: Exchange | None) -> Exchange | None:
        """Return the answer that says that nothing was done with any row."""
        if ended is None or self._counts[True] or self._counts[False]:
            return None
        return ended

    def _neither(self, failures: Exchange | None, successes: Exchange | None) -> Exchange | None:
        """Return the answer after which all rows were known that were saved, or failed: the others are left."""
        if (failures is None and self._counts[False]) or (successes is None and self._counts[True]):
            return None
        return _later_of(failures, successes)

    def _sending(self, ended: Exchange | None, *told: Exchange | None) -> Exchange:
        upload, counts = self._upload, self._counts
        saved, failed, left = told
        # Whoever sends the others again waits for those; of what was saved nothing more is to be done.
        wanted = [one for one, count in ((failed, counts[False]), (left, counts[None])) if count] or [saved or ended]
        heard = all(one is not None for one in wanted) and (saved is not None or not counts[True])
        known = [one.end for one in wanted if one is not None]
        if len(known) < len(wanted):
            own = [one for one in self._later if one.job_role != "delete"]
            known = [max(one.end for one in own)] if own else known
        end = max([upload.end, *known])
        return replace(upload, at=min(upload.at, self._begin()), end=end, heard=heard)

    def _begin(self) -> float:
        """Return when the client set out to send: where it had to try, at its first try."""
        uploads = self._job.asked("upload")
        creation = self._job.creation
        if creation is None or (uploads and uploads[0].number < self._upload.number):
            return self._upload.at
        return creation.at


def _answered(exchange: Exchange) -> bool:
    return exchange.heard and exchange.failure is None


def _later_of(one: Exchange | None, other: Exchange | None) -> Exchange | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda exchange: exchange.number)


def _codes_of(job: Job, batch: Batch | None) -> tuple[str, ...]:
    """Return the code with which a job or batch failed: `InvalidBatch : Field name not found : Nme`."""
    text = (batch.message if batch is not None else "") or job.error
    code = text.partition(":")[0].strip()
    return (code,) if code else ()


def _why(state: str | None, codes: Sequence[str]) -> Failure:
    if state == "Aborted":
        return "stopped"
    if WORTHLESS.intersection(codes):
        return "permanent"
    kinds = {BY_CODE[code].kind for code in codes if code in BY_CODE}
    # What became of the rows is known, whatever befell the job.
    return next((kind for kind in ("quota", "permanent") if kind in kinds), "transient")
