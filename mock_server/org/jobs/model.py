"""What a job and a batch are, and the states they go through.

Bulk API 2.0 (`ingest`, `query`): Open -> UploadComplete -> InProgress -> JobComplete | Failed; Aborted from any of the
first three. Bulk API 1.0 (`classic`): a job is Open, then Closed, Aborted or Failed; its batches are Queued ->
InProgress -> Completed | Failed, or Not Processed. The batches of 2.0 are the platform's own, of 10,000 records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Self

from mock_server.org.limits.bulk import BATCH

Api = Literal["ingest", "query", "classic"]
State = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted", "Closed"]
BatchState = Literal["Queued", "InProgress", "Completed", "Failed", "NotProcessed"]
ENDED: frozenset[State] = frozenset({"JobComplete", "Failed", "Aborted"})
QUERIES = frozenset({"query", "queryAll"})
"""Operations of a job that read."""
KEPT = 7 * 86_400.0
"""Seconds for which a job that has ended is kept, with its results."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a client says of a job that it creates. `version` is the API version of its URL."""

    api: Api
    operation: str
    sobject: str
    version: float
    content_type: str = "CSV"
    line_ending: str = "LF"
    delimiter: str = "COMMA"
    key_field: str | None = None
    """The external id field of an upsert."""
    concurrency: Literal["Parallel", "Serial"] = "Parallel"
    assignment_rule: str | None = None
    query: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    """What only one of the APIs knows: PK chunking, and the like. Plain data."""


@dataclass(slots=True)
class Job:
    """A job. Times are clock seconds, durations milliseconds.

    `made_by`, `exchange` and `closed_by` are the journal's numbers of the requests that created it, brought its content
    (or its query), and closed or aborted it; 0 where there was none.
    """

    id: str
    api: Api
    operation: str
    sobject: str
    version: float
    content_type: str
    line_ending: str
    delimiter: str
    key_field: str | None
    concurrency: Literal["Parallel", "Serial"]
    assignment_rule: str | None
    query: str | None
    options: dict[str, Any]
    user_id: str
    created: float
    modified: float
    state: State = "Open"
    made_by: int = 0
    exchange: int = 0
    closed_by: int = 0
    uploaded: bool = False
    processed: int = 0
    failed: int = 0
    retries: int = 0
    total_ms: int = 0
    api_ms: int = 0
    apex_ms: int = 0
    error: str = ""
    """Why a job failed: `InvalidBatch : Field name not found : Nme`."""
    ended: float | None = None
    batch_size: int = BATCH
    """Records of each of its batches, where the platform makes them."""

    @property
    def over(self) -> bool:
        """Whether it has ended, and will not change any more."""
        return self.state in ENDED

    @classmethod
    def of(cls, told: dict[str, Any]) -> Self:
        return cls(**told)


@dataclass(slots=True)
class Batch:
    """Records of a job that are worked off together, at most 10,000 of them. `done` tells how many have been."""

    id: str
    job_id: str
    number: int
    created: float
    modified: float
    state: BatchState = "Queued"
    message: str = ""
    exchange: int = 0
    records: int | None = None
    """How many records it has, once that is known."""
    done: int = 0
    failed: int = 0
    retries: int = 0
    total_ms: int = 0
    api_ms: int = 0
    apex_ms: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    began: float | None = None
    ended: float | None = None

    @classmethod
    def of(cls, told: dict[str, Any]) -> Self:
        return cls(**told)
