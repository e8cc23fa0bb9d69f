"""The effects: what can happen to a request. To add one, write its file, and put its class into this list."""

from __future__ import annotations

from mock_server.faults.effects.effect import Effect
from mock_server.faults.effects.error import Error
from mock_server.faults.effects.event import EventFault
from mock_server.faults.effects.job import JobFault
from mock_server.faults.effects.latency import Latency
from mock_server.faults.effects.limit import SetLimit
from mock_server.faults.effects.lock import HoldLock
from mock_server.faults.effects.meanwhile import Meanwhile
from mock_server.faults.effects.outage import Outage
from mock_server.faults.effects.reply import ReplyFault
from mock_server.faults.effects.session import EndSession
from mock_server.faults.effects.status import Status
from mock_server.faults.effects.subject import EndSubject
from mock_server.faults.effects.upload import CutUpload

EFFECTS: tuple[type[Effect], ...] = (
    Error,
    Status,
    Latency,
    ReplyFault,
    EndSession,
    Outage,
    SetLimit,
    HoldLock,
    JobFault,
    CutUpload,
    EventFault,
    Meanwhile,
    EndSubject,
)
BY_KEY: dict[str, type[Effect]] = {effect.key: effect for effect in EFFECTS}
