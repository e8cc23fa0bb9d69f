"""The memory of a process tree is measured, in runs with few and with many rows."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness import gauge
from harness.gauge import Gauge, tree
from harness.growth import scaled, share
from harness.plans import Scenario
from harness.properties.bulk.memory import MIB, Growth
from harness.scenario import find
from harness.subjects import CallableSubject
from harness.trial import Trial
from mock_server import api
from mock_server.seeding.plans import MadeRecords
from tests.waiting import until

HOLD = "held = b'x' * ({} << 20); print(len(held), flush=True); input()"
CHILDREN = f"""
import subprocess, sys
children = [subprocess.Popen([sys.executable, "-c", {HOLD.format(30)!r}], stdin=0, stdout=1) for _ in range(2)]
[child.wait() for child in children]
"""


def peak_of(code: str, least: float) -> float:
    """Run Python code until it was seen with so many MiB; return its peak in MiB."""
    with Gauge() as measured:
        process = subprocess.Popen(
            (sys.executable, "-c", code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        measured.watch(process)
        try:
            until(lambda: measured.peak >= least * MIB)
        finally:
            process.communicate(b"\n\n")
    return measured.peak / MIB


def test_what_a_process_holds_is_in_its_peak() -> None:
    assert 40 < peak_of(HOLD.format(40), 40) < 60


def test_all_of_its_processes_count_together() -> None:
    assert 60 < peak_of(CHILDREN, 60) < 110


def test_where_there_is_no_proc_ps_is_asked() -> None:
    mine = gauge._by_ps()[os.getpid()]
    assert mine.parent == os.getppid()
    assert 0.5 < mine.resident / gauge._seen(os.getpid()).resident < 2  # type: ignore[union-attr]


def test_a_tree_is_the_session_and_what_left_it() -> None:
    seen = gauge._Seen
    everyone = {
        1: seen(0, 1, 0), 5: seen(1, 5, 0), 6: seen(5, 5, 0), 7: seen(6, 7, 0), 8: seen(7, 7, 0), 9: seen(1, 1, 0),
        10: seen(1, 5, 0),
    }  # fmt: skip
    assert tree(5, everyone) == {5, 6, 7, 8, 10}


# -- the runs


@pytest.fixture
def scenario() -> Scenario:
    (found,) = find(["bulk/ten-times-the-rows"])
    return found


def test_a_scenario_is_scaled_to_its_runs(scenario: Scenario) -> None:
    few, many = (scaled(scenario, Growth(rows=50), times) for times in (1, 10))
    assert [plan.count for plan in (*few.inputs, *many.inputs)] == [50, 500]  # type: ignore[union-attr]
    assert (few.faults, few.time) == ((), "real")
    assert share(list(range(100)), Growth(), 1) == list(range(10))
    assert share(list(range(100)), Growth(), 10) == share(list(range(100)), Growth(times=0), 1) == list(range(100))


def test_what_is_read_is_scaled_where_nothing_is_delivered() -> None:
    (reading,) = find(["read/lost-cursor"])
    (source,) = scaled(reading, Growth(rows=50), 10).org.records
    assert isinstance(source, MadeRecords) and source.count == 500


def test_a_function_is_not_weighed(server: api.Server, scenario: Scenario) -> None:
    result = Trial(server, scenario, timeout=60).run(CallableSubject(lambda run: None))
    assert result.evidence is None or result.evidence.memory is None
