"""Connected apps and external client apps of the Metadata API, in the form of `identity.given_apps`.

Sources: Metadata API Developer Guide, "ConnectedApp", "ExtlClntAppOauthSettings", "ExtlClntAppGlobalOauthSettings",
"ExtlClntAppOauthConfigurablePolicies". An external client app is told by several files, which name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mock_server.org.schema.xml_tree import Element

KINDS = {
    "connectedApp": "ConnectedApp",
    "eca": "ExternalClientApplication",
    "ecaOauth": "ExtlClntAppOauthSettings",
    "ecaGlblOauth": "ExtlClntAppGlobalOauthSettings",
    "ecaOauthPlcy": "ExtlClntAppOauthConfigurablePolicies",
}
"""Suffixes of the files that tell of an app, and their root elements."""
UNTOLD = "sfmock-client-secret"
"""The secret of an app of whom metadata tells none: Salesforce makes it up, and never writes it there."""
_SCOPES = {
    "basic": "id", "openid": "openid", "refreshtoken": "refresh_token", "offlineaccess": "refresh_token",
    "custompermissions": "custom_permissions", "chatter": "chatter_api", "wave": "wave_api", "eclair": "eclair_api",
    "pardot": "pardot_api", "chatbotapi": "chatbot_api", "forgotpassword": "forgot_password",
    "userregistrationapi": "user_registration_api", "pwdlessloginapi": "pwdless_login_api",
    "cdpingest": "cdp_ingest_api",
    "cdpprofile": "cdp_profile_api", "cdpquery": "cdp_query_api", "cdpsegment": "cdp_segment_api",
    "cdpidentityresolution": "cdp_identityresolution_api", "cdpcalculatedinsight": "cdp_calculated_insight_api",
    "cdp": "cdp_api", "einsteingpt": "einstein_gpt_api", "sfap": "sfap_api", "interaction": "interaction_api",
    "mcp": "mcp_api", "scrt": "scrt_api",
}  # fmt: skip
"""What metadata calls a scope, in lower case without underscores, where OAuth calls it otherwise."""
_LIFETIME = re.compile(r"(specific_?lifetime|specific_?inactivity)(?::(\d+):([a-z]+))?")
_UNITS = {"hour": 1, "day": 24, "month": 720}
_FLAGS = {
    "isAdminApproved": "adminApproved",
    "isPkceRequired": "pkce",
    "isRefreshTokenRotationEnabled": "rotate",
    "isIntrospectAllTokens": "introspects",
}
_RELAXED = {"bypass": True, "enforce_relaxrefresh": "refresh", "enforcerelaxrefresh": "refresh"}
Lines = dict[tuple[str | int, ...], int]


def app_of(kind: str, name: str, root: Element) -> tuple[str, dict[str, Any], Lines, list[tuple[int, str]]]:
    """Return an app's name, what a file says of it, the lines of that, and line and text of each warning."""
    out: dict[str, Any] = {}
    lines: Lines = {(): root.line}
    warnings: list[tuple[int, str]] = []
    if kind == "connectedApp":
        if (label := root.get("label")) is not None:
            out["name"] = label
        for part in ("oauthConfig", "oauthPolicy", "sessionPolicy"):
            found = root.first(part)
            if found is not None:
                _read(found, out, lines, warnings)
        _approved(root, "profileName", out)
        _approved(root, "permissionSetName", out)
    else:
        name = root.get("externalClientApplication") or name
        if kind == "eca" and (label := root.get("label")) is not None:
            out["name"] = label
        if kind != "eca":
            _read(root, out, lines, warnings)
    return name, out, lines, warnings


def _read(element: Element, out: dict[str, Any], lines: Lines, warnings: list[tuple[int, str]]) -> None:
    def put(key: str, value: Any, child: Element) -> None:
        out[key] = value
        lines[key,] = child.line

    for child in element.children:
        text = (child.text or "").strip()
        word = text.lower()
        if child.tag in _FLAGS:
            if word in ("true", "1") or child.tag != "isAdminApproved":
                put(_FLAGS[child.tag], word in ("true", "1"), child)
        elif child.tag == "consumerKey" and text:
            put("clientId", text, child)
        elif child.tag == "consumerSecret" and text:
            put("clientSecret", text, child)
        elif child.tag == "certificate" and text:
            put("certificate", text, child)
        elif child.tag == "callbackUrl":
            put("callbacks", text.split(), child)
        elif child.tag in ("isConsumerSecretOptional", "isSecretRequiredForRefreshToken"):
            needed = (word in ("true", "1")) is (child.tag == "isSecretRequiredForRefreshToken")
            put("secretNeeded", out.get("secretNeeded", True) and needed, child)
        elif child.tag in ("oauthClientCredentialUser", "clientCredentialsFlowUser") and text:
            put("runAs", text, child)
        elif child.tag in ("scopes", "commaSeparatedOauthScopes"):
            put("scopes", [*out.get("scopes", []), *_scopes(text)], child)
        elif child.tag in ("ipRelaxation", "ipRelaxationPolicyType"):
            put("relaxIp", _RELAXED.get(word, False), child)
        elif child.tag in ("refreshTokenPolicy", "refreshTokenPolicyType"):
            _refresh(element, word, child, out, lines, warnings)
        elif child.tag in ("sessionTimeout", "sessionTimeoutInMinutes") and text.isdecimal() and int(text):
            put("sessionTimeout", f"{int(text)}m", child)
        elif child.tag == "permittedUsersPolicyType" and word == "adminapprovedpreauthorized":
            put("adminApproved", True, child)
        elif child.tag in ("commaSeparatedProfile", "commaSeparatedPermissionSet"):
            put("approved", [*out.get("approved", []), *(one.strip() for one in text.split(",") if one.strip())], child)
            out["adminApproved"] = True


def _scopes(text: str) -> Iterator[str]:
    for one in text.replace(",", " ").split():
        plain = one.lower().replace("_", "")
        yield _SCOPES.get(plain, one.lower())


def _refresh(
    element: Element, word: str, child: Element, out: dict[str, Any], lines: Lines, warnings: list[tuple[int, str]]
) -> None:
    lines["refreshPolicy",] = child.line
    if word in ("infinite", "zero"):
        out["refreshPolicy"] = "until_revoked" if word == "infinite" else "immediate"
        return
    found = _LIFETIME.fullmatch(word)
    period = (found[2] if found else None) or element.get("refreshTokenValidityPeriod")
    unit = ((found[3] if found else None) or element.get("refreshTokenValidityUnit") or "days").lower().rstrip("s")
    if found is None or period is None or not period.isdecimal() or unit not in _UNITS or not int(period):
        warnings.append((child.line, f"the policy of refresh tokens {word[:60]!r} is not known; they are kept"))
        return
    out["refreshPolicy"] = "expires" if "lifetime" in found[1] else "inactive"
    out["refreshLifetime"] = f"{int(period) * _UNITS[unit]}h"


def _approved(root: Element, tag: str, out: dict[str, Any]) -> None:
    names = [name for child in root.all(tag) if (name := (child.text or "").strip())]
    if names and out.get("adminApproved"):
        out["approved"] = [*out.get("approved", []), *names]


def untold(name: str, app: dict[str, Any]) -> str | None:
    """Fill in what metadata does not tell of an app; return what was filled in, in words."""
    told = []
    if "clientId" not in app:
        app["clientId"] = name
        told.append(f"its consumer key is {name}")
    if "clientSecret" not in app:
        app["clientSecret"] = UNTOLD
        told.append(f"its consumer secret is {UNTOLD}")
    return ", ".join(told) or None


def rules_of(profile: Element) -> dict[str, Any]:
    """Return from where and when the users of a profile may log in."""
    out: dict[str, Any] = {}
    ranges = [
        f"{start.strip()}-{end.strip()}"
        for one in profile.all("loginIpRanges")
        if (start := one.get("startAddress")) and (end := one.get("endAddress"))
    ]
    if ranges:
        out["loginIpRanges"] = ranges
    hours = profile.first("loginHours")
    if hours is not None:
        days = {}
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"):
            start, end = hours.get(f"{day}Start"), hours.get(f"{day}End")
            if start and end and start.isdecimal() and end.isdecimal():
                days[day] = f"{int(start) // 60:02d}:{int(start) % 60:02d}-{int(end) // 60:02d}:{int(end) % 60:02d}"
        out["loginHours"] = days
    return out
