"""Apex REST: what the org's owner answers under `/services/apexrest`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import orjson

from mock_server.operations import JSON, Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.org.apex.access import admits
from mock_server.org.apex.endpoints import METHODS, Endpoint, Request, Response
from mock_server.org.automation.execution import ApexError, Ended, traced
from mock_server.org.automation.inner import InnerOrg
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import LockHeld
from mock_server.protocols.rest.replies import render

log = logging.getLogger("sfmock")

ROOT = "/services/apexrest"
BELOW = f"{ROOT}/{{rest*}}"
_KEPT = frozenset({"content-length", "transfer-encoding", "connection", "date", "content-encoding"})
"""Headers that are the server's to set."""


def _check(call: Call) -> None:
    if not call.org.may(call.session, "ApiEnabled"):
        raise errors.API_CURRENTLY_DISABLED()


routes = Routes(render, guard=_check)


def _operations(method: str, **about: Any) -> tuple[Operation, Operation]:
    name = f"rest.apex.{method.lower()}"
    return Operation(name, method, BELOW, **about), Operation(name, method, ROOT, **about)


@routes(
    *_operations("GET", kind="read", summary="Call an Apex REST endpoint"),
    *_operations("POST", kind="write", replay="never", rows="many", summary="Call an Apex REST endpoint"),
    *_operations("PUT", kind="write", replay="conditional", rows="many", summary="Call an Apex REST endpoint"),
    *_operations("PATCH", kind="write", replay="conditional", rows="many", summary="Call an Apex REST endpoint"),
    *_operations("DELETE", kind="write", replay="conditional", rows="many", summary="Call an Apex REST endpoint"),
)
async def serve(call: Call) -> Reply:
    # A GET endpoint is called for HEAD too, as on the platform.
    method = "GET" if call.method == "HEAD" else call.method
    raw = call.args.get("rest", "")
    endpoint, values = call.org.endpoints.find(method, raw)
    if endpoint.restricted and not admits(call.org, call.session, endpoint):
        raise errors.NO_APEX_ACCESS(name=endpoint.name)

    def code(org: InnerOrg) -> Reply:
        request = Request(
            method=call.method,
            uri=f"/{raw}",
            path=values,
            query=call.query,
            headers=call.headers,
            content=call.body,
            org=org,
            user_id=call.session.user_id,
            username=call.session.username,
            decode=call.json,
        )
        # Made within the transaction: an answer that cannot be written is the code's failure.
        return _reply(endpoint.work(request))

    stack = f"Class.{endpoint.name}.do{method.capitalize()}"
    try:
        return await call.run(code, stack, system=endpoint.system)
    except (ApiError, LockHeld, KeyboardInterrupt, asyncio.CancelledError):
        raise
    except BaseException as raised:  # whatever the code raises, an exit too, ends the call and not the server
        raise _uncaught(endpoint, stack, raised) from None


def _uncaught(endpoint: Endpoint, stack: str, raised: BaseException) -> ApiError:
    if not isinstance(raised, ApexError | Ended):
        log.warning("the endpoint %s %s failed", endpoint.name, endpoint.path, exc_info=raised)
    return errors.APEX_ERROR(text=traced(raised, endpoint.work, stack))


def _reply(value: object) -> Reply:
    """Return the answer for what the code returned. Raises TypeError for what JSON has no form for."""
    response = value if isinstance(value, Response) else Response(value)
    status = response.status
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise TypeError(f"a status is a number from 200 to 599, not {status!r:.60}")
    headers = _headers(response.headers)
    kind = next((headers.pop(name) for name in list(headers) if name.lower() == "content-type"), None)
    if response.body is None:
        return Reply(status, b"", kind, headers)
    if isinstance(response.body, bytes):
        return Reply(status, response.body, kind or "application/octet-stream", headers)
    if isinstance(response.body, str) and kind is not None and "json" not in kind.lower():
        return Reply(status, response.body.encode(), kind, headers)
    return Reply(status, orjson.dumps(response.body), kind or JSON, headers)


def _headers(given: Mapping[str, Any]) -> dict[str, str]:
    out = {}
    for name, value in given.items():
        if not isinstance(name, str) or not name or not set(name) <= _TOKEN:
            raise TypeError(f"{name!r:.60} is no name of a header")
        if name.lower() not in _KEPT:
            out[name] = str(value)
    return out


_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

__all__ = ["METHODS", "routes", "serve"]
