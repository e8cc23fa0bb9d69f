"""What a user lets an app do: requests that wait for him, the codes they end in, and what he has allowed before."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Generic, TypeVar

from mock_server.org import chance
from mock_server.org.clock import Clock
from mock_server.org.identity.redirects import Callback

if TYPE_CHECKING:
    from mock_server.org.identity.keeping import Keeper

CODE_LIFE = 900.0
"""Seconds that an authorization code is good for."""
REQUEST_LIFE = 900.0
"""Seconds that a user may take to log in and to decide."""
PASS_LIFE = 60.0
"""Seconds that an address which opens a browser session is good for, once."""
_MOST = 10_000
_CONSENT = "consent"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What an app asks a user for. `callback` is None for a device, which has no browser of its own.

    `challenge` is the S256 hash of a verifier. `login` asks the user to log in anew, `consent` to decide anew.
    """

    client_id: str
    callback: Callback | None
    response_type: str
    scopes: tuple[str, ...]
    state: str | None = None
    nonce: str | None = None
    challenge: str | None = None
    login_hint: str = ""
    display: str = "page"
    login: bool = False
    consent: bool = False
    device: str | None = None

    def verified(self, verifier: str | None) -> bool:
        """Tell whether a verifier belongs to the challenge; without the one the other must be absent, too."""
        if self.challenge is None or verifier is None:
            return self.challenge is verifier
        # Salesforce was seen to refuse verifiers with a tilde (nsflow#249), by chance for clients that draw one.
        # RFC 7636 allows it, and a test that fails every other time helps nobody.
        digest = sha256(verifier.encode(errors="replace")).digest()
        expected = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return hmac.compare_digest(expected.encode(), self.challenge.rstrip("=").encode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for its user since `since`, in clock seconds."""

    request: Request
    since: float


@dataclass(frozen=True, slots=True)
class Code:
    """What an authorization code stands for."""

    request: Request
    user_id: str


class Lapsing(Generic[T]):
    """Things that are known by unguessable names for a while.

    A name is forgotten one life after its thing has expired, so that for that long an expired one can be told from one
    that never was.
    """

    def __init__(self, clock: Clock, life: float) -> None:
        self._clock = clock
        self._life = life
        self.kept: dict[str, tuple[float, T | None]] = {}
        """By name: when it was put here, and the thing itself while it is good."""

    def __bool__(self) -> bool:
        return bool(self.kept)

    def __contains__(self, name: str) -> bool:
        return name in self.kept

    def put(self, name: str, thing: T) -> None:
        now = self._clock.now()
        while self.kept:
            # In the order in which they came; whoever asks for more than anybody needs loses the oldest.
            oldest = next(iter(self.kept))
            if self.kept[oldest][0] + 2 * self._life >= now and len(self.kept) < _MOST:
                break
            del self.kept[oldest]
        self.kept[name] = (now, thing)

    def get(self, name: str) -> T | None:
        """Return a thing that has not expired."""
        kept = self.kept.get(name)
        return kept[1] if kept is not None and not self.expired(name) else None

    def expired(self, name: str) -> bool:
        """Tell whether a name was good once, and is no more."""
        kept = self.kept.get(name)
        return kept is not None and (kept[1] is None or kept[0] + self._life < self._clock.now())

    def spend(self, name: str) -> None:
        """Let a name be good no more, as if its thing had expired."""
        kept = self.kept.get(name)
        if kept is not None:
            self.kept[name] = (kept[0], None)

    def take(self, name: str) -> T | None:
        """Return a thing that has not expired, and forget it."""
        thing = self.get(name)
        if thing is not None:
            del self.kept[name]
        return thing


class Authorizations:
    """The requests, codes and consents of one org."""

    def __init__(self, clock: Clock, keeper: Keeper | None = None) -> None:
        self._clock = clock
        self._keeper = keeper
        self.waiting: Lapsing[Waiting] = Lapsing(clock, REQUEST_LIFE)
        self.codes: Lapsing[Code] = Lapsing(clock, CODE_LIFE)
        self.passes: Lapsing[str] = Lapsing(clock, PASS_LIFE)
        """One-time keys to the browser session of a user, by his id."""
        self._consents: dict[tuple[str, str], frozenset[str]] = {}

    @property
    def any(self) -> bool:
        """Whether anything was issued that a browser or an app has yet to bring."""
        # Asked of every request.
        return bool(self.waiting.kept or self.codes.kept or self.passes.kept)

    def knows(self, text: str) -> bool:
        """Tell whether a text was issued here, so that its org is this one."""
        return text in self.waiting or text in self.codes or text in self.passes

    def wait(self, request: Request) -> str:
        """Keep a request for its user; return the name by which his browser knows it."""
        source = "CAAAA" + chance.secret(59)
        self.waiting.put(source, Waiting(request, self._clock.now()))
        return source

    def issue(self, request: Request, user_id: str) -> str:
        """Return an authorization code."""
        code = f"aPrx{chance.secret(80)}=="
        self.codes.put(code, Code(request, user_id))
        return code

    def let_pass(self, user_id: str) -> str:
        """Return a one-time key to a browser session."""
        key = chance.secret(64)
        self.passes.put(key, user_id)
        return key

    def consent(self, user_id: str, client_id: str, scopes: Iterable[str]) -> None:
        """Remember what a user has let an app do."""
        known = self._consents.get((user_id, client_id), frozenset())
        self._consents[user_id, client_id] = known | frozenset(scopes)
        self._note(user_id, client_id)

    def _note(self, user_id: str, client_id: str) -> None:
        if self._keeper is not None:
            self._keeper.note(_CONSENT, f"{user_id} {client_id}", sorted(self._consents[user_id, client_id]))

    def note_all(self) -> None:
        """Write the consents down, in a file that has been put back to an earlier state."""
        for user_id, client_id in self._consents:
            self._note(user_id, client_id)

    def recall(self) -> None:
        """Take up the consents of the org's earlier life."""
        for name, told in self._keeper.noted(_CONSENT) if self._keeper is not None else ():
            user_id, _, client_id = name.partition(" ")
            self._consents[user_id, client_id] = frozenset(told)

    def consented(self, user_id: str, client_id: str, scopes: Iterable[str]) -> bool:
        """Tell whether a user has let an app do all this before."""
        return frozenset(scopes) <= self._consents.get((user_id, client_id), frozenset())

    def approved(self, user_id: str, client_id: str) -> bool:
        """Tell whether a user has let an app do anything before."""
        return (user_id, client_id) in self._consents

    def withdraw(self, user_id: str, client_id: str) -> None:
        """Forget what a user has let an app do."""
        if self._consents.pop((user_id, client_id), None) is not None and self._keeper is not None:
            self._keeper.forget(_CONSENT, f"{user_id} {client_id}")
