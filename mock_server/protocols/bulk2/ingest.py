"""Ingest jobs: create, upload, close, abort, read, list, delete, and their results."""

from __future__ import annotations

from typing import Any

from mock_server.jsontext import wrong_kind
from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.org.courtesy import give_way
from mock_server.org.jobs import Job, NewJob
from mock_server.protocols.bulk2.shapes import created, head, shown, tell, tell_state
from mock_server.protocols.rest.formats import finish
from mock_server.protocols.rest.replies import DATA, answer, check_version, empty, render, version_of

JOBS = f"{DATA}/jobs/ingest"
JOB = f"{JOBS}/{{id}}"
_OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
routes = Routes(render, guard=check_version, finish=finish)


def job_of(call: Call) -> Job:
    """Return the job that a path names. Raises INVALIDJOB."""
    job = call.org.jobs.find(call.session, call.args["id"])
    tell_state(call, job)
    return job


@routes(Operation("bulk2.ingest.create", "POST", JOBS, "write", "never", since=41.0, summary="Create an ingest job"))
async def create(call: Call) -> Reply:
    body = call.json_object()
    sobject = call.schema.get(str(body.get("object")))
    if sobject is None:
        raise errors.NO_SUCH_ENTITY(entity=body.get("object"))
    operation = body.get("operation")
    if operation not in _OPERATIONS:
        raise errors.INVALID_JOB(text=f"Unknown operation {operation}")
    new = NewJob(
        "ingest",
        operation,
        sobject.name,
        float(version_of(call.args["version"])),
        line_ending=body.get("lineEnding", "LF"),
        delimiter=body.get("columnDelimiter", "COMMA"),
        key_field=body.get("externalIdFieldName"),
        assignment_rule=body.get("assignmentRuleId"),
    )
    job = call.org.jobs.create(call.session, new, call.entry.number)
    tell_state(call, job)
    return answer(created(job))


@routes(
    Operation(
        "bulk2.ingest.upload", "PUT", f"{JOB}/batches", "write", "conditional", "many", since=41.0, upload=True,
        summary="Upload the rows of a job",
    )
)  # fmt: skip
async def upload(call: Call) -> Reply:
    job = job_of(call)
    for _ in call.org.jobs.uploading(job, call.content(), call.entry.number):
        await give_way()
    return Reply(201, b"", None)


def _what(call: Call) -> str:
    try:
        state = call.json_object().get("state")
    except errors.ApiError:
        state = None
    return "bulk2.ingest.abort" if state == "Aborted" else "bulk2.ingest.close"


changes = Routes(render, choose=_what, guard=check_version, finish=finish)


@changes(
    Operation(
        "bulk2.ingest.close",
        "PATCH",
        JOB,
        "write",
        "conditional",
        since=41.0,
        summary="Say that all rows are uploaded",
    ),
    Operation(
        "bulk2.ingest.abort",
        "PATCH",
        JOB,
        "write",
        "conditional",
        since=41.0,
        summary="Abort an ingest job",
    ),
)
async def change(call: Call) -> Reply:
    job = job_of(call)
    body: Any = call.json_object()
    if not isinstance(body, dict):
        raise wrong_kind(call.body, body)
    state = body.get("state")
    if state == "UploadComplete":
        call.org.jobs.complete(job, call.entry.number)
    elif state == "Aborted":
        call.org.jobs.abort(job, call.entry.number)
    else:
        raise errors.INVALID_JOB_STATE(text=f"Cannot change a job to {state}")
    tell_state(call, job)
    return answer(head(job))


@routes(Operation("bulk2.ingest.poll", "GET", JOB, "read", since=41.0, summary="Read an ingest job"))
async def poll(call: Call) -> Reply:
    return answer(shown(job_of(call)))


@routes(Operation("bulk2.ingest.delete", "DELETE", JOB, "write", "always", since=41.0, summary="Delete an ingest job"))
async def delete(call: Call) -> Reply:
    call.org.jobs.delete(job_of(call))
    return empty()


@routes(
    Operation(
        "bulk2.ingest.results.successful",
        "GET",
        f"{JOB}/successfulResults",
        "read",
        since=41.0,
        gives="text/csv",
        summary="Download the rows of a job that were saved",
    ),
    Operation(
        "bulk2.ingest.results.failed",
        "GET",
        f"{JOB}/failedResults",
        "read",
        since=41.0,
        gives="text/csv",
        summary="Download the rows of a job that failed",
    ),
    Operation(
        "bulk2.ingest.results.unprocessed",
        "GET",
        f"{JOB}/unprocessedrecords",
        "read",
        since=41.0,
        gives="text/csv",
        summary="Download the rows of a job that nothing was done with",
    ),
)
async def results(call: Call) -> Reply:
    job = job_of(call)
    kind = call.operation.name.rpartition(".")[2]
    tell(call, job, state=job.state, results=kind, rows=call.org.jobs.tables.rows(job.id, kind))
    return Reply(200, b"".join(call.org.jobs.results(job, kind)), "text/csv")
