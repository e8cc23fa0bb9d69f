"""The effects, one small file each. To add one: its file, and its line here."""

from mock_server.faults.effects.base import Effect, Point
from mock_server.faults.effects.error import Error
from mock_server.faults.effects.limit import UseLimit
from mock_server.faults.effects.outage import Outage
from mock_server.faults.effects.reply import LostReply
from mock_server.faults.effects.session import EndSession
from mock_server.faults.effects.status import Status

EFFECTS: dict[str, type[Effect]] = {kind.key: kind for kind in (Error, Status, LostReply, EndSession, Outage, UseLimit)}
FLAGS: tuple[str, ...] = tuple(sorted(frozenset().union(*(kind.flags for kind in EFFECTS.values()))))
"""The keys that go with some effect."""

__all__ = ["EFFECTS", "FLAGS", "Effect", "Point"]
