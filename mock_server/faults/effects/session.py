"""`session: expire | revoke`: the access token stops working in the middle of things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mock_server.faults.effects.base import Effect, Point, one_of
from mock_server.operations import Call, Operation, Reply


@dataclass(frozen=True)
class EndSession(Effect):
    """Expire ends the session; revoke also takes back the refresh tokens of its user and app."""

    key: ClassVar[str] = "session"

    how: str
    point: Point = "session"

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> EndSession:
        return cls(one_of("session", data["session"], ("expire", "revoke")))

    def refuses(self, operation: Operation) -> str | None:
        return None if operation.auth else "it needs no session"

    async def strike(self, call: Call) -> Reply | None:
        session = call.session
        if session is not None:
            if self.how == "expire":
                call.org.sessions.expire(session.token)
            else:
                call.org.sessions.revoke_all_of(session)
        return None
