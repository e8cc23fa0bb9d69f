"""The control plane under /_mock/, and its client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mock_server.control.plane import ControlPlane

__all__ = ["ControlPlane"]


def __getattr__(name: str) -> Any:
    # The client lives in this package too, and must start without the server's half.
    if name == "ControlPlane":
        from mock_server.control.plane import ControlPlane

        return ControlPlane
    raise AttributeError(name)
