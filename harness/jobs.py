"""Jobs of the Bulk APIs: what became of each, as the org knows it, and all requests about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.exchanges import Exchange

ENDED = frozenset({"JobComplete", "Failed", "Aborted", "Completed", "NotProcessed", "Not Processed"})
"""States of a job or a 1.0 batch in which nothing more becomes of its rows."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the org knows it at the end: of 1.0 what a client has sent, of 2.0 the platform's own.

    `exchange` is the request that brought it, `began` and `ended` are clock seconds, `done` and `failed` count records.
    """

    id: str
    exchange: int
    state: str
    records: int | None = None
    done: int = 0
    failed: int = 0
    message: str = ""
    began: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class Job:
    """A job, as the org knows it at the end, and all requests about it in their order.

    `state` is None of a job that the org does not know any more and of which nobody was ever told. `created` and
    `ended` are clock seconds, `error` is why it failed.
    """

    id: str
    api: str
    operation: str
    sobject: str
    state: str | None = None
    error: str = ""
    concurrency: str = "Parallel"
    created: float | None = None
    ended: float | None = None
    processed: int = 0
    failed: int = 0
    batches: tuple[Batch, ...] = ()
    content: frozenset[int] | None = None
    """The requests whose rows it has taken; None where only its client's view is left."""
    exchanges: tuple[Exchange, ...] = field(default=(), compare=False)

    @property
    def classic(self) -> bool:
        return self.api == "classic"

    @property
    def is_ingest(self) -> bool:
        """Whether it saves records."""
        return self.api != "query" and not self.operation.lower().startswith("query")

    @property
    def is_over(self) -> bool:
        """Whether nothing more becomes of it; a job of 1.0 has batches for that."""
        if self.classic:
            return self.state in ("Closed", "Aborted", "Failed") and all(one.state in ENDED for one in self.batches)
        return self.state in ENDED

    @property
    def serial(self) -> bool:
        return self.concurrency == "Serial"

    @cached_property
    def creation(self) -> Exchange | None:
        """The request that made it."""
        return next((one for one in self.exchanges if one.job_role == "create"), None)

    @cached_property
    def known(self) -> bool:
        """Whether its client was ever told its id, or used it."""
        return any((one.heard and one.failure is None) or one.job_role != "create" for one in self.exchanges)

    def asked(self, *roles: str) -> list[Exchange]:
        """Return the requests about it that play one of these roles."""
        return [one for one in self.exchanges if one.job_role in roles]

    @cached_property
    def uploads(self) -> list[Exchange]:
        """The requests that brought its rows. One that was refused may say rows as well."""
        sent = [one for one in self.exchanges if one.is_write and one.rows]
        if self.content is None:
            return [one for one in sent if one.failure is None]
        return [one for one in sent if one.number in self.content]


def read_jobs(told: Iterable[Mapping[str, Any]], exchanges: Sequence[Exchange]) -> tuple[Job, ...]:
    """Put jobs together from the control plane's account and the exchanges; those that were deleted are there too."""
    about: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        identifier = exchange.job_id
        if identifier is not None:
            about[identifier].append(exchange)
    found = {job["id"][:15]: _read(job, tuple(about.get(job["id"][:15], ()))) for job in told}
    for identifier, some in about.items():
        if identifier not in found:
            job = _gone(identifier, some)
            if job is not None:
                found[identifier] = job
    return tuple(found.values())


def _read(told: Mapping[str, Any], exchanges: tuple[Exchange, ...]) -> Job:
    return Job(
        id=told["id"],
        api=told["api"],
        operation=told["operation"],
        sobject=told["sobject"],
        state=told["state"],
        error=told.get("error") or "",
        concurrency=told.get("concurrency") or "Parallel",
        created=told.get("created"),
        ended=told.get("ended"),
        processed=told.get("processed") or 0,
        failed=told.get("failed") or 0,
        batches=tuple(
            Batch(
                id=batch["id"],
                exchange=batch["exchange"],
                state=batch["state"],
                records=batch.get("records"),
                done=batch.get("done") or 0,
                failed=batch.get("failed") or 0,
                message=batch.get("message") or "",
                began=batch.get("began"),
                ended=batch.get("ended"),
            )
            for batch in told.get("batches") or ()
        ),
        content=frozenset(_content(told)),
        exchanges=exchanges,
    )


def _content(told: Mapping[str, Any]) -> Iterator[int]:
    """Yield the numbers of the requests that brought rows."""
    content = (told.get("exchanges") or {}).get("content")
    if content:
        yield content
    yield from (batch["exchange"] for batch in told.get("batches") or () if batch["exchange"])


def _gone(identifier: str, exchanges: Sequence[Exchange]) -> Job | None:
    """Return what the exchanges alone tell of a job; None of one that never was."""
    said = [one.job for one in exchanges if one.job is not None]
    if not said:
        return None
    last = said[-1]
    counts = [one for one in said if one.processed is not None and one.batch is None]
    return Job(
        id=identifier,
        api=last.api,
        operation=last.operation,
        sobject=last.sobject,
        state=next((one.state for one in reversed(said) if one.state is not None and one.batch is None), None),
        processed=(counts[-1].processed or 0) if counts else 0,
        failed=(counts[-1].failed or 0) if counts else 0,
        exchanges=tuple(exchanges),
    )
