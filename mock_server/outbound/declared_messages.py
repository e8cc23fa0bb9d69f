"""Declared outbound messages: `[{name: Order_Sent, object: Order, fields: [Status], endpoint: "{service}/orders"}]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_server.code_reading import flag, texts
from mock_server.documents import Problem, Steps
from mock_server.faults.reader import Reader, read_each, shown
from mock_server.faults.shapes import TEXT, Shape, mapping
from mock_server.org.automation import HookError
from mock_server.org.outbound.causes import Cause, Event
from mock_server.org.outbound.messages import VERSION, OutboundMessage
from mock_server.outbound import causes
from mock_server.outbound.causes import DeclaredCause, check_url, sobject_of

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.schema.types import SObject

NOUN = "an outbound message"
EVENTS: tuple[Event, ...] = ("create", "update", "become")
"""A deletion sends nothing: workflow rules are not asked about it."""
_EITHER: tuple[Event, ...] = ("create", "update")
KEYS = (
    "name", *causes.KEYS, "fields", "endpoint", "includeSessionId", "integrationUser", "protected", "apiVersion",
    "label", "description",
)  # fmt: skip
_VERSION = re.compile(r"\d\d\.0")


@dataclass(frozen=True, slots=True)
class DeclaredMessage:
    """A message as it was read. One that says no object says more of the one of that name in the metadata."""

    name: str
    sobject: str | None
    fields: tuple[str, ...]
    endpoint: str | None
    cause: DeclaredCause
    include_session: bool | None
    user: str | None
    protected: bool
    version: str | None
    label: str | None
    description: str | None
    given: Mapping[str, Any]

    def check(self, org: Org) -> OutboundMessage:
        """Return the message as the org has it. Raises HookError for what it does not have."""
        known = org.outbound.messages.named(self.name, self.sobject)
        if known is not None and not known.from_schema:
            known = None
        name = self.sobject or (known.sobject if known is not None else None)
        if name is None:
            raise HookError(f"an outbound message needs object: the metadata has no message {self.name}", ())
        sobject = sobject_of(org, name)
        fields = tuple(_field(sobject, one, place) for place, one in enumerate(self.fields))
        fields = fields or (known.fields if known is not None else ())
        endpoint = self.endpoint or (known.endpoint if known is not None else None)
        if endpoint is None:
            raise HookError("an outbound message needs endpoint", ())
        check_url(org, endpoint, "endpoint")
        if self.user is not None and org.directory.user(self.user) is None:
            names = sorted(org.accesses.usernames)
            raise HookError(f"there is no user {self.user}", "integrationUser", names, self.user)
        session = self.include_session
        message = OutboundMessage(
            self.name,
            sobject.name,
            endpoint,
            tuple(dict.fromkeys(fields)),
            self._cause(org, sobject),
            bool(known and known.include_session) if session is None else session,
            self.user or (known.user if known is not None else None),
            self.protected,
            self.version or VERSION,
            self.label or self.name,
            self.description,
            dict(self.given),
        )
        org.outbound.messages.check(message)
        return message

    def _cause(self, org: Org, sobject: SObject) -> Cause | None:
        """Return what sets the message going; one that says nothing of that may be left to workflow rules."""
        sent = any(self.name in rule.sends for rule in sobject.workflow_rules)
        return None if sent and not self.cause.said else self.cause.check(org, sobject, _EITHER)

    def add_to(self, org: Org) -> OutboundMessage:
        """Put the message in force. Raises HookError."""
        return org.outbound.messages.add(self.check(org))


def _field(sobject: SObject, name: str, place: int) -> str:
    field = sobject.field(name)
    if field is None:
        names = [one.name for one in sobject.fields]
        raise HookError(f"{sobject.name} has no field {name}", ("fields", place), names, name)
    if field.type in ("base64", "address", "location", "complexvalue"):
        raise HookError(f"{sobject.name}.{field.name} cannot be sent: it is a {field.type}", ("fields", place))
    return field.name


def read(value: object, path: Steps, problems: list[Problem]) -> tuple[DeclaredMessage, ...]:
    """Read a list of declarations; what is wrong with them is added to the problems."""
    return read_each(value, path, problems, "outboundMessages must be a list of messages", read_one)


def read_one(value: object, path: Steps, problems: list[Problem]) -> DeclaredMessage | None:
    """Read one declaration; None where something is wrong with it."""
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"an outbound message must be a mapping, not {shown(value)}", KEYS))
        return None
    before = len(problems)
    reader = Reader(value, path, problems)
    reader.only(KEYS, NOUN)
    name = reader.text("name")
    if "name" not in reader:
        reader.refuse((), "an outbound message needs name")
    version = reader.text("apiVersion")
    if version is not None and not _VERSION.fullmatch(version):
        reader.refuse("apiVersion", f"an API version is written like '66.0', not {shown(version)}")
    message = DeclaredMessage(
        name or "",
        reader.text("object"),
        texts(reader, "fields"),
        reader.text("endpoint"),
        causes.read(reader, EVENTS),
        flag(reader, "includeSessionId", False) if "includeSessionId" in reader else None,
        reader.text("integrationUser"),
        flag(reader, "protected", False),
        version,
        reader.text("label"),
        reader.text("description"),
        dict(value),
    )
    return None if len(problems) > before else message


def as_json(message: OutboundMessage) -> dict[str, Any]:
    """Return a message as it is declared, with the id that it has as an action."""
    return {
        **(message.declared or {}),
        "name": message.name,
        "object": message.sobject,
        "fields": list(message.fields),
        "endpoint": message.endpoint,
        "id": message.id,
        "fromMetadata": message.from_schema,
    }


def shape() -> Shape:
    """Return the JSON Schema of a declaration."""
    yes: Shape = {"type": "boolean"}
    return mapping(
        {
            "name": {**TEXT, "pattern": "^[A-Za-z][A-Za-z0-9_]*$"},
            **causes.shapes(EVENTS),
            "fields": {
                "anyOf": [TEXT, {"type": "array", "items": TEXT}],
                "description": "what goes with each record, beside its Id",
            },
            "endpoint": {**TEXT, "description": "a URL; {service} stands for the service under test"},
            "includeSessionId": {**yes, "description": "whether the receiver may call back with a session of the user"},
            "integrationUser": {**TEXT, "description": "a username: in whose name it is sent"},
            "protected": yes,
            "apiVersion": {**TEXT, "pattern": r"^\d\d\.0$"},
            "label": TEXT,
            "description": TEXT,
        },
        required=("name",),
        description="an outbound message",
    )
