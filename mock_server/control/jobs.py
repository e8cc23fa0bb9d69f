"""An org's jobs of the Bulk APIs, as the org knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mock_server.control.call import ControlCall, answer, routes
from mock_server.journal import row_told
from mock_server.operations import Reply

if TYPE_CHECKING:
    from mock_server.org.jobs import Batch, Job


@routes.of_org(
    "jobs.read",
    "GET",
    "jobs",
    "List the jobs of the Bulk APIs, the oldest first; with `rows=true` the rows that each has done nothing with",
)
async def jobs(call: ControlCall) -> Reply:
    org = call.org
    # An org that nobody gave any job does not load them for the question.
    known = org.jobs if org.store.has_table("sf_jobs") else None
    if known is not None:
        known.written(*known)
    found = [] if known is None else [_job(job, known.batches_of(job)) for job in known]
    if known is not None and call.query.get("rows") == "true":
        for job, told in zip(known, found, strict=True):
            told["unprocessed"] = [
                {**row_told(change, None), "exchange": exchange} for exchange, change in known.untouched(job)
            ]
    return answer({"jobs": org.redactor.hide_within({"jobs": found})["jobs"]})


def _job(job: Job, batches: list[Batch]) -> dict[str, Any]:
    return {
        "id": job.id,
        "api": job.api,
        "operation": job.operation,
        "sobject": job.sobject,
        "state": job.state,
        "concurrency": job.concurrency,
        "user": job.user_id,
        "created": job.created,
        "ended": job.ended,
        "processed": job.processed,
        "failed": job.failed,
        "retries": job.retries,
        "error": job.error or None,
        "exchanges": {"created": job.made_by or None, "content": job.exchange or None, "closed": job.closed_by or None},
        "batches": [_batch(batch) for batch in batches],
    }


def _batch(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "number": batch.number,
        "state": batch.state,
        "message": batch.message or None,
        "records": batch.records,
        "done": batch.done,
        "failed": batch.failed,
        "retries": batch.retries,
        "exchange": batch.exchange,
        "created": batch.created,
        "began": batch.began,
        "ended": batch.ended,
    }
