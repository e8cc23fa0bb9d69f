"""Outbound messages: which fields of which records go where (Metadata API Developer Guide, WorkflowOutboundMessage)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mock_server.org.approvals.processes import fixed_id
from mock_server.org.automation.hooks import HookError
from mock_server.org.outbound.causes import Cause
from mock_server.org.registered import Registered

NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,79}(?<!_)")
VERSION = "66.0"


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One action that sends records of an object. `fields` are exact names; the Id goes with each record anyway.

    `cause` is None where workflow rules alone send it. `user` is the username in whose name it is sent: he decides
    which fields are seen, and the session is his.
    """

    name: str
    sobject: str
    endpoint: str
    fields: tuple[str, ...]
    cause: Cause | None = None
    include_session: bool = False
    user: str | None = None
    protected: bool = False
    version: str = VERSION
    label: str = ""
    description: str | None = None
    declared: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    from_schema: bool = False
    """Whether it came with the metadata: a declaration of its name says more of it."""

    @property
    def id(self) -> str:
        return fixed_id("04k", f"{self.sobject}/{self.name}")


class Messages(Registered[OutboundMessage]):
    """The outbound messages of one org."""

    def check(self, one: OutboundMessage) -> None:
        if not NAME.fullmatch(one.name):
            raise HookError(f"{one.name!r:.60} is no name of a message: letters, digits and single _", "name")
        if any(_same(one, other) and not other.from_schema for other in self._all):
            raise HookError(f"the outbound message {one.name} of {one.sobject} is there already", "name")

    def replaces(self, one: OutboundMessage, other: OutboundMessage) -> bool:
        return _same(one, other)

    def named(self, name: str, sobject: str | None = None) -> OutboundMessage | None:
        """Return a message by its name in any case, of an object where several have one of that name."""
        return next(
            (
                one
                for one in self._all
                if one.name.lower() == name.lower() and (sobject is None or one.sobject.lower() == sobject.lower())
            ),
            None,
        )


def _same(one: OutboundMessage, other: OutboundMessage) -> bool:
    return one.name.lower() == other.name.lower() and one.sobject == other.sobject
