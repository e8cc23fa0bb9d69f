"""Ingest jobs: create, upload, close, abort, read, list, delete, and their results."""

from __future__ import annotations

import codecs
from dataclasses import replace

from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.org.courtesy import give_way
from mock_server.org.jobs import Job
from mock_server.protocols.bulk2.bodies import choice
from mock_server.protocols.bulk2.creation import NewIngest, read_new
from mock_server.protocols.bulk2.listing import PARAMETERS, listing
from mock_server.protocols.bulk2.shapes import created, head, shown, tell, tell_state
from mock_server.protocols.rest.formats import finish
from mock_server.protocols.rest.replies import DATA, answer, check_version, data_url, empty, render, version_of

JOBS = f"{DATA}/jobs/ingest"
JOB = f"{JOBS}/{{id}}"
_STATES = ("Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted")
_CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-16", "utf-16-le", "utf-16-be"})
routes = Routes(render, guard=check_version, finish=finish)


def job_of(call: Call) -> Job:
    """Return the job that a path names. Raises NOT_FOUND, INVALIDUSER for somebody else's."""
    job = call.org.jobs.find(call.session, call.args["id"])
    if job.api == "query" or (job.api == "classic" and call.operation.name != "bulk2.ingest.poll"):
        raise errors.NO_SUCH_JOB()
    tell_state(call, job)
    if not call.org.jobs.owned(call.session, job):
        raise errors.ANOTHER_USERS_BULK_JOB()
    return job


@routes(Operation("bulk2.ingest.create", "POST", JOBS, "write", "never", since=41.0, summary="Create an ingest job"))
async def create(call: Call) -> Reply:
    asked: NewIngest = read_new(call, float(version_of(call.args["version"])))
    jobs = call.org.jobs
    job = jobs.create(call.session, jobs.checked(call.session, asked.job), call.entry.number)
    if asked.content is not None:
        jobs.uploads.take(job, asked.content, call.entry.number)
        jobs.complete(job, call.entry.number)
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
    for _ in call.org.jobs.uploads.steps(job, call.content(), call.entry.number, _charset(call)):
        await give_way()
    return Reply(201, b"", None)


def _charset(call: Call) -> str:
    """Return the charset of a CSV content, UTF-8 where none is named. Raises UNSUPPORTED_MEDIA_TYPE.

    What says nothing of its type is taken for what its job says it is.
    """
    given = call.headers.get("Content-Type") or "text/csv"
    kind, *parameters = (part.strip() for part in given.split(";"))
    if kind.lower() != "text/csv":
        raise errors.UNSUPPORTED_MEDIA_TYPE(type=kind)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            try:
                charset = codecs.lookup(value.strip().strip('"')).name
            except (LookupError, ValueError):
                charset = ""
            if charset not in _CHARSETS:
                raise errors.UNSUPPORTED_MEDIA_TYPE(type=given[:200])
            return charset
    return "utf-8"


def _what(call: Call) -> str:
    try:
        state = call.json_object().get("state")
    except errors.ApiError:
        state = None
    return "bulk2.ingest.abort" if state == "Aborted" else "bulk2.ingest.close"


changes = Routes(render, choose=_what, guard=check_version, finish=finish)


def _change(name: str, summary: str) -> Operation:
    return Operation(name, "PATCH", JOB, "write", "conditional", since=41.0, summary=summary)


@changes(
    _change("bulk2.ingest.close", "Say that all rows are uploaded"),
    _change("bulk2.ingest.abort", "Abort an ingest job"),
)
async def change(call: Call) -> Reply:
    job = job_of(call)
    state = choice(call.body, call.json_object(), "state", _STATES)
    if state == "UploadComplete":
        call.org.jobs.complete(job, call.entry.number)
    elif state == "Aborted":
        call.org.jobs.abort(job, call.entry.number)
    else:
        raise errors.INVALID_JOB_STATE(text=f"Changing a Job to state {state} not allowed")
    tell_state(call, job)
    return answer(head(job))


@routes(Operation("bulk2.ingest.poll", "GET", JOB, "read", since=41.0, summary="Read an ingest job"))
async def poll(call: Call) -> Reply:
    return answer(shown(job_of(call)))


@routes(
    Operation(
        "bulk2.ingest.list", "GET", JOBS, "read", since=41.0, summary="List the jobs of the Bulk APIs",
        query=PARAMETERS,
    )
)  # fmt: skip
async def list_jobs(call: Call) -> Reply:
    call.org.jobs.expire()
    return answer(listing(call, ("ingest", "query", "classic"), data_url(call, "jobs", "ingest")))


@routes(Operation("bulk2.ingest.delete", "DELETE", JOB, "write", "always", since=41.0, summary="Delete an ingest job"))
async def delete(call: Call) -> Reply:
    call.org.jobs.delete(job_of(call))
    return empty()


def _results(kind: str, segment: str, summary: str) -> Operation:
    path = f"{JOB}/{segment}"
    return Operation(f"bulk2.ingest.results.{kind}", "GET", path, "read", since=41.0, summary=summary, gives="text/csv")


@routes(
    _results("successful", "successfulResults", "Download the rows of a job that were saved"),
    _results("failed", "failedResults", "Download the rows of a job that failed"),
    _results("unprocessed", "unprocessedrecords", "Download the rows of a job that nothing was done with"),
)
async def results(call: Call) -> Reply:
    job = job_of(call)
    kind = call.operation.name.rpartition(".")[2]
    jobs, entry = call.org.jobs, call.entry
    waits = kind == "unprocessed" and job.state in ("Failed", "Aborted")
    tell(call, job, state=job.state, results=kind, rows=None if waits else jobs.tables.rows(job.id, kind))

    def told(rows: int) -> None:
        if entry.job is not None:
            entry.job = replace(entry.job, rows=(entry.job.rows or 0) + rows)

    return Reply(200, b"", "text/csv", pieces=jobs.results(job, kind, told))
