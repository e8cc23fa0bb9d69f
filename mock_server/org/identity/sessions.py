"""Sessions and refresh tokens of one org: they begin, are used, and end, by the org's clock."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mock_server.org import chance
from mock_server.org.clock import Clock
from mock_server.org.identity.apps import RefreshPolicy
from mock_server.org.identity.keeping import asleep, print_of
from mock_server.org.identity.security import SESSION_TIMEOUT
from mock_server.org.ids import to_15

if TYPE_CHECKING:
    from mock_server.org.identity.apps import ConnectedApp
    from mock_server.org.identity.directory import User
    from mock_server.org.identity.keeping import Keeper

_SESSION, _GRANT, _REPLACED = "session", "refresh token", "replaced"
_USED_EVERY = 60.0
"""Seconds after which it is written down that a session goes on being used."""
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
    noted: float = 0.0
    """When what the org's file says of it was written."""

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

    def __init__(self, org_id: str, clock: Clock, keeper: Keeper | None = None) -> None:
        self._prefix = f"{to_15(org_id)}!"
        self._clock = clock
        self._keeper = keeper
        self._live: dict[str, Session] = {}
        self._grants: dict[str, Grant] = {}
        self._replaced: dict[str, Grant] = {}
        """What has taken the place of refresh tokens that rotation replaced, by the names under which they are kept."""
        self._opened = 0
        self._watchers: dict[str, dict[int, Callable[[], None]]] = {}
        self._watched = 0
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
        self._note(session)
        return session

    def find(self, token: str) -> Session | None:
        """Return the live session of a token, used from now on; None when it is unknown, revoked or expired."""
        session = self.peek(token)
        if session is not None:
            session.last_used = now = self._clock.now()
            if self._keeper is not None and now - session.noted > _USED_EVERY:
                self._note(session)
        return session

    def peek(self, token: str) -> Session | None:
        """Return the live session of a token without using it."""
        session = self._live.get(token)
        if session is None:
            if self._keeper is None or not self.issued(token):
                return None
            session = self._live.pop(print_of(token), None)
            if session is None:
                return None
            # Brought for the first time since the org was opened: until now only its hash was known.
            session.token = token
            self._live[token] = session
        elif asleep(token):
            return None
        return self._unexpired(token, session)

    def extend(self, session: Session) -> bool:
        """Keep a session going while a request of it is held, which is use enough; tell whether it is there still."""
        if self._live.get(session.token) is not session:
            return False
        session.last_used = self._clock.now()
        return True

    def _unexpired(self, token: str, session: Session) -> Session | None:
        if session.expires < self._clock.now():
            self.end(token)
            return None
        return session

    def end(self, name: str) -> Session | None:
        """Let a session be over, and return it. It goes by its token, or by the name of one that nobody has brought."""
        session = self._live.pop(name, None)
        if session is not None and self._keeper is not None:
            self._keeper.forget(_SESSION, print_of(name))
        for wake in list(self._watchers.get(name, {}).values()):
            wake()
        return session

    def watch(self, token: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Have a function called when a session ends; return what takes that back."""
        self._watched += 1
        number = self._watched
        # By number: a thousand may watch one session, and each stops by itself.
        watchers = self._watchers.setdefault(token, {})
        watchers[number] = wake

        def stop() -> None:
            watchers.pop(number, None)
            if not watchers and self._watchers.get(token) is watchers:
                del self._watchers[token]

        return stop

    def live(self) -> list[Session]:
        """Return the sessions that have not ended."""
        return [one for token, session in list(self._live.items()) if (one := self._unexpired(token, session))]

    def issued(self, text: str) -> bool:
        """Tell whether a text has the form of this org's access tokens, live or not."""
        return text.startswith(self._prefix)

    def expire(self, token: str | None = None) -> int:
        """End one session, or all; return how many ended. Refresh tokens go on working."""
        if token is None:
            count = len(self._live)
            for one in list(self._live):
                self.end(one)
            return count
        if self.peek(token) is None:
            return 0
        self.end(token)
        return 1

    def end_all_of(self, user_id: str, *, but: str | None = None, by_password: bool = False) -> None:
        """End the sessions of a user, or those alone that a password opened; `but` is the token of one that stays."""
        for session in list(self._live.values()):
            if session.user_id == user_id and session.token != but and (session.by_password or not by_password):
                self.end(session.token)

    def revoke(self, token: str | None = None) -> bool:
        """Take back an access or refresh token, or everything; tell whether there was such a token.

        With a refresh token go the sessions of its user and app; an access token goes alone.
        """
        if token is None:
            had = bool(self._live or self._grants)
            self.expire()
            for one in list(self._grants):
                self._drop(one)
            self._forget(list(self._replaced))
            return had
        grant = self.granted(token)
        if grant is not None:
            self._take_back(grant)
        return self.expire(token) > 0 or grant is not None

    def _take_back(self, grant: Grant) -> None:
        self._drop(grant.token)
        for session in list(self._live.values()):
            if (session.username, session.client_id) == (grant.username, grant.client_id):
                self.end(session.token)

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
                self._take_back(old)
        self._put(grant)
        return grant

    def _put(self, grant: Grant) -> None:
        self._grants[grant.token] = grant
        if self._keeper is not None:
            self._keeper.note(_GRANT, print_of(grant.token), _told(grant))

    def _drop(self, name: str) -> None:
        grant = self._grants.pop(name, None)
        if grant is not None and self._keeper is not None:
            self._keeper.forget(_GRANT, print_of(name))

    def grants(self) -> list[Grant]:
        """Return the refresh tokens that are good."""
        return [one for grant in list(self._grants.values()) if (one := self._good(grant)) is not None]

    def granted(self, token: str) -> Grant | None:
        """Return what a refresh token stands for, None when it is unknown, revoked, expired or replaced."""
        grant = self._grants.get(token)
        if asleep(token):
            return None
        if grant is None and self._keeper is not None:
            grant = self._grants.pop(print_of(token), None)
            if grant is not None:
                # Brought for the first time since the org was opened, as a session's token may be.
                grant.token = token
                self._grants[token] = grant
        return self._good(grant) if grant is not None else None

    def _good(self, grant: Grant) -> Grant | None:
        if grant.expires is not None and grant.expires <= self._clock.now():
            self._drop(grant.token)
            return None
        return grant

    def issued_refresh(self, token: str) -> Grant | None:
        """Return a refresh token of this org whether it is still good or not: so the org of a dead one is found."""
        return self._grants.get(token) or self.granted(token) or self._replaced.get(print_of(token))

    def use(self, grant: Grant) -> None:
        """Note that a refresh token was used."""
        grant.last_used = self._clock.now()
        grant.uses += 1
        self._put(grant)

    def rotate(self, grant: Grant) -> Grant:
        """Replace a refresh token by a new one of the same age; the old one is good no longer."""
        new = replace(grant, token="5Aep861" + chance.secret(80))
        self._drop(grant.token)
        self._put(new)
        followed = [old for old, current in self._replaced.items() if current is grant]
        for old in (*followed, print_of(grant.token)):
            self._follow(old, new)
        if len(self._replaced) > _MOST_REPLACED:
            self._forget([next(iter(self._replaced))])
        return new

    def _follow(self, old: str, new: Grant) -> None:
        self._replaced[old] = new
        if self._keeper is not None:
            self._keeper.note(_REPLACED, old, print_of(new.token))

    def _forget(self, replaced: list[str]) -> None:
        for old in replaced:
            del self._replaced[old]
            if self._keeper is not None:
                self._keeper.forget(_REPLACED, old)

    def reused(self, token: str) -> bool:
        """Tell whether a refresh token was replaced before: somebody has a copy.

        Then the one in its place, and all sessions of both, are taken back (Salesforce Help, "Refresh Token Rotation").
        """
        current = None if asleep(token) else self._replaced.get(print_of(token))
        if current is None:
            return False
        self._forget([old for old, new in self._replaced.items() if new is current])
        self._take_back(current)
        return True

    def _sweep(self) -> None:
        # Clients that log in for every call would otherwise fill the memory of a long-running server.
        now = self._clock.now()
        for token in [token for token, session in self._live.items() if session.expires < now]:
            self.end(token)

    # -- the org's file

    def _note(self, session: Session) -> None:
        if self._keeper is not None:
            session.noted = self._clock.now()
            self._keeper.note(_SESSION, print_of(session.token), _told(session))

    def note_all(self) -> None:
        """Write down what there is, in a file that has been put back to an earlier state."""
        for session in self.live():
            self._note(session)
        for grant in self.grants():
            self._put(grant)
        for old, new in list(self._replaced.items()):
            self._follow(old, new)

    def recall(self, inactive: Callable[[], Container[str]]) -> None:
        """Take up the sessions and refresh tokens of the org's earlier life.

        Those of `inactive` users are over. A clock that was moved ahead then does not make anything last longer.
        """
        if self._keeper is None:
            return
        now, out = self._clock.now(), inactive()
        for name, told in list(self._keeper.noted(_SESSION)):
            session = Session(name, **{**told, "scopes": tuple(told["scopes"])})
            session.created, session.last_used = min(session.created, now), min(session.last_used, now)
            if session.user_id in out or session.expires < now:
                self._keeper.forget(_SESSION, name)
            else:
                self._live[name] = session
        for name, told in self._keeper.noted(_GRANT):
            grant = Grant(name, **{**told, "scopes": tuple(told["scopes"])})
            grant.created, grant.last_used = min(grant.created, now), min(grant.last_used, now)
            self._grants[name] = grant
        for old, new in self._keeper.noted(_REPLACED):
            if new in self._grants:
                self._replaced[old] = self._grants[new]


def _told(thing: Session | Grant) -> dict[str, Any]:
    """Return what a file says of a session or refresh token: all but the token itself."""
    return {key: value for key, value in asdict(thing).items() if key not in ("token", "grant", "over", "noted")}
