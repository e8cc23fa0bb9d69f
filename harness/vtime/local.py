"""What virtual time needs to know of this process's own harness."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.vtime.conductor import outside
from harness.vtime.patching import Change
from mock_server.control import client
from mock_server.inside import InsideLink


def _calling(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: client.Link, method: str, path: str, body: Any) -> Any:
        with outside():
            return real(self, method, path, body)

    return call


_CHANGES = [Change(link, "call", _calling(link.call)) for link in (client._Link, InsideLink)]


def bypass() -> Iterator[Change]:
    """Yield what lets calls of the control plane run in real time, also where a subject makes them."""
    yield from _CHANGES
