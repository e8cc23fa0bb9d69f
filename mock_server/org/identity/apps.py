"""Connected apps: what an OAuth client is, and what its administrator lets it do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mock_server.org import errors
from mock_server.org.identity import scopes

SCOPES = ("api", "refresh_token", "full", "id", "openid")
"""What the app that every org has may ask for."""
GRANT_TYPES = {
    "authorization_code": "authorization_code",
    "hybrid_auth_code": "authorization_code",
    "client_credentials": "client_credentials",
    "device": "device",
    "hybrid_refresh": "refresh_token",
    "password": "password",
    "refresh_token": "refresh_token",
    "urn:ietf:params:oauth:grant-type:device": "device",
    "urn:ietf:params:oauth:grant-type:jwt-bearer": "jwt_bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange": "token_exchange",
    "urn:ietf:params:oauth:grant-type:hybrid-token-exchange": "token_exchange",
}
"""What a request calls a grant, and what the policy of an app does."""
GRANTS = tuple(sorted({*GRANT_TYPES.values(), "implicit"}))

RefreshPolicy = Literal["until_revoked", "immediate", "expires", "inactive"]
"""How long refresh tokens are good: until revoked, not at all, for a time, for a time without use."""
REFRESH_POLICIES: tuple[RefreshPolicy, ...] = ("until_revoked", "immediate", "expires", "inactive")


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """An OAuth client; client credentials run as `run_as`. `public_key` (PEM, a certificate or a key) checks JWTs.

    `callbacks` are the addresses that the authorize endpoint may send a browser back to. `grants` names the grant types
    that it may use (`GRANTS`), None for every one. With `admin_approved` only the users named in `approved`, by
    username, profile or permission set, may use it, and need not consent; without, each user consents for himself:
    those in `consented` (usernames) have done so already, None stands for everyone. `pkce` asks for a code
    challenge, `secret_needed` for the secret where a code or a refresh token is redeemed. `relax_ip` lets its users in
    from networks that their profile does not name. `refresh_policy` and `refresh_lifetime` (seconds) say how long
    refresh tokens last, `rotate` replaces one with each use. `session_timeout` (seconds) is its sessions' own.
    `relax_refresh` relaxes networks for refresh tokens alone. `introspects` lets it ask about tokens of other apps.
    `id` is that of its record.
    """

    client_id: str
    client_secret: str = field(repr=False)
    run_as: str
    scopes: tuple[str, ...] = SCOPES
    public_key: str | None = None
    name: str = "sfmock"
    callbacks: tuple[str, ...] = ()
    grants: frozenset[str] | None = None
    admin_approved: bool = False
    approved: frozenset[str] = frozenset()
    pkce: bool = False
    secret_needed: bool = True
    relax_ip: bool = True
    refresh_policy: RefreshPolicy = "until_revoked"
    refresh_lifetime: float | None = None
    rotate: bool = False
    session_timeout: float | None = None
    consented: frozenset[str] | None = frozenset()
    relax_refresh: bool = False
    introspects: bool = False
    id: str = ""

    def allows(self, grant: str) -> bool:
        """Tell whether the app may use one of `GRANTS`."""
        return self.grants is None or grant in self.grants

    def asked(self, text: str | None) -> tuple[str, ...]:
        """Return the scopes that a request's `scope` asks for: those of the app where it names none.

        Raises SCOPE_NOT_ALLOWED for one that the app may not have.
        """
        wanted = scopes.asked(text)
        if not scopes.allowed(self.scopes, wanted):
            raise errors.SCOPE_NOT_ALLOWED()
        return wanted or self.scopes


COMMAND_LINE = ConnectedApp(
    "PlatformCLI", "", "", ("refresh_token", "api", "web"), name="Salesforce CLI",
    callbacks=("http://localhost:1717/OauthRedirect",),
    grants=frozenset({"authorization_code", "device", "refresh_token"}), secret_needed=False,
)  # fmt: skip
"""The app of the `sf` command line tool, which has no secret. Nobody installs it: every org knows it."""
PLATFORM = {COMMAND_LINE.client_id: COMMAND_LINE}
