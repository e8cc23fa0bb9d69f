"""How Bulk API 2.0 writes a job: keys, their order, and which of them an answer has (recorded)."""

from __future__ import annotations

from typing import Any

from mock_server.journal import JobTold
from mock_server.operations import Call
from mock_server.org.clock import stamp
from mock_server.org.jobs import Job

TYPES = {"ingest": "V2Ingest", "query": "V2Query", "classic": "Classic"}


def head(job: Job) -> dict[str, Any]:
    """Return what every answer about a job begins with."""
    out: dict[str, Any] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.user_id,
        # Whole seconds (recorded).
        "createdDate": stamp(int(job.created)),
        "systemModstamp": stamp(int(job.modified)),
        "state": job.state,
    }
    if job.key_field is not None:
        out["externalIdFieldName"] = job.key_field
    if job.assignment_rule is not None:
        out["assignmentRuleId"] = job.assignment_rule
    out["concurrencyMode"] = job.concurrency
    out["contentType"] = job.content_type
    out["apiVersion"] = job.version
    return out


def url(job: Job) -> str:
    return f"services/data/v{job.version}/jobs/ingest/{job.id}/batches"


def created(job: Job) -> dict[str, Any]:
    """Return the answer to a creation."""
    return {**head(job), "contentUrl": url(job), **_form(job)}


def shown(job: Job) -> dict[str, Any]:
    """Return the answer to a read."""
    out = {**head(job), "jobType": TYPES[job.api]}
    if job.api == "ingest" and job.state == "Open":
        out["contentUrl"] = url(job)
    if job.api != "classic":
        out.update(_form(job))
    if job.state != "Open":
        out["numberRecordsProcessed"] = job.processed
        out["numberRecordsFailed"] = job.failed
    out["retries"] = job.retries
    out["totalProcessingTime"] = job.total_ms
    out["apiActiveProcessingTime"] = job.api_ms
    out["apexProcessingTime"] = job.apex_ms
    if job.error:
        out["errorMessage"] = job.error
    return out


def listed(job: Job) -> dict[str, Any]:
    """Return what a list has of a job: no numbers."""
    out = {**head(job), "jobType": TYPES[job.api]}
    if job.api == "ingest" and job.state == "Open":
        out["contentUrl"] = url(job)
    return out if job.api == "classic" else {**out, **_form(job)}


def query_created(job: Job) -> dict[str, Any]:
    """Return the answer to the creation of a query job."""
    return {**head(job), **_form(job)}


def query_shown(job: Job, *, chunkable: bool) -> dict[str, Any]:
    """Return the answer to a read of a query job (recorded); `chunkable` tells whether its object can be chunked."""
    out = {**listed(job), "numberRecordsProcessed": job.processed, "retries": job.retries}
    out["totalProcessingTime"] = job.total_ms
    out["isPkChunkingSupported"] = chunkable
    if job.error:
        out["errorMessage"] = job.error
    return out


def _form(job: Job) -> dict[str, Any]:
    return {"lineEnding": job.line_ending, "columnDelimiter": job.delimiter}


def tell(call: Call, job: Job, **more: Any) -> None:
    """Note in the journal what an answer tells of a job."""
    call.entry.job = JobTold(job.id, job.api, job.operation, job.sobject, **more)


def tell_state(call: Call, job: Job) -> None:
    tell(call, job, state=job.state, processed=job.processed, failed=job.failed)
