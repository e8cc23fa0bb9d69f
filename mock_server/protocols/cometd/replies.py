"""Bayeux messages as they go out, and all that Salesforce says of what is wrong.

The texts are those of the Streaming API guide ("Streaming API Error Codes") unless a line says otherwise; `R` marks
what clients have recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from mock_server.operations import Reply
from mock_server.org.events.clients import HOLD, StreamingClient
from mock_server.protocols.cometd.messages import Message

FIRST = {"interval": 0, "timeout": int(HOLD * 1000), "reconnect": "retry"}
"""What a client is told with the answer to its first connect (R)."""
_SCALAR = (str, int, float)
REHANDSHAKE = {"interval": 0, "reconnect": "handshake"}
LEAVE = {"reconnect": "none", "interval": 0}
REFUSED = {"reconnect": "none"}

NO_VERSION = "API version in the URI is mandatory. URI format: '/cometd/60.0'"
OLD_VERSION = "Unsupported API version. Only API versions '23.0' and above are supported. URI format: '/cometd/60.0'"
CONNECTION_TYPE = "400::Invalid connection type {}"
NO_SUCH_CHANNEL = "400::The channel you requested to subscribe to does not exist {{{}}}"  # R, with its braces
NO_FIELDS = "400::Query fields {{{}}} do not exist on the topic entity"
NO_CHANNEL_NAME = "400::Channel name not specified"
NO_SLASH = "400::Channel subscriptions must start with a leading '/'"
NO_COOKIE = "400::Client {} has established a session, but no {} cookie present"
OTHER_USER = "400::Authenticated user id does not match the session's user id"
BAD_REPLAY = (  # R: one space or two after the first sentence
    "400::The replayId {{{}}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to "
    "replay only new events."
)
NOT_IN_MAP = (  # R
    "400::The replayId for channel {{{}}} wasn't found using the provided replay ID map {{{}}}. Ensure that the "
    "channel name you provided in the replay map is valid and matches the channel name used for subscribing."
)
UNAUTHENTICATED = "401::Request requires authentication"
INVALID = "401::Authentication invalid"
HANDSHAKE_DENIED = "403::Handshake denied"  # R
TOO_MANY_CLIENTS = "403::Organization concurrent user limit exceeded"  # R
TOO_MANY_EVENTS = "403::Organization total events daily limit exceeded"
UNKNOWN_CLIENT = "403::Unknown client"  # R
NO_ENTITY = "403::Subscriber does not have access to the entity in this topic"
NO_CONDITION = "403::Subscriber does not have access to all fields referenced in the where clause of the PushTopic"
NOT_MADE = "403::Cannot create channel {{{}}}"
RESTRICTED = "403::Restricted channel"
NO_PUBLISHING = "403:denied_by_security_policy:publish_denied"  # recall: as CometD 3 words its denials
TOO_BUSY = "503::Server is too busy. Please try your request again later."
UNKNOWN_CHANNEL = "404::Unknown channel"
NO_GENERIC = {
    "": UNKNOWN_CHANNEL,
    "case": "404::channel names may not vary only by case",
    "spent": "403::Unable to create channel dynamically, maximum channel limit has been exceeded",
}
"""Why there is no streaming channel, by the reason of a NoChannel."""
DENIED = {
    "/topic/": "403::User not enabled for streaming",
    "/data/": "403::User not allowed to subscribe CDC without View All Data permissions",
    "/u/": "403::No access on channel",
}
"""What a user is told who may not read a channel, by how its name begins; of others it is restricted."""


def told(
    message: Message,
    *,
    client: StreamingClient | None = None,
    error: str | None = None,
    advice: Mapping[str, Any] | None = None,
    ext: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the answer to a message, its keys in the order in which Salesforce writes them."""
    reply: dict[str, Any] = {}
    if ext is not None:
        reply["ext"] = ext
    if client is not None:
        reply["clientId"] = client.id
    if advice is not None:
        reply["advice"] = advice
    if isinstance(message.get("channel"), str):
        reply["channel"] = message["channel"]
    if isinstance(message.get("id"), _SCALAR):
        reply["id"] = message["id"]
    subscription = message.get("subscription")
    if isinstance(subscription, str) or (isinstance(subscription, list) and all(map(_is_text, subscription))):
        reply["subscription"] = subscription
    if error is not None:
        reply["error"] = error
    reply["successful"] = error is None
    return reply


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def welcome(message: Message, client: StreamingClient, ext: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the answer to a handshake that is granted (R): it gives no advice."""
    plain = told(message, client=client, ext=ext)
    return {
        **({"ext": ext} if ext is not None else {}),
        "minimumVersion": "1.0",
        "clientId": client.id,
        "supportedConnectionTypes": ["long-polling"],
        "channel": plain["channel"],
        **({"id": plain["id"]} if "id" in plain else {}),
        "version": "1.0",
        "successful": True,
    }


def denied(message: Message, reason: str, ext: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the answer to a handshake that is not granted (R): the reason lies within."""
    return told(
        message,
        error=HANDSHAKE_DENIED,
        advice=REFUSED,
        ext={"sfdc": {"failureReason": reason}, **(ext or {})},
    )


def short(value: object) -> str:
    """Return what a client has said, for a text that tells of it."""
    try:
        # As the client has written it: null, not None.
        return (value if isinstance(value, str) else orjson.dumps(value).decode())[:100]
    except TypeError:
        # Read it could be, but it is too deep to be written.
        return "..."


def body(parts: Sequence[dict[str, Any] | bytes]) -> bytes:
    """Return the body of an answer. Events are written already."""
    return b"[%b]" % b",".join(part if isinstance(part, bytes) else orjson.dumps(part) for part in parts)


def refused(status: int, error: str) -> Reply:
    """Return the answer to a request that is not read as messages."""
    return Reply(status, body([{"error": error, "successful": False}]))
