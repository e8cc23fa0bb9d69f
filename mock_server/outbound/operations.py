"""The operations that the org does itself: faults, the journal and the coverage table know them by these names."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError


def _render(error: ApiError) -> Reply:
    return Reply(error.status, error.message.encode(), "text/plain;charset=UTF-8")


routes = Routes(_render)


def _outgoing(name: str, method: str, path: str, summary: str) -> Operation:
    return Operation(
        name, method, path, "write", "never", counted=False, auth=False, summary=summary, outgoing=True
    )  # fmt: skip


MESSAGE = _outgoing(
    "outbound.message", "POST", "(the endpoint of the message)", "Send an outbound message to the user's endpoint"
)
CALLOUT = _outgoing(
    "outbound.callout", "POST", "(the URL of the callout)", "Call the user's service after a record changed"
)
TOKEN = _outgoing(
    "outbound.token", "POST", "(the token URL of the named credential)", "Fetch the access token that a callout needs"
)


@routes(MESSAGE, CALLOUT, TOKEN)
async def nobody_asks(call: Call) -> Reply:
    """No request comes here: the registry leads none to what is outgoing."""
    raise errors.NOT_FOUND()
