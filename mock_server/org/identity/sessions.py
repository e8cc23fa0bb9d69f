"""Sessions and refresh tokens of one org."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_server.org import chance
from mock_server.org.clock import Clock
from mock_server.org.ids import to_15

if TYPE_CHECKING:
    from mock_server.org.identity.apps import ConnectedApp
    from mock_server.org.identity.directory import User

TIMEOUT = 7200.0
"""Seconds without a call after which a session ends: the default of an org's session settings."""
_SWEEP_EVERY = 1000


@dataclass(slots=True)
class Session:
    """A live session."""

    token: str
    user_id: str
    username: str
    scopes: tuple[str, ...]
    client_id: str | None
    created: float
    last_used: float

    @property
    def expires(self) -> float:
        """When it ends, in clock seconds, if nobody uses it again."""
        return self.last_used + TIMEOUT


@dataclass(frozen=True, slots=True)
class Grant:
    """What a refresh token stands for."""

    token: str
    user_id: str
    username: str
    client_id: str
    scopes: tuple[str, ...]


class Sessions:
    """Opens, finds and ends sessions; a session's two hours begin anew with each call."""

    def __init__(self, org_id: str, clock: Clock) -> None:
        self._prefix = f"{to_15(org_id)}!"
        self._clock = clock
        self._live: dict[str, Session] = {}
        self._grants: dict[str, Grant] = {}
        self._opened = 0

    def open(self, user: User, app: ConnectedApp | None, scopes: tuple[str, ...]) -> Session:
        """Start a session; its token is the org's 15-character id, `!`, and 96 unguessable characters."""
        self._opened += 1
        if self._opened % _SWEEP_EVERY == 0:
            self._sweep()
        now = self._clock.now()
        token = self._prefix + chance.secret(96)
        session = Session(token, user.id, user.username, scopes, app.client_id if app else None, now, now)
        self._live[token] = session
        return session

    def find(self, token: str) -> Session | None:
        """Return the live session of a token, used from now on; None when it is unknown, revoked or expired."""
        session = self.peek(token)
        if session is not None:
            session.last_used = self._clock.now()
        return session

    def peek(self, token: str) -> Session | None:
        """Return the live session of a token without using it."""
        session = self._live.get(token)
        if session is not None and session.expires < self._clock.now():
            del self._live[token]
            return None
        return session

    def issued(self, text: str) -> bool:
        """Tell whether a text has the form of this org's access tokens, live or not."""
        return text.startswith(self._prefix)

    def expire(self, token: str | None = None) -> int:
        """End one session, or all; return how many ended. Refresh tokens go on working."""
        if token is None:
            count = len(self._live)
            self._live.clear()
            return count
        return 1 if self._live.pop(token, None) else 0

    def revoke(self, token: str | None = None) -> bool:
        """Take back an access or refresh token, or everything; tell whether there was such a token."""
        if token is None:
            had = bool(self._live or self._grants)
            self._live.clear()
            self._grants.clear()
            return had
        grant = self._grants.pop(token, None)
        if grant is not None:
            for session in self._of(grant.username, grant.client_id):
                del self._live[session.token]
        return self._live.pop(token, None) is not None or grant is not None

    def revoke_all_of(self, session: Session) -> None:
        """Take back a session, and every session and refresh token of its user and app."""
        for other in self._of(session.username, session.client_id):
            del self._live[other.token]
        same = [
            grant.token
            for grant in self._grants.values()
            if (grant.username, grant.client_id) == (session.username, session.client_id)
        ]
        for token in same:
            del self._grants[token]

    def _of(self, username: str, client_id: str | None) -> list[Session]:
        return [one for one in self._live.values() if (one.username, one.client_id) == (username, client_id)]

    def grant(self, user: User, app: ConnectedApp, scopes: tuple[str, ...]) -> Grant:
        """Issue a refresh token."""
        grant = Grant("5Aep861" + chance.secret(80), user.id, user.username, app.client_id, scopes)
        self._grants[grant.token] = grant
        return grant

    def granted(self, token: str) -> Grant | None:
        return self._grants.get(token)

    def _sweep(self) -> None:
        # Clients that log in for every call would otherwise fill the memory of a long-running server.
        limit = self._clock.now() - TIMEOUT
        for token in [token for token, session in self._live.items() if session.last_used < limit]:
            del self._live[token]
