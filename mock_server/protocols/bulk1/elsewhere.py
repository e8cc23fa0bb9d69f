"""Every other path of Bulk API 1.0."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.protocols.bulk1.forms import finish, render
from mock_server.protocols.bulk1.requests import BASE, SESSION, guard

routes = Routes(render, guard=guard, finish=finish)


@routes(
    Operation(
        "bulk1.unknown", "GET", f"{BASE}/{{rest*}}", "read", token_header=SESSION, summary="Refuse every other path"
    ),
    Operation(
        "bulk1.unknown", "POST", f"{BASE}/{{rest*}}", "read", token_header=SESSION, summary="Refuse every other path"
    ),
)
async def unknown(call: Call) -> Reply:
    call.entry.unimplemented = True
    first, _, rest = call.args["rest"].partition("/")
    parts = rest.split("/")
    if first != "job":
        raise errors.INVALID_URL(expected="job", found=first[:80])
    raise errors.INVALID_URL(expected="batch", found=parts[1][:80] if len(parts) > 1 else "")
