"""Query jobs: create, read, list, abort, delete, and their results page by page."""

from __future__ import annotations

from collections.abc import Collection

from mock_server.journal import Page as PageNote
from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.org.jobs import Job, NewJob
from mock_server.org.jobs.reading import DELIMITERS, LINE_ENDINGS
from mock_server.protocols.bulk2.bodies import words, wrong_type
from mock_server.protocols.bulk2.listing import PARAMETERS, listing
from mock_server.protocols.bulk2.shapes import head, query_created, query_shown, tell, tell_state
from mock_server.protocols.rest.formats import finish
from mock_server.protocols.rest.replies import DATA, answer, check_version, data_url, empty, render, version_of

JOBS = f"{DATA}/jobs/query"
JOB = f"{JOBS}/{{id}}"
SINCE = 47.0
PAGES_SINCE = 58.0
_KEYS: dict[str, Collection[str] | None] = {
    "operation": ("query", "queryAll"), "query": None, "object": None, "contentType": ("CSV",),
    "columnDelimiter": DELIMITERS, "lineEnding": LINE_ENDINGS,
}  # fmt: skip
routes = Routes(render, guard=check_version, finish=finish)


def job_of(call: Call) -> Job:
    """Return the query job that a path names. Raises NOT_FOUND (documented), INVALIDUSER for another user's."""
    try:
        job = call.org.jobs.find(call.session, call.args["id"])
    except errors.ApiError:
        raise errors.NOT_FOUND() from None
    if job.api != "query":
        raise errors.NOT_FOUND()
    tell_state(call, job)
    if not call.org.jobs.owned(call.session, job):
        raise errors.ANOTHER_USERS_BULK_JOB()
    return job


# simple-salesforce asks for CSV already here, and is told in JSON.
@routes(
    Operation(
        "bulk2.query.create", "POST", JOBS, "write", "never", since=SINCE, gives="application/json",
        summary="Create a query job",
    )
)  # fmt: skip
async def create(call: Call) -> Reply:
    said = words(call.body, call.json_object(), _KEYS)
    operation, soql = said.get("operation"), said.get("query")
    if operation is None:
        raise errors.INVALID_JOB(text="The operation of the job must be specified")
    if not soql:
        raise errors.MALFORMED_QUERY(text="SOQL statements cannot be empty or null")
    version = version_of(call.args["version"])
    call.entry.query = soql[:1000]
    plan = call.org.jobs.querying.plan(
        call.session, soql, api="query", all_rows=operation == "queryAll", version=version
    )
    new = NewJob(
        "query", operation, plan.sobject.name, float(version), query=soql,
        line_ending=said.get("lineEnding", "LF"), delimiter=said.get("columnDelimiter", "COMMA"),
    )  # fmt: skip
    job = call.org.jobs.ask(call.session, new, call.entry.number)
    tell_state(call, job)
    return answer(query_created(job))


@routes(Operation("bulk2.query.list", "GET", JOBS, "read", since=SINCE, query=PARAMETERS, summary="List query jobs"))
async def list_jobs(call: Call) -> Reply:
    call.org.jobs.expire()
    return answer(listing(call, ("query", "classic"), data_url(call, "jobs", "query")))


@routes(Operation("bulk2.query.poll", "GET", JOB, "read", since=SINCE, summary="Read a query job"))
async def poll(call: Call) -> Reply:
    job = job_of(call)
    sobject = call.org.schema.get(job.sobject)
    return answer(query_shown(job, chunkable=call.org.jobs.querying.chunkable(sobject)))


@routes(Operation("bulk2.query.abort", "PATCH", JOB, "write", "conditional", since=SINCE, summary="Abort a query job"))
async def abort(call: Call) -> Reply:
    job = job_of(call)
    state = call.json_object().get("state")
    if state != "Aborted":
        if not isinstance(state, str):
            raise wrong_type(call.body, "state")
        # The text is from recall.
        raise errors.INVALID_JOB_STATE(text=f"Updating a query job to {state} not allowed")
    call.org.jobs.abort(job, call.entry.number)
    tell_state(call, job)
    return answer(head(job))


@routes(Operation("bulk2.query.delete", "DELETE", JOB, "write", "always", since=SINCE, summary="Delete a query job"))
async def delete(call: Call) -> Reply:
    call.org.jobs.delete(job_of(call))
    return empty()


@routes(
    Operation(
        "bulk2.query.results", "GET", f"{JOB}/results", "read", rows="many", since=SINCE, gives="text/csv",
        query=("locator", "maxRecords"), summary="Download a page of the result of a query job",
    )
)  # fmt: skip
async def results(call: Call) -> Reply:
    job = _of_this_version(call)
    most = _most(call)
    if job.state != "JobComplete":
        # Documented: "If the request fails, the status code is 204 (No Content)".
        return empty()
    page = call.org.jobs.page(job, call.query.get("locator") or None, most)
    tell(call, job, state=job.state, processed=job.processed, failed=job.failed, results="query", rows=page.rows)
    call.entry.page = PageNote(page.total, page.rows, page.following)
    headers = {"Sforce-NumberOfRecords": str(page.rows), "Sforce-Locator": page.following or "null"}
    return Reply(200, b"", "text/csv", headers, pieces=page.pieces)


@routes(
    Operation(
        "bulk2.query.pages", "GET", f"{JOB}/resultPages", "read", since=PAGES_SINCE, query=("locator",),
        summary="List pages of the result of a query job, to be downloaded in parallel",
    )
)  # fmt: skip
async def pages(call: Call) -> Reply:
    job = _of_this_version(call)
    if job.state != "JobComplete":
        return empty()
    found, following = call.org.jobs.pages(job, call.query.get("locator") or None)
    path = data_url(call, "jobs", "query", job.id)
    return answer(
        {
            "resultPages": [{"resultUrl": f"{path}/results?locator={locator}"} for locator in found],
            "nextRecordsUrl": f"{path}/resultPages?locator={following}" if following else None,
            "done": following is None,
        }
    )


def _of_this_version(call: Call) -> Job:
    """Return the job of a path, whose version must be the one that it was created with (documented: 409)."""
    job = job_of(call)
    if job.version != version_of(call.args["version"]):
        raise errors.ANOTHER_VERSION(version=job.version)
    return job


def _most(call: Call) -> int | None:
    """Return how many rows a page may have, None where the client does not say.

    Raises ILLEGAL_QUERY_PARAMETER_VALUE, whose text is from recall.
    """
    said = call.query.get("maxRecords")
    if not said:
        return None
    if not (said.isascii() and said.isdecimal()) or int(said[:20]) < 1:
        raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=f"Invalid value for the query parameter maxRecords: {said}")
    return int(said[:20])
