"""An org with a few channels of each kind, and a plain Bayeux client: what a test sends is what the wire carries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import requests

from mock_server.org.events import Channel, Event, Kind, NotPermitted
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from mock_server import api
    from mock_server.control.client import ControlClient, OrgInfo
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org

T = TypeVar("T")
Message = dict[str, Any]
KINDS: dict[str, Kind] = {"/event/": "platform", "/data/": "change", "/topic/": "topic", "/u/": "generic"}


@dataclass
class Bayeux:
    """One client. `post` sends messages and returns the answer's; the rest spares tests the ceremony."""

    url: str
    token: str | None
    version: str = "60.0"
    http: requests.Session = field(default_factory=requests.Session)
    id: str | None = None
    last: requests.Response | None = None
    count: int = 0
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4))

    def send(self, *messages: Any, path: str = "", **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
        headers |= options.pop("headers", {})
        if "data" not in options:
            options["json"] = list(messages)
        url = f"{self.url}/cometd/{self.version}{path}"
        self.last = self.http.post(url, headers=headers, timeout=20, **options)
        return self.last

    def post(self, *messages: Any, **options: Any) -> list[Message]:
        answer = self.send(*messages, **options)
        assert answer.status_code == 200, answer.text
        replies = answer.json()
        assert isinstance(replies, list)
        return replies

    def one(self, message: Message, **options: Any) -> Message:
        (reply,) = self.post(message, **options)
        return reply

    def message(self, channel: str, **rest: Any) -> Message:
        self.count += 1
        return {"channel": channel, "clientId": self.id, "id": str(self.count), **rest}

    def handshake(self, **rest: Any) -> Message:
        asked = {"version": "1.0", "minimumVersion": "1.0", "supportedConnectionTypes": ["long-polling"], **rest}
        message = self.message("/meta/handshake", **asked)
        del message["clientId"]
        reply = self.one(message)
        self.id = reply.get("clientId")
        return reply

    def connect(self, **rest: Any) -> list[Message]:
        return self.post(self.message("/meta/connect", connectionType="long-polling", **rest))

    def hold(self) -> Future[list[Message]]:
        """Connect on a connection of its own, as long polls do."""
        message = self.message("/meta/connect", connectionType="long-polling")
        return self.threads.submit(Bayeux(self.url, self.token, self.version).post, message)

    def subscribe(self, channel: Any, replay: Any = None, **rest: Any) -> Message:
        ext = {} if replay is None else {"ext": {"replay": {channel: replay}}}
        return self.one(self.message("/meta/subscribe", subscription=channel, **ext, **rest))

    def disconnect(self) -> Message:
        return self.one(self.message("/meta/disconnect"))

    def ready(self, *channels: str, replay: int | None = None) -> Bayeux:
        """Handshake, connect for the first time, subscribe."""
        assert self.handshake()["successful"]
        self.connect()
        for channel in channels:
            assert self.subscribe(channel, replay)["successful"]
        return self


@dataclass
class Lab:
    """An org whose channels a test makes and publishes to by hand. Its clock stands still until a test moves it."""

    server: api.Server
    info: OrgInfo
    control: ControlClient
    denied: set[str] = field(default_factory=set)
    clients: list[Bayeux] = field(default_factory=list)

    @property
    def org(self) -> Org:
        return self.server._running.app.world.orgs[self.info.id]

    def do(self, work: Callable[[], T]) -> T:
        """Run something on the server's event loop."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.server._loop).result(PATIENCE)

    def open(self, *names: str) -> None:
        for name in names:
            self.do(lambda name=name: self.org.events.channel(name, kind_of(name)))  # type: ignore[misc]

    def find(self, who: Session, name: str) -> Channel | None:
        if name in self.denied:
            raise NotPermitted(name, "PushTopic" if name.startswith("/topic/") else name)
        if name.startswith("/data/"):
            return self.org.events.channels.get(name)
        return self.org.events.platform.find(who, name)

    def publish(self, channel: str, *payloads: Mapping[str, Any], **about: Any) -> list[Event]:
        """Publish payloads to a channel; return the events, whose replay ids are set."""
        kind = kind_of(channel)
        events = [Event(kind, channel.rpartition("/")[2], payload, **about) for payload in payloads]
        self.do(lambda: self.org.events.publish(events, lambda event: [self.org.events.channel(channel, kind)]))
        return events

    def client(self, version: str = "60.0", token: str | None = None) -> Bayeux:
        made = Bayeux(self.server.url, token or self.info.access_token, version)
        self.clients.append(made)
        return made

    def held(self, most: int = 1) -> None:
        """Wait until so many requests are held."""
        until(lambda: self.holding() >= most, "no request is held")

    def holding(self) -> int:
        """Return how many requests are held now."""
        return self.do(lambda: sum(client.held is not None for client in self.org.streaming))


def kind_of(channel: str) -> Kind:
    return next(kind for prefix, kind in KINDS.items() if channel.startswith(prefix))


ORDER, CASE, TOPIC, NOTES = "/event/Order__e", "/event/Case_Closed__e", "/topic/Accounts", "/u/Notes"
CHANGES, ALL_CHANGES = "/data/AccountChangeEvent", "/data/ChangeEvents"
_FIELDS = {"Number__c": {"type": "number", "precision": 18, "scale": 0}, "Note__c": {"type": "text", "length": 80}}
EVENTS = {name: {"fields": _FIELDS} for name in ("Order__e", "Case_Closed__e")}
_TOPIC = {
    "Name": "Accounts", "Query": "SELECT Id, Name, Site FROM Account", "ApiVersion": 60.0, "NotifyForFields": "All",
}  # fmt: skip


@pytest.fixture
def lab(server: api.Server) -> Iterator[Lab]:
    info = server.control.create_org(journal="whole", objects=EVENTS, clock="virtual")
    made = Lab(server, info, server.control.for_org(info.id))
    made.control.seed("PushTopic", [_TOPIC])
    made.control.seed("StreamingChannel", [{"Name": NOTES}])
    made.open(CHANGES, ALL_CHANGES)
    made.do(lambda: made.org.events.resolvers.update({"platform": made.find}))
    yield made
    server.control.delete_org(info.id)
    for client in made.clients:
        client.http.close()
        client.threads.shutdown()
