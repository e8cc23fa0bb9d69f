"""Users and connected apps of one org, and the records that stand for them."""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mock_server.org.clock import stamp, wall
from mock_server.org.standard.reference import record_types

if TYPE_CHECKING:
    from mock_server.org.org import Org

LOGINS_AN_HOUR = 3600
LOGIN_KEYS = ("username", "password", "security_token", "client_id", "client_secret")
"""What the first user and the first app of an org are known by."""
SCOPES = ("api", "refresh_token", "full", "id", "openid")

# Fixed, so that the orgs of a process share them: records of a cloned org refer to them.
USER_ID = "005Kd000000000BIAQ"
ADMIN_PROFILE_ID = "00eKd000000000BIAQ"
STANDARD_PROFILE_ID = "00eKd000000000CIAQ"


@dataclass(frozen=True, slots=True)
class User:
    id: str
    username: str
    password: str
    security_token: str
    first_name: str = "Integration"
    last_name: str = "User"
    email: str = "integration@example.com"
    active: bool = True
    time_zone: str = "GMT"
    locale: str = "en_US"
    language: str = "en_US"
    modified: str | None = None
    """When its record was last saved, as JSON writes it."""

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """An OAuth client, allowed every grant; client credentials run as `run_as`. `public_key` (PEM) checks JWTs."""

    client_id: str
    client_secret: str
    run_as: str
    scopes: tuple[str, ...] = SCOPES
    public_key: str | None = None


class LoginRefused(Exception):
    """A login that is not let in. `reason` is `credentials`, `inactive` or `rate`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_RECORDED = {
    "FirstName": "first_name",
    "LastName": "last_name",
    "Email": "email",
    "TimeZoneSidKey": "time_zone",
    "LocaleSidKey": "locale",
    "LanguageLocaleKey": "language",
    "LastModifiedDate": "modified",
}
"""Columns of a User record, and what of a `User` they decide."""


class Directory:
    """Who may log in to an org, and how often. Names and passwords live here; all else is as the User records say."""

    def __init__(self, org: Org) -> None:
        self._org = org
        # The first org of a process has the plain names of the serve contract; further ones are numbered.
        mark = "" if org.number == 1 else f".{org.number}"
        dash = "" if org.number == 1 else f"-{org.number}"
        user = User(USER_ID, f"integration{mark}@sfmock.test", "sfmock-password", "sfmock-token")
        app = ConnectedApp(f"sfmock-client-id{dash}", "sfmock-client-secret", user.username)
        self.users = {user.username: user}
        self.apps = {app.client_id: app}
        self._logins: dict[str, deque[float]] = {}
        self._ahead_of_wall = org.clock.now() - wall()

    def rename(self, names: Mapping[str, str]) -> None:
        """Give the first user and app other `LOGIN_KEYS`; to be called before the org's records are written."""
        user: dict[str, Any] = {key: names[key] for key in ("username", "password", "security_token") if key in names}
        app: dict[str, Any] = {key: names[key] for key in ("client_id", "client_secret") if key in names}
        renamed = replace(self.default_user, **user)
        self.apps = {one.client_id: one for one in [replace(self.default_app, run_as=renamed.username, **app)]}
        self.users = {renamed.username.lower(): renamed}

    @property
    def default_user(self) -> User:
        return next(iter(self.users.values()))

    @property
    def default_app(self) -> ConnectedApp:
        return next(iter(self.apps.values()))

    def user(self, username: str) -> User | None:
        """Find a user by name, which is compared without case, as the org's records show it now."""
        known = self.users.get(username.lower())
        return None if known is None else self._as_recorded(known)

    def time_zone(self, username: str) -> str:
        """Return the name of a user's time zone, `America/Los_Angeles`; empty for an unknown user."""
        user = self.user(username)
        return user.time_zone if user else ""

    def _as_recorded(self, user: User) -> User:
        sobject = self._org.schema.get("User")
        assert sobject is not None
        self._org.store.ready(sobject)
        for active, *values in self._org.store.lookup(sobject, "Id", [user.id], "IsActive", *_RECORDED):
            said = zip(_RECORDED.values(), values, strict=True)
            return replace(user, active=bool(active), **{name: value or "" for name, value in said})
        return user

    def app(self, client_id: str) -> ConnectedApp | None:
        return self.apps.get(client_id)

    def organization_name(self) -> str:
        """Return the name that the Organization record bears."""
        sobject = self._org.schema.get("Organization")
        assert sobject is not None
        self._org.store.ready(sobject)
        return next((name or "" for (name,) in self._org.store.lookup(sobject, "Id", [self._org.id], "Name")), "")

    def clients_time(self) -> float:
        """Return the time by the clocks of the org's clients, who know nothing of steps of a real clock."""
        return self._org.clock.now() if self._org.clock.mode == "virtual" else wall() + self._ahead_of_wall

    def trust(self, public_key: str) -> None:
        """Register a key pair's public half (PEM) with every app, for the JWT bearer grant."""
        self.apps = {name: replace(app, public_key=public_key) for name, app in self.apps.items()}

    def log_in(self, username: str, password: str) -> User:
        """Check a password, with or without the security token behind it (the network is trusted).

        Raises LoginRefused; after 3,600 logins of a user within an hour, whatever the password.
        """
        user = self.user(username)
        if user is None:
            raise LoginRefused("credentials")
        self.count_login(user)
        given = password.encode(errors="replace")
        right = [
            hmac.compare_digest(given, expected.encode())
            for expected in (user.password, user.password + user.security_token)
        ]
        if not any(right):
            raise LoginRefused("credentials")
        if not user.active:
            raise LoginRefused("inactive")
        return user

    def count_login(self, user: User) -> None:
        """Count a login against the hourly rate. Raises LoginRefused."""
        now = self._org.clock.now()
        times = self._logins.setdefault(user.username, deque())
        while times and times[0] <= now - 3600:
            times.popleft()
        if len(times) >= LOGINS_AN_HOUR:
            raise LoginRefused("rate")
        times.append(now)

    def seed(self) -> None:
        """Write the records of the organization, its profiles and its users (anew, in a cloned org)."""
        org, store, schema = self._org, self._org.store, self._org.schema
        now = stamp(org.clock.now())
        audit = {
            "CreatedDate": now, "CreatedById": USER_ID, "LastModifiedDate": now, "LastModifiedById": USER_ID,
            "SystemModstamp": now,
        }  # fmt: skip
        rows: list[tuple[str, dict[str, object]]] = [
            (
                "Organization",
                {
                    "Id": org.id, "Name": "sfmock", "OrganizationType": "Developer Edition", "IsSandbox": 0,
                    "InstanceName": "SFM1", "LanguageLocaleKey": "en_US", "DefaultLocaleSidKey": "en_US",
                    "TimeZoneSidKey": "GMT", "FiscalYearStartMonth": 1, **audit,
                },
            ),
            ("Profile", {"Id": ADMIN_PROFILE_ID, "Name": "System Administrator", "UserType": "Standard", **audit}),
            ("Profile", {"Id": STANDARD_PROFILE_ID, "Name": "Standard User", "UserType": "Standard", **audit}),
        ]  # fmt: skip
        rows += [
            (
                "User",
                {
                    "Id": user.id, "Username": user.username, "FirstName": user.first_name,
                    "LastName": user.last_name, "Email": user.email, "Alias": "integ",
                    "CommunityNickname": user.username.partition("@")[0], "IsActive": int(user.active),
                    "ProfileId": ADMIN_PROFILE_ID, "UserType": "Standard", "TimeZoneSidKey": user.time_zone,
                    "LocaleSidKey": user.locale, "LanguageLocaleKey": user.language, "EmailEncodingKey": "UTF-8",
                    **audit,
                },
            )
            for user in self.users.values()
        ]  # fmt: skip
        known = {name: found for name in ("Organization", "Profile", "User") if (found := schema.get(name))}
        store.start_with(*known.values())
        for name, values in rows:
            sobject = known[name]
            if name == "Organization":
                store.clear(sobject)
            store.put(sobject, {key: value for key, value in values.items() if key in sobject.by_name})
        record_types(schema, store, org.clock.now())
