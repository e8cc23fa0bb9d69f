"""Events: each is handled, once and in order, whatever happens to the stream that brings them."""

from __future__ import annotations

from harness.properties.events.echoes import NoEcho
from harness.properties.events.gaps import GapReconciled
from harness.properties.events.handling import HandledOnce, OrderPerRecord
from harness.properties.events.holes import ExpiredReplayRecovered
from harness.properties.events.missing import NoneMissed
from harness.properties.events.positions import ReplayAfterHandling, ReplayOpaque
from harness.properties.events.streams import FlowControl, Resubscribed

PROPERTIES = (
    ReplayAfterHandling(),
    ReplayOpaque(),
    ExpiredReplayRecovered(),
    HandledOnce(),
    GapReconciled(),
    FlowControl(),
    OrderPerRecord(),
    NoEcho(),
    NoneMissed(),
    Resubscribed(),
)
