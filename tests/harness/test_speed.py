"""Long trials: what is done once for each journal entry must stay so."""

from __future__ import annotations

import pytest

from harness.evidence import Evidence
from harness.properties import registry
from tests.bench.judging import BOUND, ENTRIES, Load, timed_claims, timed_judge

pytestmark = pytest.mark.heavy
_NOISE = 0.25
"""Seconds below which a time says nothing about how it grows."""


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Load(ENTRIES).build().link()


def test_a_hundred_thousand_entries_are_judged_in_time(evidence: Evidence) -> None:
    assert min(timed_judge(evidence) for _ in range(3)) < BOUND


def test_no_property_takes_more_than_its_share_of_a_longer_trial(evidence: Evidence) -> None:
    quarter = timed_claims(Load(ENTRIES // 4).build().link())
    whole = timed_claims(evidence)
    # Four times the entries; what is quadratic takes sixteen times as long.
    steep = {name: whole[name] / quarter[name] for name in registry() if whole[name] > _NOISE}
    assert {name: growth for name, growth in steep.items() if growth > 9} == {}
