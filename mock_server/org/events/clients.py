"""The clients of the Streaming API: who is connected, for how long a server knows them, and how many there may be.

A client is made by a handshake. It is forgotten 40 s after its last answer (Streaming API guide, "Clients and
Timeouts"), and 3 h after its handshake whatever it does (seen in clients' logs: the cookie that leads to its server
lives no longer). While a request of it is held it has no reason to hurry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mock_server.org.chance import word

if TYPE_CHECKING:
    from mock_server.org.org import Org

HOLD = 110.0
"""Seconds for which a request to connect is held when there is nothing to tell."""
RECONNECT = 40.0
"""Seconds after its last answer in which a client has to come again."""
LIFE = 10_800.0
"""Seconds for which a client is known at most."""
DURABLE = 37.0
"""The API version from which on events can be replayed; such clients have a limit of their own."""
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LENGTHS = 25, 30
CLIENTS_LIMIT = {True: "DurableStreamingApiConcurrentClients", False: "StreamingApiConcurrentClients"}
"""By whether a client's events can be replayed."""

Release = Literal["news", "superseded", "disconnected", "forgotten", "session", "left"]
"""Why a request is held no more, where that is not for its time: there is something to tell; another one has come; the
client has said goodbye; the server knows it no more; its session has ended; it has closed the connection."""


class TooManyClients(Exception):
    """The org has as many clients as it may have."""


class Held(Protocol):
    """A request that waits for something to tell."""

    def release(self, why: Release) -> None: ...


class Carrier(Protocol):
    """Tells how an answer left; `answered` where it reached the client, None as long as it has not."""

    @property
    def outcome(self) -> str | None: ...
    @property
    def status(self) -> int | None: ...


@dataclass(slots=True, eq=False)
class StreamingClient:
    """One client. `seen` is when it had its last answer (clock seconds)."""

    id: str
    user_id: str
    durable: bool
    browser: str
    """What its browser's cookie says."""
    began: float
    seen: float
    generation: int
    connected: bool = False
    """Whether it has connected, and so been told how long it may wait."""
    subscriptions: dict[str, Any] = field(default_factory=dict)
    """By the names of their channels; what they are is for the protocol to know, but that they can be closed."""
    held: Held | None = None
    carrier: Carrier | None = None
    """How its last answer with events left."""
    fresh: bool = True
    """Whether there may be something to tell that has not been looked for."""
    known: bool = True
    token: str = ""
    """That of the session by which it came last."""
    unwatch: Callable[[], None] = lambda: None
    deletions: bool = True
    """Whether PushTopics tell it of records that are deleted, or come back."""

    def session_ended(self) -> None:
        """Answer the request that is held: its session is over."""
        if self.held is not None:
            self.held.release("session")


class StreamingClients:
    """All clients of one org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._clock = org.clock
        self._clients: dict[str, StreamingClient] = {}
        """In the order of their last answers, but for those of whom a request is held."""
        for durable, name in CLIENTS_LIMIT.items():
            org.limits.gauge(name, lambda durable=durable: self.count(durable=durable))  # type: ignore[misc]

    def __iter__(self) -> Iterator[StreamingClient]:
        self._sweep()
        return iter(list(self._clients.values()))

    def __len__(self) -> int:
        self._sweep()
        return len(self._clients)

    def count(self, *, durable: bool) -> int:
        """Return how many clients there are whose events can be replayed, or cannot."""
        self._sweep()
        return sum(client.durable is durable for client in self._clients.values())

    def open(self, user_id: str, *, durable: bool, deletions: bool = True, browser: str = "") -> StreamingClient:
        """Make a client. Raises TooManyClients."""
        if self._org.limits.ledger(CLIENTS_LIMIT[durable]).remaining <= 0:
            raise TooManyClients
        now = self._clock.now()
        client = StreamingClient(
            self._name(),
            user_id,
            durable,
            browser or self._name(),
            now,
            now,
            self._org.events.generation,
            deletions=deletions,
        )
        self._clients[client.id] = client
        return client

    @staticmethod
    def _name() -> str:
        # Recorded ids have 25 to 30 characters.
        shortest, longest = _LENGTHS
        return word(shortest + int(word(1, "".join(_LETTERS[: longest - shortest + 1]))), _LETTERS)

    def find(self, client_id: object) -> StreamingClient | None:
        """Return the client of an id, None where it is not known, or not any more."""
        client = self._clients.get(client_id) if isinstance(client_id, str) else None
        if client is None:
            return None
        if self._over(client):
            self.close(client)
            return None
        return client

    def knows(self, client: StreamingClient) -> bool:
        """Tell whether a client is known still, whenever it was answered last."""
        return client.known and client.generation == self._org.events.generation

    def _over(self, client: StreamingClient) -> bool:
        now = self._clock.now()
        if not self.knows(client):
            return True
        return client.held is None and (client.seen + RECONNECT <= now or client.began + LIFE <= now)

    def attend(self, client: StreamingClient, token: str) -> None:
        """Note by which session a client comes now."""
        if client.token != token:
            client.unwatch()
            client.token, client.unwatch = token, self._org.sessions.watch(token, client.session_ended)

    def answered(self, client: StreamingClient) -> None:
        """Note that a client is given an answer now: its time begins anew."""
        client.seen = self._clock.now()
        if self._clients.pop(client.id, None) is not None:
            self._clients[client.id] = client

    def close(self, client: StreamingClient, why: Release = "forgotten") -> None:
        """Know a client no more."""
        client.known = False
        client.unwatch()
        self._clients.pop(client.id, None)
        for subscription in client.subscriptions.values():
            subscription.close()
        client.subscriptions.clear()
        if client.held is not None:
            client.held.release(why)

    def forget(self) -> None:
        """Know no client any more, as a server that has been started anew."""
        for client in list(self._clients.values()):
            self.close(client)

    def _sweep(self) -> None:
        """Forget those who have not come again in time."""
        for client in list(self._clients.values()):
            if client.held is not None:
                continue
            if not self._over(client):
                break
            self.close(client)
