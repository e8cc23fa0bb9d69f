"""Faults of events on their way to a subscriber, without a protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.events import EARLIEST, LATEST, UnknownReplay
from tests.faults.events import Bus, new_bus, notes

SUBSCRIBE = "pubsub.subscribe"
TOPIC, CHANGES = "/topic/New", "/data/AccountChangeEvent"


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    made = new_bus()
    yield made
    made.close()


async def later(bus: Bus, seconds: float) -> None:
    bus.org.clock.advance(seconds)
    for _ in range(5):
        await asyncio.sleep(0)


async def test_without_rules_all_comes_once(bus: Bus) -> None:
    ids = bus.publish(5)
    feed = bus.feed()
    assert bus.take(feed, 3) + bus.take(feed) + bus.take(feed) == ids


async def test_a_duplicate_comes_right_behind_its_original(bus: Bus) -> None:
    bus.fault(name="twice", on=SUBSCRIBE, event="duplicate", when={"skip": 1, "times": 1})
    one, two, three = bus.publish(3)
    assert bus.take(bus.feed()) == [one, two, two, three]
    assert bus.counters() == [(3, 1)]
    assert notes(list(bus.journal)) == [(one, None), (two, None), (two, "twice"), (three, None)]
    (strike,) = list(bus.journal)[-1].strikes
    assert (strike.rule, strike.effect, strike.point, strike.rows) == ("twice", "event", "event", 1)


async def test_copies_never_go_beyond_what_a_delivery_may_bring(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event={"duplicate": 2})
    one, two = bus.publish(2)
    feed = bus.feed()
    assert [bus.take(feed, 2) for _ in range(4)] == [[one, one], [one, two], [two, two], []]
    assert bus.counters() == [(2, 2)]


async def test_only_channels_without_an_order_are_reordered(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event="reorder", when={"times": 1})
    one, two, three = bus.publish(3)
    assert bus.take(bus.feed()) == [one, two, three]
    assert bus.counters() == [(0, 0)]
    one, two, three = bus.publish(3, TOPIC)
    assert bus.take(bus.feed(TOPIC)) == [two, one, three]
    assert bus.counters() == [(1, 1)]


async def test_the_last_of_a_delivery_has_nobody_to_come_behind(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event="reorder")
    (one,) = bus.publish(1, TOPIC)
    assert bus.take(bus.feed(TOPIC)) == [one]
    assert bus.counters() == [(0, 0)]


async def test_a_delayed_event_holds_back_what_follows_it(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event={"delay": "5s"}, when={"skip": 1, "times": 1})
    one, two, three = bus.publish(3)
    feed = bus.feed()
    assert bus.take(feed) == [one]
    assert bus.take(feed) == []
    await later(bus, 4.9)
    assert (bus.take(feed), feed.news.is_set()) == ([], False)
    await later(bus, 0.2)
    assert feed.news.is_set()
    assert bus.take(feed) == [two, three]
    assert bus.counters() == [(3, 1)]


@pytest.mark.parametrize("channel", [TOPIC, "/u/News", "/event/Order__e", CHANGES])
async def test_a_dropped_event_comes_to_nobody_however_often_he_asks(bus: Bus, channel: str) -> None:
    bus.fault(on=SUBSCRIBE, event="drop", when={"skip": 1, "times": 1})
    one, _, three = bus.publish(3, channel)
    assert [bus.take(bus.feed(channel)) for _ in range(2)] == [[one, three]] * 2
    assert bus.counters()[0][0] == 3


async def test_a_gap_event_takes_the_place_of_a_change_event(bus: Bus) -> None:
    bus.fault(name="gap", on=SUBSCRIBE, event={"drop": "gap"}, when={"times": 1})
    one, two = bus.publish(2, CHANGES)
    first, second = bus.feed(CHANGES).take(bus.call(), 9)
    assert [first.replay_id, second.replay_id] == [one, two]
    assert set(first.payload) == {"ChangeEventHeader"}
    header = first.payload["ChangeEventHeader"]
    assert (header["changeType"], header["recordIds"], header["changedFields"]) == ("GAP_UPDATE", ["001"], [])
    assert second.payload["ChangeEventHeader"]["changeType"] == "UPDATE"
    assert bus.publish(1) and bus.take(bus.feed())
    assert bus.counters() == [(2, 1)]


async def test_a_schema_changes_from_an_event_on_for_everybody(bus: Bus) -> None:
    codecs = bus.org.events.codecs
    bus.fault(on=SUBSCRIBE, event="schema", when={"skip": 1, "times": 1})
    before = codecs.of_event("Order__e").schema_id
    bus.publish(3, schema_id=before)
    told = [[event.schema_id for event in bus.feed().take(bus.call(), 9)] for _ in range(2)]
    after = codecs.of_event("Order__e").schema_id
    assert after != before
    assert told == [[before, after, after]] * 2
    assert codecs.known(before) is not None


@pytest.mark.parametrize(("how", "first", "second"), [("disconnect", 2, 2), ({"disconnect": 3}, 3, 1)])
async def test_the_connection_breaks_in_the_middle_of_a_delivery(bus: Bus, how: Any, first: int, second: int) -> None:
    bus.fault(on=SUBSCRIBE, event=how, when={"times": 1})
    ids = bus.publish(4)
    feed = bus.feed()
    assert (bus.take(feed), feed.ended) == (ids[:first], "disconnect")
    assert (bus.take(feed), feed.keeps_alive(bus.call())) == ([], False)
    again = bus.feed(replay=ids[first - 1])
    assert (bus.take(again), again.ended) == (ids[-second:], None)


async def test_small_deliveries_add_up_to_a_disconnect(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event={"disconnect": 3})
    ids = bus.publish(5)
    feed = bus.feed()
    assert [(bus.take(feed, 2), feed.ended) for _ in range(2)] == [(ids[:2], None), (ids[2:3], "disconnect")]
    assert bus.counters() == [(1, 1)]


async def test_what_reached_nobody_is_taken_again_after_mending(bus: Bus) -> None:
    bus.fault(on="cometd.connect", event="disconnect", when={"times": 1})
    ids = bus.publish(4)
    feed = bus.feed()
    before = feed.position
    assert bus.take(feed, call=bus.call("cometd.connect")) == ids[:2]
    feed.mend(before)
    assert (bus.take(feed, call=bus.call("cometd.connect")), feed.ended) == (ids, None)


async def test_a_stall_is_silent_while_its_rule_is_in_force(bus: Bus) -> None:
    bus.fault(name="still", on=SUBSCRIBE, event="stall", when={"times": 1})
    ids = bus.publish(2)
    feed, call = bus.feed(), bus.call()
    assert (bus.take(feed, call=call), feed.silent, feed.keeps_alive(call)) == ([], True, False)
    await later(bus, 3600)
    assert (feed.silent, feed.news.is_set()) == (True, False)
    bus.faults.remove("still")
    assert (feed.silent, feed.news.is_set(), feed.keeps_alive(call)) == (False, True, True)
    assert bus.take(feed, call=call) == ids


@pytest.mark.parametrize(
    "rule", [{"event": {"stall": "5m"}}, {"event": "stall", "when": {"between": ["0s", "5m"], "times": 1}}]
)
async def test_a_stall_ends_by_itself(bus: Bus, rule: dict[str, Any]) -> None:
    bus.fault(on=SUBSCRIBE, **{"when": {"times": 1}, **rule})
    ids = bus.publish(1)
    feed = bus.feed()
    assert bus.take(feed) == []
    await later(bus, 299)
    assert feed.silent
    await later(bus, 2)
    assert (feed.silent, feed.news.is_set()) == (False, True)
    assert bus.take(feed) == ids


async def test_a_delay_ends_though_a_stall_came_between(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event={"delay": "10m"}, when={"times": 1})
    ids = bus.publish(1)
    feed = bus.feed()
    assert bus.take(feed) == []
    bus.fault(on=SUBSCRIBE, event={"stall": "1m"}, when={"times": 1})
    assert not feed.keeps_alive(bus.call())
    await later(bus, 61)
    assert bus.take(feed) == []
    assert not feed.news.is_set()
    await later(bus, 540)
    assert feed.news.is_set()
    assert bus.take(feed) == ids


async def test_a_keep_alive_is_a_delivery_that_can_be_stalled(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event="stall", when={"skip": 1, "times": 1})
    feed = bus.feed()
    assert [feed.keeps_alive(bus.call()) for _ in range(3)] == [True, False, False]
    assert bus.counters() == [(2, 1)]


async def test_a_slow_subscriber_is_cut_off_with_nothing_taken(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event="slow", when={"times": 1})
    ids = bus.publish(2)
    feed = bus.feed()
    assert (bus.take(feed), feed.ended) == ([], "slow")
    assert bus.take(bus.feed()) == ids


async def test_a_server_that_restarts_forgets_its_streams(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event="forget", when={"times": 1})
    bus.publish(2)
    feed, other = bus.feed(), bus.feed(TOPIC)
    other.news.clear()
    generation = bus.org.events.generation
    assert (bus.take(feed), feed.ended) == ([], "forget")
    assert bus.org.events.generation == generation + 1
    assert other.news.is_set()


@pytest.mark.parametrize("how", ["expired", "corrupt", "foreign"])
async def test_a_replay_id_is_refused_and_stays_so(bus: Bus, how: str) -> None:
    bus.fault(name="gone", on=SUBSCRIBE, event={"replay": how}, when={"times": 1})
    one, two = bus.publish(2)
    for _ in range(2):
        with pytest.raises(UnknownReplay) as caught:
            bus.feed(replay=one)
        assert (caught.value.replay_id, caught.value.why) == (one, how)
    assert bus.take(bus.feed(replay=EARLIEST)) == [one, two]
    assert bus.take(bus.feed(replay=LATEST)) == []
    assert bus.take(bus.feed(replay=two)) == []
    bus.faults.remove("gone")
    assert bus.take(bus.feed(replay=one)) == [two]


async def test_a_rule_is_about_its_channel_object_and_user_alone(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event="duplicate", where={"channel": "/data/*"})
    bus.fault(on=SUBSCRIBE, event="drop", where={"sobject": "Order__e"})
    bus.fault(on=SUBSCRIBE, event="drop", where={"user": "nobody"})
    bus.publish(1)
    (two,) = bus.publish(1, CHANGES)
    (three,) = bus.publish(1, TOPIC)
    assert [bus.take(bus.feed(name)) for name in ("/event/Order__e", CHANGES, TOPIC)] == [[], [two, two], [three]]
    assert bus.counters() == [(1, 1), (1, 1), (0, 0)]


async def test_events_are_counted_each_by_itself_where_a_rule_asks_for_that(bus: Bus) -> None:
    bus.fault(on=SUBSCRIBE, event="duplicate", when={"times": 1, "per": "key"})
    one, two = bus.publish(2)
    assert [bus.take(bus.feed()) for _ in range(2)] == [[one, one, two, two], [one, two]]
    assert bus.counters() == [(4, 2)]


async def test_chance_is_drawn_by_the_seed() -> None:
    async def struck(seed: int) -> list[int]:
        bus = new_bus(seed)
        bus.fault(on=SUBSCRIBE, event="drop", when={"chance": 0.5})
        bus.publish(50)
        feed = bus.feed()
        return bus.take(feed)

    assert await struck(1) == await struck(1) != await struck(2)


@pytest.mark.parametrize(
    ("rule", "path", "says", "nearest"),
    [
        ({"event": "duplicat"}, ("event",), "one of", "duplicate"),
        ({"event": "delay"}, ("event",), "write `event: {delay: ...}`", "delay"),
        ({"event": {"dely": "5s"}}, ("event", "dely"), "no key", "delay"),
        ({"event": {"delay": 0}}, ("event", "delay"), "more than 0", None),
        ({"event": {"drop": "gaps"}}, ("event", "drop"), "one of gap", "gap"),
        ({"event": {"duplicate": 0}}, ("event", "duplicate"), "at least 1", None),
        ({"event": {"duplicate": 101}}, ("event", "duplicate"), "at most 100", None),
        ({"event": {"replay": "expird"}}, ("event", "replay"), "one of", "expired"),
        ({"event": {"stall": "1s", "delay": "1s"}}, ("event", "stall"), "rule for each", None),
        ({"event": {}}, ("event",), "needs what happens", None),
        ({"event": 5}, ("event",), "mapping", None),
        ({"on": "cometd.subscribe", "event": "duplicate"}, ("event",), "cometd.connect does", None),
        ({"on": "pubsub.get_topic", "event": "stall"}, ("event",), "pubsub.subscribe does", None),
        ({"on": "rest.query.run", "event": "drop"}, ("event",), "brings no events", None),
        ({"on": "cometd.connect", "event": {"replay": "expired"}}, ("event",), "brings no replay id", None),
        ({"on": "cometd.handshake", "event": "forget"}, ("event",), "not about a client", None),
        ({"on": "rest.sobject.update", "event": "lost"}, ("event",), "publishes no events", None),
        ({"on": "outbound.message", "event": "stall"}, ("event",), "not delivered to a subscriber", None),
        ({"event": "drop", "records": {"first": 1}}, ("records",), "saves no rows", None),
        (
            {"event": "drop", "where": {"channel": "/event/Ordr__e"}},
            ("where", "channel"),
            "no channel",
            "/event/Order__e",
        ),
        (
            {"event": "drop", "where": {"channel": "/data/AcountChangeEvent"}},
            ("where", "channel"),
            "no channel",
            CHANGES,
        ),
        ({"event": "drop", "where": {"channel": "/topics/New"}}, ("where", "channel"), "begins with", "/topic/"),
        ({"event": "reorder", "where": {"channel": CHANGES}}, ("where", "channel"), "order of their replay ids", None),
        ({"event": {"drop": "gap"}, "where": {"channel": TOPIC}}, ("where", "channel"), "only change events", None),
        ({"event": "schema", "where": {"channel": TOPIC}}, ("where", "channel"), "no schema id", None),
        (
            {"on": "rest.sobject.create", "event": "lost", "where": {"channel": CHANGES}},
            ("where", "channel"),
            "nobody publishes",
            None,
        ),
        (
            {"on": "rest.sobject.create", "event": "lost", "where": {"sobject": "Account"}},
            ("where", "sobject"),
            "no platform event",
            None,
        ),
        (
            {"on": "rest.query.run", "status": 503, "where": {"channel": TOPIC}},
            ("where", "channel"),
            "no channel of events",
            None,
        ),
    ],
)
async def test_what_can_never_happen_is_refused(
    bus: Bus, rule: dict[str, Any], path: tuple[str, ...], says: str, nearest: str | None
) -> None:
    found = bus.refused(**{"on": SUBSCRIBE, **rule})
    assert (found[0], found[2]) == (path, nearest)
    assert says in found[1]


@pytest.mark.parametrize(
    ("on", "event"),
    [
        ("cometd.*", "forget"),
        ("cometd.subscribe", "forget"),
        ("pubsub.*", {"replay": "foreign"}),
        ("pubsub.publish", "lost"),
        ("pubsub.publish_stream", "lost"),
        ("rest.streaming.push", "lost"),
        ("outbound.message", "duplicate"),
        (["cometd.connect", "pubsub.managed_subscribe"], "slow"),
        ("*", "drop"),
    ],
)
async def test_what_can_happen_is_taken(bus: Bus, on: Any, event: Any) -> None:
    bus.fault(on=on, event=event)
    assert bus.faults.rules[0].rule.to_json()["event"] == event


LOSSLESS = st.sampled_from(
    [
        "duplicate",
        {"duplicate": 3},
        {"delay": "5s"},
        "disconnect",
        {"disconnect": 1},
        {"stall": "10s"},
        "slow",
        "forget",
    ]
)
RULES = st.lists(
    st.tuples(LOSSLESS, st.integers(0, 4), st.integers(1, 3), st.sampled_from(["call", "key"])), max_size=5
)


def follow(
    rules: list[tuple[Any, int, int, str]], waves: list[int], most: int, channel: str
) -> tuple[list[int], list[int]]:
    """Publish in waves to a subscriber who begins anew behind the newest event he has handled, whenever he is cut off;
    return what was published, and what he has handled."""

    async def run() -> tuple[list[int], list[int]]:
        bus = new_bus()
        for event, skip, times, per in rules:
            bus.fault(on=SUBSCRIBE, event=event, when={"skip": skip, "times": times, "per": per})
        published: list[int] = []
        handled: list[int] = []
        feed, idle, coming = bus.feed(channel), 0, list(waves)
        # Longer than all stalls and delays together.
        while coming or idle < 80:
            if coming:
                published += bus.publish(coming.pop(), channel)
            taken = bus.take(feed, most)
            handled += taken
            idle = 0 if taken else idle + 1
            if feed.ended is not None:
                feed.close()
                feed = bus.feed(channel, replay=max(handled, default=EARLIEST))
            await later(bus, 2)
        bus.close()
        return published, handled

    return asyncio.run(run())


WAVES = st.lists(st.integers(1, 6), min_size=1, max_size=4)


@settings(max_examples=60)
@given(RULES, WAVES, st.integers(1, 7))
def test_who_replays_behind_what_he_handled_gets_everything_in_order(
    rules: list[tuple[Any, int, int, str]], waves: list[int], most: int
) -> None:
    published, handled = follow(rules, waves, most, "/event/Order__e")
    assert list(dict.fromkeys(handled)) == published
    assert handled == sorted(handled)


@settings(max_examples=40)
@given(RULES, WAVES, st.integers(1, 7), st.integers(0, 3))
def test_without_an_order_he_gets_everything_as_well(
    rules: list[tuple[Any, int, int, str]], waves: list[int], most: int, skip: int
) -> None:
    published, handled = follow([("reorder", skip, 3, "call"), *rules], waves, most, TOPIC)
    assert sorted(set(handled)) == published
