"""How Bulk API 2.0 writes a job: keys, their order, and which of them an answer has (recorded)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from mock_server.journal import JobTold
from mock_server.operations import Call
from mock_server.org import errors
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
        "createdDate": stamp(job.created),
        "systemModstamp": stamp(job.modified),
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


def choice(body: Mapping[str, Any], name: str, allowed: Iterable[str], default: str | None = None) -> str:
    """Return one of the values that a property may have. Raises API_ERROR, as recorded for an operation."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or value not in allowed:
        said = value if isinstance(value, str) else orjson.dumps(value).decode()
        raise errors.JOB_PROPERTY(value="" if value is None else said[:80], name=name)
    return value


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


def _form(job: Job) -> dict[str, Any]:
    return {"lineEnding": job.line_ending, "columnDelimiter": job.delimiter}


def tell(call: Call, job: Job, **more: Any) -> None:
    """Note in the journal what an answer tells of a job."""
    call.entry.job = JobTold(job.id, job.api, job.operation, job.sobject, **more)


def tell_state(call: Call, job: Job) -> None:
    tell(call, job, state=job.state, processed=job.processed, failed=job.failed)
