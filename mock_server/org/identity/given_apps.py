"""Connected apps and security settings as a user of the mock declares them, in YAML or JSON.

apps:
  - name: Sync
    clientId: 3MVG9sync
    clientSecret: hush
    scopes: [api, refresh_token]
    adminApproved: true
    approved: [sync@acme.test, Integration_User]      # usernames, profiles, permission sets
security:
  sessionTimeout: 30m
  trustedNetworks: [10.0.0.0/8]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from mock_server.org.identity import redirects, scopes
from mock_server.org.identity.apps import GRANTS, REFRESH_POLICIES, SCOPES, ConnectedApp
from mock_server.org.identity.networks import DAYS, Hours, Range, read_span
from mock_server.org.identity.security import LONGEST_SESSION, SHORTEST_SESSION, Rules, Security
from mock_server.org.schema import SchemaError
from mock_server.org.schema.errors import Path, brief
from mock_server.org.spans import seconds_of

T = TypeVar("T")
APP_KEYS = (
    "name", "clientId", "clientSecret", "certificate", "callbacks", "scopes", "grants", "runAs", "adminApproved",
    "approved", "consented", "pkce", "secretNeeded", "relaxIp", "refreshPolicy", "refreshLifetime", "rotate",
    "sessionTimeout", "introspects",
)  # fmt: skip
SECURITY_KEYS = ("sessionTimeout", "trustedNetworks", "loginAttempts", "lockout", "passwordLife")
RULE_KEYS = ("loginIpRanges", "loginHours", "sessionTimeout")
"""What profiles and users may say of their logins; users besides have `trustedNetwork`."""
_LONGEST = 4000
_MOST = 200
_RELAXED = ("true", "false", "refresh")


def read_apps(given: Any, path: Path = ("apps",)) -> list[ConnectedApp]:
    """Read a list of apps. Raises SchemaError for the first mistake. An empty `run_as` is for the org to fill."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise SchemaError(path, "apps is a list of mappings, each one connected app", APP_KEYS)
    apps = [read_app(one, (*path, place)) for place, one in enumerate(given)]
    seen: set[str] = set()
    for place, app in enumerate(apps):
        if app.client_id in seen:
            raise SchemaError((*path, place, "clientId"), f"two apps have the client id {brief(app.client_id)}")
        seen.add(app.client_id)
    return apps


def check_apps(apps: Mapping[str, Any]) -> list[SchemaError]:
    """Return what is wrong with apps that are defined by name."""
    found = []
    for name, app in apps.items():
        try:
            read_app(app, ("apps", name), lenient=True)
        except SchemaError as error:
            found.append(error)
    return found


def read_app(given: Any, path: Path = (), *, lenient: bool = False) -> ConnectedApp:
    """Read one app. Raises SchemaError; `lenient` takes callbacks that lead nowhere, as projects fill them in later."""
    data = _mapping(given, path, APP_KEYS, "setting of an app")
    client_id = _text(data, path, "clientId")
    if client_id is None:
        raise SchemaError(path, "an app needs a clientId: what clients send as client_id")
    policy = _choice(data, path, "refreshPolicy", REFRESH_POLICIES) or "until_revoked"
    lifetime = _seconds(data, path, "refreshLifetime")
    if policy in ("expires", "inactive") and lifetime is None:
        raise SchemaError((*path, "refreshPolicy"), f"refreshPolicy {policy} needs a refreshLifetime, such as 30d")
    if lifetime is not None and policy not in ("expires", "inactive"):
        text = "refreshLifetime is for the refreshPolicy expires or inactive"
        raise SchemaError((*path, "refreshLifetime"), text, ("expires", "inactive"))
    approved = _words(data, path, "approved")
    admin = _flag(data, path, "adminApproved")
    if approved is not None and admin is False:
        raise SchemaError((*path, "approved"), "approved is for an app with adminApproved: true")
    relaxed = data.get("relaxIp", False)
    relaxed = {"true": True, "false": False}.get(relaxed, relaxed) if isinstance(relaxed, str) else relaxed
    if relaxed not in (True, False, "refresh"):
        raise SchemaError.unknown((*path, "relaxIp"), "relaxation of networks", relaxed, _RELAXED)
    return ConnectedApp(
        client_id,
        _text(data, path, "clientSecret") or "",
        _text(data, path, "runAs") or "",
        _listed(data, path, "scopes", scopes.LABELS) or SCOPES,
        _key(data, path),
        _text(data, path, "name") or client_id,
        callbacks=_callbacks(data, path, lenient),
        grants=None if data.get("grants") is None else frozenset(_listed(data, path, "grants", GRANTS) or ()),
        admin_approved=bool(admin) or approved is not None,
        approved=frozenset(approved or ()),
        consented=frozenset(_words(data, path, "consented") or ()),
        pkce=_flag(data, path, "pkce") or False,
        secret_needed=True if (needed := _flag(data, path, "secretNeeded")) is None else needed,
        relax_ip=relaxed is True,
        relax_refresh=relaxed == "refresh",
        refresh_policy=policy,
        refresh_lifetime=lifetime,
        rotate=_flag(data, path, "rotate") or False,
        session_timeout=_session_timeout(data, path),
        introspects=_flag(data, path, "introspects") or False,
    )


def read_security(given: Any, path: Path = ("security",)) -> Security:
    """Read an org's security settings. Raises SchemaError."""
    data = _mapping(given, path, SECURITY_KEYS, "security setting")
    usual = Security()
    networks = data.get("trustedNetworks")
    attempts = data.get("loginAttempts", usual.attempts)
    if attempts == "none":
        attempts = None
    elif not isinstance(attempts, int) or isinstance(attempts, bool) or not 1 <= attempts <= 1000:
        raise SchemaError(
            (*path, "loginAttempts"), f"a number from 1 to 1000 is needed, or none, not {brief(attempts)}"
        )
    lockout = None if data.get("lockout") == "forever" else _seconds(data, path, "lockout") or usual.lockout
    return Security(
        session_timeout=_session_timeout(data, path) or usual.session_timeout,
        trusted=None if networks is None else _ranges(networks, (*path, "trustedNetworks")),
        attempts=attempts,
        lockout=lockout,
        password_life=_seconds(data, path, "passwordLife"),
    )


def read_rules(data: Mapping[str, Any], path: Path) -> Rules | None:
    """Read what a profile or user says of logins, None where nothing is said. Raises SchemaError."""
    ranges, hours, trusted = (data.get(key) for key in ("loginIpRanges", "loginHours", "trustedNetwork"))
    timeout = _session_timeout(data, path)
    if ranges is None and hours is None and timeout is None and trusted is None:
        return None
    if trusted is not None and not isinstance(trusted, bool):
        raise SchemaError(
            (*path, "trustedNetwork"), f"true or false is needed, not {brief(trusted)}", ("true", "false")
        )
    return Rules(
        None if ranges is None else _ranges(ranges, (*path, "loginIpRanges")),
        None if hours is None else _hours(hours, (*path, "loginHours")),
        timeout,
        trusted,
    )


def _ranges(given: Any, path: Path) -> tuple[Range, ...]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, Sequence):
        raise SchemaError(path, "a list of networks is needed here: 10.0.0.0/8, or 10.0.0.1-10.0.0.9")
    found = []
    for place, text in enumerate(texts):
        at = path if isinstance(given, str) else (*path, place)
        try:
            found.append(Range.read(str(text)))
        except ValueError:
            raise SchemaError(at, f"{brief(text)} is no network: write 10.0.0.0/8, or 10.0.0.1-10.0.0.9") from None
    return tuple(found)


def _hours(given: Any, path: Path) -> Hours:
    data = _mapping(given, path, DAYS, "day")
    spans = {}
    for day, text in data.items():
        try:
            spans[DAYS.index(day)] = read_span(str(text))
        except ValueError as error:
            raise SchemaError((*path, day), str(error)) from None
    return Hours(spans)


def _callbacks(data: Mapping[str, Any], path: Path, lenient: bool) -> tuple[str, ...]:
    words = _words(data, path, "callbacks") or []
    for place, word in enumerate(words):
        if not lenient and not redirects.possible(word):
            text = f"{brief(word)} is no address that a browser can be sent to, such as http://localhost:1717/OauthRedirect"
            raise SchemaError((*path, "callbacks", place), text)
    return tuple(words)


def _key(data: Mapping[str, Any], path: Path) -> str | None:
    text = _text(data, path, "certificate")
    if text is None:
        return None
    from mock_server.org.identity.certificates import public_key

    try:
        return public_key(text)
    except ValueError as error:
        raise SchemaError((*path, "certificate"), str(error)) from None


def _session_timeout(data: Mapping[str, Any], path: Path) -> float | None:
    found = _seconds(data, path, "sessionTimeout")
    if found is not None and not SHORTEST_SESSION <= found <= LONGEST_SESSION:
        raise SchemaError((*path, "sessionTimeout"), "a session lasts from 15m to 24h")
    return found


def _seconds(data: Mapping[str, Any], path: Path, key: str) -> float | None:
    value = data.get(key)
    if value is None:
        return None
    try:
        found = seconds_of(value)
    except ValueError as error:
        raise SchemaError((*path, key), str(error)) from None
    if found <= 0:
        raise SchemaError((*path, key), f"{key} must be more than 0")
    return found


def _mapping(given: Any, path: Path, keys: Sequence[str], what: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise SchemaError(path, "a mapping is needed here", keys)
    for key in given:
        if key not in keys:
            raise SchemaError.unknown((*path, key), what, key, keys)
    return given


def _text(data: Mapping[str, Any], path: Path, key: str) -> str | None:
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise SchemaError((*path, key), f"a text of 1 to {_LONGEST} characters is needed here")
    return value


def _flag(data: Mapping[str, Any], path: Path, key: str) -> bool | None:
    value = data.get(key)
    if value is not None and not isinstance(value, bool):
        raise SchemaError((*path, key), f"true or false is needed, not {brief(value)}", ("true", "false"))
    return value


def _choice(data: Mapping[str, Any], path: Path, key: str, allowed: Sequence[T]) -> T | None:
    value = data.get(key)
    if value is not None and value not in allowed:
        raise SchemaError.unknown((*path, key), key, value, [str(one) for one in allowed])
    return value


def _words(data: Mapping[str, Any], path: Path, key: str) -> list[str] | None:
    """Read a list of texts, or one."""
    value = data.get(key)
    if value is None:
        return None
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, Sequence) or len(words) > _MOST:
        raise SchemaError((*path, key), "a list of texts is needed here")
    for place, word in enumerate(words):
        if not isinstance(word, str) or not word or len(word) > _LONGEST:
            raise SchemaError((*path, key, place), f"a text of 1 to {_LONGEST} characters is needed here")
    return list(words)


def _listed(data: Mapping[str, Any], path: Path, key: str, allowed: Iterable[str]) -> tuple[str, ...] | None:
    """Read a list of known words, or a text with them."""
    value = data.get(key)
    if isinstance(value, str):
        words: list[str] | None = value.replace(",", " ").split()
    else:
        words = _words(data, path, key)
    known = tuple(allowed)
    for place, word in enumerate(words or ()):
        if word not in known:
            at = (*path, key) if isinstance(value, str) else (*path, key, place)
            raise SchemaError.unknown(at, key.removesuffix("s"), word, known)
    return None if words is None else tuple(dict.fromkeys(words))
