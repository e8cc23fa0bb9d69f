"""The real functions that virtual time stands in for, kept before anything is replaced."""

from __future__ import annotations

import _thread
import select as _select
import selectors
import socket as _socket
import ssl as _ssl
import threading
import time as _time
from typing import Any

allocate_lock = _thread.allocate_lock
get_ident = _thread.get_ident

time = _time.time  # noqa: TID251  # handed to threads outside virtual time
time_ns = _time.time_ns
monotonic = _time.monotonic
monotonic_ns = _time.monotonic_ns
sleep = _time.sleep

poll: Any = getattr(_select, "poll", None)
select = _select.select

Socket = _socket.socket
SSLSocket = _ssl.SSLSocket
Thread = threading.Thread

settimeout = _socket.socket.settimeout
gettimeout = _socket.socket.gettimeout
selector_select = {
    kind: kind.select
    for kind in (
        getattr(selectors, name, None) for name in ("SelectSelector", "PollSelector", "EpollSelector", "KqueueSelector")
    )
    if kind is not None
}
