"""Bayeux messages as they come in: a JSON array or a single object, bare or in a form."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import orjson

from mock_server.operations import Call

Message = dict[str, Any]
HANDSHAKE, CONNECT, DISCONNECT = "/meta/handshake", "/meta/connect", "/meta/disconnect"
SUBSCRIBE, UNSUBSCRIBE = "/meta/subscribe", "/meta/unsubscribe"
LARGEST = 32_768
"""Bytes of a request (Streaming API guide, "How the Client Connects")."""
TOO_LARGE = 413
OPERATIONS = {
    HANDSHAKE: "cometd.handshake",
    SUBSCRIBE: "cometd.subscribe",
    UNSUBSCRIBE: "cometd.unsubscribe",
    DISCONNECT: "cometd.disconnect",
    CONNECT: "cometd.connect",
}
"""By channel, the weightiest first: a request with several messages is the first of them that it holds."""
_FORM = "application/x-www-form-urlencoded"
_JSON = ("application/json", "text/json", "")


class Unreadable(Exception):
    """A request whose body is no messages; `status` is that of its answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def too_large() -> Unreadable:
    """Return why a request is not read that is larger than one may be."""
    return Unreadable(TOO_LARGE, "Maximum Request Size Exceeded")


def read(call: Call) -> list[Message]:
    """Return the messages of a request. Raises Unreadable."""
    if len(call.body) > LARGEST:
        raise too_large()
    kind = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in _JSON:
        return _messages(call.body)
    if kind == _FORM:
        given = parse_qs(call.body.decode("utf-8", "replace"), keep_blank_values=True).get("message")
        if not given:
            raise Unreadable(400, "The form has no message")
        return [message for text in given for message in _messages(text)]
    raise Unreadable(400, f"Invalid Content-Type {kind[:100]}")


def _messages(text: bytes | str) -> list[Message]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Unreadable(400, "Could not parse the Bayeux messages") from None
    messages = value if isinstance(value, list) else [value]
    if not all(isinstance(message, dict) for message in messages):
        raise Unreadable(400, "Could not parse the Bayeux messages")
    return messages


def operation_of(call: Call) -> str:
    """Return the name of the operation that a request is: that of its weightiest message."""
    if call.body.count(b"/meta/") == 1 and b'"/meta/connect"' in call.body:
        # What most requests are is told without reading them.
        return OPERATIONS[CONNECT]
    try:
        channels = {channel for message in read(call) if isinstance(channel := message.get("channel"), str)}
    except Unreadable:
        channels = set()
    return next((name for channel, name in OPERATIONS.items() if channel in channels), OPERATIONS[CONNECT])
