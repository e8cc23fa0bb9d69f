"""Users and connected apps of one org, and the records that stand for them."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mock_server.org.clock import stamp, wall
from mock_server.org.identity import logins, standard_profiles
from mock_server.org.identity.apps import PLATFORM, ConnectedApp
from mock_server.org.identity.keeping import matches
from mock_server.org.identity.standard_profiles import ADMIN_PROFILE_ID
from mock_server.org.standard.reference import record_types

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.schema import Schema

LOGIN_KEYS = ("username", "password", "security_token", "client_id", "client_secret")
"""What the first user and the first app of an org are known by."""

# Fixed, so that the orgs of a process share it: records of a cloned org refer to it.
USER_ID = "005Kd000000000BIAQ"
PASSWORD, SECURITY_TOKEN = "sfmock-password", "sfmock-token"
"""What every user logs in with who was given nothing else: nobody can be sent a link by mail."""
SHORTEST_PASSWORD = 8
_FORMER = 20


@dataclass(frozen=True, slots=True)
class User:
    id: str
    username: str
    password: str = field(repr=False)
    security_token: str = field(repr=False)
    first_name: str = "Integration"
    last_name: str = "User"
    email: str = "integration@example.com"
    active: bool = True
    time_zone: str = "GMT"
    locale: str = "en_US"
    language: str = "en_US"
    profile_id: str = ADMIN_PROFILE_ID
    nickname: str = ""
    modified: str | None = None
    """When its record was last saved, as JSON writes it."""

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True)
class Secret:
    """What a user logs in with. A password that was made up for him is `expired`: he is to choose his own."""

    password: str = field(default=PASSWORD, repr=False)
    security_token: str = field(default=SECURITY_TOKEN, repr=False)
    expired: bool = False
    hash: str | None = field(default=None, repr=False)
    """Of a password that is known by its hash alone: it was set in an earlier life of the org."""
    former: tuple[str, ...] = field(default=(), repr=False)
    """The passwords before: what they opened is over, and they are nobody's business still."""
    since: float | None = None
    """When it was set, in clock seconds; None for when the org was made."""


_RECORDED = {
    "Username": "username",
    "ProfileId": "profile_id",
    "CommunityNickname": "nickname",
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
        self._first = User(USER_ID, f"integration{mark}@sfmock.test", PASSWORD, SECURITY_TOKEN)
        app = ConnectedApp(
            f"sfmock-client-id{dash}",
            "sfmock-client-secret",
            self._first.username,
            consented=None,
            secret_needed=False,
            introspects=True,
        )
        self.apps = {app.client_id: app}
        self.secrets: dict[str, Secret] = {USER_ID: Secret()}
        """By user id, of those who have others than `PASSWORD` and `SECURITY_TOKEN`, and of the first user."""
        self.revision = 0
        """Grows when a secret changes."""
        self.spoken_for = USER_ID
        """The user whose credentials clients are told: the first one unless the org was made for another."""
        self._began = org.clock.now()
        self._ahead_of_wall = org.clock.now() - wall()
        org.store.fillers |= {
            "Profile": self._fill_profiles,
            "PermissionSet": lambda: self._fill("PermissionSet", standard_profiles.permission_set_rows),
            "ObjectPermissions": lambda: self._fill("ObjectPermissions", standard_profiles.object_rows),
            "FieldPermissions": lambda: self._fill("FieldPermissions", standard_profiles.field_rows),
            "UserLogin": self._fill_logins,
        }
        # Its table has four hundred columns, and most orgs are gone before anybody has asked for a profile.
        org.store.promised = ("Profile",)

    def rename(self, names: Mapping[str, str]) -> None:
        """Give the first user and app other `LOGIN_KEYS`; to be called before the org's records are written."""
        user: dict[str, Any] = {key: names[key] for key in ("username", "password", "security_token") if key in names}
        app: dict[str, Any] = {key: names[key] for key in ("client_id", "client_secret") if key in names}
        first = self._first = replace(self._first, **user)
        self.revision += 1
        self.secrets[USER_ID] = Secret(first.password, first.security_token)
        self.apps = {one.client_id: one for one in [replace(self.default_app, run_as=first.username, **app)]}

    def inherit(self, other: Directory) -> None:
        """Take over the passwords of an org whose records were taken over."""
        self.secrets = {**other.secrets, USER_ID: self.secrets[USER_ID]}
        self.apps |= {name: app for name, app in other.apps.items() if name != other.default_app.client_id}
        if other.spoken_for != USER_ID:
            self.speak_for(other.spoken_for)

    def speak_for(self, user_id: str) -> None:
        """Tell clients the credentials of another user than the first; apps log in as him, too."""
        self.spoken_for = user_id
        user = self.told_user
        app = self.default_app
        self.apps[app.client_id] = replace(app, run_as=user.username)

    @property
    def users(self) -> dict[str, User]:
        """The users with passwords of their own, the first one among them, by name in lower case."""
        found = (self.by_id(one) for one in self.secrets)
        known = {user.username.lower(): user for user in found if user is not None}
        return known or {self._first.username.lower(): self._first}

    @property
    def default_user(self) -> User:
        """The first user, an administrator."""
        return self.by_id(USER_ID) or self._first

    @property
    def told_user(self) -> User:
        """The user whose credentials clients are told."""
        return self.by_id(self.spoken_for) or self.default_user

    @property
    def default_app(self) -> ConnectedApp:
        return next(iter(self.apps.values()))

    def knows(self, username: str) -> bool:
        """Tell whether a user has a name, which is compared without case."""
        return self._org.accesses.user_id(username) is not None

    def user(self, username: str) -> User | None:
        """Find a user by name, which is compared without case, as the org's records show it now."""
        found = self._org.accesses.user_id(username)
        return None if found is None else self.by_id(found)

    def by_id(self, user_id: str) -> User | None:
        """Find a user by id, as the org's records show it now."""
        sobject = self._org.schema.get("User")
        assert sobject is not None
        self._org.store.ready(sobject)
        secret = self.secrets.get(user_id, _USUAL)
        for active, *values in self._org.store.lookup(sobject, "Id", [user_id], "IsActive", *_RECORDED):
            said = {name: value or "" for name, value in zip(_RECORDED.values(), values, strict=True)}
            return User(
                user_id, password=secret.password, security_token=secret.security_token, active=bool(active), **said
            )
        return None

    def time_zone(self, user_id: str) -> str:
        """Return the name of a user's time zone, `America/Los_Angeles`; empty for an unknown user."""
        user = self.by_id(user_id)
        return user.time_zone if user else ""

    def set_password(self, user_id: str, password: str, *, expired: bool = False, keep: str | None = None) -> None:
        """Let a user log in with another password from now on, who is no longer locked out.

        The sessions that the old one opened end, but for the one whose token is to be kept. The security token stays:
        the new one that Salesforce would send by mail would reach nobody here.
        """
        org = self._org
        known = self.secrets.get(user_id, _USUAL)
        former = (*known.former, known.password)[-_FORMER:]
        since = org.clock.now()
        self.secrets[user_id] = Secret(password, known.security_token, expired, None, former, since)
        org.keeper.password(user_id, password, expired=expired, since=since)
        self.revision += 1
        org.admission.unlock(user_id)
        org.sessions.end_all_of(user_id, but=keep, by_password=True)

    def expired(self, user_id: str) -> bool:
        """Tell whether a user has to choose a new password: it was made up for him, or it is too old."""
        secret = self.secrets.get(user_id, _USUAL)
        if secret.expired:
            return True
        life = self._org.admission.security.password_life
        if life is None:
            return False
        age = self._org.clock.now() - (self._began if secret.since is None else secret.since)
        access = self._org.accesses.of(user_id)
        return age > life and not (access is not None and "PasswordNeverExpires" in access.system)

    def add_app(self, app: ConnectedApp) -> None:
        """Register an app; one of the same client id gives way, and keeps its key for JWTs where it says none."""
        known = self.apps.get(app.client_id)
        key = app.public_key or (known.public_key if known is not None else None)
        self.apps[app.client_id] = replace(app, public_key=key)
        self.revision += 1

    def become(self, apps: Mapping[str, ConnectedApp]) -> None:
        """Know these apps and no others; the key of one that said none before stays."""
        known, self.apps = self.apps, {}
        self.revision += 1
        for app in apps.values():
            before = known.get(app.client_id)
            key = app.public_key or (before.public_key if before is not None else None)
            self.apps[app.client_id] = replace(app, public_key=key)

    def app(self, client_id: str) -> ConnectedApp | None:
        """Find an app: one that is registered here, or that the platform brings along to every org."""
        return self.apps.get(client_id) or PLATFORM.get(client_id)

    def organization_name(self) -> str:
        """Return the name that the Organization record bears."""
        return str(self._organization("Name") or "")

    def is_sandbox(self) -> bool:
        """Tell whether the Organization record says that the org is a sandbox."""
        return bool(self._organization("IsSandbox"))

    def _organization(self, column: str) -> Any:
        sobject = self._org.schema.get("Organization")
        assert sobject is not None
        self._org.store.ready(sobject)
        return next((value for (value,) in self._org.store.lookup(sobject, "Id", [self._org.id], column)), None)

    def clients_time(self) -> float:
        """Return the time by the clocks of the org's clients, who know nothing of steps of a real clock."""
        return self._org.clock.now() if self._org.clock.mode == "virtual" else wall() + self._ahead_of_wall

    def trust(self, public_key: str) -> None:
        """Register a key pair's public half (PEM) with the first app, for the JWT bearer grant."""
        app = self.default_app
        self.apps[app.client_id] = replace(app, public_key=public_key)

    def recall(self) -> None:
        """Take up the passwords and apps of the org's earlier life, its sessions, refresh tokens and consents."""
        for user_id, known, expired, since in self._org.keeper.passwords():
            token = self.secrets.get(user_id, _USUAL).security_token
            self.secrets[user_id] = Secret("", token, expired, known, (), since)
        for app in self._org.keeper.apps():
            self.apps[app.client_id] = app
        self._org.sessions.recall(lambda: self._org.accesses.inactive)
        self._org.authorizations.recall()
        self.revision += 1

    def proves(self, user: User, password: str, *, with_token: bool) -> bool:
        """Tell whether a text is a user's password, followed by the security token or alone."""
        secret = self.secrets.get(user.id, _USUAL)
        if secret.hash is not None:
            if with_token:
                bare = password.removesuffix(user.security_token)
                return bare != password and matches(bare, secret.hash)
            return matches(password, secret.hash)
        expected = user.password + user.security_token if with_token else user.password
        return hmac.compare_digest(password.encode(errors="replace"), expected.encode(errors="replace"))

    def default_time_zone(self) -> str:
        """Return the time zone of the Organization record, in which login hours are told."""
        return str(self._organization("TimeZoneSidKey") or "GMT")

    def is_locked(self, user_id: str) -> bool:
        """Tell whether a user's UserLogin record says that too many passwords were wrong."""
        sobject = self._org.schema.get("UserLogin")
        if sobject is None:
            return True
        self._org.store.ready(sobject)
        rows = self._org.store.lookup(sobject, "UserId", [user_id], "IsPasswordLocked")
        return any(locked for (locked,) in rows)

    def mark_locked(self, user_id: str, *, locked: bool) -> None:
        """Say in a user's UserLogin record whether he is locked out."""
        sobject = self._org.schema.get("UserLogin")
        if sobject is not None:
            self._org.store.ready(sobject)
            self._org.store.connection.execute(
                'UPDATE "UserLogin" SET "IsPasswordLocked" = ? WHERE "UserId" = ?', (int(locked), user_id)
            )

    def seed(self) -> None:
        """Write the records of the organization, its profiles and its users (anew, in a cloned org)."""
        org, store, schema = self._org, self._org.store, self._org.schema
        audit = self.audit()
        rows: list[tuple[str, dict[str, object]]] = [
            (
                "Organization",
                {
                    "Id": org.id, "Name": "sfmock", "OrganizationType": "Developer Edition", "IsSandbox": 0,
                    "InstanceName": "SFM1", "LanguageLocaleKey": "en_US", "DefaultLocaleSidKey": "en_US",
                    "TimeZoneSidKey": "GMT", "FiscalYearStartMonth": 1, **audit,
                },
            ),
            ("User", {**user_row(self._first), **audit}),
        ]  # fmt: skip
        known = {name: found for name in ("Organization", "User") if (found := schema.get(name))}
        profile = schema.get("Profile")
        if profile is not None and store.exists(profile):
            self._fill_profiles()
        store.start_with(*known.values())
        for name, values in rows:
            sobject = known[name]
            if name == "Organization":
                store.clear(sobject)
            store.put(sobject, {key: value for key, value in values.items() if key in sobject.by_name})
        record_types(schema, store, org.clock.now())
        org.accesses.changed()

    def _fill_profiles(self) -> None:
        sobject = self._org.schema.get("Profile")
        assert sobject is not None
        audit = self.audit(self._began)
        for one in standard_profiles.PROFILES:
            values = {"Id": one.id, "Name": one.name, "UserType": "Standard", **audit}
            self._org.store.put(sobject, {key: value for key, value in values.items() if key in sobject.by_name})

    def _fill(self, name: str, rows: Callable[[Schema, dict[str, Any]], Iterable[dict[str, Any]]]) -> None:
        """Write the records that a table of permissions holds from the start."""
        sobject = self._org.schema.get(name)
        assert sobject is not None
        shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows(self._org.schema, self.audit()):
            known = {key: value for key, value in row.items() if key in sobject.by_name}
            shapes.setdefault(tuple(known), []).append(known)
        for same in shapes.values():
            self._org.store.put_many(sobject, same)

    def _fill_logins(self) -> None:
        sobject = self._org.schema.get("UserLogin")
        assert sobject is not None
        self._org.store.put_many(sobject, logins.rows(sorted(self._org.accesses.usernames.values())))

    def audit(self, moment: float | None = None) -> dict[str, Any]:
        """Return the audit columns of records that the org itself writes, now or at a moment (seconds since 1970)."""
        now = stamp(self._org.clock.now() if moment is None else moment)
        return {
            "CreatedDate": now, "CreatedById": USER_ID, "LastModifiedDate": now, "LastModifiedById": USER_ID,
            "SystemModstamp": now,
        }  # fmt: skip


_USUAL = Secret()


def user_row(user: User) -> dict[str, Any]:
    """Return the columns of a user's record, but for its audit columns."""
    name = user.username.partition("@")[0]
    return {
        "Id": user.id, "Username": user.username, "FirstName": user.first_name or None, "LastName": user.last_name,
        "Email": user.email, "Alias": (user.nickname or name)[:8], "CommunityNickname": (user.nickname or name)[:40],
        "IsActive": int(user.active), "ProfileId": user.profile_id, "UserType": "Standard",
        "TimeZoneSidKey": user.time_zone, "LocaleSidKey": user.locale, "LanguageLocaleKey": user.language,
        "EmailEncodingKey": "UTF-8",
    }  # fmt: skip
