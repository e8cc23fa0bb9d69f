"""OAuth scopes: which there are, in the words of the consent page, and which of them an app may ask for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

LABELS = {
    "id": "Access the identity URL service",
    "profile": "Access the identity URL service",
    "email": "Access the identity URL service",
    "address": "Access the identity URL service",
    "phone": "Access the identity URL service",
    "api": "Manage user data via APIs",
    "web": "Manage user data via Web browsers",
    "full": "Full access",
    "refresh_token": "Perform requests at any time",
    "offline_access": "Perform requests at any time",
    "openid": "Access unique user identifiers",
    "visualforce": "Access Visualforce applications",
    "content": "Access content resources",
    "lightning": "Access Lightning applications",
    "custom_permissions": "Access custom permissions",
    "chatter_api": "Access Connect REST API resources",
    "wave_api": "Access Analytics REST API resources",
    "eclair_api": "Access Analytics REST API Charts Geodata resources",
    "pardot_api": "Manage Pardot services",
    "chatbot_api": "Access chatbot services",
    "sfap_api": "Access the Salesforce API Platform",
    "einstein_gpt_api": "Access Einstein GPT services",
    "interaction_api": "Access Interaction API resources",
    "mcp_api": "Access Salesforce hosted MCP servers",
    "scrt_api": "Access SCRT 2.0 resources",
    "cdp_api": "Access all Data Cloud API resources",
    "cdp_query_api": "Perform ANSI SQL queries on Data Cloud data",
    "cdp_profile_api": "Manage Data Cloud profile data",
    "cdp_ingest_api": "Manage Data Cloud Ingestion API data",
    "cdp_segment_api": "Perform segmentation on Data Cloud data",
    "cdp_calculated_insight_api": "Manage Data Cloud Calculated Insight data",
    "cdp_identityresolution_api": "Manage Data Cloud Identity Resolution",
    "forgot_password": "Access headless forgot password API",
    "pwdless_login_api": "Access headless passwordless login API",
    "user_registration_api": "Access headless registration API",
}
"""Every scope, and what it lets an app do, as Salesforce tells the user."""

OFFLINE = frozenset({"refresh_token", "offline_access"})
"""Either asks for a refresh token."""
_IDENTITY = frozenset({"id", "profile", "email", "address", "phone"})


def asked(text: str | None) -> tuple[str, ...]:
    """Return the scopes that a request names, each once, in its order."""
    return tuple(dict.fromkeys((text or "").split()))


def without_refresh(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return scopes without those that ask for a refresh token."""
    return tuple(one for one in scopes if one not in OFFLINE)


def allowed(of_app: Iterable[str], wanted: Iterable[str]) -> bool:
    """Tell whether an app may ask for scopes.

    `full` brings all others along, but for the refresh token, which has to be among the app's own.
    """
    own = frozenset(of_app)
    return all(_allowed(own, one) for one in wanted)


def _allowed(own: frozenset[str], wanted: str) -> bool:
    if wanted in own:
        return True
    if wanted in OFFLINE:
        return bool(own & OFFLINE)
    if wanted in _IDENTITY and own & _IDENTITY:
        return True
    return "full" in own and wanted in LABELS


IDENTITY = ("id", "profile", "email", "address", "phone", "openid", "api", "web")
"""Scopes that let a token ask who it belongs to: clients that reach data may do so, too."""


@lru_cache(1024)
def reach(granted: tuple[str, ...], needed: tuple[str, ...]) -> bool:
    """Tell whether a session's scopes include one of those that an operation needs, or `full`."""
    return any(covers(granted, one) for one in needed)


def covers(granted: Iterable[str], scope: str) -> bool:
    """Tell whether a session's scopes include one of what `full` stands for."""
    return scope in granted or "full" in granted


def in_words(scopes: Iterable[str]) -> list[str]:
    """Return what scopes let an app do, each once."""
    return list(dict.fromkeys(LABELS.get(one, one) for one in scopes))
