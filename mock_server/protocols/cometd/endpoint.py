"""The endpoint: one request is one or several messages, each with its answer, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mock_server.journal import EventNote
from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.events.clients import StreamingClient, TooManyClients
from mock_server.protocols.cometd import cookies, messages, replies, versions
from mock_server.protocols.cometd.connecting import Broken, Part, connect
from mock_server.protocols.cometd.messages import TOO_LARGE, Message, Unreadable, too_large
from mock_server.protocols.cometd.replies import told
from mock_server.protocols.cometd.subscribing import leave, subscribe, unsubscribe
from mock_server.protocols.cometd.versions import OLDEST, Api

_SUMMARIES = {
    "cometd.handshake": "Become a client of the Streaming API",
    "cometd.subscribe": "Subscribe to a channel of events",
    "cometd.unsubscribe": "Read a channel no more",
    "cometd.disconnect": "Be a client no more",
    "cometd.connect": "Wait for events, or publish (which is refused)",
}
_ENDS = frozenset({replies.UNKNOWN_CLIENT, replies.INVALID, replies.UNAUTHENTICATED, replies.TOO_MANY_EVENTS})
"""What is told to a client with which it is over."""
_BUSY = 503
_LONGEST = 200
"""Characters of a message that the journal keeps."""
_PATHS = ("/cometd/{version}", "/cometd/{version}/{step*}", "/cometd")


@dataclass(slots=True)
class Refusal(Reply):
    """The answer to a request that the gate lets no further; `error` is why."""

    error: ApiError | None = None


def _render(error: ApiError) -> Reply:
    return Refusal(error.status, replies.refused(error.status, _reason(error)).body, error=error)


def _reason(error: ApiError) -> str:
    if error.spec is errors.NO_TOKEN:
        return replies.UNAUTHENTICATED
    if error.status == _BUSY:
        return replies.TOO_BUSY
    return replies.INVALID if error.spec.kind == "session" else f"{error.status}::{error.message}"


def _finish(call: Call, reply: Reply) -> Reply:
    """Give the refusals of the gate the form of answers to the messages of the request."""
    if not isinstance(reply, Refusal) or reply.error is None:
        return reply
    if reply.error.status == TOO_LARGE:
        return _unread(call, too_large())
    reason, expelled = _reason(reply.error), reply.error.spec.kind == "session"
    ext = {"sfdc": {"failureReason": reason}} if reply.error.status == _BUSY else None
    try:
        api, asked = versions.read(call), messages.read(call)
    except Unreadable as unreadable:
        return _unread(call, unreadable)
    parts: list[Part] = []
    for message in asked:
        if message.get("channel") == messages.HANDSHAKE:
            parts.append(replies.denied(message, reason, api.ext))
        else:
            client = call.org.streaming.find(message.get("clientId"))
            # Clients keep an advice for later: what was asked by the way must not end the connection.
            advice = replies.LEAVE if expelled or message.get("channel") == messages.CONNECT else None
            parts.append(told(message, client=client, error=reason, advice=advice, ext=ext))
            _note_end(call, message, parts[-1:])
    return _answer(call, parts)


def _choose(call: Call) -> str:
    """Name the operation of a call, and take a token that stands alone in its header, as EMP Connector sends it."""
    given = call.headers.get("Authorization", "").strip()
    if given and " " not in given:
        call.present(given)
    return messages.operation_of(call)


posts = Routes(_render, choose=_choose, finish=_finish)
ROUTES = [posts]


@posts(
    *(
        Operation(name, "POST", path, "stream", counted=False, since=OLDEST, summary=summary)
        for path in _PATHS
        for name, summary in _SUMMARIES.items()
    )
)
async def exchange(call: Call) -> Reply:
    """Answer the messages of a request."""
    try:
        api, asked = versions.read(call), messages.read(call)
    except Unreadable as unreadable:
        return _unread(call, unreadable)
    parts: list[Part] = []
    given: dict[str, str] = {}
    for message in asked:
        try:
            answers = await _answers(call, api, message, given, alone=len(asked) == 1)
            _note_end(call, message, answers)
            parts += answers
        except Broken as broken:
            parts += broken.parts
            if not broken.parts:
                call.entry.outcome = "reset"
                return Reply(delivery="none")
            return replace(_answer(call, parts, given), last=True)
    return _answer(call, parts, given)


async def _answers(call: Call, api: Api, message: Message, given: dict[str, str], *, alone: bool) -> list[Part]:
    """Return what answers one message; `given` takes the cookies that go with it, of each name one."""
    channel = message.get("channel")
    if channel == messages.HANDSHAKE:
        return [_handshake(call, api, message, given)]
    streaming = call.org.streaming
    client = streaming.find(message.get("clientId"))
    if client is not None and _was_lost(client):
        streaming.close(client)
        client = None
    if client is None:
        # Recorded: the cookie that leads to a server is given anew.
        if cookies.SERVER not in given:
            given[cookies.SERVER] = cookies.server(call)
        return [told(message, error=replies.UNKNOWN_CLIENT, advice=replies.REHANDSHAKE)]
    if client.user_id != call.session.user_id:
        return [told(message, client=client, error=replies.OTHER_USER)]
    if cookies.missing(call, client):
        return [told(message, client=client, error=replies.NO_COOKIE.format(client.id, cookies.BROWSER))]
    streaming.attend(client, call.session.token)
    if channel == messages.CONNECT:
        try:
            parts = await connect(call, client, message, alone=alone)
        except Broken:
            # "After a Network Failure" again.
            streaming.close(client)
            raise
    elif channel == messages.SUBSCRIBE:
        parts = [subscribe(call, client, message)]
    elif channel == messages.UNSUBSCRIBE:
        parts = [unsubscribe(call, client, message)]
    elif channel == messages.DISCONNECT:
        for name in list(client.subscriptions):
            leave(call, client, name)
        streaming.close(client, "disconnected")
        return [told(message, client=client)]
    else:
        parts = [told(message, client=client, error=_no_publishing(channel))]
    if client.known:
        streaming.answered(client)
    return parts


def _note_end(call: Call, message: Message, answers: Sequence[Part]) -> None:
    """Note that a client was told that it is over with it, and with all that it has subscribed to."""
    name = message.get("clientId")
    for part in answers:
        if isinstance(part, dict) and part.get("error") in _ENDS and isinstance(name, str):
            note = EventNote(call.org.clock.now(), "unsubscribed", "*", subscriber=name, refused=part["error"])
            call.journal.told(call.entry, [note])


def _was_lost(client: StreamingClient) -> bool:
    """Tell whether the last events that a client was sent did not reach it: another answer may have come instead.

    Salesforce knows such a client no more ("How the Client Connects", "After a Network Failure"): it handshakes and
    subscribes anew, from what it has handled. So nothing is lost that can be replayed.
    """
    carrier = client.carrier
    return carrier is not None and (carrier.outcome not in (None, "answered") or carrier.status not in (None, 200))


def _no_publishing(channel: object) -> str:
    if not isinstance(channel, str) or not channel:
        return replies.NO_CHANNEL_NAME
    if not channel.startswith("/") or channel.startswith("/meta/"):
        return replies.UNKNOWN_CHANNEL
    return replies.NO_PUBLISHING


def _handshake(call: Call, api: Api, message: Message, given: dict[str, str]) -> Part:
    kinds = message.get("supportedConnectionTypes")
    if not isinstance(kinds, list):
        kinds = [] if kinds is None else [kinds]
    if "long-polling" not in kinds:
        return told(message, error=replies.CONNECTION_TYPE.format(replies.short(kinds[0] if kinds else "")))
    try:
        client = call.org.streaming.open(
            call.session.user_id,
            durable=api.durable,
            deletions=api.deletions,
            browser=cookies.brought(call, cookies.BROWSER),
        )
    except TooManyClients:
        return replies.denied(message, replies.TOO_MANY_CLIENTS, api.ext)
    if not cookies.brought(call, cookies.BROWSER):
        given[cookies.BROWSER] = cookies.browser(call, client)
    if cookies.SERVER not in given and not cookies.brought(call, cookies.SERVER):
        given[cookies.SERVER] = cookies.server(call)
    return replies.welcome(message, client, api.ext)


def _answer(call: Call, parts: Sequence[Part], given: Mapping[str, str] | None = None) -> Reply:
    """Return the answer to a request. What failed in it stands in the journal in Bayeux's own words."""
    failed = [part for part in parts if isinstance(part, dict) and not part["successful"]]
    if failed:
        call.entry.codes = tuple(code for part in failed for code in _codes(part))
        call.entry.message = call.entry.codes[0][:_LONGEST]
    return Reply(200, replies.body(parts), cookies=tuple((given or {}).values()))


def _codes(part: dict[str, Any]) -> Iterator[str]:
    yield part["error"]
    reason = part.get("ext", {}).get("sfdc", {}).get("failureReason")
    if reason is not None:
        yield reason


def _unread(call: Call, unreadable: Unreadable) -> Reply:
    error = f"{unreadable.status}::{unreadable.text}"
    call.entry.codes, call.entry.message = (error,), error[:_LONGEST]
    return replies.refused(unreadable.status, error)
