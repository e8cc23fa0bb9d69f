"""What calls of Bulk API 1.0 say: their version, their job, and the fields of a jobInfo in XML or JSON."""

from __future__ import annotations

import re
from typing import Any

import orjson

from mock_server.journal import JobTold
from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.jobs import Batch, Job
from mock_server.org.versions import OLDEST
from mock_server.protocols.bulk1.forms import JSON, kind_of

BASE = "/services/async/{version}"
JOBS = f"{BASE}/job"
JOB = f"{JOBS}/{{id}}"
SESSION = "X-SFDC-Session"
_VERSION = re.compile(r"(\d{2,3})\.0")
_MOST_ELEMENTS = 1_000


def guard(call: Call) -> None:
    """Refuse a version that is not served (it has no `v` here), and users without the API. Raises ApiError."""
    said = call.args["version"]
    number = _VERSION.fullmatch(said)
    if number is None or not OLDEST <= int(number[1]) <= call.org.latest:
        raise errors.INVALID_VERSION(version=said[:20])
    if not call.org.may(call.session, "ApiEnabled"):
        raise errors.API_CURRENTLY_DISABLED()


def job_of(call: Call) -> Job:
    """Return the job that a path names, noted in the journal. Raises InvalidJob, InvalidUser."""
    job = call.org.jobs.classic.find(call.session, call.args["id"])
    tell(call, job)
    return job


def batch_of(call: Call) -> tuple[Job, Batch]:
    """Return the job and batch that a path names. Raises InvalidJob, InvalidUser, InvalidBatch."""
    job = job_of(call)
    batch = call.org.jobs.classic.batch(job, call.args["batch"])
    tell_batch(call, job, batch)
    return job, batch


def tell(call: Call, job: Job, **more: Any) -> None:
    """Note in the journal which job an exchange is about, and what it is told."""
    call.entry.job = JobTold(job.id, "classic", job.operation, job.sobject, **more)


def tell_job(call: Call, job: Job) -> None:
    tell(call, job, state=job.state, processed=job.processed, failed=job.failed)


def tell_batch(call: Call, job: Job, batch: Batch, **more: Any) -> None:
    tell(call, job, batch=batch.id, state=batch.state, processed=batch.done, failed=batch.failed, **more)


def job_info(call: Call) -> dict[str, Any]:
    """Return the fields of a jobInfo; one that does not say that it is JSON is XML. Raises InvalidXml, InvalidJob."""
    if kind_of(call) == JSON:
        try:
            said = orjson.loads(call.body)
        except orjson.JSONDecodeError as wrong:
            raise errors.CLASSIC_JOB(text=f"Failed to parse JSON: {wrong}") from None
        if not isinstance(said, dict):
            raise errors.CLASSIC_JOB(text="Failed to parse JSON: an object is expected")
        return said
    # Late: a server without such clients needs none of it.
    from mock_server.org.schema.xml_tree import XmlError, parse

    try:
        root = parse(call.body, _MOST_ELEMENTS)
    except XmlError as wrong:
        text = "DTD is not supported" if "DTD" in wrong.message else wrong.message
        raise errors.INVALID_XML(text=f"Failed to parse XML in line {wrong.line}: {text}") from None
    if root.tag != "jobInfo":
        raise errors.INVALID_XML(text=f"Failed to parse XML: jobInfo is expected, not {root.tag[:80]}")
    return {child.tag: child.text for child in root.children if not child.nil}
