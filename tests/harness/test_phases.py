"""A timeline sets the org's phase as time goes by, and stops with the block."""

from __future__ import annotations

import threading
from typing import Any

from harness.phases import Timeline
from harness.plans import PhasePlan as Phase
from tests.waiting import PATIENCE


class Control:
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.entries: list[object] = [{}]
        self.changed = threading.Event()

    def journal(self) -> list[object]:
        return self.entries

    def set_phase(self, phase: str) -> None:
        self.seen.append(phase)
        if len(self.seen) == 3:
            self.changed.set()


def timeline(control: Any, *phases: Phase) -> Timeline:
    return Timeline(control, phases)


def test_phases_follow_each_other() -> None:
    control = Control()
    with timeline(control, Phase("calm", 0.01), Phase("outage", 0.01), Phase("heal", None)):
        assert control.changed.wait(PATIENCE)
    assert control.seen == ["calm", "outage", "heal"]


def test_the_clock_of_the_first_phase_starts_with_the_first_request() -> None:
    control = Control()
    control.entries = []
    with timeline(control, Phase("calm", 0.01), Phase("outage", 0.01), Phase("heal", None)):
        assert not control.changed.wait(0.1)
        control.entries = [{}]
        assert control.changed.wait(PATIENCE)


def test_the_first_phase_is_in_force_at_once_and_the_end_of_the_block_ends_the_walk() -> None:
    control = Control()
    with timeline(control, Phase("calm", 86_400.0), Phase("outage", None)):  # nobody waits so long for its end
        assert control.seen == ["calm"]
    assert control.seen == ["calm"]


def test_two_phases_may_share_a_length_and_a_name() -> None:
    control = Control()
    with timeline(control, Phase("calm", 0.01), Phase("outage", 0.01), Phase("calm", 0.01)):
        assert control.changed.wait(PATIENCE)
    assert control.seen == ["calm", "outage", "calm"]


def test_no_phases_touch_nothing() -> None:
    control = Control()
    with timeline(control):
        pass
    assert control.seen == []
