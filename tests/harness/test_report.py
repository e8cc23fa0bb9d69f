"""Reports: the same result for people, as a page and for programs."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree

import pytest

from harness.evidence import ArmedFault, Process
from harness.judge import judge, judge_laws
from harness.report import machine, page, terminal
from harness.result import Baseline, TrialResult
from tests.harness.builders import World, strike

HOSTILE = "<script>alert('x')</script>\x1b[31m\x00"


def broken() -> TrialResult:
    world = World()
    world.send({1: "UNABLE_TO_LOCK_ROW", 2: None}, strikes=[strike("locks", "error", "row", 1)])
    process = Process(3, 1.5, output=f"Traceback {HOSTILE}\n")
    evidence = world.evidence(faults=[ArmedFault("locks", 1, 1), ArmedFault("outage", 0, 0)], process=process)
    judgement = judge(
        evidence, skip={"delivery.nothing_lost": f"known {HOSTILE}"}, expect={"session.refreshed_once": {}}
    )
    return TrialResult("row-locks", f"Locks {HOSTILE}", 7, 2.0, Baseline((), evidence), judgement, evidence)


def unsteady() -> TrialResult:
    evidence = World().evidence()
    return TrialResult(
        "row-locks", "Locks", 0, 1.0, Baseline(judge_laws(evidence), evidence, "2 were lost"), None, None
    )


def fine() -> TrialResult:
    world = World()
    world.send({1: None, 2: None})
    evidence = world.evidence()
    return TrialResult("calm", "Nothing happens", 0, 1.0, Baseline((), evidence), judge(evidence), evidence)


def test_the_terminal_report_names_the_cause_first_and_proves_it() -> None:
    text = terminal.render(broken(), replay="sfmock prove row-locks")
    cause, consequence = text.index("bulk.row_results_read"), text.index("retry.transient_retried")
    assert cause < consequence
    assert (
        "#1 at 0.00s rest.collections.upsert; answered 200; 2 rows: 1 saved, 1 failed (UNABLE_TO_LOCK_ROW x1)" in text
    )
    assert "struck by fault 'locks'" in text
    assert "what to do: HTTP 200 says that the request was read" in text
    assert "retry.transient_retried (follows from bulk.row_results_read)" in text
    assert "armed, but never fired: outage" in text
    assert "required, but not exercised: session.refreshed_once" in text
    assert "exited with status 3" in text
    assert "waived: known" in text
    assert "run it again: sfmock prove row-locks" in text


def test_what_a_subject_printed_cannot_move_the_cursor() -> None:
    assert "\x1b" not in terminal.render(broken())
    assert "\x1b[31m" in terminal.render(broken(), colour=True)


def test_an_unmet_baseline_is_said_first() -> None:
    text = terminal.render(unsteady())
    assert "steady state not met: without any fault, 2 were lost" in text
    assert "delivery.nothing_lost" in text


@pytest.mark.parametrize(("no_color", "tty", "coloured"), [("", True, True), ("1", True, False), ("", False, False)])
def test_colour_only_on_a_terminal(no_color: str, tty: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: tty)
    assert terminal.wants_colour(stream) is coloured


def test_the_json_report() -> None:
    body = json.loads(json.dumps(machine.as_json([broken(), unsteady(), fine()])))
    assert (body["schema"], body["ok"]) == (1, False)
    first, second, third = body["trials"]
    assert first["verdicts"][0]["property"] == "bulk.row_results_read"
    assert first["verdicts"][0]["evidence"] == [1]
    assert first["verdicts"][0]["journal"][0].startswith("#1 at 0.00s")
    assert first["faults"] == [
        {"name": "locks", "matched": 1, "fired": 1},
        {"name": "outage", "matched": 0, "fired": 0},
    ]
    assert first["inputs"] == {"total": 2, "landed": 1, "dead-lettered": 0, "skipped": 0, "lost": 1, "duplicated": 0}
    assert (second["ok"], second["baseline"]) == (False, {"met": False, "reason": "2 were lost"})
    assert third["ok"]


def test_the_junit_report_can_be_read_and_counts() -> None:
    root = ElementTree.fromstring(machine.as_junit([broken(), unsteady(), fine()]))
    suites = root.findall("testsuite")
    assert [suite.get("failures") for suite in suites] == ["5", "1", "0"]
    failure = suites[0].find("testcase[@name='bulk.row_results_read']/failure")
    assert failure is not None
    assert "#1 at 0.00s" in str(failure.text)


def test_the_page_needs_nothing_else_and_escapes_everything() -> None:
    text = page.render([broken(), unsteady(), fine()])
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "prefers-color-scheme: dark" in text
    assert "src=" not in text
    assert "bulk.row_results_read" in text
