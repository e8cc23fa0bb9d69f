"""Connected apps: what an OAuth client is, and what its administrator lets it do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCOPES = ("api", "refresh_token", "full", "id", "openid")

RefreshPolicy = Literal["until_revoked", "immediate", "expires", "inactive"]
"""How long refresh tokens are good: until revoked, for one use, for a time, for a time without use."""


@dataclass(frozen=True, slots=True)
class ConnectedApp:
    """An OAuth client; client credentials run as `run_as`. `public_key` (PEM) checks JWTs.

    `callbacks` are the addresses that the authorize endpoint may send a browser back to. `grants` names the grant types
    that it may use, None for every one. With `admin_approved` only the users named in `approved`, by username, profile
    or permission set, may use it, and need not consent; without, each user consents for himself. `pkce` asks for a code
    challenge, `secret_needed` for the secret where a code or a refresh token is redeemed. `relax_ip` lets its users in
    from networks that their profile does not name. `refresh_policy` and `refresh_lifetime` (seconds) say how long
    refresh tokens last, `rotate` replaces one with each use. `session_timeout` (seconds) is its sessions' own.
    """

    client_id: str
    client_secret: str
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
