"""Sessions, refresh tokens and connected apps as records: written anew whenever somebody reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mock_server.org.clock import stamp

if TYPE_CHECKING:
    from mock_server.org.org import Org

_DAY = 86_400


class LiveRecords:
    """The records of AuthSession, OauthToken and ConnectedApplication. Secrets never are in them."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._ids: dict[tuple[str, str], str] = {}
        org.queries.live |= {
            "AuthSession": lambda: self._write("AuthSession", "0Ak", self._sessions()),
            "OauthToken": lambda: self._write("OauthToken", "0CQ", self._tokens()),
            "ConnectedApplication": lambda: self._write("ConnectedApplication", "0H4", self._apps()),
        }

    def end(self, ids: Iterable[str]) -> None:
        """End the sessions whose AuthSession records were deleted."""
        tokens = {identifier: token for (name, token), identifier in self._ids.items() if name == "AuthSession"}
        for identifier in ids:
            if identifier in tokens:
                self._org.sessions.end(tokens[identifier])

    def _write(self, name: str, prefix: str, rows: Iterator[tuple[str, dict[str, Any]]]) -> None:
        sobject = self._org.schema.get(name)
        if sobject is None:
            return
        store = self._org.store
        store.ready(sobject)
        known, kept = [], {}
        for key, row in rows:
            identifier = row.pop("Id", None) or self._ids.get((name, key))
            if identifier is None:
                (identifier,) = self._org.ids.take_many(prefix, 1)
            kept[name, key] = identifier
            known.append({"Id": identifier, **{one: value for one, value in row.items() if one in sobject.by_name}})
        self._ids = {key: value for key, value in self._ids.items() if key[0] != name} | kept
        store.clear(sobject)
        if known:
            store.put_many(sobject, known)

    def _sessions(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for session in self._org.sessions.live():
            yield session.token, {
                "UsersId": session.user_id, "CreatedDate": stamp(session.created),
                "LastModifiedDate": stamp(session.last_used), "NumSecondsValid": int(session.timeout),
                "UserType": "Standard", "SessionType": "API", "SessionSecurityLevel": "STANDARD",
                "LoginType": "Remote Access 2.0" if session.client_id else "Other Apex API", "IsCurrent": 0,
                "IsAssociatedWithJwtAccessToken": 0,
            }  # fmt: skip

    def _tokens(self) -> Iterator[tuple[str, dict[str, Any]]]:
        directory = self._org.directory
        for grant in self._org.sessions.grants():
            app = directory.app(grant.client_id)
            yield grant.token, {
                "UserId": grant.user_id, "AppName": app.name if app else grant.client_id,
                "CreatedDate": stamp(grant.created), "LastUsedDate": stamp(grant.last_used) if grant.uses else None,
                "UseCount": grant.uses,
            }  # fmt: skip

    def _apps(self) -> Iterator[tuple[str, dict[str, Any]]]:
        audit = self._org.directory.audit()
        for app in self._org.directory.apps.values():
            row = {
                "Name": app.name, "OptionsAllowAdminApprovedUsersOnly": int(app.admin_approved),
                "OptionsRefreshTokenValidityMetric": int(app.refresh_policy == "inactive"),
                "RefreshTokenValidityPeriod": int(app.refresh_lifetime // _DAY) if app.refresh_lifetime else None,
                "OptionsHasSessionLevelPolicy": 0, "OptionsIsInternal": 0, **audit,
            }  # fmt: skip
            yield app.client_id, {"Id": app.id, **row} if app.id else row
