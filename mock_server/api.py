"""The public start-up face: run a server in this process, on its own event loop and thread.

with mock_server.api.start(port=0) as server:
    server.control.add_fault({"on": "rest.*", "status": 503})
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import wait
from dataclasses import replace
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from mock_server.config import Settings
from mock_server.control.client import ControlClient

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from mock_server.fronts.certificates import Certificates
    from mock_server.fronts.direct import Exchange
    from mock_server.fronts.listener import Listener
    from mock_server.fronts.pubsub import PubSubFront
    from mock_server.org.apex.actions import Action
    from mock_server.org.apex.endpoints import Endpoint
    from mock_server.org.automation import Trigger
    from mock_server.org.clock import Clock
    from mock_server.routing import Registry
    from mock_server.server import App
    from mock_server.turns import Turns
    from mock_server.world import World

T = TypeVar("T")


def operations() -> Registry:
    """Return the operation registry, for tools that check rules without a server."""
    from mock_server.server import registry

    return registry()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's event loop where it is installed, else asyncio's."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class Running:
    """A server on the running event loop."""

    def __init__(
        self, app: App, listener: Listener, certificates: Certificates, pubsub: Listener, front: PubSubFront
    ) -> None:
        self.app = app
        self.listener = listener
        self.certificates = certificates
        self.pubsub_listener = pubsub
        self._pubsub_front = front

    @classmethod
    async def open(cls, settings: Settings) -> Running:
        """Bind the ports and begin to answer. Raises OSError when one is taken; its `filename` names that one."""
        from pathlib import Path

        from mock_server.fronts import certificates
        from mock_server.fronts.listener import Listener
        from mock_server.fronts.pubsub import PubSubFront
        from mock_server.server import App

        kept = certificates.keep(Path(settings.state_dir) if settings.state_dir else None)
        app = App(settings)
        app.trust(kept.jwt_public_key)
        app.world.signing.source = kept.signing_key
        app.ca_file = kept.ca_file
        await app.start()
        front = PubSubFront(app.grpc, kept.context("h2"))
        pubsub: Listener | None = None
        try:
            pubsub = _pubsub_listener(settings, front)
            listener = Listener(
                settings.host,
                settings.port,
                app.factory,
                kept.context(),
                tunnel=settings.tunnel,
                behind=partial(front.takes, pubsub.port),
            )
        except BaseException:
            if pubsub is not None:
                await pubsub.close()
            await app.close()
            raise
        app.world.pubsub_port = pubsub.port
        listener.start()
        pubsub.start()
        running = cls(app, listener, kept, pubsub, front)
        app.world.settle_at(running.address())
        return running

    async def close(self) -> None:
        await self.listener.close()
        await self.pubsub_listener.close()
        await self._pubsub_front.close()
        await self.app.close()

    @property
    def pubsub(self) -> str:
        """Where the Pub/Sub API is served, plain and through TLS: host:port."""
        return f"{self._host}:{self.pubsub_listener.port}"

    def address(self, scheme: str = "http") -> str:
        """Return the server's URL; a server on all interfaces is reached through the loopback one."""
        return f"{scheme}://{self._host}:{self.listener.port}"

    @property
    def _host(self) -> str:
        host = self.app.settings.host
        if host in ("0.0.0.0", "::", ""):  # noqa: S104
            host = "127.0.0.1"
        return f"[{host}]" if ":" in host else host


def _pubsub_listener(settings: Settings, front: PubSubFront) -> Listener:
    """Bind the port of the Pub/Sub API. Its usual one, where nobody asked for it and it is taken, gives way."""
    from mock_server.fronts.listener import Listener

    def bind(port: int) -> Listener:
        usual = front.behind
        return Listener(settings.host, port, usual.factory, usual.context, farewell=usual.farewell)

    try:
        return bind(settings.pubsub_port)
    except OSError as error:
        if "pubsub_port" not in settings.named and settings.pubsub_port == Settings.pubsub_port:
            return bind(0)
        why = f"{error.strerror or error} (the Pub/Sub API's port is set by --pubsub-port; 0 stands for any free one)"
        raise OSError(error.errno, why, f"{settings.host}:{settings.pubsub_port}") from None


class Server:
    """A server on a thread of its own. Leaving the `with` block, or `stop`, ends it."""

    def __init__(self, settings: Settings) -> None:
        # Not the fastest loop there is: one that virtual time can hold.
        from mock_server.turns import TurnLoop

        self._loop = TurnLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sfmock", daemon=True)
        self._thread.start()
        self._settings = settings
        try:
            self._running: Running = self._do(Running.open(settings))
        except BaseException:
            self._end_loop()
            raise

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done on the server's loop. Raises TimeoutError when it has not been for `PATIENCE` seconds."""
        from mock_server.inside import PATIENCE

        asked = asyncio.run_coroutine_threadsafe(work, self._loop)
        if not wait([asked], PATIENCE).done:
            asked.cancel()
            raise TimeoutError(f"the server has done nothing for {PATIENCE:g} seconds: this machine is overloaded")
        return asked.result()

    @property
    def url(self) -> str:
        return self._running.address()

    @property
    def https_url(self) -> str:
        return self._running.address("https")

    @property
    def pubsub(self) -> str:
        """Where the Pub/Sub API is served, plain and through TLS: host:port."""
        return self._running.pubsub

    @property
    def ca_file(self) -> Path:
        """The mock's certificate authority alone."""
        return self._running.certificates.ca_file

    @property
    def jwt_key_file(self) -> Path:
        """The private key whose other half the default app of each org trusts, for the JWT bearer grant."""
        return self._running.certificates.jwt_key_file

    @cached_property
    def ca_bundle(self) -> Path:
        """The system's roots plus the mock's authority."""
        return self._running.certificates.bundle()

    @property
    def world(self) -> World:
        """The orgs themselves. They belong to the server's thread: use the control client for all but looking."""
        return self._running.app.world

    def clock_of(self, org_id: str) -> Clock:
        """Return an org's clock. Raises KeyError for an unknown org."""
        return self.world.orgs[org_id].clock

    def add_hook(
        self,
        org_id: str,
        sobject: str,
        on: Iterable[str],
        work: Callable[[Trigger], object],
        *,
        at: str,
        name: str | None,
    ) -> str:
        """Have a function run, on the server's thread, before or after records are saved; return the hook's name.

        Raises HookError, a ValueError, for one that can never run, KeyError for an unknown org.
        """
        return self.world.orgs[org_id].automation.add(sobject, on, at=at, name=name, work=work).name

    def add_endpoint(self, org_id: str, endpoint: Endpoint) -> str:
        """Have a function answer an Apex REST URL, on the server's thread; return its class name.

        Raises HookError, a ValueError, for one that can never be called, KeyError for an unknown org.
        """
        return self.world.orgs[org_id].endpoints.add(endpoint).name

    def add_action(self, org_id: str, action: Action) -> str:
        """Have a function be an invocable action, on the server's thread; return its name.

        Raises HookError, a ValueError, for one that can never be called, KeyError for an unknown org.
        """
        return self.world.orgs[org_id].actions.add(action).name

    @property
    def turns(self) -> Turns:
        """Holds the server's event loop, and lets it run in turns."""
        return self._loop.turns

    @property
    def pid(self) -> int:
        return os.getpid()

    @cached_property
    def control(self) -> ControlClient:
        from mock_server.inside import InsideLink

        link = InsideLink(self._loop, self._running.app.control.handle, self.url, self._settings.control_token)
        return ControlClient.over(link, self.url)

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        content: bytes = b"",
        *,
        timeout: float | None = None,
    ) -> Exchange:
        """Send a request past the network and return its answer: `status`, `headers`, `body`, `whole`.

        The host of the URL may be one of Salesforce's. `timeout` is in seconds of the org's clock, or of the wall's
        where that stands still. Raises TimeoutError, and ConnectionResetError where a fault breaks the connection.
        """
        return self._send(method, url, headers, content, timeout).result()

    async def exchange_async(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        content: bytes = b"",
        *,
        timeout: float | None = None,
    ) -> Exchange:
        """Do what `exchange` does without holding up the event loop of the caller. Cancelling it leaves, too."""
        return await asyncio.wrap_future(self._send(method, url, headers, content, timeout))

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        content: bytes,
        timeout: float | None,
    ) -> Future[Exchange]:
        from mock_server.fronts.direct import exchange

        work = exchange(self._running.app.front, method, url, headers, content, timeout)
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """Stop serving and free the port. A second call does nothing."""
        if not self._thread.is_alive():
            return
        self.control.close()
        self._do(self._running.close())
        self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Attached(Server):
    """A mock that runs elsewhere, as far as it can be used like one of this process."""

    def __init__(self, url: str, token: str | None, ca_file: Path) -> None:
        self._address = url.rstrip("/")
        self._ca_file = ca_file
        secure = self._address.startswith("https:")
        self.control = ControlClient(self._address, token, str(ca_file) if secure else None)

    @property
    def url(self) -> str:
        return self._address

    @property
    def https_url(self) -> str:
        return "https://" + self._address.partition("://")[2]

    @property
    def pubsub(self) -> str:
        return self.control.orgs()[0].pubsub_endpoint

    @property
    def ca_file(self) -> Path:
        return self._ca_file

    @cached_property
    def ca_bundle(self) -> Path:
        """The system's roots plus the mock's authority; the authority alone where its file is not one that we keep."""
        from mock_server.fronts.certificates import Certificates

        kept = Certificates(self._ca_file.parent)
        return kept.bundle() if kept.ca_file == self._ca_file else self._ca_file

    def add_hook(self, *_: Any, **__: Any) -> str:
        raise RuntimeError(
            f"the mock at {self.url} is another process and cannot run code of this one; declare the hook by its cost"
        )

    def add_endpoint(self, *_: Any, **__: Any) -> str:
        raise RuntimeError(
            f"the mock at {self.url} is another process and cannot run code of this one; declare the endpoint's steps"
        )

    def add_action(self, *_: Any, **__: Any) -> str:
        raise RuntimeError(
            f"the mock at {self.url} is another process and cannot run code of this one; declare the action's steps"
        )

    def _send(self, *_: Any, **__: Any) -> Future[Exchange]:
        raise RuntimeError(f"the mock at {self.url} is reached through the network alone")

    def stop(self) -> None:
        """Leave the mock; it goes on."""
        self.control.close()


def attach(url: str, *, token: str | None = None, ca_file: Path | str | None = None) -> Server:
    """Use a mock that runs already. `ca_file` is its authority, by default the one that this user keeps.

    Raises ValueError for what is no URL, OSError or ControlError when no mock answers there.
    """
    from pathlib import Path

    from mock_server.fronts.certificates import Certificates, default_folder

    chosen = Path(ca_file).absolute() if ca_file else Certificates(default_folder()).ca_file
    if not chosen.is_file():
        raise FileNotFoundError(f"there is no certificate authority {chosen}; name the mock's own (`sfmock ca`)")
    attached = Attached(url, token, chosen)
    attached.control.health()
    return attached


def start(settings: Settings | None = None, **overrides: Any) -> Server:
    """Start a server in the background and return once it answers.

    Overrides are fields of `Settings`; the ports are free ones unless they are given. `schema` takes one path or
    several. Raises OSError when the port is taken, DocumentError for a schema that is wrong.
    """
    if settings is None:
        overrides.setdefault("port", 0)
        overrides.setdefault("pubsub_port", 0)
    if isinstance(overrides.get("schema"), str | os.PathLike):
        overrides["schema"] = (overrides["schema"],)
    settings = settings or Settings()
    return Server(replace(settings, **overrides, named=settings.named | overrides.keys()))
