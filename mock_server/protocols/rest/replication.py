"""What changed and what went: `/sobjects/X/updated` and `/sobjects/X/deleted`."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.records import replication
from mock_server.protocols.rest.describe import sobject_of
from mock_server.protocols.rest.records import ROWS
from mock_server.protocols.rest.replies import answer, routes


@routes(
    Operation(
        "rest.sobject.updated",
        "GET",
        f"{ROWS}/updated",
        "read",
        summary="List what changed within a span of time",
        query=("start", "end"),
    )
)
async def updated(call: Call) -> Reply:
    found = replication.updated(call.org, call.session, sobject_of(call), _moment(call, "start"), _moment(call, "end"))
    return answer({"ids": found.ids, "latestDateCovered": found.latest})


@routes(
    Operation(
        "rest.sobject.deleted",
        "GET",
        f"{ROWS}/deleted",
        "read",
        summary="List what was deleted within a span of time",
        query=("start", "end"),
    )
)
async def deleted(call: Call) -> Reply:
    found = replication.deleted(call.org, call.session, sobject_of(call), _moment(call, "start"), _moment(call, "end"))
    return answer(
        {
            "deletedRecords": [{"deletedDate": at, "id": identifier} for identifier, at in found.records],
            "earliestDateAvailable": found.earliest,
            "latestDateCovered": found.latest,
        }
    )


def _moment(call: Call, name: str) -> float:
    text = call.query.get(name)
    if not text:
        raise errors.MISSING_PARAMETER(name=name)
    moment = replication.read_moment(text)
    if moment is None:
        raise errors.INVALID_REPLICATION_DATE(text=f"{name} is not a valid dateTime: {text[:80]}")
    return moment
