"""The report family, scene by scene."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.effects import Report
from harness.evidence import Leg, Process
from harness.letters import BrokenLetter
from harness.properties import read_parameters, registry
from harness.properties.reporting import Names
from tests.harness.builders import CREATE, World, letter, strike
from tests.harness.properties.scenes import Scene, Scenes, check

SCENES = Scenes()
scene = SCENES.add
LOCK, RULE = "UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION"


def _printed(*lines: str) -> dict[str, Any]:
    return {"process": Process(0, 1.0, output="\n".join(lines))}


def _two_refused(world: World) -> None:
    world.inputs = 3
    world.send({1: RULE, 2: RULE, 3: None})
    world.letters = [letter(1, RULE), letter(2, RULE)]


# -- traces


@scene("report.failures_traceable", "held")
def each_with_its_key(world: World) -> dict[str, Any]:
    _two_refused(world)
    return _printed(f"K1: {RULE} after 1 attempt", f"K2: {RULE} after 1 attempt")


@scene("report.failures_traceable", "held")
def the_key_a_line_before(world: World) -> dict[str, Any]:
    _two_refused(world)
    return _printed(
        "{", '  "key": "K1",', f'  "code": "{RULE}"', "}", "{", '  "key": "K2",', f'  "code": "{RULE}"', "}"
    )


@scene("report.failures_traceable", "violated")
def each_without_its_key(world: World) -> dict[str, Any]:
    _two_refused(world)
    return _printed(f"a row failed: {RULE}", f"a row failed: {RULE}")


@scene("report.failures_traceable", "violated")
def the_key_of_another(world: World) -> dict[str, Any]:
    _two_refused(world)
    return _printed(f"K12: {RULE}", f"K1: {RULE}")


@scene("report.failures_traceable", "not exercised")
def a_summary(world: World) -> dict[str, Any]:
    _two_refused(world)
    return _printed(f"2 rows failed: {RULE}", "see dead-letters.jsonl")


@scene("report.failures_traceable", "not exercised")
def one_failure(world: World) -> dict[str, Any]:
    world.send({1: RULE, 2: None})
    return _printed(f"a row failed: {RULE}")


@scene("report.failures_traceable", "not exercised")
def failed_and_landed_later(world: World) -> dict[str, Any]:
    world.send({1: LOCK, 2: LOCK})
    world.send({1: None, 2: None})
    return _printed(f"a row failed: {LOCK}", f"a row failed: {LOCK}")


@scene("report.failures_traceable", "not applicable")
def nothing_printed(world: World) -> None:
    _two_refused(world)


@scene("report.failures_traceable", "not applicable")
def more_printed_than_is_kept(world: World) -> dict[str, Any]:
    _two_refused(world)
    return _printed(*(f"a row failed: {RULE}" for _ in range(1000)))


# -- truth


def _reported(world: World, landed: int | None, failed: int | None) -> None:
    world.effects = replace(world.effects, reports=(*world.effects.reports, Report(landed, failed, 1)))


@scene("report.truthful", "held")
def counted_right(world: World) -> None:
    _two_refused(world)
    _reported(world, 1, 2)


@scene("report.truthful", "held")
def only_the_last_report_counts(world: World) -> None:
    _two_refused(world)
    _reported(world, 0, 0)
    _reported(world, 1, 2)


@scene("report.truthful", "violated")
def all_claimed_as_landed(world: World) -> None:
    _two_refused(world)
    _reported(world, 3, 0)


@scene("report.truthful", "violated")
def landed_ones_claimed_as_failed(world: World) -> None:
    world.send({1: None, 2: None})
    _reported(world, None, 1)


@scene("report.truthful", "held")
def dead_lettered_and_green(world: World) -> None:
    _two_refused(world)


@scene("report.truthful", "violated")
def lost_and_green(world: World) -> None:
    world.send({1: RULE, 2: None})


@scene("report.truthful", "held")
def lost_and_reported(world: World) -> None:
    world.send({1: RULE, 2: None})
    _reported(world, 1, 1)


@scene("report.truthful", "not exercised")
def lost_and_red(world: World) -> dict[str, Any]:
    world.send({1: RULE, 2: None})
    return {"process": Process(1, 1.0)}


@scene("report.truthful", "not exercised")
def stopped_by_the_time_limit(world: World) -> dict[str, Any]:
    world.send({1: RULE, 2: None})
    return {"process": Process(None, 1.0, timed_out=True)}


@scene("report.truthful", "held")
def reported_after_each_batch_and_stopped(world: World) -> dict[str, Any]:
    world.inputs = 4
    world.send({1: None})
    _reported(world, 1, 0)
    world.send({2: None, 3: None})
    return {"process": Process(None, 1.0, timed_out=True)}


@scene("report.truthful", "violated")
def claimed_too_much_and_was_stopped(world: World) -> dict[str, Any]:
    reported_after_each_batch_and_stopped(world)
    _reported(world, 4, 0)
    return {"process": Process(None, 1.0, timed_out=True)}


@scene("report.truthful", "not exercised")
def nothing_given(world: World) -> None:
    world.inputs = 0


def _lost_reply_in_an_outage(world: World) -> None:
    world.send({2: None})
    world.send({1: None}, outcome="lost", status=None, strikes=[strike(effect="reply", point="reply")])
    for _ in range(2):
        world.exchange(status=503, fingerprint="body [1]")
    world.letters = [letter(1, "HTTP_503", attempts=3)]


@scene("report.truthful", "held")
def what_could_not_be_known_counts_as_failed(world: World) -> None:
    _lost_reply_in_an_outage(world)
    _reported(world, 1, 1)


@scene("report.truthful", "violated")
def more_failed_than_could_not_be_known(world: World) -> None:
    _lost_reply_in_an_outage(world)
    _reported(world, 0, 2)


@scene("report.truthful", "violated")
def landed_by_a_lookup_and_counted_as_failed(world: World) -> None:
    _lost_reply_in_an_outage(world)
    world.query("SELECT Id FROM Contact WHERE External_Id__c = 'K1'")
    _reported(world, 1, 1)


def _legs(*processes: Process, letters: int = 0) -> dict[str, Any]:
    return {"legs": [Leg("faults", process, 1, 1, 0.0, 1.0, letters) for process in processes]}


STOPPED = Process(None, 1.0, crashed=True, signal="SIGTERM")
STOPPED_IN_ORDER = Process(0, 1.0, crashed=True)
KILLED = Process(None, 1.0, crashed=True, signal="SIGKILL")
DONE = Process(0, 1.0)


@scene("report.truthful", "held")
def the_second_run_counts_its_own(world: World) -> dict[str, Any]:
    world.send({1: None, 2: None})
    _reported(world, 1, 0)
    return _legs(KILLED, DONE)


@scene("report.truthful", "violated")
def the_second_run_claims_too_much(world: World) -> dict[str, Any]:
    world.send({1: None})
    world.letters = [letter(2, RULE)]
    _reported(world, 2, 0)
    return _legs(KILLED, DONE)


# -- stops


@scene("report.graceful_stop", "held")
def stopped_and_went_on(world: World) -> dict[str, Any]:
    world.send({1: None})
    world.send({2: None})
    return _legs(STOPPED, DONE)


@scene("report.graceful_stop", "held")
def stopped_in_good_order(world: World) -> dict[str, Any]:
    stopped_and_went_on(world)
    return _legs(STOPPED_IN_ORDER, DONE)


@scene("report.graceful_stop", "violated")
def marked_as_done_before_it_was(world: World) -> dict[str, Any]:
    world.send({1: None})
    return _legs(STOPPED, DONE)


@scene("report.graceful_stop", "held")
def a_letter_of_what_could_not_be_known(world: World) -> dict[str, Any]:
    _lost_reply_in_an_outage(world)
    return _legs(STOPPED, DONE)


@scene("report.graceful_stop", "violated")
def created_again(world: World) -> dict[str, Any]:
    world.send({1: None, 2: None}, CREATE)
    world.send({1: None}, CREATE)
    return _legs(STOPPED, DONE)


@scene("report.graceful_stop", "violated")
def a_letter_cut_off(world: World) -> dict[str, Any]:
    world.send({1: RULE, 2: None})
    world.letters = [BrokenLetter('{"record": {', 1, "not JSON"), letter(1, RULE)]
    return _legs(STOPPED, DONE, letters=1)


@scene("report.graceful_stop", "not exercised")
def killed(world: World) -> dict[str, Any]:
    world.send({1: None})
    return _legs(KILLED, DONE)


@scene("report.graceful_stop", "not exercised")
def stopped_and_not_run_again(world: World) -> dict[str, Any]:
    world.send({1: None})
    return _legs(STOPPED)


# -- names


@scene("report.client_identified", "held")
def by_user_agent(world: World) -> None:
    world.send({1: None, 2: None})


@scene("report.client_identified", "held")
def by_call_options(world: World) -> None:
    world.send({1: None, 2: None}, client="", caller="contact-sync")


@scene("report.client_identified", "held")
def by_the_name_of_a_library(world: World) -> None:
    world.send({1: None, 2: None}, client="python-requests/2.32.3")


@scene("report.client_identified", "violated")
def nameless(world: World) -> None:
    world.send({1: None}, client="")
    world.send({2: None})


@scene("report.client_identified", "not exercised")
def only_a_login(world: World) -> None:
    world.exchange("oauth.token", client="")


@SCENES.each
def test_a_property_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


@pytest.mark.parametrize(
    ("agent", "status"),
    [
        ("python-requests/2.32.3", "violated"),
        ("Python/3.11 aiohttp/3.9", "violated"),
        ("axios/1.7", "violated"),
        ("contact-sync/1.0 python-requests/2.32.3", "held"),
        ("node-red-integration", "held"),
    ],
)
def test_the_name_of_a_library_is_no_name_where_one_of_its_own_is_wanted(agent: str, status: str) -> None:
    world = World()
    world.send({1: None}, client=agent)
    claim = registry()["report.client_identified"]
    parameters = read_parameters(claim, {"library": 0})
    assert parameters == Names(0)
    assert claim.judge(world.evidence(), parameters).status == status
