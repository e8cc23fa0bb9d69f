"""What virtual time needs to know of this process's own harness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.vtime.conductor import outside
from harness.vtime.patching import Change
from mock_server.control import client

_plain_call = client._Link.call


def _call(self: client._Link, method: str, path: str, body: Any) -> Any:
    with outside():
        return _plain_call(self, method, path, body)


def bypass() -> Iterator[Change]:
    """Yield what lets calls of the control plane run in real time, also where a subject makes them."""
    yield Change(client._Link, "call", _call)
