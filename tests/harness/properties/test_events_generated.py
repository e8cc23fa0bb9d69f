"""Nothing is said against a correct consumer, whatever happens to it: kills, broken streams, duplicates, lost ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.happenings import Published
from harness.judge import judge
from tests.harness.builders import World
from tests.harness.properties.streams import ACCOUNTS, EXPIRED, HOUR, Stream

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(1, 4), st.integers(1, 3)),
        st.tuples(st.just("gap"), st.integers(1, 4)),
        st.tuples(st.just("overflow")),
        st.tuples(st.just("own"), st.integers(1, 4)),
        st.tuples(st.just("lost"), st.integers(1, 4)),
        st.tuples(st.just("take"), st.integers(1, 5)),
        st.tuples(st.just("again"), st.integers(0, 10)),
        st.tuples(st.just("kill"), st.booleans()),
        st.tuples(st.just("cut"), st.sampled_from(["403::Unknown client", "UNAVAILABLE", "reset"])),
        st.tuples(st.just("days"), st.integers(1, 90)),
        st.tuples(st.just("idle"), st.integers(1, 50)),
    ),
    max_size=40,
)


@dataclass
class Consumer:
    """Handles each change once, keeps its replay id behind the work, looks gaps up, and begins with all there is."""

    stream: Stream
    asks: int | None = None
    oldest: bool = True
    kept: int | None = None
    done: set[str] = field(default_factory=set)
    inbox: list[Published] = field(default_factory=list)
    asked: int = 0

    def subscribe(self) -> None:
        stream = self.stream
        retained = [event for event in stream.published if event.at + 72 * HOUR > stream.now + 1]
        if self.kept is not None and not any(event.replay_id == self.kept for event in retained):
            stream.subscribe(self.kept, refused=EXPIRED.format(self.kept))
            # It keeps the old id until an event is handled: who is killed before that is refused again.
            stream.subscribe(-2 if self.oldest else -1)
            self.look_up()
        else:
            stream.subscribe(-2 if self.kept is None else self.kept)
        one = stream.subscribed[-1]
        place = one.replay_id or 0
        self.inbox = [
            event for event in retained if not event.rules and (place == -2 or (place > 0 and event.replay_id > place))
        ]
        self.asked = 0

    def look_up(self, *records: str) -> None:
        where = f"Id IN ({', '.join(map(repr, records))})" if records else "SystemModstamp > 2026-03-01T00:00:00Z"
        stream = self.stream
        stream.world.query(f"SELECT Id FROM Account WHERE {where}", at=stream.tick(), end=stream.now)

    def take(self, most: int, *, handles: int | None = None) -> None:
        """Receive some events, and handle them, or only as many as it comes to."""
        if self.asks is not None and self.asked <= 0:
            self.stream.fetch(self.asks)
            self.asked = self.asks
        batch = self.inbox[: most if self.asks is None else min(most, self.asked)]
        del self.inbox[: len(batch)]
        self.asked -= len(batch)
        if not batch:
            return
        self.stream.deliver(*batch, handle=False)
        for event in batch[:handles]:
            self.work(event)
            if handles is None or event is not batch[handles - 1]:
                self.kept = event.replay_id

    def work(self, event: Published) -> None:
        name = str((event.header or {}).get("transactionKey"))
        if event.own or name in self.done:
            return
        if event.gap:
            self.look_up(*([] if event.gap == "GAP_OVERFLOW" else event.records))
        else:
            self.stream.handle(event)
        self.done.add(name)


def lived_through(steps: list[tuple[Any, ...]], *, asks: int | None, oldest: bool) -> dict[str, Any]:
    world = World(inputs=0)
    stream = Stream(world, channel=ACCOUNTS)
    consumer = Consumer(stream, asks, oldest)
    consumer.subscribe()

    def told(event: Published) -> None:
        if not event.rules:
            consumer.inbox.append(event)

    # It has handled one of each at first: what it is interested in is known.
    told(stream.change("1"))
    consumer.take(1)
    for step, *values in steps:
        if step == "change":
            told(stream.change(*(str(values[0] + more) for more in range(values[1]))))
        elif step == "gap":
            told(stream.change(str(values[0]), kind="GAP_UPDATE"))
        elif step == "overflow":
            told(stream.change(kind="GAP_OVERFLOW"))
        elif step == "own":
            told(stream.change(str(values[0]), own=True))
        elif step == "lost":
            stream.change(str(values[0]), rules=("lost",))
        elif step == "take":
            consumer.take(values[0])
        elif step == "again":
            events = [stream.published[values[0] % len(stream.published)]]
            stream.deliver(*[event for event in events if event.replay_id in _delivered(stream)], handle=False)
        elif step == "kill":
            consumer.take(3, handles=1 if values[0] else 0)
            stream.end(signal="SIGKILL" if values[0] else "SIGTERM")
            consumer.subscribe()
        elif step == "cut":
            stream.cut(values[0])
            consumer.subscribe()
        elif step == "days":
            stream.end(down=1)
            stream.advance(values[0] * HOUR)
            consumer.subscribe()
        else:
            stream.tick(values[0])
    while consumer.inbox:
        consumer.take(4)
    return {"world": world, **stream.options()}


def _delivered(stream: Stream) -> set[int]:
    return {one.replay_id for one in stream.delivered}


@settings(max_examples=150)
@example(  # an event in hand is lost with its run, and its replay id expires before the next
    [("change", 1, 1), ("kill", False), ("days", 72), ("overflow",), ("take", 1), ("kill", False)], None, False
)
@given(steps=STEPS, asks=st.sampled_from([None, 1, 2, 100]), oldest=st.booleans())
def test_nothing_is_said_against_a_correct_consumer(
    steps: list[tuple[Any, ...]], asks: int | None, oldest: bool
) -> None:
    options = lived_through(steps, asks=asks, oldest=oldest)
    world = options.pop("world")
    found = judge(world.evidence(**options))
    assert [verdict for verdict in found.violated if verdict.property.startswith("events.")] == []


MAIL = st.lists(
    st.tuples(
        st.integers(1, 8),
        st.integers(1, 3),
        st.sampled_from(["answered", "lost", "refused", "away"]),
    ),
    max_size=30,
)


@settings(max_examples=150)
@given(mail=MAIL)
def test_nothing_is_said_against_a_correct_receiver(mail: list[tuple[int, int, str]]) -> None:
    """Messages come in any order, more than once, and get lost; the last try of each is answered."""
    world = World(inputs=0)
    stream = Stream(world)
    newest: dict[str, int] = {}
    done: set[int] = set()
    told = {number: record for number, record, _ in reversed(mail)}
    for number, _, way in [*mail, *[(number, 0, "answered") for number in told]]:
        record = f"00100000000000{told[number]}AAA"
        values: dict[str, Any] = {
            "answered": {},
            "lost": {"status": None, "acknowledged": False, "rule": "lost"},
            "refused": {"status": 503, "acknowledged": False},
            "away": {"status": None, "acknowledged": False, "seconds": 0.0},
        }[way]
        stream.call(f"m{number}", number, records=(record,), effect=False, **values)
        if way in ("answered", "lost") and number not in done:
            done.add(number)
            if number >= newest.get(record, 0):
                newest[record] = number
                stream.answer(f"m{number}")
    found = judge(world.evidence(**stream.options()))
    assert [verdict for verdict in found.violated if verdict.property.startswith("callout.")] == []
