"""What all calls of the Pub/Sub API share: who calls, errors as gRPC has them, and messages put together by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import md5
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.ids import to_18

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Change

SERVICE = "/eventbus.v1.PubSub/"
LARGEST_REQUEST = 4 * 1024 * 1024
"""Bytes. A larger one is refused in front of the service, which never sees it."""
LARGEST_EVENT = 1024 * 1024
_CODES = {
    400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 412: 9, 429: 8, 500: 13, 503: 14, 504: 4,
}  # fmt: skip
"""gRPC's status of an error of the catalogue."""
_INTERNAL = 13
_LONGEST = 4_000
"""Bytes of a message on the wire. It may repeat what the client said, and of trailers over 8 KB clients drop some calls
at random, over 16 KB all."""
_SUFFIX = "sfdc.platform.eventbus.grpc."
_IN_FRONT = frozenset({errors.UPSTREAM_RESET.code, errors.MANAGED_NO_COMMIT.code, errors.UNREADABLE_REQUEST.code})
"""Errors that have no code of the service's own."""
_NEEDED = ("accesstoken", "instanceurl", "tenantid")


def operation(name: str, method: str, summary: str, **more: object) -> Operation:
    """Return an operation of this API."""
    return Operation(
        f"pubsub.{name}",
        "GRPC",
        SERVICE + method,
        counted=False,
        token_header="accesstoken",  # noqa: S106
        summary=summary,
        **more,  # type: ignore[arg-type]
    )


def render(error: ApiError) -> Reply:
    """Write an error as status and trailers."""
    shown = _of_this_api(error)
    headers = {"grpc-status": str(_CODES.get(shown.status, _INTERNAL)), "grpc-message": _message(shown.message)}
    if shown.code not in _IN_FRONT:
        headers["error-code"] = shown.code
    return Reply(error.status, b"", None, headers)


def _message(text: str) -> str:
    """Return a text as it goes over the wire, cut between two characters where it is too long."""
    told = quote(text)
    if len(told) <= _LONGEST:
        return told
    return quote(unquote(re.sub("%.?$", "", told[:_LONGEST]), errors="ignore") + "...")


def _of_this_api(error: ApiError) -> ApiError:
    """Return an error of another part of the platform as this API tells it."""
    if error.code.startswith(_SUFFIX) or error.code in _IN_FRONT:
        return error
    if error.spec is errors.NO_TOKEN or error.spec is errors.INVALID_AUTH_HEADER:
        return errors.SERVICE_AUTH_HEADERS_INVALID(header="accesstoken")
    if error.status == 401 or error.spec.kind == "session" or error.spec is errors.EXPIRED_PASSWORD:
        return errors.SERVICE_AUTH_ERROR()
    spec = {
        "quota": errors.PROTECTION_TRIGGERED,
        "transient": errors.SERVICE_UNAVAILABLE,
        "ambiguous": errors.SERVICE_UNAVAILABLE,
    }.get(error.spec.kind, errors.SUBSCRIPTION_INTERNAL)
    return ApiError(spec, f"{error.code}: {error.message}", None, spec.status)


def finish(call: Call, reply: Reply) -> Reply:
    """Name the call in its error, as Salesforce's support would ask for it."""
    if "error-code" in reply.headers:
        number = rpc_id(call)
        reply.headers["rpc-id"] = number
        reply.headers["grpc-message"] += quote(f" rpcId: {number}")
    return reply


def rpc_id(call: Call) -> str:
    """Return the id of a call: the same in a run of the same seed."""
    text = f"{call.org.seed}/{call.org.id}/{call.entry.number}"
    return str(UUID(bytes=md5(text.encode(), usedforsecurity=False).digest(), version=4))


def guard(call: Call) -> None:
    """Refuse a call that does not say which org it means, or says another one than its session's."""
    if call.operation.streams and call.stream is None:
        # Somebody sent the method's path by plain HTTP.
        raise errors.NOT_FOUND()
    for name in _NEEDED:
        if not (call.headers.get(name) or "").strip():
            raise errors.SERVICE_AUTH_HEADERS_INVALID(header=name)
    if not _is_url(call.headers["instanceurl"].strip()):
        raise errors.SERVICE_AUTH_HEADERS_INVALID(header="instanceurl")
    tenant = call.headers["tenantid"].strip()
    if len(tenant) not in (15, 18) or not tenant.isalnum() or not tenant.startswith("00D"):
        raise errors.SERVICE_AUTH_HEADERS_INVALID(header="tenantid")
    # A client that was given no id takes that of its token, of 15 characters.
    if (to_18(tenant) if len(tenant) == 15 else tenant) != call.org.id:
        raise errors.SERVICE_AUTH_ERROR()
    fits(call.body)


def _is_url(text: str) -> bool:
    try:
        where = urlsplit(text)
    except ValueError:
        # "http://[": half of an address.
        return False
    return where.scheme in ("https", "http") and bool(where.netloc)


def fits(message: bytes) -> bytes:
    """Return a message of the client's that is not too large. Raises ApiError."""
    if len(message) > LARGEST_REQUEST:
        raise errors.UPSTREAM_RESET()
    return message


def _no_rows(call: Call) -> Sequence[Change]:
    return ()


def routes(peek: Callable[[Call], Sequence[Change]] = _no_rows) -> Routes:
    return Routes(render, peek=peek, guard=guard, finish=finish)


def sent(message: bytes) -> Reply:
    """Return the reply that holds an answer."""
    return Reply(200, message, None)


def renewed(call: Call, token: str) -> None:
    """Let another session stand for the one that a stream began with. Raises ApiError."""
    session = call.org.sessions.find(token)
    if session is None or session.user_id != call.session.user_id:
        raise errors.SERVICE_AUTH_REFRESH_INVALID()
    call.session = session


def replay_bytes(replay_id: int) -> bytes:
    """Return a replay id as this API tells it."""
    return replay_id.to_bytes(8, "big")


def replay_number(told: bytes) -> int:
    """Return what a client's replay id stands for. Raises ApiError for bytes that never were one.

    Salesforce has told ten bytes, too, of which the last two were zero.
    """
    if len(told) == 10 and told.endswith(b"\0\0"):
        told = told[:8]
    if len(told) != 8:
        raise errors.REPLAY_CORRUPTED()
    return int.from_bytes(told, "big")


def tenant(org: Org) -> str:
    """Return the name of an org as the service has it."""
    return f"CORE/prod/{org.id}"


# -- messages, written without the classes of the stubs: an event's own bytes are the same for all who read it


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


_SHORT = tuple(map(_varint, range(1024)))
"""What stands in front of most fields: their lengths."""


def varint(number: int) -> bytes:
    return _SHORT[number] if number < 1024 else _varint(number)


def chunk(tag: bytes, content: bytes) -> bytes:
    """Return a field of bytes; `tag` is its number and type. One that is empty is left out."""
    return tag + varint(len(content)) + content if content else b""


_LATEST, _RPC, _PENDING = b"\x12", b"\x1a", b"\x20"


def consumer_event(uuid: str, schema_id: str, payload: bytes, replay_id: int) -> bytes:
    """Return a ConsumerEvent as an element of `events`."""
    producer = chunk(b"\x0a", uuid.encode()) + _schema(schema_id) + chunk(b"\x1a", payload)
    size = varint(len(producer))
    # Ten bytes are the replay id's, one the tag in front of them.
    return b"".join(
        (b"\x0a", varint(len(producer) + len(size) + 11), b"\x0a", size, producer, b"\x12\x08", replay_bytes(replay_id))
    )


@lru_cache(256)
def _schema(schema_id: str) -> bytes:
    return chunk(b"\x12", schema_id.encode())


def accepted(replay_id: int, key: str) -> bytes:
    """Return the PublishResult of an event that was accepted, as an element of `results`."""
    return chunk(b"\x0a", b"\x0a\x08" + replay_bytes(replay_id) + chunk(b"\x1a", key.encode()))


def fetched(events: Iterable[bytes], latest: int, rpc: str, pending: int, more: bytes = b"") -> bytes:
    """Return a FetchResponse or a ManagedFetchResponse; `more` are its further fields."""
    rest = chunk(_LATEST, replay_bytes(latest)) + chunk(_RPC, rpc.encode())
    return b"".join(events) + rest + (_PENDING + varint(pending) if pending else b"") + more
