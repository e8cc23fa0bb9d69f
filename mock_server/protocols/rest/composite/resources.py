"""`GET /composite`: what composite resources there are."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.protocols.rest.replies import DATA, answer, routes, version_of

_SINCE = {"tree": 34, "batch": 34, "sobjects": 42, "graph": 50}


@routes(
    Operation(
        "rest.composite.resources", "GET", f"{DATA}/composite", "read", since=38.0,
        summary="List the composite resources",
    )
)  # fmt: skip
async def resources(call: Call) -> Reply:
    version = call.args["version"]
    number = version_of(version)
    return answer(
        {name: f"/services/data/{version}/composite/{name}" for name, since in _SINCE.items() if since <= number}
    )
