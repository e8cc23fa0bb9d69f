"""The door of an org: who is let in, by which way, from where and when; and what is written down about it.

Every login of every protocol comes through here, so that the policies of apps, profiles and the org hold for all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mock_server.org import errors
from mock_server.org.errors import ErrorSpec
from mock_server.org.identity.networks import within
from mock_server.org.identity.security import NO_RULES, Rules, Security

if TYPE_CHECKING:
    from mock_server.org.identity.apps import ConnectedApp
    from mock_server.org.identity.directory import User
    from mock_server.org.org import Org

LOGINS_AN_HOUR = 3600
Reason = Literal["credentials", "token", "locked", "inactive", "frozen", "rate", "domain", "hours", "api_only"]


class LoginRefused(Exception):
    """A login that is not let in."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a reason is told: to OAuth clients, to those of the SOAP API, and in the login history."""

    oauth: ErrorSpec
    soap: ErrorSpec
    status: str


REFUSALS: dict[Reason, Refusal] = {
    "credentials": Refusal(errors.AUTHENTICATION_FAILURE, errors.INVALID_LOGIN, "Invalid Password"),
    "token": Refusal(
        errors.AUTHENTICATION_FAILURE,
        errors.LOGIN_MUST_USE_SECURITY_TOKEN,
        "Failed: API security token required",
    ),
    # SOAP does not tell strangers that there is such a user.
    "locked": Refusal(errors.AUTHENTICATION_FAILURE, errors.INVALID_LOGIN, "Password Lockout"),
    "inactive": Refusal(errors.INACTIVE_USER, errors.INVALID_LOGIN, "User is Inactive"),
    "frozen": Refusal(errors.INACTIVE_USER, errors.INVALID_LOGIN, "User Is Frozen"),
    "rate": Refusal(errors.LOGIN_RATE_EXCEEDED, errors.INVALID_LOGIN, "Login Rate Exceeded"),
    "domain": Refusal(errors.IP_RESTRICTED, errors.LOGIN_DURING_RESTRICTED_DOMAIN, "Restricted IP"),
    "hours": Refusal(errors.RESTRICTED_HOURS, errors.LOGIN_DURING_RESTRICTED_TIME, "Restricted Login Hours"),
    "api_only": Refusal(errors.AUTHENTICATION_FAILURE, errors.INVALID_LOGIN, "Failed: API Only User"),
}


@dataclass(frozen=True, slots=True)
class Visit:
    """One login on its way in: from which address, to which host, by which API."""

    address: str = "127.0.0.1"
    url: str = "login.salesforce.com"
    kind: str = "Remote Access 2.0"
    application: str = ""
    api_type: str | None = None
    api_version: str | None = None
    secure: bool = True
    by_hand: bool = False
    """Whether a person logs in at the login page, where no security token is asked for."""


class Admission:
    """Lets users in, or says why not."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self.security = Security()
        self._times: dict[str, deque[float]] = {}
        self._wrong: dict[str, int] = {}
        self._locked: dict[str, float | None] = {}

    # -- the ways in

    def by_password(self, username: str, password: str, visit: Visit, app: ConnectedApp | None = None) -> User:
        """Check a password, with or without the security token behind it. Raises LoginRefused, NOT_ADMIN_APPROVED.

        A password that has expired lets in as well: what can be done then is said at each call.
        """
        user = self._org.directory.user(username)
        if user is None:
            raise LoginRefused("credentials")
        try:
            self.count_login(user)
            self._check_password(user, password, visit)
            self._check_user(user)
            if visit.by_hand and self._only_by_api(user):
                raise LoginRefused("api_only")
            self._check_rules(user, visit)
            if app is not None:
                self.permit(app, user, consented=True)
        except LoginRefused as refused:
            self._note(user, visit, refused.reason)
            raise
        self._wrong.pop(user.id, None)
        self._note(user, visit, None)
        return user

    def by_app(self, app: ConnectedApp, user: User, visit: Visit, *, consented: bool = False) -> User:
        """Let an app in for a user who gives no password: JWT bearer, client credentials, token exchange.

        `consented` says that the user's own approval is not needed. Raises LoginRefused, NOT_ADMIN_APPROVED,
        UNAPPROVED_CONSUMER.
        """
        try:
            self.count_login(user)
            self._check_user(user)
            self.permit(app, user, consented=consented)
            self._check_rules(user, visit, relaxed=app.relax_ip)
        except LoginRefused as refused:
            self._note(user, visit, refused.reason)
            raise
        self._note(user, visit, None)
        return user

    def by_refresh(self, app: ConnectedApp, user: User, visit: Visit) -> User:
        """Let an app go on for a user with a refresh token. Raises as `by_app`."""
        try:
            self._check_user(user)
            self.permit(app, user, consented=True)
            self._check_rules(user, visit, relaxed=app.relax_ip or app.relax_refresh)
        except LoginRefused as refused:
            self._note(user, visit, refused.reason)
            raise
        return user

    # -- the policies

    def permit(self, app: ConnectedApp, user: User, *, consented: bool = False) -> None:
        """Check that a user may use an app.

        Raises NOT_ADMIN_APPROVED where its administrator decides and has not approved the user, UNAPPROVED_CONSUMER
        where the user has to consent and never did.
        """
        if app.admin_approved:
            if not self.approves(app, user):
                raise errors.NOT_ADMIN_APPROVED()
        elif not consented and not self.has_consented(app, user):
            raise errors.UNAPPROVED_CONSUMER()

    def approves(self, app: ConnectedApp, user: User) -> bool:
        """Tell whether an app's administrator has approved a user, by name, profile or permission set."""
        wanted = {one.lower() for one in app.approved}
        return bool(wanted) and not wanted.isdisjoint(self._names(user))

    def _names(self, user: User) -> Iterator[str]:
        yield user.username.lower()
        org = self._org
        for name, column, ids in (
            ("Profile", "Name", [user.profile_id]),
            ("PermissionSet", "Name", sorted(org.accesses.assigned(user.id))),
        ):
            sobject = org.schema.get(name)
            assert sobject is not None
            org.store.ready(sobject)
            for (found,) in org.store.lookup(sobject, "Id", ids, column):
                yield str(found).lower()

    def has_consented(self, app: ConnectedApp, user: User) -> bool:
        """Tell whether a user has approved an app: once is enough, until he takes it back."""
        if app.consented is None or user.username.lower() in {one.lower() for one in app.consented}:
            return True
        return self._org.authorizations.approved(user.id, app.client_id)

    def rules_of(self, user: User) -> Rules:
        """Return what is said of a user's logins: for himself, else for his profile."""
        security = self.security
        if not security.users and not security.profiles:
            return NO_RULES
        own = security.users.get(user.id, NO_RULES)
        return own.under(security.profiles.get(user.profile_id, NO_RULES))

    def session_timeout(self, user: User, app: ConnectedApp | None) -> float:
        """Return after how many seconds without a call a new session ends: the app's word, the profile's, the org's."""
        if app is not None and app.session_timeout is not None:
            return app.session_timeout
        return self.rules_of(user).session_timeout or self.security.session_timeout

    # -- the checks

    def count_login(self, user: User) -> None:
        """Count a login against the hourly rate. Raises LoginRefused."""
        now = self._org.clock.now()
        times = self._times.setdefault(user.id, deque())
        while times and times[0] <= now - 3600:
            times.popleft()
        if len(times) >= LOGINS_AN_HOUR:
            raise LoginRefused("rate")
        times.append(now)

    def _check_password(self, user: User, password: str, visit: Visit) -> None:
        if self.locked(user.id):
            raise LoginRefused("locked")
        directory = self._org.directory
        if directory.proves(user, password, with_token=True):
            return
        if not directory.proves(user, password, with_token=False):
            self._miss(user)
            raise LoginRefused("credentials")
        rules = self.rules_of(user)
        if rules.trusted is None:
            # The login addresses of a profile are trusted ones.
            trusted = rules.ranges is not None or (
                self.security.trusted is None or within(visit.address, self.security.trusted)
            )
        else:
            trusted = rules.trusted
        if not trusted and not visit.by_hand:
            raise LoginRefused("token")

    def _miss(self, user: User) -> None:
        wrong = self._wrong[user.id] = self._wrong.get(user.id, 0) + 1
        security = self.security
        if security.attempts is not None and wrong >= security.attempts:
            until = None if security.lockout is None else self._org.clock.now() + security.lockout
            self._locked[user.id] = until
            del self._wrong[user.id]
            self._org.directory.mark_locked(user.id, locked=True)

    def locked(self, user_id: str) -> bool:
        """Tell whether a user is locked out for now: too many wrong passwords, and nobody has unlocked him."""
        if user_id not in self._locked:
            return False
        until = self._locked[user_id]
        if (until is None or self._org.clock.now() < until) and self._org.directory.is_locked(user_id):
            return True
        self.unlock(user_id)
        return False

    def unlock(self, user_id: str) -> None:
        """Let a user try passwords again."""
        self._wrong.pop(user_id, None)
        if self._locked.pop(user_id, 0.0) != 0.0:
            self._org.directory.mark_locked(user_id, locked=False)

    def _check_user(self, user: User) -> None:
        accesses = self._org.accesses
        if user.id in accesses.inactive:
            raise LoginRefused("inactive")
        if user.id in accesses.barred:
            raise LoginRefused("frozen")

    def _only_by_api(self, user: User) -> bool:
        access = self._org.accesses.of(user.id)
        return access is not None and "ApiUserOnly" in access.system

    def _check_rules(self, user: User, visit: Visit, *, relaxed: bool = False) -> None:
        rules = self.rules_of(user)
        if rules.ranges is not None and not relaxed and not within(visit.address, rules.ranges):
            raise LoginRefused("domain")
        if rules.hours is not None and not rules.hours.open_at(
            self._org.clock.now(), self._org.directory.default_time_zone()
        ):
            raise LoginRefused("hours")

    def _note(self, user: User, visit: Visit, reason: Reason | None) -> None:
        status = "Success" if reason is None else REFUSALS[reason].status
        self._org.history.note(user.id, visit, status)


__all__ = ["REFUSALS", "Admission", "LoginRefused", "Visit"]
