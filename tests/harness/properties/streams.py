"""Builds what happened with events in a trial, step by step, as a service lives through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.evidence import Leg, Process
from harness.happenings import (
    Announced,
    CalledOut,
    Delivered,
    Fetched,
    Handled,
    Happenings,
    Published,
    Subscribed,
)
from tests.harness.builders import World

ORDERS = "/event/Order__e"
ACCOUNTS = "/data/AccountChangeEvent"
HOUR = 3600.0
UNKNOWN = "403::Unknown client"
EXPIRED = "400::The replayId {{{}}} you provided was invalid.  Please provide a valid ID, -2 to replay all events"


@dataclass
class Stream:
    """A service and its subscriptions. Every step takes a second; a step about a channel says so by `channel`."""

    world: World
    channel: str = ORDERS
    now: float = 100.0
    published: list[Published] = field(default_factory=list)
    subscribed: list[Subscribed] = field(default_factory=list)
    fetched: list[Fetched] = field(default_factory=list)
    announced: list[Announced] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    handled: list[Handled] = field(default_factory=list)
    called: list[CalledOut] = field(default_factory=list)
    moved: list[tuple[float, float]] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    service: bool = True
    quiet: bool = True
    began: float = 100.0
    messages: int = 0

    def tick(self, seconds: float = 1.0) -> float:
        self.now += seconds
        return self.now

    # -- what the org does

    def publish(self, count: int = 1, **changes: Any) -> list[Published]:
        """Publish platform events; replay ids are not consecutive."""
        found = []
        for _ in range(count):
            place = len(self.published) + 1
            found.append(
                Published(
                    **{
                        "replay_id": place * 3,
                        "at": self.tick(),
                        "kind": "platform",
                        "name": "Order__e",
                        "channels": (self.channel,),
                        "uuid": f"uuid-{place}",
                        "key": f"O-{place}",
                        **changes,
                    }
                )
            )
            self.published.append(found[-1])
        return found

    def change(self, *records: str, kind: str = "UPDATE", **changes: Any) -> Published:
        """Publish a change event of accounts, named by number."""
        ids = tuple(f"001{record:0>12}AAA" for record in records)
        header = {
            "entityName": "Account",
            "changeType": kind,
            "recordIds": list(ids),
            "transactionKey": f"key-{len(self.published)}",
            "sequenceNumber": 1,
        }
        values = {"kind": "change", "name": "AccountChangeEvent", "uuid": None, "key": ids[0] if ids else None}
        (event,) = self.publish(**{**values, "records": ids, "header": header, **changes})
        return event

    # -- what the subject does

    def subscribe(self, place: int | None = -1, *, refused: str | None = None, **changes: Any) -> Subscribed:
        number = self.world.exchange("cometd.subscribe", status=200, at=self.tick(), end=self.now)
        subscriber = f"client-{len(self.subscribed) + 1}"
        found = Subscribed(
            **{
                "at": self.now,
                "channel": self.channel,
                "subscriber": subscriber,
                "replay_id": place,
                "refused": refused,
                "exchange": number,
                "leg": len(self.legs),
                **changes,
            }
        )
        self.subscribed.append(found)
        return found

    def cut(self, why: str | None = UNKNOWN) -> None:
        """End the last subscription; without a reason the subject ends it itself."""
        self.subscribed[-1] = replace(self.subscribed[-1], ended=self.tick(), cut=why)

    def fetch(self, asked: int, refused: str | None = None) -> None:
        one = self.subscribed[-1]
        self.fetched.append(
            Fetched(self.tick(), one.channel, one.subscriber, asked, refused, one.exchange, len(self.legs))
        )

    def announce(self, replay_id: int) -> None:
        one = self.subscribed[-1]
        self.announced.append(
            Announced(self.tick(), one.channel, one.subscriber, replay_id, one.exchange, len(self.legs))
        )

    def deliver(self, *events: Published, handle: bool = True, rule: str | None = None) -> None:
        """Bring events to the last subscription, in one answer."""
        one = self.subscribed[-1]
        number = self.world.exchange("cometd.connect", status=200, at=self.tick(), end=self.now)
        for event in events:
            self.delivered.append(
                Delivered(
                    self.now, one.channel, event.replay_id, one.subscriber, number, len(self.legs), event.uuid, rule
                )
            )
        if handle:
            self.handle(*events)

    def handle(self, *events: Published, **said: Any) -> None:
        for event in events:
            self.handled.append(
                Handled(len(self.handled), event, "effects", {"event": event.uuid, **said}, len(self.legs), self.tick())
            )

    def took(self, *events: Published) -> None:
        """Publish nothing, deliver and handle one by one."""
        for event in events:
            self.deliver(event)

    def end(self, *, signal: str | None = "SIGKILL", exit_code: int | None = None, down: float = 10.0) -> None:
        """End the run; what comes next belongs to another one."""
        process = Process(exit_code, 1.0, signal=signal, crashed=False)
        last = len(self.world.entries)
        self.legs.append(Leg("faults" if not self.legs else "restart", process, 1, last, self.began, self.tick(), 0))
        self.tick(down)
        self.began = self.now

    def advance(self, seconds: float) -> None:
        self.moved.append((self.now, seconds))
        self.now += seconds

    # -- calls to the subject

    def call(self, message: str, sequence: int, *, effect: bool = True, **changes: Any) -> CalledOut:
        values = {
            "at": self.tick(),
            "kind": "outbound message",
            "name": "Orders",
            "message": message,
            "attempt": 1,
            "records": ("001000000000001AAA",),
            "seconds": 0.2,
            "timeout": 10.0,
            "status": 200,
            "acknowledged": True,
            "sequence": sequence,
            "exchange": self.world.exchange("outbound.message", at=self.now, end=self.now + 0.2),
        }
        self.called.append(CalledOut(**{**values, **changes}))
        self.now = max(self.now, self.called[-1].at)
        if effect:
            self.answer(message)
        return self.called[-1]

    def answer(self, message: str, **said: Any) -> None:
        self.handled.append(
            Handled(len(self.handled), None, "sink", {"message": message, **said}, len(self.legs), self.tick())
        )

    def options(self, **more: Any) -> dict[str, Any]:
        """Return what `World.evidence` takes: the happenings, and the runs."""
        last = Leg(
            "restart" if self.legs else "faults",
            Process(None, 1.0, signal="SIGTERM"),
            self.legs[-1].last + 1 if self.legs else 1,
            len(self.world.entries),
            self.began,
            more.pop("ends", self.now + 1.0),
            0,
        )
        happenings = Happenings(
            published=tuple(self.published),
            subscribed=tuple(self.subscribed),
            fetched=tuple(self.fetched),
            announced=tuple(self.announced),
            delivered=tuple(self.delivered),
            handled=tuple(self.handled),
            called_out=tuple(self.called),
            moved=tuple(self.moved),
            service=self.service,
            quiet=self.quiet,
        )
        legs: Sequence[Leg] = (*self.legs, last)
        return {"happenings": happenings, "legs": legs, **more}
