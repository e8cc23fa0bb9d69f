"""Sockets of a subject: where one would block, its thread is parked instead. Plain and TLS, with time-outs."""

from __future__ import annotations

import errno
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

from harness.vtime import originals
from harness.vtime.actors import Actor, Wait, actors
from harness.vtime.patching import Change

_get_ident = originals.get_ident
_Socket = socket.socket
_gettimeout = originals.gettimeout
_settimeout = originals.settimeout
_IN = getattr(select, "POLLIN", 1)
_OUT = getattr(select, "POLLOUT", 4)
_DONTWAIT = getattr(socket, "MSG_DONTWAIT", 0)


def _ready(sock: socket.socket, events: int) -> bool:
    number = sock.fileno()
    if number < 0:
        return True
    polled = originals.poll()
    polled.register(number, events)
    return bool(polled.poll(0))


def _await(actor: Actor, sock: socket.socket, events: int, due: int | None, what: str) -> None:
    """Return once a socket is ready. Raises TimeoutError when that takes too long."""
    if _ready(sock, events):
        return
    if not actor.conductor.park(Wait(what, sock, due, None, sock.fileno, events)):
        raise TimeoutError("timed out")


def _reading(name: str) -> Callable[..., Any]:
    real = getattr(_Socket, name)
    what = "a connection" if name == "accept" else "an answer"

    def method(self: socket.socket, *args: Any, **options: Any) -> Any:
        actor = actors.get(_get_ident())
        if actor is not None:
            timeout = _gettimeout(self)
            if timeout != 0.0 and not (_DONTWAIT and isinstance(args[-1:], tuple) and args[-1:] == (_DONTWAIT,)):
                _await(actor, self, _IN, actor.conductor.due(timeout), what)
        return real(self, *args, **options)

    method.__name__ = name
    return method


_plain_send = _Socket.send
_plain_sendto = _Socket.sendto
_plain_connect = _Socket.connect
_plain_listen = _Socket.listen


def _send(self: socket.socket, data: Any, flags: int = 0) -> int:
    actor = actors.get(_get_ident())
    if actor is None:
        return _plain_send(self, data, flags)
    timeout = _gettimeout(self)
    if timeout == 0.0:
        return _plain_send(self, data, flags)
    return _send_some(actor, self, data, flags, actor.conductor.due(timeout))


def _send_some(actor: Actor, sock: socket.socket, data: Any, flags: int, due: int | None) -> int:
    while True:
        _await(actor, sock, _OUT, due, "room to send")
        try:
            # A socket without a time-out would wait until all of it has gone.
            return _plain_send(sock, data, flags | _DONTWAIT)
        except BlockingIOError:
            continue


def _sendall(self: socket.socket, data: Any, flags: int = 0) -> None:
    actor = actors.get(_get_ident())
    if actor is None or _gettimeout(self) == 0.0:
        _plain_sendall(self, data, flags)
        return
    due = actor.conductor.due(_gettimeout(self))
    with memoryview(data) as view, view.cast("B") as left:
        sent = 0
        while sent < len(left):
            sent += _send_some(actor, self, left[sent:], flags, due)


_plain_sendall = _Socket.sendall


_beneath: list[Callable[..., Any]] = [_plain_connect]
"""What connects: what stood there when virtual time began, which may lead elsewhere."""


def stand_on_what_is_there() -> None:
    """Take note of who has replaced `connect` before virtual time does."""
    found = vars(_Socket).get("connect", _plain_connect)
    if found is not _connect:
        _beneath[0] = found


def _connect(self: socket.socket, address: Any) -> None:
    actor = actors.get(_get_ident())
    timeout = None if actor is None else _gettimeout(self)
    if actor is None or timeout == 0.0:
        _beneath[0](self, address)
        return
    due = actor.conductor.due(timeout)
    _settimeout(self, 0.0)
    try:
        try:
            _beneath[0](self, address)
        except BlockingIOError:
            _await(actor, self, _OUT, due, f"a connection to {address}")
            failed = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                raise OSError(failed, errno.errorcode.get(failed, "the connection failed")) from None
    finally:
        if self.fileno() >= 0:
            _settimeout(self, timeout)


def _connect_ex(self: socket.socket, address: Any) -> int:
    actor = actors.get(_get_ident())
    if actor is None or _gettimeout(self) == 0.0:
        return _plain_connect_ex(self, address)
    try:
        _connect(self, address)
    except TimeoutError:
        return errno.EAGAIN
    except OSError as error:
        if error.errno is None:
            raise
        return error.errno
    return 0


_plain_connect_ex = _Socket.connect_ex


def _listen(self: socket.socket, *args: Any) -> None:
    _plain_listen(self, *args)
    actor = actors.get(_get_ident())
    if actor is not None and self.family in (socket.AF_INET, socket.AF_INET6):
        actor.conductor.listening.add(self.getsockname()[1])


def _tls(name: str, what: str) -> Callable[..., Any]:
    real = getattr(ssl.SSLSocket, name)

    def method(self: ssl.SSLSocket, *args: Any, **options: Any) -> Any:
        actor = actors.get(_get_ident())
        timeout = None if actor is None else _gettimeout(self)
        if actor is None or timeout == 0.0 or self._sslobj is None:  # type: ignore[attr-defined]
            return real(self, *args, **options)
        conductor = actor.conductor
        due = conductor.due(timeout)
        _settimeout(self, 0.0)
        try:
            while True:
                try:
                    return real(self, *args, **options)
                except ssl.SSLWantReadError:
                    events = _IN
                except ssl.SSLWantWriteError:
                    events = _OUT
                # TLS has messages of its own: a socket that can be read may hold nothing for the reader.
                if not conductor.park(Wait(what, self, due, None, self.fileno, events)):
                    raise TimeoutError(f"The {name} operation timed out")
        finally:
            if self.fileno() >= 0:
                _settimeout(self, timeout)

    method.__name__ = name
    return method


_READING = tuple(
    name for name in ("recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "accept") if hasattr(_Socket, name)
)
_TLS = {
    "read": "an answer",
    "write": "room to send",
    "send": "room to send",
    "do_handshake": "the TLS handshake",
    "unwrap": "the end of TLS",
}
_CHANGES = [
    *(Change(_Socket, name, _reading(name)) for name in _READING),
    Change(_Socket, "send", _send),
    Change(_Socket, "sendall", _sendall),
    Change(_Socket, "connect", _connect),
    Change(_Socket, "connect_ex", _connect_ex),
    Change(_Socket, "listen", _listen),
    *(Change(ssl.SSLSocket, name, _tls(name, what)) for name, what in _TLS.items()),
]


def changes() -> Iterator[Change]:
    yield from _CHANGES
