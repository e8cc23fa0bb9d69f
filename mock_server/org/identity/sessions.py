"""Sessions and refresh tokens of one org: they begin, are used, and end, by the org's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mock_server.org import chance
from mock_server.org.clock import Clock
from mock_server.org.identity.apps import RefreshPolicy
from mock_server.org.identity.security import SESSION_TIMEOUT
from mock_server.org.ids import to_15

if TYPE_CHECKING:
    from mock_server.org.identity.apps import ConnectedApp
    from mock_server.org.identity.directory import User

_SWEEP_EVERY = 1000
_MOST_REPLACED = 10_000
MOST_APPROVALS = 5
"""Refresh tokens that one user may have of one app: the oldest gives way (Salesforce Help, "Manage OAuth Access")."""


@dataclass(slots=True)
class Session:
    """A live session."""

    token: str = field(repr=False)
    user_id: str
    username: str
    scopes: tuple[str, ...]
    client_id: str | None
    created: float
    last_used: float
    timeout: float = SESSION_TIMEOUT
    by_password: bool = False
    """Whether a password opened it: one that expires or changes then ends what can be done with it."""
    grant: Grant | None = field(default=None, repr=False)
    """The refresh token that opened it, or that was issued with it."""
    over: bool = False
    """Whether it was in the way of its user's deactivation: it opens nothing any more."""

    @property
    def expires(self) -> float:
        """When it ends, in clock seconds, if nobody uses it again."""
        return self.last_used + self.timeout


@dataclass(slots=True, eq=False)
class Grant:
    """What a refresh token stands for. `policy` and `lifetime` (seconds) say how long it is good."""

    token: str = field(repr=False)
    user_id: str
    username: str
    client_id: str
    scopes: tuple[str, ...]
    created: float = 0.0
    last_used: float = 0.0
    policy: RefreshPolicy = "until_revoked"
    lifetime: float | None = None
    uses: int = 0

    @property
    def expires(self) -> float | None:
        """When it ends, in clock seconds; None for never."""
        if self.policy == "immediate":
            return self.created
        if self.lifetime is None or self.policy == "until_revoked":
            return None
        return (self.created if self.policy == "expires" else self.last_used) + self.lifetime


class Sessions:
    """Opens, finds and ends sessions; a session's time begins anew with each call."""

    def __init__(self, org_id: str, clock: Clock) -> None:
        self._prefix = f"{to_15(org_id)}!"
        self._clock = clock
        self._live: dict[str, Session] = {}
        self._grants: dict[str, Grant] = {}
        self._replaced: dict[str, Grant] = {}
        """Refresh tokens that rotation has replaced, and the ones that took their place."""
        self._opened = 0
        self.timeout_of: Callable[[User, ConnectedApp | None], float] = lambda *_: SESSION_TIMEOUT

    def open(
        self,
        user: User,
        app: ConnectedApp | None,
        scopes: tuple[str, ...],
        *,
        by_password: bool = False,
        grant: Grant | None = None,
    ) -> Session:
        """Start a session; its token is the org's 15-character id, `!`, and 96 unguessable characters."""
        self._opened += 1
        if self._opened % _SWEEP_EVERY == 0:
            self._sweep()
        now = self._clock.now()
        token = self._prefix + chance.secret(96)
        client = app.client_id if app else None
        timeout = self.timeout_of(user, app)
        session = Session(token, user.id, user.username, scopes, client, now, now, timeout, by_password, grant)
        self._live[token] = session
        return session

    def find(self, token: str) -> Session | None:
        """Return the live session of a token, used from now on; None when it is unknown, revoked or expired."""
        session = self._live.get(token)
        if session is not None:
            now = self._clock.now()
            if session.last_used + session.timeout < now:
                del self._live[token]
                return None
            session.last_used = now
        return session

    def peek(self, token: str) -> Session | None:
        """Return the live session of a token without using it."""
        session = self._live.get(token)
        if session is not None and session.expires < self._clock.now():
            del self._live[token]
            return None
        return session

    def live(self) -> list[Session]:
        """Return the sessions that have not ended."""
        return [session for token in list(self._live) if (session := self.peek(token)) is not None]

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

    def end_all_of(self, user_id: str, *, but: str | None = None, by_password: bool = False) -> None:
        """End the sessions of a user, or those alone that a password opened; `but` is the token of one that stays."""
        for session in list(self._live.values()):
            if session.user_id == user_id and session.token != but and (session.by_password or not by_password):
                del self._live[session.token]

    def revoke(self, token: str | None = None) -> bool:
        """Take back an access or refresh token, or everything; tell whether there was such a token.

        With a refresh token go the sessions of its user and app; an access token goes alone.
        """
        if token is None:
            had = bool(self._live or self._grants)
            self._live.clear()
            self._grants.clear()
            self._replaced.clear()
            return had
        grant = self._grants.pop(token, None)
        if grant is not None:
            for session in list(self._live.values()):
                if (session.username, session.client_id) == (grant.username, grant.client_id):
                    del self._live[session.token]
        return self._live.pop(token, None) is not None or grant is not None

    # -- refresh tokens

    def grant(self, user: User, app: ConnectedApp, scopes: tuple[str, ...], *, bounded: bool = False) -> Grant:
        """Issue a refresh token. Where it is `bounded`, the sixth of a user and app ends the oldest."""
        now = self._clock.now()
        grant = Grant(
            "5Aep861" + chance.secret(80), user.id, user.username, app.client_id, scopes, now, now,
            app.refresh_policy, app.refresh_lifetime,
        )  # fmt: skip
        if bounded:
            same = [one for one in self._grants.values() if (one.user_id, one.client_id) == (user.id, app.client_id)]
            for old in same[: max(0, len(same) + 1 - MOST_APPROVALS)]:
                self.revoke(old.token)
        self._grants[grant.token] = grant
        return grant

    def grants(self) -> list[Grant]:
        """Return the refresh tokens that are good."""
        return [grant for token in list(self._grants) if (grant := self.granted(token)) is not None]

    def granted(self, token: str) -> Grant | None:
        """Return what a refresh token stands for, None when it is unknown, revoked, expired or replaced."""
        grant = self._grants.get(token)
        if grant is not None and grant.expires is not None and grant.expires <= self._clock.now():
            del self._grants[token]
            return None
        return grant

    def issued_refresh(self, token: str) -> Grant | None:
        """Return a refresh token of this org whether it is still good or not: so the org of a dead one is found."""
        return self._grants.get(token) or self._replaced.get(token)

    def use(self, grant: Grant) -> None:
        """Note that a refresh token was used."""
        grant.last_used = self._clock.now()
        grant.uses += 1

    def rotate(self, grant: Grant) -> Grant:
        """Replace a refresh token by a new one of the same age; the old one is good no longer."""
        new = replace(grant, token="5Aep861" + chance.secret(80))
        self._grants.pop(grant.token, None)
        self._grants[new.token] = new
        for old, current in list(self._replaced.items()):
            if current is grant:
                self._replaced[old] = new
        self._replaced[grant.token] = new
        if len(self._replaced) > _MOST_REPLACED:
            del self._replaced[next(iter(self._replaced))]
        return new

    def reused(self, token: str) -> bool:
        """Tell whether a refresh token was replaced before: somebody has a copy.

        Then the one in its place, and all sessions of both, are taken back (Salesforce Help, "Refresh Token Rotation").
        """
        current = self._replaced.get(token)
        if current is None:
            return False
        self._replaced = {old: new for old, new in self._replaced.items() if new is not current}
        self.revoke(current.token)
        return True

    def _sweep(self) -> None:
        # Clients that log in for every call would otherwise fill the memory of a long-running server.
        now = self._clock.now()
        for token in [token for token, session in self._live.items() if session.expires < now]:
            del self._live[token]
