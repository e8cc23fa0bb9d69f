"""Bytes in flight: what one end of a connection has sent and the other has not received."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

_COUNTED = sys.platform == "linux"
_ESTABLISHED = 1


class Seen(NamedTuple):
    """The subject's end of a connection to the server: its own address, and the bytes that it has sent and received."""

    name: tuple[Any, ...]
    sent: int
    received: int

    @classmethod
    def of(cls, parts: Any) -> Seen:
        """Make one from what came over a line."""
        name, sent, received = parts
        return cls(tuple(name), sent, received)


def _counters(sock: socket.socket) -> tuple[int, int, int] | None:
    """Return state, bytes sent and bytes received of a socket, from Linux's `struct tcp_info`; None elsewhere."""
    try:
        info = socket.socket.getsockopt(sock, socket.IPPROTO_TCP, socket.TCP_INFO, 216)
    except OSError:
        return None
    if len(info) < 216:
        return None
    (received,) = struct.unpack_from("Q", info, 128)
    sent, again = struct.unpack_from("QQ", info, 200)
    (unsent,) = struct.unpack_from("I", info, 144)
    return info[0], sent - again + unsent, received


def sockets(sources: Iterable[Any]) -> Iterator[socket.socket]:
    """Yield the sockets that are waited for: a source is one itself, or a selector with many."""
    for source in sources:
        if isinstance(source, socket.socket):
            yield source
            continue
        held: Any = source.get_map() if hasattr(source, "get_map") else None
        for key in list(held or ()):
            found = held[key].fileobj
            if isinstance(found, socket.socket):
                yield found


def seen(sources: Iterable[Any], ports: frozenset[int]) -> Iterator[Seen]:
    """Yield what the waiting sockets that lead to the server have sent and received."""
    if not _COUNTED:
        return
    for sock in sockets(sources):
        counters = _counters(sock) if sock.family in (socket.AF_INET, socket.AF_INET6) else None
        if counters is None or counters[0] != _ESTABLISHED:
            continue
        try:
            if sock.getpeername()[1] in ports:
                yield Seen(sock.getsockname(), counters[1], counters[2])
        except OSError:
            continue


def flying(one: Seen, peers: Mapping[Any, int]) -> bool:
    """Tell whether anything is on its way between a subject's connection and the server's end, found by address."""
    number = peers.get(one.name)
    if number is None:
        return False
    try:
        other = socket.socket(fileno=number)
    except OSError:
        # The server has closed its end; the subject's is about to hear of it.
        return True
    try:
        if other.getpeername() != one.name:
            return True
        theirs = _counters(other)
    except OSError:
        return True
    finally:
        other.detach()
    return theirs is not None and (one.sent > theirs[2] or theirs[1] > one.received)
