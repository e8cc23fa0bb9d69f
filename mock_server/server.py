"""The composition root: what the server is made of, in one list."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from mock_server.config import Settings
from mock_server.control.plane import ControlPlane
from mock_server.documents import Problem, nearest
from mock_server.fronts.connections import Connections
from mock_server.fronts.http import Front
from mock_server.gate import Gate
from mock_server.making import OrgSpec, WrongHook
from mock_server.operations import Call, Reply
from mock_server.org.chance import stream
from mock_server.org.limits.bulk import BulkSettings
from mock_server.org.schema import SchemaError
from mock_server.outbound.operations import routes as outgoing
from mock_server.protocols import bulk1, bulk2, cometd, oauth, pubsub, rest, soap
from mock_server.routing import Registry
from mock_server.tuning import Tuning
from mock_server.world import World

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.outbound.carrier import Carriers

log = logging.getLogger("sfmock")
_KEEP_EVERY = 1.0
"""Seconds of the wall's time."""


def registry() -> Registry:
    """Return every operation the server has, protocol by protocol."""
    protocols = (rest, oauth, soap, bulk1, bulk2, cometd, pubsub)
    return Registry([*(routes for protocol in protocols for routes in protocol.ROUTES), outgoing])


class App:
    """One server: its orgs, its gate and its HTTP front. `factory` is the protocol factory for the listener."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.registry = registry()
        try:
            self.world = World(
                self.registry,
                _default_org(settings),
                latest=settings.latest,
                cors=settings.cors,
                callout_hosts=settings.callout_hosts,
            )
        except WrongHook as wrong:
            raise _misplaced(settings, wrong) from None
        except SchemaError as error:
            document = settings.document
            if error.path[:1] not in (("users",), ("apps",), ("security",)) or document is None:
                raise
            problem = Problem(error.path, error.message, error.allowed, error.nearest)
            raise document.error([problem]) from None
        if settings.records:
            self._plant(settings)
        self._gate = Gate(self.world, self.registry, rest.render, rest.finish)
        self.grpc = (self._gate.handle, self.registry.streams)
        """What a gRPC server serves."""
        self.control = ControlPlane(self.world, settings.control_token)
        self._front: Front | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._carriers: Carriers | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ca_file: Path | None = None
        """The mock's own authority, which what orgs send trusts, too."""

    def _plant(self, settings: Settings) -> None:
        """Fill the default org. Raises DocumentError with the place of what is refused."""
        from mock_server.control.client import ControlError
        from mock_server.control.records import seeding
        from mock_server.seeding.planting import plant

        try:
            self.world.plant(self.world.default, lambda org: plant(settings.records, seeding(org), seed=settings.seed))
        except ControlError as error:
            if settings.document is None:
                raise
            steps = tuple(error.path.split("."))
            raise settings.document.error([Problem(steps, error.message, error.allowed, error.nearest)]) from None

    @property
    def front(self) -> Front:
        """The HTTP front; there is one once the app has started."""
        assert self._front is not None
        return self._front

    @property
    def factory(self) -> Connections:
        """The protocol factory for the listener."""
        return self.front.server

    async def _handle(self, call: Call, peer: str) -> Reply:
        if call.raw_path.startswith("/_mock/") or call.raw_path == "/_mock":
            return await self.control.handle(call, peer)
        call.peer = peer
        return await self._gate.handle(call)

    def trust(self, public_key: str) -> None:
        """Let a key pair's holder log in by JWT, in every org of this server."""
        self.world.trusted_key = public_key
        for org in self.world.orgs.values():
            org.directory.trust(public_key)

    def _carry(self, org: Org) -> None:
        """See to it that what an org sends is carried. Late: most orgs send nothing."""
        if self._carriers is None:
            from mock_server.outbound.carrier import Carriers

            assert self._loop is not None
            self._carriers = Carriers(self.world, self.ca_file, self._loop)
        self._carriers.add(org)

    async def start(self) -> None:
        """Get ready to serve on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self.world.carry = self._carry
        for org in self.world.orgs.values():
            if org.sends:
                self._carry(org)
        self._front = Front(
            self._handle, self.registry.is_upload, stream(self.settings.seed, "request ids"), self.world.cuts_uploads
        )
        for org in self.world.orgs.values():
            org.resume_jobs()
        if self.settings.data:
            self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        """Write down, now and then, what is too fleeting to be written whenever it changes."""
        while True:
            await asyncio.sleep(_KEEP_EVERY)
            try:
                self.world.default.keep_uses()
            except sqlite3.Error as error:
                log.error("the uses of limits cannot be kept: %s", error)

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
        for org in self.world.orgs.values():
            # Who is told nothing for minutes would be waited for.
            org.hang_up()
        if self._front is not None:
            await self._front.server.shutdown(2.0)
        self._gate.close()
        if self._carriers is not None:
            await self._carriers.close()
        self.world.close()


def _default_org(settings: Settings) -> OrgSpec:
    """Return what the default org is made from. Raises DocumentError for a source of the schema that is wrong."""
    schema = None
    if settings.schema:
        # Late: a start without a schema need not read the readers.
        from mock_server import schema_sources

        schema = schema_sources.check(schema_sources.read(settings.schema))
    return OrgSpec(
        users=settings.users or None,
        apps=settings.apps or None,
        security=settings.security or None,
        schema=schema,
        seed=settings.seed,
        data=Path(settings.data) if settings.data else None,
        tuning=Tuning(
            settings.transaction_time,
            BulkSettings(settings.bulk_batch_size, settings.bulk_parallel, settings.bulk_page_size),
            settings.dynamic_channels,
            settings.most_changes,
        ),
        limits=settings.limits,
        automation=settings.automation,
        declared=settings.declared,
    )


def _misplaced(settings: Settings, wrong: WrongHook) -> Exception:
    """Say where in the settings file the hook stands that the org cannot have."""
    if settings.document is None:
        return wrong
    error = wrong.error
    near = nearest(error.like, error.allowed) if error.like else None
    return settings.document.error([Problem(wrong.path, str(error), error.allowed, near)])
