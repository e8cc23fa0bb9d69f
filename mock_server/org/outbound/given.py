"""Outbound messages and named credentials that come with a schema: from metadata, or as definitions of their kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mock_server.org.outbound.credentials import Auth, NamedCredential
from mock_server.org.outbound.messages import NAME, VERSION, OutboundMessage
from mock_server.org.schema.errors import Path, SchemaError
from mock_server.org.schema.given import flag, mapping, text, texts

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.schema.schema import Schema

MESSAGES, CREDENTIALS = "outboundMessages", "namedCredentials"
_MESSAGE = (
    "name", "object", "endpoint", "fields", "includeSessionId", "integrationUser", "protected", "apiVersion", "label",
    "description",
)  # fmt: skip
_CREDENTIAL = ("url", "label", "auth")
_UNSENDABLE = ("base64", "address", "location", "complexvalue")
Notes = list[tuple[Path, str]]


def message_of(schema: Schema, path: Path, given: Any, notes: Notes) -> OutboundMessage | None:
    """Read a message. Raises SchemaError; one of an object that is not there is left out, with a note."""
    mapping(path, given, _MESSAGE)
    name, owner = text(path, given, "name", ""), text(path, given, "object", "")
    if not NAME.fullmatch(name):
        raise SchemaError((*path, "name"), f"{name!r:.60} is no name of a message: letters, digits and single _")
    sobject = schema.get(owner)
    if sobject is None:
        notes.append(((*path, "object"), f"outbound message {name} is left out: there is no object {owner}"))
        return None
    fields = []
    for one in texts(path, given, "fields"):
        field = sobject.field(one)
        if field is None or field.type in _UNSENDABLE:
            notes.append(
                ((*path, "fields"), f"outbound message {name} leaves out {one}: there is no such field to send")
            )
        else:
            fields.append(field.name)
    return OutboundMessage(
        name,
        sobject.name,
        text(path, given, "endpoint", "", most=2000),
        tuple(dict.fromkeys(fields)),
        None,
        flag(path, given, "includeSessionId"),
        text(path, given, "integrationUser", None),
        flag(path, given, "protected"),
        text(path, given, "apiVersion", VERSION),
        text(path, given, "label", name),
        text(path, given, "description", None, most=1000),
        None,
        from_schema=True,
    )


def credential_of(path: Path, name: str, given: Any) -> NamedCredential:
    """Read a credential: metadata holds no secret, so one that needs any has to be declared. Raises SchemaError."""
    mapping(path, given, _CREDENTIAL)
    if not NAME.fullmatch(name):
        raise SchemaError(path, f"{name!r:.60} is no name of a credential: letters, digits and single _")
    url = text(path, given, "url", "", most=2000)
    return NamedCredential(name, url.rstrip("/"), Auth(), text(path, given, "label", name), None, from_schema=True)


def check(
    schema: Schema, messages: Mapping[str, Any], credentials: Mapping[str, Any]
) -> tuple[list[SchemaError], Notes]:
    """Return what is wrong with definitions, and what of them is left out."""
    problems: list[SchemaError] = []
    notes: Notes = []
    for key, given in messages.items():
        try:
            message_of(schema, (MESSAGES, key), given, notes)
        except SchemaError as error:
            problems.append(error)
    for key, given in credentials.items():
        try:
            credential_of((CREDENTIALS, key), key, given)
        except SchemaError as error:
            problems.append(error)
    return problems, notes


def adopt(org: Org) -> None:
    """Give an org what its schema says that it sends; what was declared of the same name stays."""
    schema = org.schema
    if not (schema.outbound_messages or schema.named_credentials):
        return
    outbound = org.outbound
    for key, given in schema.named_credentials.items():
        if outbound.credentials.named(key) is None:
            outbound.credentials.add(credential_of((CREDENTIALS, key), key, given))
    for key, given in schema.outbound_messages.items():
        message = message_of(schema, (MESSAGES, key), given, [])
        if message is not None and outbound.messages.named(message.name, message.sobject) is None:
            outbound.messages.add(message)
