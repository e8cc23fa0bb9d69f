"""The org that is asked: a fresh mock, or one that the user names, with credentials from the environment.

A real org is asked what it is first: nothing is done in production unless the user says so, or with few calls left.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit
from xml.sax.saxutils import escape

from mock_server.conform.wire import Answer, Wire
from mock_server.org.chance import secret
from mock_server.org.clock import Clock

if TYPE_CHECKING:
    from mock_server.api import Server
    from mock_server.control.client import ControlClient, OrgInfo

USUAL_VERSION = "60.0"
"""The API version that is asked when nobody says another: what is recorded fits it best."""
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "Contact": {
        "External_Id__c": {"type": "text", "length": 64, "externalId": True, "unique": True},
        "Legacy__c": {"type": "text", "length": 40, "externalId": True},
    }
}
"""The custom fields that some rows need."""
SECRETS = ("token", "password", "client_secret", "basic", "refresh_token")
_SECRET_KEYS = re.compile(
    r'("(?:access_token|refresh_token|id_token|signature|code|device_code)"\s*:\s*")[^"]*|(<(?:\w+:)?sessionId>)[^<]*'
)
_TOKEN = re.compile(r"00D[A-Za-z0-9]{12}![A-Za-z0-9._]+")
_LOCAL = ("localhost", "127.0.0.1", "::1")


class Misuse(Exception):
    """The command line or the environment lacks something."""


class Refused(Exception):
    """The org was reached, and is not asked."""


@dataclass(frozen=True, slots=True)
class OrgKind:
    """What an org says of itself. `guarded` is why it must be taken for production, None where it must not."""

    name: str
    text: str
    guarded: str | None
    remaining: int | None


@dataclass
class Target:
    """An org and how to speak to it. `known` are the variables of rows, `has` the needs that are met."""

    wire: Wire
    known: dict[str, str]
    has: frozenset[str]
    is_mock: bool = False
    server: Server | None = None
    control: ControlClient | None = None
    secrets: set[str] = field(default_factory=set)
    """What must never be printed."""

    def __post_init__(self) -> None:
        self.secrets.update(value for name in SECRETS if (value := self.known.get(name)))

    def path(self, path: str) -> str:
        """Return a whole path: one that names no API of its own is REST's, at the version of the run."""
        if path.startswith(("/services", "/id/", "/_mock", "/.well-known", "/secur", "//")):
            return path
        return f"/services/data/v{self.known['version']}{path}"

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        return self.wire.send(method, self.path(path), headers or {}, body)

    def signed(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Send a request with the session of the run."""
        headers = {"Authorization": f"Bearer {self.known['token']}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self.send(method, path, headers, body)

    def masked(self, text: str) -> str:
        """Return a text without secrets: those that are known, and those that an answer gave."""
        for hidden in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(hidden, "***")
        text = _SECRET_KEYS.sub(lambda found: f"{found[1] or found[2]}***", text)
        return _TOKEN.sub("***", text)


def own_mock(server: Server, version: str = USUAL_VERSION, **options: Any) -> Target:
    """Return a fresh org of a running server."""
    info = server.control.create_org(fields=FIELDS, journal="whole", **options)
    target = Target(Wire(server.url), {}, frozenset(), True, server, server.control.for_org(info.id))
    enter(target, info, version)
    return target


def enter(target: Target, info: OrgInfo, version: str) -> None:
    """Make a user of a mock the one who asks."""
    given = {
        "SF_USERNAME": info.username, "SF_PASSWORD": info.password, "SF_SECURITY_TOKEN": info.security_token,
        "SF_CLIENT_ID": info.client_id, "SF_CLIENT_SECRET": info.client_secret, "SF_REFRESH_TOKEN": info.refresh_token,
    }  # fmt: skip
    target.known = _known(target.wire, given, info.access_token, version, info.id, info.user_id)
    target.has = frozenset({*_has(given), "key_field"})
    target.__post_init__()


def _has(environ: Mapping[str, str]) -> set[str]:
    client = bool(environ.get("SF_CLIENT_ID") and environ.get("SF_CLIENT_SECRET"))
    out = {"client"} if client else set()
    if environ.get("SF_USERNAME") and environ.get("SF_PASSWORD"):
        out.add("password")
    if client and environ.get("SF_REFRESH_TOKEN"):
        out.add("refresh_token")
    return out


def _password(environ: Mapping[str, str]) -> str:
    """Return the password with the security token behind it, as logins take it; nothing where there is none."""
    password = environ.get("SF_PASSWORD", "")
    return password + environ.get("SF_SECURITY_TOKEN", "") if password else ""


def _known(wire: Wire, environ: Mapping[str, str], token: str, version: str, org: str, user: str) -> dict[str, str]:
    client = environ.get("SF_CLIENT_ID", ""), environ.get("SF_CLIENT_SECRET", "")
    return {
        "version": version,
        "instance": wire.url,
        "host": wire.host,
        "token": token,
        "org": org,
        "user": user,
        "username": environ.get("SF_USERNAME", ""),
        "password": _password(environ),
        "client_id": client[0],
        "client_secret": client[1],
        "basic": b64encode(f"{client[0]}:{client[1]}".encode()).decode(),
        "refresh_token": environ.get("SF_REFRESH_TOKEN", ""),
        "long": "x" * 300,
        "very_long": "x" * 100_000,
        "n": "",
        "today": datetime.fromtimestamp(Clock().now(), UTC).strftime("%Y-%m-%d"),
    }


def marker() -> str:
    """Return a word that no other run uses: all that this one makes carries it."""
    # Letters and digits alone: it stands in LIKE, where an underscore means any character.
    return "sfmock" + "".join(one for one in secret(60) if one.isalnum())[:12]


def version_of(environ: Mapping[str, str]) -> str:
    """Return the API version to ask. Raises Misuse."""
    version = environ.get("SF_API_VERSION") or USUAL_VERSION
    if not re.fullmatch(r"\d{2,3}\.0", version):
        raise Misuse(f"SF_API_VERSION is a version such as 60.0, not {version!r}")
    return version


def attach(url: str, environ: Mapping[str, str]) -> Target:
    """Log in to an org. Raises Misuse, Refused, Unreachable."""
    try:
        wire = Wire(url if "://" in url else f"https://{url}")
    except ValueError as error:
        raise Misuse(str(error)) from None
    version = version_of(environ)
    local = urlsplit(wire.url).hostname in _LOCAL
    if wire.url.startswith("http:") and not local:
        raise Misuse(f"credentials would travel to {wire.host} readable by all between; write https://")
    if not any(environ.get(name) for name in ("SF_ACCESS_TOKEN", "SF_CLIENT_SECRET", "SF_PASSWORD")):
        raise Misuse(
            "no credentials: set SF_ACCESS_TOKEN; or SF_USERNAME, SF_PASSWORD (and SF_SECURITY_TOKEN), with "
            "SF_CLIENT_ID and SF_CLIENT_SECRET for OAuth"
        )
    token = environ.get("SF_ACCESS_TOKEN")
    if not token:
        wire, token = _log_in(wire, environ, version)
    target = Target(wire, _known(wire, environ, token, version, "", ""), frozenset(_has(environ)))
    resources = target.signed("GET", f"/services/data/v{version}")
    identity = _object(resources).get("identity", "")
    found = re.search(r"/id/(00D\w{15})/(005\w{15})$", str(identity))
    if resources.status != 200 or found is None:
        raise Refused(f"{wire.url} does not take the session: status {resources.status} {_error(target, resources)}")
    target.known["org"], target.known["user"] = found[1], found[2]
    target.is_mock = local and target.send("GET", "/_mock/health").status == 200
    target.has |= _fields(target)
    target.secrets.update(filter(None, (environ.get("SF_PASSWORD"), environ.get("SF_SECURITY_TOKEN"))))
    return target


def _object(answer: Answer) -> dict[str, Any]:
    try:
        value = answer.json
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _error(target: Target, answer: Answer) -> str:
    return target.masked(answer.text[:200])


def _log_in(wire: Wire, environ: Mapping[str, str], version: str) -> tuple[Wire, str]:
    """Return a connection to the org, and a session."""
    client = {"client_id": environ.get("SF_CLIENT_ID", ""), "client_secret": environ.get("SF_CLIENT_SECRET", "")}
    user, password = environ.get("SF_USERNAME"), _password(environ)
    if not all(client.values()):
        return _log_in_by_soap(wire, user or "", password, version)
    grant = (
        {"grant_type": "password", "username": user, "password": password}
        if user and password
        else {"grant_type": "client_credentials"}
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = wire.send("POST", "/services/oauth2/token", headers, urlencode({**grant, **client}).encode())
    got = _object(answer)
    if answer.status != 200 or not isinstance(got.get("access_token"), str):
        said = f"{got.get('error')}: {got.get('error_description')}" if "error" in got else f"status {answer.status}"
        raise Refused(f"{wire.url} refuses the login: {said}")
    return Wire(str(got.get("instance_url") or wire.url)), got["access_token"]


def _log_in_by_soap(wire: Wire, user: str, password: str, version: str) -> tuple[Wire, str]:
    envelope = (
        '<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<login xmlns="urn:partner.soap.sforce.com"><username>{escape(user)}</username>'
        f"<password>{escape(password)}</password></login></e:Body></e:Envelope>"
    )
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login"}
    answer = wire.send("POST", f"/services/Soap/u/{version}", headers, envelope.encode())
    session = re.search(r"<sessionId>([^<]+)</sessionId>", answer.text)
    server = re.search(r"<serverUrl>([^<]+)</serverUrl>", answer.text)
    if session is None or server is None:
        fault = re.search(r"<faultstring>([^<]+)</faultstring>", answer.text)
        raise Refused(f"{wire.url} refuses the login: {fault[1] if fault else f'status {answer.status}'}")
    return Wire(server[1]), session[1]


def _fields(target: Target) -> frozenset[str]:
    answer = target.signed("GET", "/sobjects/Contact/describe")
    fields = {one["name"]: one for one in _object(answer).get("fields", ())}
    key, legacy = fields.get("External_Id__c", {}), fields.get("Legacy__c", {})
    return frozenset({"key_field"} if key.get("externalId") and key.get("unique") and legacy.get("externalId") else ())


def look_at(target: Target) -> OrgKind:
    """Ask an org what it is, and how many calls it has left."""
    soql = "SELECT Name, OrganizationType, IsSandbox, TrialExpirationDate FROM Organization"
    answer = target.signed("GET", f"/query?q={quote(soql)}")
    records = _object(answer).get("records") or [{}]
    org = records[0]
    kind, trial = org.get("OrganizationType"), org.get("TrialExpirationDate")
    if kind is None:
        guarded: str | None = f"it does not say what it is (status {answer.status}), so it may be production"
    elif org.get("IsSandbox") or kind == "Developer Edition" or trial:
        guarded = None
    else:
        guarded = f"it is a production org ({kind})"
    words = [
        str(kind or "unknown edition"),
        *(["sandbox"] if org.get("IsSandbox") else []),
        *(["trial"] if trial else []),
    ]
    return OrgKind(str(org.get("Name") or "?"), ", ".join(words), guarded, _remaining(target, answer))


def _remaining(target: Target, answer: Answer) -> int | None:
    limits = _object(target.signed("GET", "/limits"))
    daily = limits.get("DailyApiRequests")
    remaining = daily.get("Remaining") if isinstance(daily, dict) else None
    if isinstance(remaining, int):
        return remaining
    # Without View Setup there is still the header of every answer.
    usage = re.search(r"api-usage=(\d+)/(\d+)", answer.headers.get("sforce-limit-info", ""))
    return int(usage[2]) - int(usage[1]) if usage else None
