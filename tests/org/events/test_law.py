"""What a subscriber reads from anywhere equals a model that knows nothing but what was acknowledged, and when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mock_server.org.events import EARLIEST, LATEST, UnknownReplay
from tests.org.events.conftest import Bus, contact, event

HOUR = 3600.0
RETAINED = {"After__e": 72 * HOUR, "Now__e": 72 * HOUR, "Old__e": 24 * HOUR}
TEXTS = st.sampled_from(["a", "b", None])


class Undone(Exception):
    """Leaves a transaction."""


class Bound(RuleBasedStateMachine):
    """A bus that is published to in transactions of any shape, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.bus = Bus()
        self.model: list[tuple[str, float, str]] = []
        """Type, time and EventUuid of all that must have been published, in any order of one moment's types."""
        self.snapshots: list[tuple[Any, list[tuple[str, float, str]]]] = []
        self.seen: list[int] = []

    def _save(self, names: list[str], all_or_none: bool, wrong: bool, undone: bool) -> None:
        """Publish a row a name, and model what comes of it."""
        changes = [event(name, "x") for name in names]
        if wrong:
            changes.insert(len(changes) // 2, contact(None))
        now = self.bus.org.clock.now()
        for change, result in zip(changes, self.bus.save(*changes, all_or_none=all_or_none), strict=True):
            if result.success and result.enqueued and (change.sobject == "Now__e" or not undone):
                self.model.append((change.sobject, now, result.enqueued))

    @rule(
        names=st.lists(st.sampled_from(sorted(RETAINED)), min_size=1, max_size=4),
        all_or_none=st.booleans(),
        wrong=st.booleans(),
    )
    def publish(self, names: list[str], all_or_none: bool, wrong: bool) -> None:
        self._save(names, all_or_none, wrong, undone=False)

    @rule(
        inner=st.lists(
            st.tuples(st.lists(st.sampled_from(sorted(RETAINED)), min_size=1, max_size=3), st.booleans()), max_size=3
        ),
        undone=st.booleans(),
    )
    def transact(self, inner: list[tuple[list[str], bool]], undone: bool) -> None:
        try:
            with self.bus.org.transaction():
                for names, fails in inner:
                    try:
                        with self.bus.org.transaction():
                            self._save(names, False, False, undone=undone or fails)
                            if fails:
                                raise Undone
                    except Undone:
                        pass
                if undone:
                    raise Undone
        except Undone:
            pass

    @rule(hours=st.sampled_from([0.5, 5, 23.9, 24, 48, 72]))
    def wait(self, hours: float) -> None:
        self.bus.org.clock.advance(hours * HOUR)

    @rule()
    def snapshot(self) -> None:
        self.snapshots.append((self.bus.org.snapshot(), list(self.model)))

    @rule()
    def restore(self) -> None:
        if self.snapshots:
            kept, model = self.snapshots[-1]
            self.bus.org.restore(kept)
            self.model = list(model)

    @rule()
    def tip(self) -> None:
        self.seen.append(self.bus.org.events.tip())

    @invariant()
    def every_replay_id_leads_on_to_what_followed(self) -> None:
        bus, now = self.bus.org.events, self.bus.org.clock.now()
        for name, retained in RETAINED.items():
            channel = bus.find(self.bus.who, f"/event/{name}")
            wanted = {uuid for kind, at, uuid in self.model if kind == name and at > now - retained}
            whole = bus.after(channel, bus.start(channel, EARLIEST), 10_000)
            assert {one.uuid for one in whole} == wanted
            assert len(whole) == len(wanted)
            ids = [one.replay_id for one in whole]
            assert ids == sorted(set(ids))
            for place, one in enumerate(whole):
                assert bus.after(channel, bus.start(channel, one.replay_id), 10_000) == whole[place + 1 :]
            assert bus.after(channel, bus.start(channel, LATEST), 10_000) == []
            for guess in ids[-1:] + self.seen[-1:]:
                if bus._ids.given_at(guess + 1, now) is None:
                    with pytest.raises(UnknownReplay):
                        bus.start(channel, guess + 1)


Bound.TestCase.settings = settings(max_examples=12, stateful_step_count=12)
TestBound = Bound.TestCase


class TestThorough(Bound.TestCase):
    pytestmark = pytest.mark.heavy
    settings = settings(max_examples=80, stateful_step_count=30)
