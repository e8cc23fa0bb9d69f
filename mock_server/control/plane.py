"""The control plane: takes a request under /_mock/ to its handler. It has its own registry, and no gate."""

from __future__ import annotations

import logging
from traceback import format_exc
from typing import TYPE_CHECKING

# Imported for what they declare.
from mock_server.control import automation as _automation
from mock_server.control import changes as _changes
from mock_server.control import declarations as _declarations
from mock_server.control import events as _events
from mock_server.control import faults as _faults
from mock_server.control import jobs as _jobs
from mock_server.control import orgs as _orgs
from mock_server.control import outbound as _outbound
from mock_server.control import records as _records
from mock_server.control import state as _state
from mock_server.control.access import admit
from mock_server.control.call import ControlCall, Refused, render_error, render_refusal, routes
from mock_server.operations import Call, Reply
from mock_server.org.errors import ApiError
from mock_server.org.identity.redaction import hide_tokens
from mock_server.routing import Registry

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.world import World

__all__ = ["ControlPlane", "routes"]

log = logging.getLogger("sfmock")
_DECLARING = (_automation, _changes, _declarations, _events, _faults, _jobs, _orgs, _outbound, _records, _state)


class ControlPlane:
    def __init__(self, world: World, token: str | None = None) -> None:
        self._world = world
        self._token = token
        self.registry = Registry([routes])

    async def handle(self, call: Call, peer: str) -> Reply:
        """Answer one control call from a peer's address. Never raises."""
        refusal = admit(peer, call.headers, self._token)
        if refusal is not None:
            return render_refusal(Refused(403, refusal))
        try:
            return await self._run(call)
        except Refused as refused:
            return render_refusal(refused)
        except ApiError as error:
            return render_error(error)
        except Exception:
            log.error("%s %s failed\n%s", call.method, *map(hide_tokens, (call.raw_path, format_exc())))
            return render_refusal(Refused(500, "the control plane has a defect; the server's log says more"))

    async def _run(self, call: Call) -> Reply:
        if call.unread is not None:
            raise call.unread
        control = ControlCall(
            operation=call.operation,
            method=call.method,
            raw_path=call.raw_path,
            raw_query=call.raw_query,
            headers=call.headers,
            body=call.body,
            base_url=call.base_url,
            world=self._world,
        )
        try:
            route, control.args = self.registry.match(control)
        except ApiError as error:
            paths = sorted({route.operation.path for route in self.registry.routes})
            raise Refused(error.status, error.message, call.raw_path, paths, call.raw_path) from None
        control.operation = route.operation
        control.org = self._org(control)
        return await route.handler(control)

    def _org(self, call: ControlCall) -> Org:
        wanted = call.args.get("org") or call.query.get("org")
        if wanted is None:
            return self._world.default
        org = self._world.orgs.get(wanted)
        if org is None:
            raise Refused(404, f"there is no org {wanted}", "org", self._world.orgs, wanted)
        return org
