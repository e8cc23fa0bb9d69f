"""A client of the control plane: synchronous, safe to share between threads, standard library only."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

from mock_server.control.answers import (
    Activity,
    AppInfo,
    ChangeRow,
    ClockInfo,
    CommitRow,
    ControlError,
    FaultInfo,
    OrgInfo,
    parsed,
)

__all__ = [
    "Activity",
    "AppInfo",
    "ChangeRow",
    "ClockInfo",
    "CommitRow",
    "ControlClient",
    "ControlError",
    "FaultInfo",
    "Link",
    "OrgInfo",
]


class _Link:
    """One keep-alive connection, used by one thread at a time and made anew when it broke."""

    def __init__(self, url: str, token: str | None, ca_file: str | None, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http or https URL")
        self._secure = parts.scheme == "https"
        self._address = parts.hostname, parts.port
        self._headers = {"X-Sfmock-Token": token} if token is not None else {}
        self._ca_file = ca_file
        self._timeout = timeout
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None

    def _connect(self) -> HTTPConnection:
        host, port = self._address
        if not self._secure:
            return HTTPConnection(host, port, timeout=self._timeout)
        import ssl

        return HTTPSConnection(
            host, port, timeout=self._timeout, context=ssl.create_default_context(cafile=self._ca_file)
        )

    def call(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers if data is None else {**self._headers, "Content-Type": "application/json"}
        with self._lock:
            # A connection that the server closed meanwhile is found out before a request is risked on it.
            if self._connection is not None and _stale(self._connection.sock):
                self._drop()
            if self._connection is None:
                self._connection = self._connect()
            try:
                self._connection.request(method, path, data, headers)
                response = self._connection.getresponse()
                text = response.read()
            except (OSError, HTTPException):
                self._drop()
                raise
        return parsed(response.status, text)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        with self._lock:
            self._drop()


def _stale(sock: socket.socket | None) -> bool:
    """Tell whether an idle connection has something to read: between two answers that can only be its end."""
    return sock is None or bool(select.select([sock], [], [], 0)[0])


class Link(Protocol):
    """The way to a server. `call` raises ControlError and OSError."""

    def call(self, method: str, path: str, body: Any) -> Any: ...

    def close(self) -> None: ...


class ControlClient:
    """Steers one org of a server: the default one, or that of `for_org`.

    Methods raise ControlError when the server refuses, OSError when it cannot be reached.
    """

    def __init__(
        self, url: str, token: str | None = None, ca_file: str | None = None, *, timeout: float = 30.0
    ) -> None:
        self.url = url.rstrip("/")
        self._link: Link = _Link(url, token, ca_file, timeout)
        self._base = "/_mock"

    @classmethod
    def over(cls, link: Link, url: str) -> ControlClient:
        """Return a client that goes another way than by HTTP."""
        client = object.__new__(cls)
        client.url, client._link, client._base = url, link, "/_mock"
        return client

    def for_org(self, org_id: str) -> ControlClient:
        """Return a client of another org, on the same connection."""
        client = object.__new__(ControlClient)
        client.url, client._link = self.url, self._link
        client._base = f"/_mock/orgs/{quote(org_id, safe='')}"
        return client

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._link.close()

    def _call(self, method: str, path: str, body: Any = None, **parameters: object) -> Any:
        query = "?" + urlencode(parameters) if parameters else ""
        return self._link.call(method, f"{self._base}/{path}{query}", body)

    # -- orgs

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = self._link.call("GET", "/_mock/health", None)
        return found

    def orgs(self) -> list[OrgInfo]:
        return [OrgInfo(**info) for info in self._link.call("GET", "/_mock/orgs", None)]

    def org(self, org_id: str) -> OrgInfo:
        return OrgInfo(**self._link.call("GET", f"/_mock/orgs/{quote(org_id, safe='')}", None))

    def create_org(
        self,
        *,
        template: str | None = None,
        fields: Mapping[str, Any] | None = None,
        objects: Mapping[str, Any] | None = None,
        schema: Mapping[str, Any] | None = None,
        limits: Mapping[str, int] | None = None,
        seed: int = 0,
        journal: str = "bounded",
        clock: str = "real",
        clock_start: int | None = None,
        settings: Mapping[str, Any] | None = None,
        login: Mapping[str, str] | None = None,
        users: Iterable[Mapping[str, Any]] | None = None,
        speaker: str | Mapping[str, Any] | None = None,
        apps: Iterable[Mapping[str, Any]] | None = None,
        security: Mapping[str, Any] | None = None,
        automation: Sequence[Mapping[str, Any]] | None = None,
        declared: Mapping[str, Sequence[Any]] | None = None,
    ) -> OrgInfo:
        """Make an org. `template` is the id of an org whose schema and records it starts with.

        `schema` are definitions of all kinds, as `mock_server.schema_sources.read(...).data` holds them; `objects` and
        `fields` come on top.

        `login` names the user and app that the clients have built in: `username`, `password`, `security_token`,
        `client_id`, `client_secret`; each may be left out. `clock` is `real` or `virtual`; `clock_start` is what it
        shows at first, in seconds since 1970. `users` are further users, each with what he may do; `speaker` is the
        one whose credentials are returned, by name or as a definition (`as` in a scenario). `apps` are further
        connected apps, `security` how long sessions last and from where one logs in. `declared` are lists of what else
        the org runs, by kind: `{"apexrest": [...]}`.
        """
        spec = {
            "from": template, "fields": fields, "objects": objects, "schema": schema, "limits": limits, "seed": seed,
            "journal": journal,
            "clock": {"mode": clock} | ({} if clock_start is None else {"start": clock_start}), "settings": settings,
            "login": login or None, "users": None if users is None else list(users), "as": speaker,
            "automation": [dict(hook) for hook in automation] if automation else None,
            "apps": None if apps is None else [dict(app) for app in apps], "security": security or None,
            **{kind: [*map(_plain, listed)] for kind, listed in (declared or {}).items()},
        }  # fmt: skip
        body = {key: value for key, value in spec.items() if value is not None}
        return OrgInfo(**self._link.call("POST", "/_mock/orgs", body))

    def create_user(self, definition: Mapping[str, Any]) -> OrgInfo:
        """Make a user with the permissions that the definition lists; return what he needs to log in."""
        return OrgInfo(**self._call("POST", "users", dict(definition)))

    def create_app(self, definition: Mapping[str, Any]) -> AppInfo:
        """Register a connected app, or change the one of the same client id."""
        return AppInfo(**self._call("POST", "apps", dict(definition)))

    def apps(self) -> list[AppInfo]:
        return [AppInfo(**app) for app in self._call("GET", "apps")]

    def delete_org(self, org_id: str) -> None:
        self._link.call("DELETE", f"/_mock/orgs/{quote(org_id, safe='')}", None)

    def clone(self) -> OrgInfo:
        return OrgInfo(**self._call("POST", "clone"))

    def snapshot(self) -> str:
        """Keep the records as they are now; return the snapshot's name."""
        return str(self._call("POST", "snapshots")["snapshot"])

    def restore(self, snapshot: str) -> None:
        self._call("POST", "restore", {"snapshot": snapshot})

    def write_snapshot(self, file: str) -> None:
        """Write the records to a file on the server's machine."""
        self._call("POST", "snapshots", {"file": file})

    def read_snapshot(self, file: str) -> None:
        """Put the records back to those of a file that `write_snapshot` has written, of this org or another."""
        self._call("POST", "restore", {"file": file})

    def reset(self) -> None:
        self._call("POST", "reset")

    # -- sessions

    def mint_token(self) -> str:
        return str(self._call("POST", "tokens", {})["access_token"])

    def expire_tokens(self, token: str | None = None) -> int:
        """End one session, or all; return how many ended."""
        return int(self._call("POST", "tokens/expire", {"token": token} if token else {})["ended"])

    def revoke_tokens(self, token: str | None = None) -> bool:
        """Take back one access or refresh token, or all; tell whether there was one."""
        return bool(self._call("POST", "tokens/revoke", {"token": token} if token else {})["ended"])

    # -- records

    def seed(self, sobject: str, records: Iterable[Mapping[str, Any]]) -> list[str]:
        """Save records through the write pipeline, all or none; return their ids."""
        body = {"sobject": sobject, "records": [dict(record) for record in records]}
        return [row["id"] for row in self._call("POST", "records", body)]

    def change(
        self,
        verb: str,
        sobject: str,
        records: Iterable[Mapping[str, Any]],
        *,
        user: str | None = None,
        all_or_none: bool = True,
    ) -> list[ChangeRow]:
        """Create, update, delete or undelete records in the name of a user, an administrator where none is named.

        Records to update, delete or undelete are named by `Id`. All are one transaction, unless `all_or_none` is False.
        """
        rows = [dict(record) for record in records]
        body = {"verb": verb, "sobject": sobject, "records": rows, "allOrNone": all_or_none, "as": user}
        return [ChangeRow(**row) for row in self._call("POST", "changes", body)]

    def activity(self, since: int = 0) -> Activity:
        """Tell how much has happened so far; `since` is the last exchange that is known already."""
        return Activity(**self._call("GET", "activity", since=since))

    def records(self, soql: str) -> list[dict[str, Any]]:
        """Return all records of a query."""
        found: list[dict[str, Any]] = self._call("GET", "records", q=soql)["records"]
        return found

    def commits(self, since: int = 0) -> list[CommitRow]:
        return [CommitRow(**row) for row in self._call("GET", "commits", since=since)["commits"]]

    def events(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the events that are retained after a replay id, oldest first, each with the names of its channels."""
        found: list[dict[str, Any]] = self._call("GET", "events", since=since)["events"]
        return found

    def publish(self, channel: str, payloads: Iterable[Mapping[str, Any]], *, user: str | None = None) -> list[str]:
        """Publish platform events to a channel (`/event/Order__e`) past limits and faults; return their EventUuids.

        Raises ControlError, with nothing published, where the org refuses one of them.
        """
        body = {"channel": channel, "payloads": [dict(one) for one in payloads], "as": user}
        uuids: list[str] = self._call("POST", "events", body)["uuids"]
        return uuids

    def subscribers(self) -> list[dict[str, Any]]:
        """Return the subscriptions that there are: `subscriber`, `channel`, and the replay id that was read last."""
        found: list[dict[str, Any]] = self._call("GET", "subscribers")["subscribers"]
        return found

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the exchanges after a number, oldest first."""
        entries: list[dict[str, Any]] = self._call("GET", "journal", since=since)["entries"]
        return entries

    def jobs(self, *, rows: bool = False) -> list[dict[str, Any]]:
        """Return the Bulk API jobs that the org knows, the oldest first, with their batches.

        With `rows`, each has the rows with which nothing was done under `unprocessed`.
        """
        wanted = {"rows": "true"} if rows else {}
        found: list[dict[str, Any]] = self._call("GET", "jobs", **wanted)["jobs"]
        return found

    def clear_journal(self) -> None:
        self._call("DELETE", "journal")

    # -- faults

    def add_fault(self, rule: Mapping[str, Any]) -> str:
        """Put a fault rule in force; return its name."""
        return str(self._call("POST", "faults", dict(rule))["name"])

    def add_faults(self, rules: Iterable[Mapping[str, Any]]) -> list[str]:
        """Put fault rules in force, all or none; return their names."""
        return [row["name"] for row in self._call("POST", "faults", [dict(rule) for rule in rules])]

    def faults(self) -> list[FaultInfo]:
        return [FaultInfo(**row) for row in self._call("GET", "faults")]

    def remove_fault(self, name: str) -> None:
        self._call("DELETE", f"faults/{quote(name, safe='')}")

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def set_phase(self, phase: str) -> None:
        """Say which phase the run is in, for rules with `when: {phase: ...}`."""
        self._call("PATCH", "faults", {"phase": phase})

    # -- automation

    def automation(self) -> list[dict[str, Any]]:
        """Return the hooks of the org, in the order in which they run."""
        found: list[dict[str, Any]] = self._call("GET", "automation")
        return found

    def add_automation(self, hook: Mapping[str, Any]) -> str:
        """Declare a hook; return its name."""
        return str(self._call("POST", "automation", dict(hook))["name"])

    def remove_automation(self, name: str) -> None:
        self._call("DELETE", f"automation/{quote(name, safe='')}")

    def clear_automation(self) -> None:
        self._call("DELETE", "automation")

    # -- what else an org's owner declares

    def declared(self, kind: str) -> list[Any]:
        """Return what the org has of a kind: `apexrest`."""
        found: list[Any] = self._call("GET", quote(kind, safe=""))
        return found

    def declare(self, kind: str, one: Mapping[str, Any] | str) -> Any:
        """Declare one more of a kind; return it as the org has it. Objects to capture are given by their names."""
        return self._call("POST", quote(kind, safe=""), _plain(one))

    def remove_declared(self, kind: str, name: str) -> None:
        self._call("DELETE", f"{quote(kind, safe='')}/{quote(name, safe='')}")

    def clear_declared(self, kind: str) -> None:
        self._call("DELETE", quote(kind, safe=""))

    # -- what the org sends by itself

    def outbound(self) -> dict[str, Any]:
        """Return what the org has sent and what waits: `messages`, `callouts`, how many `waiting`, when the `next`."""
        found: dict[str, Any] = self._call("GET", "outbound")
        return found

    def send_to(self, service: str | None = None, endpoints: Mapping[str, str] | None = None) -> None:
        """Say which URL `{service}` stands for, and other endpoints of messages and callouts, by name."""
        given = {"service": service, "endpoints": dict(endpoints) if endpoints else None}
        self._call("PATCH", "outbound", {key: value for key, value in given.items() if value is not None})

    def wsdl(self, name: str) -> str:
        """Return the WSDL of an outbound message."""
        return str(self._call("GET", f"outbound/wsdl/{quote(name, safe='')}", json="true")["wsdl"])

    def retry_outbound(self, identifier: str) -> None:
        """Have a message or job that waits tried now."""
        self._call("POST", f"outbound/{quote(identifier, safe='')}/retry")

    def remove_outbound(self, identifier: str) -> None:
        """Have a message or job that waits sent no more."""
        self._call("DELETE", f"outbound/{quote(identifier, safe='')}")

    # -- limits and time

    def limits(self) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", "limits")
        return found

    def set_limit(self, name: str, *, maximum: int | None = None, remaining: int | None = None) -> None:
        given = {"Max": maximum, "Remaining": remaining}
        self._call("PATCH", "limits", {name: {key: value for key, value in given.items() if value is not None}})

    def clock(self) -> ClockInfo:
        return ClockInfo(**self._call("GET", "clock"))

    def advance(self, seconds: float) -> float:
        """Move the org's time forward; return the new time."""
        return float(self._call("POST", "clock", {"advance": seconds})["now"])


def _plain(one: Mapping[str, Any] | str) -> dict[str, Any] | str:
    """Return what is declared as JSON can say it."""
    return one if isinstance(one, str) else dict(one)
