"""Lists of jobs: those of all users and of all Bulk APIs, 1,000 a page ("Get All Jobs")."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import Any
from urllib.parse import urlencode

from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.jobs import Job
from mock_server.protocols.bulk2.shapes import TYPES, choice, listed
from mock_server.protocols.rest.replies import data_url

PARAMETERS = ("isPkChunkingEnabled", "jobType", "concurrencyMode", "queryLocator")
PAGE = 1_000
_TYPES = (*TYPES.values(), "BigObjectIngest")


def page(call: Call, resource: str) -> dict[str, Any]:
    """Return a page of the jobs that a call's parameters choose. Raises API_ERROR, INVALID_QUERY_LOCATOR."""
    jobs = call.org.jobs
    jobs.expire()
    after = _after(call.query.get("queryLocator"))
    chosen = [job for job in jobs if job.id > after and _fits(call.query, job)]
    chosen.sort(key=lambda job: job.id)
    following = None
    if len(chosen) > PAGE:
        kept = {name: value for name, value in call.query.items() if name in PARAMETERS}
        kept["queryLocator"] = urlsafe_b64encode(chosen[PAGE - 1].id.encode()).decode()
        following = f"{data_url(call, *resource.split('/'))}?{urlencode(kept)}"
    return {"done": following is None, "records": list(map(listed, chosen[:PAGE])), "nextRecordsUrl": following}


def _after(locator: str | None) -> str:
    if locator is None:
        return ""
    try:
        return urlsafe_b64decode(locator.encode()).decode()
    except (Error, ValueError):
        raise errors.INVALID_QUERY_LOCATOR() from None


def _fits(query: dict[str, str], job: Job) -> bool:
    wanted: dict[str, Any] = {name: value for name, value in query.items() if value}
    chunked = choice(wanted, "isPkChunkingEnabled", ("true", "false"), "")
    kind = choice(wanted, "jobType", _TYPES, "")
    mode = choice({key: str(value).capitalize() for key, value in wanted.items()}, "concurrencyMode", _MODES, "")
    if chunked == "true" and not job.options.get("pk_chunking"):
        return False
    return kind in ("", TYPES[job.api]) and mode in ("", job.concurrency)


_MODES = ("Parallel", "Serial")
