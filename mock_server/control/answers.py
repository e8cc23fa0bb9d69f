"""What the control plane answers, as its client hands it on; a refusal among it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


class ControlError(Exception):
    """The control plane refused. `path` says where the mistake is, `allowed` and `nearest` what would be right."""

    def __init__(
        self, status: int, message: str, path: str = "", allowed: Sequence[str] = (), nearest: str | None = None
    ) -> None:
        hint = f" (did you mean {nearest}?)" if nearest else ""
        super().__init__(f"{path}: {message}{hint}" if path else f"{message}{hint}")
        self.status = status
        self.message = message
        self.path = path
        self.allowed = tuple(allowed)
        self.nearest = nearest


@dataclass(frozen=True, slots=True)
class OrgInfo:
    """One org, and everything that a client needs to log in to it. Its `repr` shows no secret."""

    id: str
    username: str
    password: str = field(repr=False)
    security_token: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    user_id: str
    login_url: str
    instance_url: str
    api_version: str
    pubsub_endpoint: str = ""
    """host:port of the Pub/Sub API, plain and through TLS."""


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """What became of one record that was changed."""

    id: str | None
    success: bool
    errors: list[str]


@dataclass(frozen=True, slots=True)
class Activity:
    """How much has happened in an org. `last` is the number of the newest exchange.

    `requests` counts those after the one that was asked from, long polls aside; `under_way` are the requests that are
    not answered yet, `held` the streams and long polls that are open. `notes` counts what was noted of events
    (subscriptions, deliveries), `commits` changes of records.
    """

    last: int
    requests: int
    under_way: int
    held: int
    notes: int
    commits: int


@dataclass(frozen=True, slots=True)
class AppInfo:
    """One connected app. Its `repr` shows no secret."""

    id: str
    name: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: list[str]
    callbacks: list[str]


@dataclass(frozen=True, slots=True)
class CommitRow:
    """One committed change. `delivered` is None while its reply is on its way, and where nobody asked for it."""

    number: int
    transaction: int
    verb: str
    sobject: str
    id: str
    at: float
    exchange: int
    values: dict[str, Any]
    delivered: bool | None


@dataclass(frozen=True, slots=True)
class FaultInfo:
    """A fault rule in force; the counters count exchanges."""

    name: str
    rule: dict[str, Any]
    matched: int
    fired: int


@dataclass(frozen=True, slots=True)
class ClockInfo:
    """The org's time, in seconds since 1970; `mode` is `real` or `virtual`."""

    now: float
    mode: str


def parsed(status: int, text: bytes) -> Any:
    """Return what an answer of the control plane holds. Raises ControlError where it is a refusal."""
    try:
        value = json.loads(text) if text else None
    except ValueError:
        raise ControlError(status, f"the answer is not of the control plane: {text[:80]!r}") from None
    if status < 400:
        return value
    problem = value if isinstance(value, dict) else {}
    raise ControlError(
        status,
        problem.get("error") or f"status {status}",
        problem.get("path") or "",
        problem.get("allowed") or (),
        problem.get("nearest"),
    )
