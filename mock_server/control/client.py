"""A typed, synchronous client of the control plane. It needs nothing but the standard library and orjson."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson


class ControlError(Exception):
    """A refused control call."""

    def __init__(
        self, status: int, message: str, path: str = "", allowed: Sequence[str] = (), nearest: str | None = None
    ) -> None:
        where = f"{path}: " if path else ""
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        super().__init__(f"{where}{message}{hint}")
        self.status = status
        self.message = message
        self.path = path
        self.allowed = tuple(allowed)
        self.nearest = nearest


@dataclass(frozen=True)
class OrgInfo:
    """What a client needs to use an org, a live session included."""

    id: str
    username: str
    password: str
    security_token: str
    client_id: str
    client_secret: str
    access_token: str
    refresh_token: str
    user_id: str
    login_url: str
    instance_url: str
    api_version: str


@dataclass(frozen=True)
class FaultInfo:
    """An armed rule and what it has done: `matched` exchanges or rows fitted it, `fired` were struck."""

    name: str
    rule: dict[str, Any]
    matched: int
    fired: int


class ControlClient:
    """Speaks to `/_mock/` of one server over one kept connection; threads may share it.

    `org` names an org by its id; without it the default org is meant. Raises ControlError, OSError.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._headers = {"Content-Type": "application/json"} | ({"X-Sfmock-Token": token} if token else {})
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _call(
        self, method: str, path: str, body: object = None, org: str | None = None, **query: object
    ) -> Any:
        prefix = f"/_mock/orgs/{quote(org)}" if org else "/_mock"
        given = {key: str(value) for key, value in query.items() if value is not None}
        target = f"{prefix}/{path}" + (f"?{urlencode(given)}" if given else "")
        sent = None if body is None else orjson.dumps(body)
        with self._lock:
            status, answer = self._exchange(method, target, sent)
        value = orjson.loads(answer) if answer else None
        if status >= 400:
            problem = value if isinstance(value, dict) else {}
            raise ControlError(
                status,
                problem.get("error", f"HTTP {status}"),
                problem.get("path", ""),
                problem.get("allowed", ()),
                problem.get("nearest"),
            )
        return value

    def _exchange(self, method: str, target: str, sent: bytes | None) -> tuple[int, bytes]:
        for attempt in (1, 2):
            fresh = self._connection is None
            connection = self._connection or HTTPConnection(self._host, self._port, timeout=60)
            self._connection = connection
            try:
                connection.request(method, target, sent, self._headers)
                response: HTTPResponse = connection.getresponse()
                return response.status, response.read()
            except (HTTPException, OSError):
                connection.close()
                self._connection = None
                # A kept connection may have been closed while idle: once more, on a new one.
                if fresh or attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def health(self) -> dict[str, Any]:
        return dict(self._call("GET", "health"))

    # -- orgs

    def orgs(self) -> list[OrgInfo]:
        return [OrgInfo(**info) for info in self._call("GET", "orgs")]

    def org(self, org: str) -> OrgInfo:
        return OrgInfo(**self._call("GET", f"orgs/{quote(org)}"))

    def create_org(
        self,
        *,
        template: str | None = None,
        fields: Mapping[str, Any] | None = None,
        objects: Mapping[str, Any] | None = None,
        limits: Mapping[str, int] | None = None,
        seed: int = 0,
        journal: str = "bounded",
        clock: str = "real",
        transaction_time: float = 0.0,
    ) -> OrgInfo:
        """Make a fresh org, or with `template` a copy of another org's schema and records."""
        spec = {
            "from": template,
            "fields": dict(fields or {}),
            "objects": dict(objects or {}),
            "limits": dict(limits or {}),
            "seed": seed,
            "journal": journal,
            "clock": clock,
            "transaction_time": transaction_time,
        }
        return OrgInfo(**self._call("POST", "orgs", spec))

    def delete_org(self, org: str) -> None:
        self._call("DELETE", f"orgs/{quote(org)}")

    def clone(self, org: str | None = None) -> OrgInfo:
        return OrgInfo(**self._call("POST", "clone", org=org))

    def snapshot(self, org: str | None = None) -> str:
        return str(self._call("POST", "snapshots", org=org)["snapshot"])

    def restore(self, snapshot: str, org: str | None = None) -> None:
        self._call("POST", "restore", {"snapshot": snapshot}, org)

    def reset(self, org: str | None = None) -> None:
        self._call("POST", "reset", org=org)

    # -- sessions

    def mint_token(self, org: str | None = None) -> str:
        return str(self._call("POST", "tokens", org=org)["access_token"])

    def expire_tokens(self, token: str | None = None, org: str | None = None) -> int:
        return int(self._call("POST", "tokens/expire", {"token": token} if token else {}, org)["expired"])

    def revoke_tokens(self, token: str | None = None, org: str | None = None) -> bool:
        return bool(self._call("POST", "tokens/revoke", {"token": token} if token else {}, org)["revoked"])

    # -- records

    def seed(self, sobject: str, records: Iterable[Mapping[str, Any]], org: str | None = None) -> list[str]:
        """Save records through the write pipeline, all or none; return their ids."""
        body = {"sobject": sobject, "records": list(records)}
        return [row["id"] for row in self._call("POST", "records", body, org)]

    def records(self, soql: str, org: str | None = None) -> list[dict[str, Any]]:
        return list(self._call("GET", "records", org=org, q=soql)["records"])

    def commits(self, since: int = 0, org: str | None = None) -> list[dict[str, Any]]:
        return list(self._call("GET", "commits", org=org, since=since)["commits"])

    # -- journal, faults, limits, clock

    def journal(self, since: int = 0, org: str | None = None) -> list[dict[str, Any]]:
        return list(self._call("GET", "journal", org=org, since=since)["entries"])

    def clear_journal(self, org: str | None = None) -> None:
        self._call("DELETE", "journal", org=org)

    def add_fault(self, rule: Mapping[str, Any], org: str | None = None) -> str:
        """Arm a rule in the fault grammar; return its name."""
        return str(self._call("POST", "faults", dict(rule), org)["name"])

    def faults(self, org: str | None = None) -> list[FaultInfo]:
        return [FaultInfo(**row) for row in self._call("GET", "faults", org=org)]

    def remove_fault(self, name: str, org: str | None = None) -> None:
        self._call("DELETE", f"faults/{quote(name, safe='')}", org=org)

    def clear_faults(self, org: str | None = None) -> None:
        self._call("DELETE", "faults", org=org)

    def set_phase(self, phase: str | None, org: str | None = None) -> None:
        """Enter a phase, for the rules whose `when.phase` names it."""
        self._call("POST", "phase", {"phase": phase}, org)

    def limits(self, org: str | None = None) -> dict[str, Any]:
        return dict(self._call("GET", "limits", org=org))

    def set_limit(
        self, name: str, *, maximum: int | None = None, remaining: int | None = None, org: str | None = None
    ) -> None:
        given = {"Max": maximum, "Remaining": remaining}
        self._call("PATCH", "limits", {name: {key: value for key, value in given.items() if value is not None}}, org)

    def clock(self, org: str | None = None) -> float:
        """Return the org's time, in seconds since 1970."""
        return float(self._call("GET", "clock", org=org)["now"])

    def advance(self, seconds: float, org: str | None = None) -> float:
        return float(self._call("POST", "clock", {"advance": seconds}, org)["now"])
