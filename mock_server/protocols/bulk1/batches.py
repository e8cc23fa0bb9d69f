"""Batches: add, read, list, their content and their results."""

from __future__ import annotations

from email.message import Message

from mock_server.journal import Page
from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.ids import to_15
from mock_server.org.jobs import Job
from mock_server.org.jobs.classic import LARGEST
from mock_server.org.jobs.classic_rows import plain
from mock_server.org.jobs.contents import known_charset
from mock_server.org.jobs.model import QUERIES
from mock_server.org.jobs.untouched import changes_in
from mock_server.org.records.changes import Change
from mock_server.protocols.bulk1.forms import (
    CSV,
    JSON,
    XML,
    batch_reply,
    batches_reply,
    finish,
    kind_of,
    render,
    results_reply,
)
from mock_server.protocols.bulk1.records import result_list, result_reply
from mock_server.protocols.bulk1.requests import JOB, SESSION, batch_of, guard, job_of, tell_batch

BATCHES = f"{JOB}/batch"
BATCH = f"{BATCHES}/{{batch}}"
_KINDS = {CSV: "CSV", XML: "XML", "text/xml": "XML", JSON: "JSON", "zip/csv": "ZIP_CSV", "zip/xml": "ZIP_XML"} | {
    "zip/json": "ZIP_JSON"
}
_NOTED = 1000
"""Bytes of a query that the journal tells of."""
_MEDIA = {"CSV": CSV, "XML": XML, "JSON": JSON, "ZIP_CSV": "zip/csv", "ZIP_XML": "zip/xml", "ZIP_JSON": "zip/json"}


def peek(call: Call) -> list[Change]:
    """Return the rows that a refused batch carried, as far as they can be told."""
    told, jobs = call.entry.job, call.org.jobs
    if call.operation.name != "bulk1.batch.create" or (told is not None and told.batch is not None):
        # It was taken: its rows are noted as they are saved.
        return []
    job = jobs.known(call.args["id"])
    if job is None or job.api != "classic" or job.operation in QUERIES or len(call.body) > LARGEST:
        return []
    try:
        return changes_in(jobs, job, *plain(job, call.body), _charset(call, job))
    except ApiError:
        return []


routes = Routes(render, peek=peek, guard=guard, finish=finish)


@routes(
    Operation(
        "bulk1.batch.create", "POST", BATCHES, "write", "never", "many", token_header=SESSION,
        summary="Add a batch of records, or a query, to a job",
    )
)  # fmt: skip
async def create(call: Call) -> Reply:
    job = job_of(call)
    charset = _charset(call, job)
    content = call.content().read()
    if job.operation in QUERIES:
        call.entry.query = content[:_NOTED].decode("utf-8", "replace")
    batch = call.org.jobs.classic.add(call.session, job, content, call.entry.number, charset=charset)
    tell_batch(call, job, batch)
    reply = batch_reply(job, batch, 201)
    reply.headers["Location"] = f"/services/async/{job.version}/job/{job.id}/batch/{batch.id}"
    return reply


def _charset(call: Call, job: Job) -> str:
    """Return the charset of a batch, whose Content-Type fits that of its job. Raises UnsupportedContentType."""
    kind = _KINDS.get(kind_of(call))
    if kind is not None and kind != job.content_type and not job.operation.startswith("query"):
        raise errors.UNSUPPORTED_CONTENT(
            text=f"The content type of the batch, {kind}, is not that of the job, {job.content_type}"
        )
    message = Message()
    message["Content-Type"] = call.headers.get("Content-Type", "")
    charset = str(message.get_param("charset") or "utf-8")
    if not known_charset(charset):
        raise errors.UNSUPPORTED_CONTENT(text=f"Unsupported charset: {charset[:80]}")
    return charset


@routes(
    Operation("bulk1.batch.list", "GET", BATCHES, "read", token_header=SESSION, summary="List the batches of a job")
)
async def list_(call: Call) -> Reply:
    job = job_of(call)
    return batches_reply(job, call.org.jobs.batches_of(job))


@routes(Operation("bulk1.batch.poll", "GET", BATCH, "read", token_header=SESSION, summary="Read a batch"))
async def poll(call: Call) -> Reply:
    return batch_reply(*batch_of(call))


@routes(
    Operation(
        "bulk1.batch.request", "GET", f"{BATCH}/request", "read", token_header=SESSION,
        summary="Download the content of a batch",
    )
)  # fmt: skip
async def request(call: Call) -> Reply:
    job, batch = batch_of(call)
    return Reply(200, b"", _MEDIA[job.content_type], pieces=call.org.jobs.classic.request(batch))


@routes(
    Operation(
        "bulk1.batch.results", "GET", f"{BATCH}/result", "read", token_header=SESSION,
        summary="Download what came of a batch's rows, or the list of a query's results",
    )
)  # fmt: skip
async def results(call: Call) -> Reply:
    job, batch = batch_of(call)
    if job.operation in QUERIES:
        return result_list(job, call.org.jobs.classic.result_files(batch))
    found = call.org.jobs.classic.results(batch)
    tell_batch(call, job, batch, results="batch", rows=batch.done)
    return results_reply(job, found)


@routes(
    Operation(
        "bulk1.batch.download", "GET", f"{BATCH}/result/{{rid}}", "read", token_header=SESSION, query=("format",),
        summary="Download a result of a query",
    )
)  # fmt: skip
async def download(call: Call) -> Reply:
    job, batch = batch_of(call)
    file = call.org.jobs.classic.result_file(batch, call.args["rid"])
    tell_batch(call, job, batch, results="query", rows=file.rows)
    files = call.org.jobs.classic.queries.listed(batch)
    place = files.index(file.id)
    call.entry.page = Page(batch.done, file.rows, to_15(files[place + 1]) if place + 1 < len(files) else None)
    return result_reply(job, file)
