"""Named credentials: where a callout goes and how it says who it is (Metadata API Developer Guide, NamedCredential).

Their secrets are never told again: not by SOQL, the control plane, the journal or an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mock_server.org.approvals.processes import fixed_id
from mock_server.org.automation.hooks import HookError
from mock_server.org.outbound.messages import NAME
from mock_server.org.registered import Registered

if TYPE_CHECKING:
    from mock_server.org.org import Org

Kind = Literal["none", "basic", "oauth", "jwt", "header"]
_OBJECT = "NamedCredential"


@dataclass(frozen=True, slots=True)
class Auth:
    """How a callout authenticates.

    `basic` has `username` and `password`; `oauth` (the client credentials flow) `token_url`, `client_id`,
    `client_secret` and `scope`; `jwt` `issuer`, `subject`, `audience`, `key` (PEM; the org's own where there is none),
    `lifetime` and, where the token is exchanged for another one, `token_url` and `scope`; `header` the `headers`.
    """

    kind: Kind = "none"
    username: str = ""
    password: str = field(default="", repr=False)
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = ""
    in_body: bool = False
    """Whether the client's id and secret go in the body of the token request rather than in its header."""
    issuer: str = ""
    subject: str = ""
    audience: str = ""
    key: str = field(default="", repr=False)
    lifetime: float = 300.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class NamedCredential:
    name: str
    url: str
    auth: Auth = field(default_factory=Auth)
    label: str = ""
    declared: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """As it was written, without what is secret."""
    from_schema: bool = False

    @property
    def id(self) -> str:
        return fixed_id("0XA", self.name)


class Credentials(Registered[NamedCredential]):
    """The named credentials of one org; each is a record that SOQL finds."""

    def __init__(self, org: Org) -> None:
        super().__init__()
        self._org = org

    def check(self, one: NamedCredential) -> None:
        if not NAME.fullmatch(one.name):
            raise HookError(f"{one.name!r:.60} is no name of a credential: letters, digits and single _", "name")
        known = self.named(one.name)
        if known is not None and not known.from_schema:
            raise HookError(f"the named credential {one.name} is there already", "name")

    def replaces(self, one: NamedCredential, other: NamedCredential) -> bool:
        return other.name.lower() == one.name.lower()

    def add(self, one: NamedCredential) -> NamedCredential:
        super().add(one)
        self._write(one)
        return one

    def remove(self, name: str) -> bool:
        self._erase([one.id for one in self._all if one.name == name])
        return super().remove(name)

    def clear(self) -> None:
        self._erase([one.id for one in self._all])
        super().clear()

    def named(self, name: str) -> NamedCredential | None:
        return next((one for one in self._all if one.name.lower() == name.lower()), None)

    def _write(self, one: NamedCredential) -> None:
        from mock_server.org.approvals.rows import put
        from mock_server.org.identity.directory import USER_ID

        values = {
            "Id": one.id, "DeveloperName": one.name, "MasterLabel": one.label or one.name, "Language": "en_US",
            "Endpoint": one.url, "PrincipalType": "Anonymous" if one.auth.kind == "none" else "NamedUser",
            "CalloutOptionsGenerateAuthorizationHeader": one.auth.kind not in ("none", "header"),
            "CalloutOptionsAllowMergeFieldsInHeader": False, "CalloutOptionsAllowMergeFieldsInBody": False,
        }  # fmt: skip
        put(self._org, _OBJECT, values, USER_ID)

    def _erase(self, ids: list[str]) -> None:
        sobject = self._org.schema.get(_OBJECT)
        if ids and sobject is not None:
            from mock_server.org.approvals.rows import remove

            self._org.store.ready(sobject)
            remove(self._org, _OBJECT, ids)
