"""Streaming channels: who listens to one, and what is pushed to them (Streaming Channel Push REST API)."""

from __future__ import annotations

from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.protocols.rest.linked import check_record
from mock_server.protocols.rest.replies import DATA, answer, routes

_PUSH = f"{DATA}/sobjects/StreamingChannel/{{id}}/push"
MOST_TEXT = 3000
"""Characters of what is pushed at once ("Cannot exceed 3,000 single-byte characters")."""


@routes(
    Operation("rest.streaming.subscribers", "GET", _PUSH, "read", rows="one", summary="List who listens to a channel")
)
async def subscribers(call: Call) -> Reply:
    name = check_record(call, "StreamingChannel")
    return answer({"OnlineUserIds": call.org.events.generic.listening(name or ""), "ChannelName": name})


@routes(
    Operation("rest.streaming.push", "POST", _PUSH, "write", "never", summary="Push events to a channel's listeners")
)
async def push(call: Call) -> Reply:
    """Push each text, and answer how many of those who are to have it listen now: -1 where that is everybody."""
    check_record(call, "StreamingChannel")
    given = call.json_object().get("pushEvents")
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise errors.INVALID_INPUT(text="pushEvents takes a list of events, each with its payload")
    texts = [_text(one) for one in given]
    identifier = to_18(call.args["id"]) or ""
    pushed = call.org.events.generic.push(call.session, identifier, texts, call.entry.number, lost=call.loses)
    return answer([{"fanoutCount": one.count, "userOnlineStatus": one.online} for one in pushed])


def _text(given: dict[str, Any]) -> tuple[str, list[str]]:
    text, users = given.get("payload"), given.get("userIds") or []
    if not isinstance(text, str):
        raise errors.INVALID_INPUT(text="payload takes a text")
    if len(text) > MOST_TEXT:
        raise errors.PUSH_TOO_LONG(most=MOST_TEXT)
    if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
        raise errors.INVALID_INPUT(text="userIds takes a list of ids")
    return text, users
