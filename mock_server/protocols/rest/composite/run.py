"""`POST /composite`: up to 25 requests whose later ones may use what the earlier ones answered."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change
from mock_server.protocols.rest.composite.reading import Reader, Subrequest
from mock_server.protocols.rest.composite.sequence import peek, reading, run_all, run_together
from mock_server.protocols.rest.replies import DATA, answer, error_item, peeked_routes, version_of

COMPOSITE = f"{DATA}/composite"
MOST = 25
MOST_QUERIES = 5
"""Queries and sObject collections that a call may hold."""


def _peek(call: Call) -> list[Change]:
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return []
    return peek(call, body.get("compositeRequest")) if isinstance(body, dict) else []


@peeked_routes(_peek)(
    Operation(
        "rest.composite.run", "POST", COMPOSITE, "write", "never", "many", since=38.0,
        summary="Run up to 25 requests that may use each other's answers",
    ),
    # Browser tools count and read the Tooling API's objects through it.
    Operation("rest.composite.run", "POST", f"{DATA}/tooling/composite", "write", "never", "many", since=40.0),
)  # fmt: skip
async def run(call: Call) -> Reply:
    reader = Reader(call)
    version = version_of(call.args["version"])
    reader.only(reader.root, ("allOrNone", "collateSubrequests", "compositeRequest"))
    all_or_none = reader.boolean(reader.root, "allOrNone", False)
    # Collation makes no promise of an order, and leaves each answer as it is: their own order is one of those allowed.
    reader.boolean(reader.root, "collateSubrequests", True)
    subrequests = reader.subrequests(reader.root, version)
    refused = _beyond(subrequests)
    if refused is not None:
        call.entry.codes, call.entry.message = (refused.code,), refused.message
        return answer(
            {
                "compositeResponse": [
                    {"body": [error_item(refused)], "httpHeaders": {}, "httpStatusCode": 400, "referenceId": None}
                ]
            }
        )
    if all_or_none:
        answers = await run_together(call, subrequests, version, reading)
    else:
        answers = await run_all(call, subrequests, version, reading, halt=False)
    return answer({"compositeResponse": [one.item() for one in answers]})


def _beyond(subrequests: Sequence[Subrequest]) -> ApiError | None:
    """Return the error of a call that holds too much; it is recorded as the answer of a subrequest without a name."""
    if len(subrequests) > MOST:
        return errors.TOO_MANY_OPERATIONS(most=MOST, what="operations")
    if sum(_queries(one) for one in subrequests) > MOST_QUERIES:
        return errors.TOO_MANY_OPERATIONS(most=MOST_QUERIES, what="query or sObject collections operations")
    return None


def _queries(one: Subrequest) -> bool:
    parts = [part for part in one.url.partition("?")[0].lower().split("/") if part][3:]
    return parts[:1] in (["query"], ["queryall"]) or parts[:2] == ["composite", "sobjects"]
