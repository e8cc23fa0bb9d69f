"""Which channel a name means for a user, and what the user may do there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from mock_server.org.events.channel import Channel

if TYPE_CHECKING:
    from mock_server.org.identity.sessions import Session


class NoChannel(Exception):
    """There is no channel of that name; `reason` is "case" where one differs in case alone, "spent" where there are too
    many to make another."""

    def __init__(self, name: str, reason: Literal["", "case", "spent"] = "") -> None:
        super().__init__(f"there is no channel {name}")
        self.name = name
        self.reason = reason


class NotPermitted(Exception):
    """The user may not read (or, of `right` "create", not publish) what the channel carries: `entity` by its name. Of
    `right` "filter" it is fields that the channel's own condition asks about."""

    def __init__(self, name: str, entity: str, right: str = "read") -> None:
        super().__init__(f"no permission to {right} {entity}, which {name} carries")
        self.name = name
        self.entity = entity
        self.right = right


Resolver = Callable[["Session", str], Channel | None]
"""Finds a channel of one kind by its name; None where the name means none of it. Raises NotPermitted."""
