"""Bytes in flight: what one end of a connection has sent and the other has not received."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

_COUNTED = sys.platform == "linux"
_ESTABLISHED = 1


class Counters(NamedTuple):
    """Counters of a TCP socket, as Linux's `struct tcp_info` gives them."""

    state: int
    sent: int
    received: int


def counters(sock: socket.socket) -> Counters | None:
    """Return a socket's counters; None where the system has none."""
    if not _COUNTED:
        return None
    try:
        info = socket.socket.getsockopt(sock, socket.IPPROTO_TCP, socket.TCP_INFO, 216)
    except OSError:
        return None
    if len(info) < 216:
        return None
    received = struct.unpack_from("Q", info, 128)[0]
    sent, again = struct.unpack_from("QQ", info, 200)
    (unsent,) = struct.unpack_from("I", info, 144)
    return Counters(info[0], sent - again + unsent, received)


def sockets(sources: Iterable[Any]) -> Iterator[socket.socket]:
    """Yield the sockets that are waited for: a source is one itself, or a selector with many."""
    for source in sources:
        if isinstance(source, socket.socket):
            yield source
        else:
            for key in list(getattr(source, "get_map", dict)() or ()):
                found = source.get_map()[key].fileobj
                if isinstance(found, socket.socket):
                    yield found


def under_way(sources: Iterable[Any], peers: Mapping[Any, int], ports: frozenset[int]) -> bool:
    """Tell whether anything is on its way between waiting sockets and the server's, found by address."""
    return any(_flying(sock, peers, ports) for sock in sockets(sources))


def _flying(sock: socket.socket, peers: Mapping[Any, int], ports: frozenset[int]) -> bool:
    mine = counters(sock)
    if mine is None or mine.state != _ESTABLISHED:
        return False
    try:
        if sock.getpeername()[1] not in ports:
            return False
        name = sock.getsockname()
    except (OSError, IndexError):
        return False
    number = peers.get(name)
    if number is None:
        return False
    try:
        other = socket.socket(fileno=number)
    except OSError:
        # The server has closed its end; the subject's is about to hear of it.
        return True
    try:
        if other.getpeername() != name:
            return True
        theirs = counters(other)
    except OSError:
        return True
    finally:
        other.detach()
    return theirs is not None and (mine.sent > theirs.received or theirs.sent > mine.received)
