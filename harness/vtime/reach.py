"""Tells what a subject waits for apart: the server and itself, or the outside world, where real time goes by."""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING, Any

from harness.vtime.flight import sockets

if TYPE_CHECKING:
    from harness.vtime.conductor import Conductor

LONGEST = 10.0
"""Real seconds for which virtual time stands still for an answer from outside."""


def outside(source: Any, conductor: Conductor) -> bool:
    """Tell whether what is waited for can come from outside virtual time."""
    if isinstance(source, int):
        return _file(source)
    return any(_socket(sock, conductor) for sock in sockets([source]))


def _file(number: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:
        return False


def _socket(sock: socket.socket, conductor: Conductor) -> bool:
    family = sock.family
    try:
        peer = sock.getpeername()
    except OSError:
        return False
    if family in (socket.AF_INET, socket.AF_INET6):
        port = peer[1]
        if port in conductor.side.ports or port in conductor.listening:
            return False
        return sock.getsockname()[1] not in conductor.listening
    # The two ends of a pair have no names; who has one is a server elsewhere on this machine.
    return bool(peer)
