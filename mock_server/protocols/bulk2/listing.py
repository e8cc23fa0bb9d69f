"""Lists of jobs: up to a thousand at a time, by type, concurrency and PK chunking (documented)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.jobs import Job
from mock_server.org.jobs.model import Api
from mock_server.protocols.bulk2.shapes import listed

MOST = 1000
PARAMETERS = ("isPkChunkingEnabled", "jobType", "concurrencyMode", "queryLocator")
_APIS: dict[str, tuple[Api, ...]] = {
    "v2query": ("query",), "v2ingest": ("ingest",), "classic": ("classic",), "bigobjectingest": (),
}  # fmt: skip


def listing(call: Call, apis: tuple[Api, ...], path: str) -> dict[str, Any]:
    """Return the jobs of an org that a call asks for; of some APIs alone unless it says which. `path` leads here."""
    asked = call.query
    kind = asked.get("jobType")
    if kind is not None:
        if kind.lower() not in _APIS:
            # The text is from recall.
            raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=f"Invalid value for the query parameter jobType: {kind}")
        apis = _APIS[kind.lower()]
    chunked = asked.get("isPkChunkingEnabled", "").lower() == "true"
    mode = asked.get("concurrencyMode", "").lower()
    # In the order of their creation: what is made meanwhile comes on a later page.
    jobs = [
        job
        for job in sorted(call.org.jobs, key=lambda one: one.id)
        if job.api in apis
        and (not chunked or (job.api == "classic" and "chunking" in job.options))
        and mode in ("", job.concurrency.lower())
    ]
    start = _place(jobs, asked["queryLocator"]) if "queryLocator" in asked else 0
    end = start + MOST
    following = None
    if end < len(jobs):
        following = f"{path}?queryLocator={to_18('01g' + jobs[end - 1].id[3:15])}-{end}"
        following += "".join(f"&{name}={asked[name]}" for name in PARAMETERS[:3] if name in asked)
    return {
        "done": end >= len(jobs),
        "records": [listed(job) for job in jobs[start:end]],
        "nextRecordsUrl": following,
    }


def _place(jobs: Iterable[Job], locator: str) -> int:
    """Return how many jobs are not behind the last one of the page before."""
    name, _, place = locator.partition("-")
    if to_18(name) != name or not name.startswith("01g") or not place.isdecimal():
        raise errors.INVALID_QUERY_LOCATOR()
    return sum(job.id[3:15] <= name[3:15] for job in jobs)
