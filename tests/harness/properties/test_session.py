"""Sessions: what ends one, who renews it, and what must be left as it was."""

from __future__ import annotations

from typing import Any

import pytest

from harness.evidence import Leg, Process
from tests.harness.builders import World, letter, strike
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

SCENES = Scenes()
scene = SCENES.add

ENDED = "INVALID_SESSION_ID"
QUERY = {"query": "SELECT Id FROM Contact"}
PAGE = {"path": "/services/data/v60.0/query/01gxx-2000", "fingerprint": None}
HERE, THERE = "https://127.0.0.1:8080", "https://localhost:8080"
MY_DOMAIN = "https://sfmock-2.my.salesforce.com"


def expire(world: World, rows: str = "body [1, 2]", **changes: Any) -> int:
    """Refuse an upsert with an ended session."""
    struck = [strike(effect="session", point="session")]
    return world.refuse(ENDED, 401, **{"fingerprint": rows, "strikes": struck, **changes})


def leg(name: Any, first: int, last: int, **process: Any) -> Leg:
    return Leg(name, Process(0, 1.0, **process), first, last, float(first), float(last), 0)


# -- refreshed once


@scene("session.refreshed_once", "held")
@scene("session.single_flight_refresh", "not exercised")
@scene("session.stops_on_refused_refresh", "not exercised")
@scene("session.expiry_keeps_progress", "not exercised")
@scene("session.instance_url_followed", "not exercised")
def one_login_and_one_replay(world: World) -> None:
    expire(world)
    world.log_in()
    world.send({1: None, 2: None})


@scene("session.refreshed_once", "held")
def two_expiries_two_logins(world: World) -> None:
    one_login_and_one_replay(world)
    one_login_and_one_replay(world)


@scene("session.refreshed_once", "held")
def the_new_session_ends_at_once(world: World) -> None:
    expire(world)
    world.log_in()
    expire(world)
    world.log_in()
    world.send({1: None, 2: None})


@scene("session.refreshed_once", "held")
def a_login_that_needed_two_attempts(world: World) -> None:
    expire(world)
    world.exchange("oauth.token", 503)
    world.log_in()
    world.send({1: None, 2: None})


@scene("session.refreshed_once", "held")
def a_session_renewed_ahead_of_time_later_on(world: World) -> None:
    one_login_and_one_replay(world)
    for _ in range(3):
        world.log_in()
        world.send({1: None})


@scene("session.refreshed_once", "held")
def a_request_under_way_while_its_session_was_renewed_ahead_of_time(world: World) -> None:
    world.send({1: None})
    world.log_in()
    expire(world, session="s1")
    world.send({1: None, 2: None})


@scene("session.refreshed_once", "held")
@scene("session.single_flight_refresh", "not exercised")
def workers_with_sessions_of_their_own(world: World) -> None:
    for number in range(1, 5):
        expire(world, f"body [{number}]", session=f"w{number}", at=1.0 + number / 10)
    for number in range(1, 5):
        world.log_in()
        world.send({number: None})


@scene("session.refreshed_once", "held")
def a_restarted_process_begins_with_the_session_it_was_given(world: World) -> dict[str, Any]:
    first = _expiry_of_a_leg(world)
    second = _expiry_of_a_leg(world)
    third = _expiry_of_a_leg(world)
    return {
        "legs": [leg("faults", *first, crashed=True), leg("restart", *second, crashed=True), leg("restart", *third)]
    }


def _expiry_of_a_leg(world: World) -> tuple[int, int]:
    world.session = "s1"
    first = expire(world)
    world.log_in(session=f"s{first}0")
    return first, world.send({1: None, 2: None})


@scene("session.refreshed_once", "held")
def a_process_killed_before_it_could_send_again(world: World) -> dict[str, Any]:
    expire(world)
    world.log_in()
    return {"legs": [leg("faults", 1, 2, crashed=True)]}


@scene("session.refreshed_once", "held")
def a_query_renewed_by_its_first_page(world: World) -> None:
    world.refuse(ENDED, 401, "rest.query.more", **PAGE)
    world.log_in()
    world.exchange("rest.query.run", **QUERY)


@scene("session.refreshed_once", "violated")
def no_login(world: World) -> None:
    expire(world)
    world.letters = [letter(1, ENDED), letter(2, ENDED)]


@scene("session.refreshed_once", "violated")
def two_logins_for_one_expiry(world: World) -> None:
    expire(world)
    world.log_in()
    world.log_in()
    world.send({1: None, 2: None})


@scene("session.refreshed_once", "violated")
def login_without_replay(world: World) -> None:
    expire(world)
    world.log_in()


@scene("session.refreshed_once", "violated")
def sent_with_the_ended_session_again_and_again(world: World) -> None:
    for _ in range(3):
        expire(world)
    world.log_in()
    world.send({1: None, 2: None})


@scene("session.refreshed_once", "not exercised")
def session_lasted(world: World) -> None:
    world.log_in()
    world.send({1: None, 2: None})


# -- single flight


def refused_together(world: World, workers: int = 5) -> None:
    """Refuse the requests of several workers that were under way at the same time."""
    world.inputs = workers
    for number in range(1, workers + 1):
        expire(world, f"body [{number}]", at=1.0 + number / 100, end=1.5)


def all_sent_again(world: World, workers: int = 5) -> None:
    for number in range(1, workers + 1):
        world.send({number: None})


@scene("session.single_flight_refresh", "held")
@scene("session.refreshed_once", "held")
def one_login_for_five_workers(world: World) -> None:
    refused_together(world)
    world.log_in()
    all_sent_again(world)


@scene("session.single_flight_refresh", "held")
@scene("session.refreshed_once", "held")
def two_logins_for_five_workers(world: World) -> None:
    refused_together(world)
    world.log_in()
    world.log_in()
    all_sent_again(world)


@scene("session.single_flight_refresh", "violated")
@scene("session.refreshed_once", "held")
def a_login_for_each_of_five_workers(world: World) -> None:
    refused_together(world)
    for _ in range(5):
        world.log_in()
    all_sent_again(world)


@scene("session.single_flight_refresh", "violated")
def a_login_for_each_worker_one_after_the_other(world: World) -> None:
    refused_together(world)
    for number in range(1, 6):
        world.log_in()
        world.send({number: None})


@scene("session.single_flight_refresh", "held")
def logins_ahead_of_time_after_a_shared_one(world: World) -> None:
    one_login_for_five_workers(world)
    for _ in range(4):
        world.log_in()
        world.send({1: None})


@scene("session.single_flight_refresh", "not exercised")
def nobody_logs_in(world: World) -> None:
    refused_together(world)


# -- a refused refresh


def refused_login(world: World, **changes: Any) -> int:
    return world.refuse("invalid_grant", 400, "oauth.token", **changes)


@scene("session.stops_on_refused_refresh", "held")
@scene("session.refreshed_once", "held")
def stopped_at_the_refusal(world: World) -> None:
    expire(world)
    refused_login(world)
    world.letters = [letter(1, ENDED), letter(2, ENDED)]


@scene("session.stops_on_refused_refresh", "held")
def tried_once_more(world: World) -> None:
    expire(world)
    refused_login(world)
    refused_login(world)


@scene("session.stops_on_refused_refresh", "held")
def another_grant_was_let_in(world: World) -> None:
    for _ in range(4):
        expire(world)
        refused_login(world)
        world.log_in()
        world.send({1: None, 2: None})


@scene("session.stops_on_refused_refresh", "held")
def each_of_three_workers_finds_out(world: World) -> None:
    for number in range(3):
        expire(world, f"body [{number}]", at=1.0, end=1.5)
    for number in range(6):
        refused_login(world, at=2.0 + number)


@scene("session.stops_on_refused_refresh", "held")
def a_process_that_is_started_again_may_try_again(world: World) -> dict[str, Any]:
    for _ in range(3):
        refused_login(world)
    return {"legs": [leg("faults", 1, 1, crashed=True), leg("restart", 2, 2, crashed=True), leg("restart", 3, 3)]}


@scene("session.stops_on_refused_refresh", "not exercised")
def a_login_server_that_was_away(world: World) -> None:
    for _ in range(4):
        world.exchange("oauth.token", 503)


@scene("session.stops_on_refused_refresh", "violated")
def three_refused_logins(world: World) -> None:
    expire(world)
    for _ in range(3):
        refused_login(world)


@scene("session.stops_on_refused_refresh", "violated")
def a_refused_login_for_each_batch(world: World) -> None:
    for number in range(3):
        expire(world, f"body [{number}]")
        refused_login(world)


@scene("session.stops_on_refused_refresh", "violated")
def goes_on_with_the_ended_session(world: World) -> None:
    expire(world)
    refused_login(world)
    for number in range(11):
        expire(world, f"body [{number}]")


# -- progress


@scene("session.expiry_keeps_progress", "held")
def the_next_batch_after_the_expiry(world: World) -> None:
    world.send({1: None})
    expire(world, "body [2]")
    world.log_in()
    world.send({2: None})


@scene("session.expiry_keeps_progress", "held")
def the_refused_page_again(world: World) -> None:
    world.exchange("rest.query.run", **QUERY)
    world.refuse(ENDED, 401, "rest.query.more", **PAGE)
    world.log_in()
    world.exchange("rest.query.more", **PAGE)


@scene("session.expiry_keeps_progress", "held")
def a_locator_that_was_lost_after_all(world: World) -> None:
    world.exchange("rest.query.run", **QUERY)
    world.refuse(ENDED, 401, "rest.query.more", **PAGE)
    world.log_in()
    world.refuse("INVALID_QUERY_LOCATOR", 400, "rest.query.more", **PAGE)
    world.exchange("rest.query.run", **QUERY)


@scene("session.expiry_keeps_progress", "held")
def a_row_whose_answer_had_been_lost(world: World) -> None:
    world.send({1: None}, outcome="lost", status=None)
    world.send({2: None})
    expire(world, "body [1]")
    world.log_in()
    world.send({1: None})


@scene("session.expiry_keeps_progress", "held")
def a_second_step_of_the_same_record(world: World) -> None:
    world.send({1: None})
    expire(world, "body [2]")
    world.log_in()
    world.send({1: None})
    world.entries[-1]["rows"][0]["fingerprint"] = "other values"


@scene("session.expiry_keeps_progress", "not exercised")
def nothing_had_landed(world: World) -> None:
    expire(world)
    world.log_in()
    world.send({1: None, 2: None})


@scene("session.expiry_keeps_progress", "held")
def a_process_that_was_killed_begins_anew(world: World) -> dict[str, Any]:
    world.send({1: None})
    expire(world, "body [2]")
    world.session = "s1"
    expire(world, "body [1]")
    world.log_in()
    world.send({1: None})
    world.send({2: None})
    return {"legs": [leg("faults", 1, 2, crashed=True), leg("restart", 3, 6)]}


@scene("session.expiry_keeps_progress", "violated")
def all_batches_again(world: World) -> None:
    world.send({1: None})
    expire(world, "body [2]")
    world.log_in()
    world.send({1: None})
    world.send({2: None})


@scene("session.expiry_keeps_progress", "violated")
def the_query_anew(world: World) -> None:
    world.exchange("rest.query.run", **QUERY)
    world.refuse(ENDED, 401, "rest.query.more", **PAGE)
    world.log_in()
    world.exchange("rest.query.run", **QUERY)
    world.exchange("rest.query.more", **PAGE)


# -- instance URL


@scene("session.instance_url_followed", "held")
def goes_where_the_login_says(world: World) -> None:
    expire(world, address=HERE)
    world.log_in(address=HERE, instance=THERE)
    world.send({1: None, 2: None}, address=THERE)


@scene("session.instance_url_followed", "held")
def another_worker_with_its_own_older_session(world: World) -> None:
    world.log_in(address=HERE, instance=THERE)
    world.send({1: None}, address=THERE)
    world.send({2: None}, address=HERE, session="s1")


@scene("session.instance_url_followed", "held")
def the_default_port_is_the_same_address(world: World) -> None:
    world.log_in(address="https://login.salesforce.com", instance=MY_DOMAIN)
    world.send({1: None}, address=MY_DOMAIN + ":443")


@scene("session.instance_url_followed", "held")
def logs_in_at_salesforce_and_uses_the_address_it_was_given(world: World) -> None:
    world.log_in(address="https://login.salesforce.com", instance=MY_DOMAIN)
    world.send({1: None, 2: None}, address=HERE)


@scene("session.instance_url_followed", "not exercised")
def the_login_names_its_own_address(world: World) -> None:
    world.log_in(address=HERE, instance=HERE)
    world.send({1: None, 2: None}, address=HERE)


@scene("session.instance_url_followed", "violated")
def stays_where_it_was(world: World) -> None:
    world.log_in(address=HERE, instance=THERE)
    world.send({1: None, 2: None}, address=HERE)


@scene("session.instance_url_followed", "violated")
def a_host_that_is_written_down(world: World) -> None:
    world.log_in(address="https://login.salesforce.com", instance=MY_DOMAIN)
    world.send({1: None, 2: None}, address="https://na44.salesforce.com")


@scene("session.instance_url_followed", "violated")
def stays_at_the_given_address_after_a_move(world: World) -> None:
    world.log_in(address="https://login.salesforce.com", instance=MY_DOMAIN)
    world.log_in(address="https://login.salesforce.com", instance="https://sfmock-2-moved.my.salesforce.com")
    world.send({1: None, 2: None}, address=HERE)


@SCENES.each
def test_a_session_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


@pytest.mark.parametrize(
    ("name", "build", "words"),
    [
        ("session.single_flight_refresh", a_login_for_each_of_five_workers, "5 logins for 5 requests"),
        ("session.stops_on_refused_refresh", three_refused_logins, "invalid_grant"),
        ("session.expiry_keeps_progress", all_batches_again, "Contact K1"),
        ("session.instance_url_followed", stays_where_it_was, "localhost:8080"),
    ],
)
def test_a_verdict_says_what_happened(name: str, build: Scene, words: str) -> None:
    world = World()
    build(world)
    verdict = verdict_of(name, world)
    assert words in verdict.reason
    assert verdict.evidence
