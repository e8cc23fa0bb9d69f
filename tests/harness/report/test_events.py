"""What reports say of events: which, when published, to whom delivered, when handled."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from harness.evidence import Evidence
from harness.judge import judge
from harness.report.calls import call_timelines
from harness.report.events import event_timelines, tell_events
from harness.report.junit import as_junit
from harness.report.machine import SCHEMA_FILE, as_json
from harness.report.markdown import as_markdown
from harness.report.page import render as page
from harness.report.terminal import render
from harness.result import TrialResult
from tests.harness.builders import World
from tests.harness.properties.streams import ACCOUNTS, Stream
from tests.harness.properties.test_graceful import happened, leg


@pytest.fixture
def evidence() -> Evidence:
    found = World(inputs=0).evidence(
        legs=(leg(1, 3), leg(4, 5, end=True)), happenings=happened([(1, 0), (2, 0), (2, 1)], rule="twice")
    )
    return replace(found, happenings=replace(found.happenings, published=found.happenings.published[:3]))


@pytest.fixture
def result(evidence: Evidence) -> TrialResult:
    return TrialResult("orders", "Orders", 0, 1.0, None, judge(evidence), evidence)


def test_all_of_it_is_told_in_a_line(evidence: Evidence) -> None:
    assert (
        tell_events(evidence.happenings) == "3 events: 3 delivered, 2 handled, 1 of them more than once; 1 subscription"
    )


def test_an_event_is_a_small_timeline(evidence: Evidence) -> None:
    verdict = next(one for one in judge(evidence).verdicts if one.property == "events.none_missed")
    named = replace(verdict, reason="lost: Order__e #3, and twice: Order__e #2")
    assert event_timelines(evidence, named) == [
        "Order__e #3: delivered, never handled",
        "     2.00s  published on /event/Order__e, replay id 3",
        "    +0.00s  #3    delivered to c1  (fault 'twice')",
        "Order__e #2: delivered, handled twice",
        "     1.00s  published on /event/Order__e, replay id 2",
        "    +0.00s  #2    delivered to c1  (fault 'twice')",
        "    +0.00s  handled, as the effects file says",
        "    +0.00s  handled, as the effects file says  [run 2]",
    ]


def test_two_events_of_one_record_are_those_whose_replay_ids_are_told() -> None:
    stream = Stream(world := World(inputs=0), channel=ACCOUNTS)
    stream.subscribe()
    older, newer, _ = (stream.change("1") for _ in range(3))
    stream.deliver(older, newer, handle=False)
    stream.handle(newer, older)
    found = world.evidence(**stream.options())
    verdict = next(one for one in judge(found).violated if one.property == "events.order_per_record")
    heads = [line for line in event_timelines(found, verdict) if line.startswith("  ") and "published" in line]
    assert [line.rpartition(" ")[2] for line in heads] == [str(older.replay_id), str(newer.replay_id)]


def test_a_message_is_told_with_its_calls_its_effects_and_the_others_of_its_record() -> None:
    stream = Stream(world := World(inputs=0))
    stream.subscribe()
    stream.call("m2", 2, written=200.0, kind="callout")
    stream.call("m1", 1, attempt=2, rule="overtaken", kind="callout")
    stream.call("m3", 3, records=("003",), kind="callout")
    result = TrialResult("calls", "Calls", 0, 1.0, None, judge(found := world.evidence(**stream.options())), found)
    verdict = next(one for one in result.violated if one.property == "callout.idempotent_receiver")
    told = call_timelines(found, verdict)
    assert [line for line in told if not line.startswith(" ")] == [
        "Orders m1 about 001000000000001: 1 call, 1 effect",
        "Orders m2 about 001000000000001: 1 call, 1 effect",
    ]
    assert "attempt 2, answered 200 after 0.20s, acknowledged  (fault 'overtaken')" in told[1]
    assert told[2].endswith("its effect, as the sink has seen")
    assert "Orders m1 about 001000000000001" in render(result)


def test_every_report_shows_events(result: TrialResult) -> None:
    line = "3 events: 3 delivered, 2 handled"
    assert line in render(result)
    assert line in page([result])
    assert "Order__e #3" in page([result])
    assert "3 events" in as_markdown([result])
    assert "<testsuite" in as_junit([result])


def test_the_report_for_programs_holds_every_event(result: TrialResult) -> None:
    told = json.loads(json.dumps(as_json([result])))
    Draft202012Validator(json.loads(SCHEMA_FILE.read_text())).validate(told)
    trial = told["trials"][0]
    assert trial["happenings"]["published"] == 3
    assert [len(event["handled"]) for event in trial["events"]] == [1, 2, 0]
    assert trial["events"][0]["delivered"][0]["fault"] == "twice"
