"""The families of events and of calls, scene by scene."""

from __future__ import annotations

from typing import Any

import pytest

from harness.evidence import ArmedFault
from harness.judge import judge
from harness.plans import Policy
from mock_server.control.client import CommitRow
from tests.harness.builders import World, strike
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of
from tests.harness.properties.streams import ACCOUNTS, EXPIRED, HOUR, Stream

SCENES = Scenes()
scene = SCENES.add
Options = dict[str, Any]
EVERY = (
    "events.replay_after_handling",
    "events.replay_opaque",
    "events.expired_replay_recovered",
    "events.handled_once",
    "events.gap_reconciled",
    "events.flow_control",
    "events.order_per_record",
    "events.no_echo",
    "events.none_missed",
    "events.resubscribed",
)
CALLS = ("callout.idempotent_receiver", "callout.answers_in_time")


# -- where there is nothing to judge


@SCENES.add("events.none_missed", "not applicable")
@SCENES.add("callout.idempotent_receiver", "not applicable")
def a_command_that_delivers(world: World) -> Options:
    stream = Stream(world, service=False)
    stream.subscribe()
    return stream.options()


@pytest.mark.parametrize("name", (*EVERY, *CALLS))
def test_a_subject_that_is_no_service_is_not_judged(name: str) -> None:
    world = World()
    assert verdict_of(name, world, **a_command_that_delivers(world)).status == "not applicable"


@pytest.mark.parametrize("name", (*EVERY, *CALLS))
def test_a_service_to_which_nothing_happens_is_not_judged(name: str) -> None:
    world = World()
    stream = Stream(world)
    assert verdict_of(name, world, **stream.options()).status == "not exercised"
    stream.subscribe()
    first, second = stream.publish(2)
    stream.took(first, second)
    assert verdict_of(name, world, **stream.options()).status == "not exercised"


# -- replay ids, kept after the work


@scene("events.replay_after_handling", "held")
@scene("events.replay_opaque", "held")
@scene("events.none_missed", "held")
def killed_with_an_event_in_hand(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two, three = stream.publish(3)
    stream.took(one)
    stream.deliver(two, handle=False)
    stream.end()
    stream.subscribe(one.replay_id)
    stream.took(two, three)
    return stream.options()


@scene("events.replay_after_handling", "violated")
@scene("events.none_missed", "violated")
def kept_on_receipt(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two, three = stream.publish(3)
    stream.took(one)
    stream.deliver(two, handle=False)
    stream.end()
    stream.subscribe(two.replay_id)
    stream.took(three)
    return stream.options()


@scene("events.replay_after_handling", "violated")
def the_last_of_a_batch_kept_while_workers_were_at_it(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    events = stream.publish(4)
    stream.deliver(*events, handle=False)
    stream.handle(events[0], events[2], events[3])
    stream.end()
    stream.subscribe(events[3].replay_id)
    return stream.options()


@scene("events.replay_after_handling", "violated")
def a_buffer_thrown_away_when_the_stream_broke(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two, three = stream.publish(3)
    stream.deliver(one, two, handle=False)
    stream.handle(one)
    stream.cut()
    stream.subscribe(two.replay_id)
    stream.took(three)
    return stream.options()


@scene("events.replay_after_handling", "held")
def noted_in_a_table_of_its_own_and_done_by_the_next_run(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two, three = stream.publish(3)
    stream.deliver(one, two, three, handle=False)
    stream.handle(one)
    stream.end()
    stream.subscribe(three.replay_id)
    stream.handle(two, three)
    return stream.options()


@scene("events.replay_after_handling", "held")
def expired_with_an_event_in_hand_and_looked_up(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    one, two = stream.change("1"), stream.change("2")
    stream.took(one)
    stream.deliver(two, handle=False)
    stream.end()
    stream.advance(73 * HOUR)
    stream.subscribe(one.replay_id, refused=EXPIRED.format(one.replay_id))
    stream.subscribe(-1)
    world.query("SELECT Id FROM Account", at=stream.tick(), end=stream.now)
    three = stream.change("3")
    stream.took(three)
    stream.end()
    stream.subscribe(three.replay_id)
    return stream.options()


@scene("events.replay_after_handling", "violated")
def kept_on_receipt_and_expired(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    one, two = stream.change("1"), stream.change("2")
    stream.took(one)
    stream.deliver(two, handle=False)
    stream.end()
    stream.advance(73 * HOUR)
    stream.subscribe(two.replay_id, refused=EXPIRED.format(two.replay_id))
    stream.subscribe(-1)
    world.query("SELECT Id FROM Account", at=stream.tick(), end=stream.now)
    return stream.options()


@scene("events.replay_after_handling", "held")
@scene("events.none_missed", "violated")
def one_event_dropped_long_before_the_end(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    events = stream.publish(40)
    stream.deliver(*events, handle=False)
    stream.handle(*events[:3], *events[4:])
    stream.end()
    stream.subscribe(events[-1].replay_id)
    (last,) = stream.publish()
    stream.took(last)
    return stream.options()


def _left_out(world: World, later: int) -> Options:
    """One event is not handled, and so many after it are before the end."""
    stream = Stream(world)
    stream.subscribe()
    events = stream.publish(1 + later)
    stream.deliver(*events, handle=False)
    stream.handle(*events[1:])
    stream.end()
    stream.subscribe(events[-1].replay_id)
    return stream.options()


@scene("events.replay_after_handling", "violated")
def one_event_left_by_a_worker_of_sixteen(world: World) -> Options:
    return _left_out(world, 15)


@scene("events.replay_after_handling", "held")
def one_event_that_sixteen_overtook(world: World) -> Options:
    return _left_out(world, 16)


# -- replay ids, never made up


@scene("events.replay_opaque", "violated")
def counted_up(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    (one,) = stream.publish()
    stream.took(one)
    stream.end()
    stream.subscribe(one.replay_id + 1, refused=EXPIRED.format(one.replay_id + 1))
    return stream.options()


@scene("events.replay_opaque", "violated")
def the_id_of_an_event_that_never_came(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two = stream.publish(2)
    stream.took(one)
    stream.end()
    stream.subscribe(two.replay_id)
    return stream.options()


@scene("events.replay_opaque", "violated")
def bytes_that_are_none(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe(None, refused="sfdc.platform.eventbus.grpc.subscription.fetch.replayid.corrupted")
    return stream.options()


@scene("events.replay_opaque", "held")
def told_by_a_keep_alive(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.announce(5)
    stream.end()
    stream.subscribe(5)
    return stream.options()


@scene("events.replay_opaque", "held")
def told_by_a_publish_result(world: World) -> Options:
    stream = Stream(world)
    (own,) = stream.publish(own=True)
    stream.subscribe(own.replay_id)
    return stream.options()


@scene("events.replay_opaque", "violated")
def from_an_id_that_it_was_told_later(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    (one,) = stream.publish()
    stream.cut()
    stream.subscribe(one.replay_id)
    stream.took(one)
    return stream.options()


# -- replay ids that have expired


def _expired(world: World) -> Stream:
    """An account changed, the subject was down for 73 hours, another changed in between, and a third just now."""
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    stream.took(stream.change("1"))
    stream.end()
    stream.change("2")
    stream.advance(73 * HOUR)
    stream.change("3")
    stream.subscribe(3, refused=EXPIRED.format(3))
    return stream


def _query(stream: Stream, soql: str, **changes: Any) -> None:
    stream.world.query(soql, **{"at": stream.tick(), "end": stream.now, **changes})


@scene("events.expired_replay_recovered", "violated")
@scene("events.none_missed", "violated")
def silently_at_the_tip(world: World) -> Options:
    stream = _expired(world)
    stream.subscribe(-1)
    return stream.options()


@scene("events.expired_replay_recovered", "violated")
def what_is_retained_and_no_look_for_the_rest(world: World) -> Options:
    stream = _expired(world)
    stream.subscribe(-2)
    stream.took(stream.published[-1])
    return stream.options()


@scene("events.expired_replay_recovered", "violated")
def a_query_of_another_object(world: World) -> Options:
    stream = _expired(world)
    stream.subscribe(-2)
    stream.took(stream.published[-1])
    _query(stream, "SELECT Id FROM Contact")
    return stream.options()


@scene("events.expired_replay_recovered", "violated")
def a_query_that_was_refused(world: World) -> Options:
    stream = _expired(world)
    _query(stream, "SELECT Id FROM Account", status=503, codes=["SERVER_UNAVAILABLE"])
    stream.subscribe(-2)
    stream.took(stream.published[-1])
    return stream.options()


@scene("events.expired_replay_recovered", "violated")
def never_again(world: World) -> Options:
    return _expired(world).options()


@scene("events.expired_replay_recovered", "held")
@scene("events.none_missed", "held")
def the_oldest_and_a_query(world: World) -> Options:
    stream = _expired(world)
    stream.subscribe(-2)
    stream.took(stream.published[-1])
    _query(stream, "SELECT Id, Name FROM Account WHERE SystemModstamp >= 2026-03-01T00:00:00Z")
    return stream.options()


@scene("events.expired_replay_recovered", "held")
@scene("events.none_missed", "held")
def the_tip_and_a_query(world: World) -> Options:
    stream = _expired(world)
    _query(stream, "SELECT Id, Name FROM Account WHERE SystemModstamp >= 2026-03-01T00:00:00Z")
    stream.subscribe(-1)
    stream.took(stream.change("4"))
    return stream.options()


@scene("events.expired_replay_recovered", "held")
def the_oldest_where_nothing_had_expired(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two = stream.publish(2)
    stream.took(one)
    stream.end()
    stream.subscribe(one.replay_id, refused=EXPIRED.format(one.replay_id))
    stream.subscribe(-2)
    stream.deliver(one, handle=False)
    stream.took(two)
    return stream.options()


@scene("events.expired_replay_recovered", "violated")
def a_query_before_the_refusal(world: World) -> Options:
    stream = _expired(world)
    stream.subscribed.clear()
    _query(stream, "SELECT Id, Name FROM Account")
    stream.subscribe(3, refused=EXPIRED.format(3))
    stream.subscribe(-2)
    stream.took(stream.published[-1])
    return stream.options()


@scene("events.expired_replay_recovered", "held")
def refused_twice_with_a_query_in_between(world: World) -> Options:
    stream = _expired(world)
    _query(stream, "SELECT Id, Name FROM Account")
    stream.subscribe(3, refused=EXPIRED.format(3))
    stream.subscribe(-2)
    stream.took(stream.published[-1])
    return stream.options()


@scene("events.expired_replay_recovered", "held")
def nothing_but_its_own_had_expired(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    stream.took(stream.change("1"))
    stream.end()
    stream.change("2", own=True)
    stream.advance(73 * HOUR)
    stream.subscribe(3, refused=EXPIRED.format(3))
    stream.subscribe(-2)
    return stream.options()


@scene("events.expired_replay_recovered", "held")
def what_had_expired_was_handled_before(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    one, two = stream.change("1"), stream.change("2")
    stream.took(two, one)
    stream.end()
    stream.advance(73 * HOUR)
    stream.subscribe(one.replay_id, refused=EXPIRED.format(one.replay_id))
    stream.subscribe(-2)
    return stream.options()


# -- handled once


def _duplicate(world: World, *, once: bool) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two = stream.publish(2)
    stream.took(one)
    stream.deliver(one, two, handle=False)
    stream.handle(two) if once else stream.handle(one, two)
    return stream.options()


@scene("events.handled_once", "held")
def a_duplicate_passed_over(world: World) -> Options:
    return _duplicate(world, once=True)


@scene("events.handled_once", "violated")
def a_duplicate_handled(world: World) -> Options:
    return _duplicate(world, once=False)


@scene("events.handled_once", "held")
def one_effect_for_each_record(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    event = stream.change("1", "2")
    stream.deliver(event, event, handle=False)
    for record in event.records:
        stream.handle(event, record=record)
    return stream.options()


@scene("events.handled_once", "violated")
def one_event_under_two_replay_ids(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.took(*stream.publish(2, uuid="the same"))
    return stream.options()


@scene("events.handled_once", "held")
def the_one_in_hand_at_the_kill(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two = stream.publish(2)
    stream.took(one, two)
    stream.end()
    stream.subscribe(one.replay_id)
    stream.took(two)
    return stream.options()


@scene("events.handled_once", "violated")
def a_whole_batch_again_after_the_kill(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two = stream.publish(2)
    stream.took(one, two)
    stream.end()
    stream.subscribe(-2)
    stream.took(one, two)
    return stream.options()


@scene("events.handled_once", "violated")
def the_one_in_hand_when_asked_to_stop(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    (one,) = stream.publish()
    stream.took(one)
    stream.end(signal="SIGTERM")
    stream.subscribe(-2)
    stream.took(one)
    return stream.options()


# -- gaps


def _gap(world: World, kind: str, *records: str) -> Stream:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    stream.took(stream.change("9"))
    stream.deliver(stream.change(*records, kind=kind), handle=False)
    return stream


@scene("events.gap_reconciled", "violated")
@scene("events.none_missed", "not exercised")
def a_gap_ignored(world: World) -> Options:
    return _gap(world, "GAP_UPDATE", "1").options()


@scene("events.gap_reconciled", "held")
def the_record_fetched(world: World) -> Options:
    stream = _gap(world, "GAP_UPDATE", "1")
    path = "/services/data/v60.0/sobjects/Account/001000000000001AAA"
    world.exchange("rest.sobject.read", path=path, at=stream.tick(), end=stream.now)
    return stream.options()


@scene("events.gap_reconciled", "held")
def the_record_gone_meanwhile(world: World) -> Options:
    stream = _gap(world, "GAP_UPDATE", "1")
    path = "/services/data/v60.0/sobjects/Account/001000000000001AAA"
    world.exchange("rest.sobject.read", 404, path=path, codes=["NOT_FOUND"], at=stream.tick(), end=stream.now)
    return stream.options()


@scene("events.gap_reconciled", "violated")
def one_record_of_two_fetched(world: World) -> Options:
    stream = _gap(world, "GAP_UPDATE", "1", "2")
    _query(stream, "SELECT Name FROM Account WHERE Id IN ('001000000000001AAA')")
    return stream.options()


@scene("events.gap_reconciled", "held")
def both_records_queried(world: World) -> Options:
    stream = _gap(world, "GAP_CREATE", "1", "2")
    _query(stream, "SELECT Name FROM Account WHERE Id IN ('001000000000001AAA', '001000000000002AAA')")
    return stream.options()


@scene("events.gap_reconciled", "violated")
def read_before_the_gap_was_told(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    _query(stream, "SELECT Id FROM Account")
    stream.deliver(stream.change("1", kind="GAP_UPDATE"), handle=False)
    return stream.options()


@scene("events.gap_reconciled", "violated")
def one_record_after_an_overflow(world: World) -> Options:
    stream = _gap(world, "GAP_OVERFLOW", "1")
    _query(stream, "SELECT Name FROM Account WHERE Id = '001000000000001AAA'")
    return stream.options()


@scene("events.gap_reconciled", "held")
def the_object_after_an_overflow(world: World) -> Options:
    stream = _gap(world, "GAP_OVERFLOW")
    _query(stream, "SELECT Id, Name FROM Account WHERE SystemModstamp > 2026-03-01T00:00:00Z")
    return stream.options()


@scene("events.gap_reconciled", "not exercised")
def a_deletion_needs_no_look(world: World) -> Options:
    return _gap(world, "GAP_DELETE", "1").options()


@scene("events.gap_reconciled", "violated")
def one_record_of_two_by_a_query_of_999_characters(world: World) -> Options:
    return _by_a_query_of(world, 999)


@scene("events.gap_reconciled", "held")
def one_record_of_two_and_what_the_journal_has_cut_off(world: World) -> Options:
    return _by_a_query_of(world, 1000)


def _by_a_query_of(world: World, length: int) -> Options:
    stream = _gap(world, "GAP_UPDATE", "1", "2")
    soql = "SELECT Name FROM Account WHERE Id IN ('001000000000001AAA'"
    _query(stream, f"{soql}{' ' * (length - len(soql) - 1)})")
    return stream.options()


DROPPED = {"faults": [ArmedFault("dropped", 1, 1, {"event": {"drop": "gap"}})]}


@scene("events.gap_reconciled", "violated")
@scene("events.none_missed", "not exercised")
def a_gap_event_in_the_place_of_another(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    stream.took(stream.change("9"))
    stream.deliver(stream.change("1"), handle=False, rule="dropped")
    return stream.options(**DROPPED)


@scene("events.gap_reconciled", "held")
def a_gap_event_in_the_place_of_another_looked_up(world: World) -> Options:
    options = a_gap_event_in_the_place_of_another(world)
    world.query("SELECT Id FROM Account WHERE Id = '001000000000001AAA'", at=500.0, end=500.0)
    return options


@scene("events.gap_reconciled", "not exercised")
def a_gap_event_behind_the_event_itself(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    event = stream.change("1")
    stream.took(event)
    stream.deliver(event, handle=False, rule="dropped")
    return stream.options(**DROPPED)


@scene("events.none_missed", "held")
def one_left_out_without_a_word(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, _, three = stream.publish(3)
    stream.took(one, three)
    stream.end()
    (four,) = stream.publish()
    stream.subscribe(three.replay_id)
    stream.took(four)
    return stream.options(faults=[ArmedFault("dropped", 1, 1, {"event": "drop"})])


# -- flow control


def _asking(world: World, *more: int) -> Stream:
    """Three events are asked for, five are published; `more` is asked for afterwards."""
    stream = Stream(world)
    stream.subscribe()
    stream.fetch(3)
    events = stream.publish(5)
    stream.deliver(*events[:3])
    for asked in more:
        stream.fetch(asked)
    if more:
        stream.deliver(*events[3 : 3 + sum(more)])
    return stream


@scene("events.flow_control", "violated")
def asks_for_none(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.fetch(0)
    return stream.options()


@scene("events.flow_control", "violated")
def never_asked_again(world: World) -> Options:
    return _asking(world).options()


@scene("events.flow_control", "held")
def asked_again(world: World) -> Options:
    return _asking(world, 3).options()


@scene("events.flow_control", "violated")
def asked_again_for_too_few_and_no_more(world: World) -> Options:
    return _asking(world, 1).options()


@scene("events.flow_control", "not exercised")
def stopped_before_it_could_ask(world: World) -> Options:
    stream = _asking(world)
    stream.quiet = False
    return stream.options()


@scene("events.flow_control", "violated")
def asked_for_none(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.fetch(0, "subscription.fetch.requested.events.invalid")
    return stream.options()


@scene("events.flow_control", "violated")
def refused_for_asking_for_none(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe(refused="sfdc.platform.eventbus.grpc.subscription.fetch.requested.events.invalid")
    return stream.options()


def _stalled(world: World, seconds: float) -> Stream:
    stream = Stream(world)
    stream.subscribe()
    stream.fetch(100)
    one, _ = stream.publish(2)
    stream.took(one)
    stream.tick(seconds)
    return stream


@scene("events.flow_control", "violated")
def deaf_to_a_silence(world: World) -> Options:
    return _stalled(world, 400).options()


@scene("events.flow_control", "held")
@scene("events.none_missed", "held")
def opened_anew_after_a_silence(world: World) -> Options:
    stream = _stalled(world, 280)
    stream.cut(None)
    stream.subscribe(stream.published[0].replay_id)
    stream.fetch(100)
    stream.took(stream.published[1])
    return stream.options()


@scene("events.flow_control", "not exercised")
def a_silence_that_the_subject_did_not_live_through(world: World) -> Options:
    stream = _stalled(world, 1)
    stream.advance(73 * HOUR)
    return stream.options()


# -- order


@scene("events.order_per_record", "held")
def each_record_in_order(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    events = [stream.change(record) for record in ("1", "2", "1", "2")]
    stream.deliver(*events, handle=False)
    stream.handle(events[1], events[3], events[0], events[2])
    return stream.options()


@scene("events.order_per_record", "violated")
def the_newer_before_the_older(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    events = [stream.change(record) for record in ("1", "2", "1", "2")]
    stream.deliver(*events, handle=False)
    stream.handle(events[2], events[1], events[0], events[3])
    return stream.options()


@scene("events.order_per_record", "violated")
def by_key_where_there_is_no_record(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    events = stream.publish(3, key="O-1")
    stream.deliver(*events, handle=False)
    stream.handle(events[0], events[2], events[1])
    return stream.options()


@scene("events.order_per_record", "held")
def delivered_in_another_order(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two = stream.publish(2, key="O-1")
    stream.took(two, one)
    return stream.options()


@scene("events.order_per_record", "held")
def put_in_order_again(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two = stream.publish(2, key="O-1")
    stream.deliver(two, one, handle=False)
    stream.handle(one, two)
    return stream.options()


@scene("events.order_per_record", "held")
def handled_once_more_is_no_disorder(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two = stream.publish(2, key="O-1")
    stream.took(one, two, one)
    return stream.options()


@scene("events.order_per_record", "not exercised")
def one_event_of_each_record(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.took(*stream.publish(4))
    return stream.options()


# -- echoes


def _echoes(world: World, rounds: int, *, others: bool = False) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    stream.took(stream.change("1"))
    for _ in range(rounds + 1):
        if others:
            stream.took(stream.change("1"))
        number = world.exchange("rest.sobject.update", at=stream.tick(), end=stream.now)
        stream.deliver(stream.change("1", own=True, exchange=number), handle=False)
    return stream.options()


@scene("events.no_echo", "held")
def its_own_write_comes_back(world: World) -> Options:
    return _echoes(world, 0)


@scene("events.no_echo", "held")
def written_twice_for_one_event(world: World) -> Options:
    return _echoes(world, 1)


@scene("events.no_echo", "held")
def two_rounds(world: World) -> Options:
    return _echoes(world, 2)


@scene("events.no_echo", "violated")
def three_rounds(world: World) -> Options:
    return _echoes(world, 3)


@scene("events.no_echo", "violated")
def ping_pong(world: World) -> Options:
    return _echoes(world, 6)


@scene("events.no_echo", "held")
def always_for_another_reason(world: World) -> Options:
    return _echoes(world, 6, others=True)


@scene("events.no_echo", "held")
def many_writes_before_the_first_comes_back(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    stream.took(stream.change("1"))
    stream.deliver(*[stream.change("1", own=True) for _ in range(6)], handle=False)
    return stream.options()


# -- none missed


@scene("events.none_missed", "violated")
def at_the_tip_after_a_restart(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.took(*stream.publish(2))
    stream.end()
    stream.publish(3)
    stream.subscribe(-1)
    stream.took(*stream.publish(1))
    return stream.options()


@scene("events.none_missed", "held")
def the_oldest_after_a_restart(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    (one,) = stream.publish()
    stream.took(one)
    stream.end()
    later = stream.publish(3)
    stream.subscribe(-2)
    stream.deliver(one, handle=False)
    stream.took(*later)
    return stream.options()


@scene("events.none_missed", "held")
@scene("events.no_echo", "not exercised")
def what_is_nobodys_business(world: World) -> Options:
    """Its own events, lost ones, those of a type that it never handles, and what came before the first subscription."""
    stream = Stream(world)
    stream.publish()
    stream.subscribe()
    (one,) = stream.publish()
    stream.took(one)
    stream.end()
    stream.publish(own=True)
    stream.publish(rules=("lost",))
    stream.publish(name="Other__e")
    (two,) = stream.publish()
    stream.subscribe(one.replay_id)
    stream.took(two)
    return stream.options()


@scene("events.none_missed", "violated")
def one_record_of_an_event_of_three(world: World) -> Options:
    stream = Stream(world, channel=ACCOUNTS)
    stream.subscribe()
    event = stream.change("1", "2", "3")
    stream.deliver(event, handle=False)
    stream.handle(event, record=event.records[0])
    return stream.options()


@scene("events.none_missed", "held")
def what_was_retained_no_more_when_it_came_back(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.took(*stream.publish())
    stream.end()
    stream.publish()
    stream.advance(73 * HOUR)
    (three,) = stream.publish()
    stream.subscribe(-2)
    stream.took(three)
    return stream.options()


@scene("events.none_missed", "not exercised")
def published_when_no_run_was_left(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.took(*stream.publish())
    options = stream.options()
    stream.tick(10.0)
    stream.publish()
    return {**options, "happenings": stream.options()["happenings"]}


@scene("events.none_missed", "held")
def what_its_filter_leaves_out(world: World) -> Options:
    stream = Stream(world, channel="/topic/Orders?Size__c='L'")
    stream.subscribe()
    one, _ = stream.publish(2, channels=("/topic/Orders",))
    stream.took(one)
    stream.end()
    (three,) = stream.publish(channels=("/topic/Orders",))
    stream.subscribe(one.replay_id)
    stream.took(three)
    return stream.options()


@scene("events.replay_after_handling", "not exercised")
@scene("events.replay_opaque", "not exercised")
@scene("events.expired_replay_recovered", "not exercised")
@scene("events.handled_once", "not exercised")
@scene("events.none_missed", "not exercised")
def stopped_while_it_had_work(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    one, two = stream.publish(2)
    stream.took(one)
    stream.deliver(two, handle=False)
    stream.quiet = False
    return stream.options()


@scene("events.none_missed", "not applicable")
def it_does_not_say_what_it_handles(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.deliver(*stream.publish(2), handle=False)
    return stream.options()


def test_a_subject_that_handled_events_in_the_baseline_is_judged() -> None:
    before, world = World(), World()
    first = Stream(before)
    first.subscribe()
    first.took(*first.publish())
    stream = Stream(world)
    stream.subscribe()
    stream.deliver(*stream.publish(2), handle=False)
    options = stream.options()
    evidence = world.evidence(**options)
    from dataclasses import replace

    from harness.properties import registry

    evidence = replace(evidence, baseline=before.evidence(**first.options()))
    claim = registry()["events.none_missed"]
    assert claim.judge(evidence, claim.parameters()).status == "violated"


# -- subscribed again


def _back(world: World, seconds: float | None, *, ends: float | None = None, **more: Any) -> Options:
    """The server forgets the client, which is back after some seconds."""
    stream = Stream(world)
    stream.subscribe()
    (one,) = stream.publish()
    stream.took(one)
    stream.cut()
    if seconds is not None:
        stream.tick(seconds)
        stream.subscribe(one.replay_id)
    if ends is not None:
        more["ends"] = stream.now + ends
    return stream.options(**more)


@scene("events.resubscribed", "held")
@scene("events.flow_control", "held")
def back_at_once(world: World) -> Options:
    return _back(world, 0.5)


@scene("events.resubscribed", "violated")
def never_back(world: World) -> Options:
    return _back(world, None, ends=100)


@scene("events.resubscribed", "violated")
def back_too_late(world: World) -> Options:
    return _back(world, 5, policy=Policy(cap=2.0))


@scene("events.resubscribed", "not exercised")
def the_trial_was_over_first(world: World) -> Options:
    return _back(world, None, ends=2)


@scene("events.resubscribed", "held")
def back_after_many_tries(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.cut("UNAVAILABLE")
    for _ in range(20):
        world.exchange("pubsub.subscribe", 503, at=stream.tick(20), end=stream.now, strikes=[strike()])
    stream.subscribe(-2)
    return stream.options()


@scene("events.resubscribed", "violated")
def given_up_after_three_tries(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.cut("UNAVAILABLE")
    for _ in range(3):
        world.exchange("pubsub.subscribe", 503, at=stream.tick(20), end=stream.now, strikes=[strike()])
    return stream.options(ends=stream.now + 200)


@scene("events.resubscribed", "violated")
def died_of_it(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.cut()
    stream.end(signal=None, exit_code=1)
    return stream.options()


@scene("events.resubscribed", "held")
def died_of_it_and_was_started_again(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    (one,) = stream.publish()
    stream.took(one)
    stream.cut()
    stream.end(signal=None, exit_code=1, down=1.0)
    stream.subscribe(one.replay_id)
    return stream.options()


@scene("events.resubscribed", "held")
def died_of_it_at_once_and_was_started_again(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.cut()
    stream.now -= 0.95
    stream.end(signal=None, exit_code=1, down=1.0)
    stream.subscribe(-2)
    return stream.options()


def _refused_for_ever(world: World, **more: Any) -> Stream:
    """It shakes hands with the session that has ended, again and again."""
    stream = Stream(world)
    stream.subscribe()
    (one,) = stream.publish()
    stream.took(one)
    stream.cut("401::Authentication invalid")
    for _ in range(30):
        world.exchange(
            "cometd.handshake", 200, at=stream.tick(5), end=stream.now, codes=["401::Authentication invalid"], **more
        )
    return stream


@scene("events.resubscribed", "violated")
def knocks_with_the_session_that_has_ended(world: World) -> Options:
    return _refused_for_ever(world).options()


@scene("events.resubscribed", "not exercised")
def refused_by_a_fault_to_the_end(world: World) -> Options:
    return _refused_for_ever(world, strikes=[strike()]).options()


@scene("events.resubscribed", "held")
def in_after_many_tries_with_the_session_that_has_ended(world: World) -> Options:
    stream = _refused_for_ever(world)
    stream.subscribe(-2)
    return stream.options()


@scene("events.none_missed", "violated")
def never_back_and_never_at_rest(world: World) -> Options:
    stream = _refused_for_ever(world)
    stream.publish(4)
    stream.quiet = False
    return stream.options()


@scene("events.none_missed", "violated")
def published_when_it_had_ceased_to_listen(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    (one,) = stream.publish()
    stream.took(one)
    stream.cut()
    stream.publish(3)
    return stream.options(ends=stream.now + 200)


@scene("events.none_missed", "not exercised")
def what_expired_before_anybody_came(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    (one,) = stream.publish()
    stream.took(one)
    stream.cut()
    stream.publish(3)
    stream.advance(73 * HOUR)
    return stream.options()


@scene("events.resubscribed", "not exercised")
def ended_by_the_subject_itself(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.cut(None)
    return stream.options(ends=stream.now + 200)


@scene("events.resubscribed", "held")
def the_clock_was_moved_on_meanwhile(world: World) -> Options:
    stream = Stream(world)
    stream.subscribe()
    stream.cut()
    stream.advance(HOUR)
    stream.subscribe(-2)
    return stream.options()


# -- calls: once, and the newest


@scene("callout.idempotent_receiver", "held")
def a_message_that_comes_twice(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1)
    stream.call("m1", 1, attempt=2, effect=False)
    return stream.options()


@scene("callout.idempotent_receiver", "violated")
def booked_twice(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1)
    stream.call("m1", 1, attempt=2)
    return stream.options()


@scene("callout.idempotent_receiver", "violated")
def booked_once_more_when_the_answer_was_lost(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1, status=None, acknowledged=False, rule="lost")
    stream.call("m1", 1, attempt=2)
    return stream.options()


@scene("callout.idempotent_receiver", "held")
def an_older_message_passed_over(world: World) -> Options:
    stream = Stream(world)
    stream.call("m2", 2, kind="callout")
    stream.call("m1", 1, kind="callout", effect=False)
    return stream.options()


@scene("callout.idempotent_receiver", "violated")
def an_older_message_applied_after_a_newer_one(world: World) -> Options:
    stream = Stream(world)
    stream.call("m2", 2)
    stream.call("m1", 1)
    return stream.options()


@scene("callout.idempotent_receiver", "violated")
def acknowledged_and_forgotten(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1)
    stream.call("m2", 2, effect=False)
    return stream.options()


@scene("callout.idempotent_receiver", "held")
def refused_the_first_time(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1, status=503, acknowledged=False, effect=False)
    stream.call("m1", 1, attempt=2)
    return stream.options()


def _account_saved(world: World, *moments: float) -> None:
    for number, at in enumerate(moments, 1):
        world.commits.append(
            CommitRow(number, number, "update", "Account", "001000000000001AAA", at, 0, {"Name": str(number)}, True)
        )


@scene("callout.idempotent_receiver", "held")
def an_older_message_that_tells_of_the_record_as_it_is_now(world: World) -> Options:
    """It was refused at first, and is sent again with the values that the newer one brought, too."""
    stream = Stream(world)
    _account_saved(world, 101, 102)
    stream.call("m1", 1, at=101.5, status=503, acknowledged=False, effect=False)
    stream.call("m2", 2, at=103)
    stream.call("m1", 1, at=163, attempt=2)
    return stream.options()


def _overtaken(world: World, *, effect: bool) -> Options:
    """The first message was on its way when its record was saved again, and arrives behind that of the second save."""
    stream = Stream(world)
    _account_saved(world, 101, 102)
    stream.call("m2", 2, at=103, written=102.1)
    stream.call("m1", 1, at=104, written=101.1, rule="overtaken", effect=effect)
    return stream.options()


@scene("callout.idempotent_receiver", "violated")
def applies_an_older_message_that_was_overtaken(world: World) -> Options:
    return _overtaken(world, effect=True)


@scene("callout.idempotent_receiver", "held")
def passes_over_an_older_message_that_was_overtaken(world: World) -> Options:
    return _overtaken(world, effect=False)


@scene("callout.idempotent_receiver", "violated")
def an_older_message_worked_on_for_too_long(world: World) -> Options:
    stream = Stream(world)
    _account_saved(world, 101, 102)
    stream.call("m1", 1, at=101.5, effect=False)
    stream.call("m1", 1, at=101.6, effect=False)
    stream.call("m2", 2, at=103)
    stream.answer("m1")
    return stream.options()


@scene("callout.idempotent_receiver", "not exercised")
def nobody_was_there_the_first_time(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1, status=None, acknowledged=False, seconds=0.0, effect=False)
    stream.call("m1", 1, attempt=2)
    return stream.options()


@scene("callout.idempotent_receiver", "held")
def one_effect_for_each_of_its_records(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1, records=("r1", "r2"), effect=False)
    stream.answer("m1", record="r1")
    stream.answer("m1", record="r2")
    stream.call("m1", 1, records=("r1", "r2"), effect=False)
    return stream.options()


@scene("callout.idempotent_receiver", "violated")
def refuses_what_it_has_done_already(world: World) -> Options:
    """Its key is unique, and a message that comes again an error."""
    stream = Stream(world)
    stream.call("m1", 1, status=None, acknowledged=False, rule="lost")
    stream.call("m1", 1, status=500, acknowledged=False, effect=False, attempt=2)
    return stream.options()


@scene("callout.idempotent_receiver", "held")
def refuses_a_duplicate_of_what_it_has_acknowledged(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1)
    stream.call("m1", 1, status=409, acknowledged=False, effect=False, attempt=2)
    return stream.options()


@scene("callout.idempotent_receiver", "held")
def a_fault_kept_the_second_answer_too(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1, status=None, acknowledged=False, rule="lost")
    stream.call("m1", 1, status=503, acknowledged=False, rule="busy", effect=False, attempt=2)
    return stream.options()


# -- calls: in time


@scene("callout.answers_in_time", "held")
def answered_at_once(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1)
    return stream.options()


@scene("callout.answers_in_time", "violated")
def worked_inside_the_call(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1)
    stream.call("m2", 2, seconds=10.0, status=None, acknowledged=False)
    return stream.options()


@scene("callout.answers_in_time", "held")
def one_call_in_two_hundred_was_late(world: World) -> Options:
    stream = Stream(world)
    for number in range(200):
        stream.call(f"m{number}", number)
    stream.call("late", 201, seconds=10.0, status=None, acknowledged=False)
    return stream.options()


@scene("callout.answers_in_time", "not exercised")
def slowed_by_a_fault(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1, seconds=10.0, status=None, acknowledged=False, rule="slow network")
    return stream.options()


@scene("callout.answers_in_time", "not exercised")
def nobody_was_there(world: World) -> Options:
    stream = Stream(world)
    stream.call("m1", 1, seconds=0.0, status=None, acknowledged=False, effect=False)
    return stream.options()


@SCENES.each
def test_a_property_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


@pytest.mark.parametrize(
    ("build", "first"),
    [
        (kept_on_receipt, "events.replay_after_handling"),
        (a_buffer_thrown_away_when_the_stream_broke, "events.replay_after_handling"),
        (counted_up, "events.replay_opaque"),
        (the_id_of_an_event_that_never_came, "events.replay_opaque"),
        (silently_at_the_tip, "events.expired_replay_recovered"),
        (what_is_retained_and_no_look_for_the_rest, "events.expired_replay_recovered"),
        (never_again, "events.expired_replay_recovered"),
        (a_duplicate_handled, "events.handled_once"),
        (a_whole_batch_again_after_the_kill, "events.handled_once"),
        (a_gap_ignored, "events.gap_reconciled"),
        (never_asked_again, "events.flow_control"),
        (asked_for_none, "events.flow_control"),
        (deaf_to_a_silence, "events.flow_control"),
        (the_newer_before_the_older, "events.order_per_record"),
        (ping_pong, "events.no_echo"),
        (at_the_tip_after_a_restart, "events.none_missed"),
        (never_back, "events.resubscribed"),
        (died_of_it, "events.resubscribed"),
        (booked_twice, "callout.idempotent_receiver"),
        (worked_inside_the_call, "callout.answers_in_time"),
    ],
)
def test_the_cause_is_named_first(build: Scene, first: str) -> None:
    world = World(inputs=0)
    found = judge(world.evidence(**(build(world) or {})))
    assert [verdict.property for verdict in found.violated][:1] == [first], found.violated
    assert found.violated[0].evidence
    others = {verdict.property for verdict in found.violated[1:]}
    assert others <= set(found.follows), others
