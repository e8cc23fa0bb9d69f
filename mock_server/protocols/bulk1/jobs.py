"""Jobs: create, read, close, abort."""

from __future__ import annotations

import re
from typing import Any, Literal, TypeVar

from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.jobs import NewJob
from mock_server.org.jobs.model import QUERIES
from mock_server.protocols.bulk1.forms import finish, job_reply, render
from mock_server.protocols.bulk1.requests import JOB, JOBS, SESSION, guard, job_info, job_of, tell_job

_OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete", "query", "queryAll")
_CONTENT = ("CSV", "XML", "JSON", "ZIP_CSV", "ZIP_XML", "ZIP_JSON")
_MODES: tuple[Literal["Parallel", "Serial"], ...] = ("Parallel", "Serial")
"""In the order of the enumeration: clients send its number, too (simple-salesforce)."""
_READ_ONLY = {"id", "createdById", "createdDate", "systemModstamp", "apexProcessingTime", "apiActiveProcessingTime"} | {
    "numberBatchesQueued", "numberBatchesInProgress", "numberBatchesCompleted", "numberBatchesFailed", "apiVersion",
    "numberBatchesTotal", "numberRecordsProcessed", "numberRecordsFailed", "numberRetries", "totalProcessingTime",
}  # fmt: skip
_QUERY_ALL_SINCE = 39.0
_JSON_SINCE = 36.0
_DEFAULT_CHUNK, _MOST_CHUNK = 100_000, 250_000

T = TypeVar("T", bound=str)

routes = Routes(render, guard=guard, finish=finish)


@routes(Operation("bulk1.job.create", "POST", JOBS, "write", "never", token_header=SESSION, summary="Create a job"))
async def create(call: Call) -> Reply:
    said = job_info(call)
    _check_keys(said)
    operation = _one_of(said, "operation", _OPERATIONS)
    content = _one_of(said, "contentType", _CONTENT, "XML")
    version = float(call.args["version"])
    if operation == "queryAll" and version < _QUERY_ALL_SINCE:
        raise errors.CLASSIC_JOB(text=f"Operation queryAll is available since API version {_QUERY_ALL_SINCE}")
    if content.endswith("JSON") and version < _JSON_SINCE:
        raise errors.CLASSIC_JOB(text=f"Content type {content} is available since API version {_JSON_SINCE}")
    if operation in QUERIES and content.startswith("ZIP"):
        raise errors.CLASSIC_JOB(text=f"Content type {content} is not supported for {operation}")
    mode = said.get("concurrencyMode") or 0
    new = NewJob(
        "classic",
        operation,
        str(said.get("object") or ""),
        version,
        content,
        key_field=_text(said, "externalIdFieldName"),
        concurrency=_MODES[mode]
        if isinstance(mode, int) and mode in (0, 1)
        else _one_of(said, "concurrencyMode", _MODES),
        assignment_rule=_text(said, "assignmentRuleId"),
        options=_options(call),
    )
    job = call.org.jobs.create(call.session, call.org.jobs.checked(call.session, new), call.entry.number)
    tell_job(call, job)
    return job_reply(call, job, 201)


def _check_keys(said: dict[str, Any]) -> None:
    for name, value in said.items():
        if name in _READ_ONLY and value is not None:
            raise errors.CLASSIC_JOB(text=f"{name[:1].upper()}{name[1:]} cannot be specified")
    if said.get("state") not in (None, "Open"):
        raise errors.CLASSIC_JOB_STATE(text="A job must be created in state Open")


def _one_of(said: dict[str, Any], name: str, allowed: tuple[T, ...], default: T | None = None) -> T:
    value = said.get(name) or default
    if value is None:
        raise errors.CLASSIC_JOB(text=f"{name[:1].upper()}{name[1:]} must be specified")
    for one in allowed:
        if value == one:
            return one
    raise errors.CLASSIC_JOB(text=f"'{str(value)[:80]}' is not a valid value for {name}")


def _text(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.CLASSIC_JOB(text=f"'{str(value)[:80]}' is not a valid value for {name}")
    return value or None


def _options(call: Call) -> dict[str, Any]:
    """Return what the headers of a job say."""
    out: dict[str, Any] = {}
    chunking = call.headers.get("Sforce-Enable-PKChunking")
    if chunking is not None and chunking.strip().lower() != "false":
        out["chunking"] = _chunking(chunking)
    if call.headers.get("Sforce-Disable-Batch-Retry", "").strip().lower() == "true":
        out["no_retry"] = True
    ending = call.headers.get("Sforce-Line-Ending")
    if ending is not None and ending.strip().upper() not in ("LF", "CRLF"):
        # Documented: from version 48 on every job is taken as one that says LF; here those before it, too.
        raise _bad_header("Sforce-Line-Ending", ending)
    return out


def _chunking(header: str) -> dict[str, Any]:
    """Read `true`, or `chunkSize=100000; parent=Account; startRow=001...`, as documented."""
    out: dict[str, Any] = {"size": _DEFAULT_CHUNK}
    for part in filter(None, map(str.strip, header.split(";"))):
        name, mark, value = (piece.strip() for piece in part.partition("="))
        if not mark and name.lower() == "true":
            continue
        if name.lower() == "chunksize" and value.isascii() and value.isdigit() and 0 < int(value) <= _MOST_CHUNK:
            out["size"] = int(value)
        elif name.lower() == "parent" and re.fullmatch(r"\w{1,80}", value):
            out["parent"] = value
        elif name.lower() == "startrow" and re.fullmatch(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?", value):
            out["start"] = value
        else:
            raise _bad_header("Sforce-Enable-PKChunking", header)
    return out


def _bad_header(name: str, value: str) -> ApiError:
    return errors.CLIENT_INPUT_ERROR(text=f"Invalid value for header {name}: {value[:200]}")


@routes(Operation("bulk1.job.poll", "GET", JOB, "read", token_header=SESSION, summary="Read a job"))
async def poll(call: Call) -> Reply:
    job = job_of(call)
    tell_job(call, job)
    return job_reply(call, job)


def _what(call: Call) -> str:
    try:
        state = job_info(call).get("state")
    except ApiError:
        state = None
    return "bulk1.job.abort" if state == "Aborted" else "bulk1.job.close"


changes = Routes(render, choose=_what, guard=guard, finish=finish)


@changes(
    Operation("bulk1.job.close", "POST", JOB, "write", "conditional", token_header=SESSION, summary="Close a job"),
    Operation("bulk1.job.abort", "POST", JOB, "write", "conditional", token_header=SESSION, summary="Abort a job"),
)
async def change(call: Call) -> Reply:
    said = job_info(call)
    state = said.get("state")
    job = job_of(call)
    if state == "Closed":
        call.org.jobs.classic.close(call.session, job, call.entry.number)
    elif state == "Aborted":
        call.org.jobs.classic.abort(job, call.entry.number)
    else:
        raise errors.CLASSIC_JOB_STATE(text=f"A job cannot be brought into state {str(state)[:80]}")
    tell_job(call, job)
    return job_reply(call, job)
