"""The happenings of a trial, by event and by channel: what each property of events asks of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.happenings import Delivered, Handled, Published, Subscribed

TIP, OLDEST = -1, -2
"""Replay ids that stand for a place: behind all that there is, and before all that is retained."""
_HOUR = 3600.0
RETENTION = {"platform": 72 * _HOUR, "change": 72 * _HOUR, "topic": 24 * _HOUR, "generic": 24 * _HOUR}
"""Seconds for which an event can be asked for again."""
_SKEW = 0.1
"""Seconds by which what the trial notes of the clock may differ from what the org does."""
Identity = str | int | tuple[str, int]


def identity(event: Published) -> Identity:
    """Return what tells an event from others, however often and on however many channels it is published."""
    if event.uuid:
        return event.uuid.lower()
    header = event.header or {}
    key = header.get("transactionKey")
    return (str(key), int(header.get("sequenceNumber") or 1)) if key else event.replay_id


def plain(channel: str) -> str:
    """Return a channel's name without the filter behind it, in small letters."""
    return channel.partition("?")[0].lower()


@dataclass(frozen=True, slots=True)
class Stay:
    """A subscription that was granted, and when it ended: by itself, or with the run that it belongs to."""

    subscribed: Subscribed
    end: float
    with_run: bool

    @property
    def name(self) -> str:
        return plain(self.subscribed.channel)


class Story:
    """What became of each event. Channels go by their `plain` names."""

    def __init__(self, evidence: Evidence) -> None:
        happenings = evidence.happenings
        self.evidence, self.happenings = evidence, happenings
        self.events = {event.replay_id: event for event in happenings.published}
        self.deliveries: dict[int, list[Delivered]] = defaultdict(list)
        self.delivered_on: dict[str, list[Delivered]] = defaultdict(list)
        for delivery in happenings.delivered:
            self.deliveries[delivery.replay_id].append(delivery)
            self.delivered_on[plain(delivery.channel)].append(delivery)
        self.handlings: dict[Identity, list[Handled]] = defaultdict(list)
        for handled in happenings.handled:
            if handled.event is not None:
                self.handlings[identity(handled.event)].append(handled)
        self.published_on: dict[str, list[Published]] = defaultdict(list)
        for event in happenings.published:
            for channel in dict.fromkeys(map(plain, event.channels)):
                self.published_on[channel].append(event)
        self.asked_on: dict[str, list[Subscribed]] = defaultdict(list)
        """All requests to subscribe, refused ones too."""
        for one in happenings.subscribed:
            self.asked_on[plain(one.channel)].append(one)

    @cached_property
    def exchanges(self) -> Mapping[int, Exchange]:
        return {exchange.number: exchange for exchange in self.evidence.exchanges}

    @property
    def says_what_it_handles(self) -> bool:
        """Whether there is anything to learn of what the subject handles, here or in the baseline."""
        baseline = self.evidence.baseline
        return bool(self.handlings) or (
            baseline is not None and any(one.event is not None for one in baseline.happenings.handled)
        )

    @cached_property
    def names_handled(self) -> set[str]:
        """The types of events of which the subject handles any: others of a channel it may pass over."""
        runs = [self.happenings, *([self.evidence.baseline.happenings] if self.evidence.baseline else [])]
        return {one.event.name for run in runs for one in run.handled if one.event is not None}

    def stays(self) -> Iterator[Stay]:
        """Yield the subscriptions that were granted, in order."""
        for one in self.happenings.subscribed:
            if one.refused is None:
                ends = self.run_ended(one.leg)
                own = one.ended is not None and one.ended < ends - _SKEW
                yield Stay(one, one.ended if own and one.ended is not None else ends, not own)

    def run_ended(self, leg: int) -> float:
        """Return the clock time at which a run of the subject ended, or was asked to."""
        legs = self.evidence.legs
        if 0 <= leg < len(legs):
            stop = legs[leg].process.stop
            return legs[leg].ended if stop is None else min(stop.at, legs[leg].ended)
        return self.last

    @property
    def ended(self) -> float:
        """Return the clock time at which the last run of the subject ended."""
        return self.evidence.legs[-1].ended if self.evidence.legs else self.last

    @property
    def last(self) -> float:
        """The clock time of the last thing that happened."""
        happenings = self.happenings
        times = [one.at for part in (happenings.published, happenings.subscribed, happenings.delivered) for one in part]
        return max(times, default=0.0)

    @cached_property
    def newest_handled(self) -> Mapping[str, int]:
        """The greatest replay id that was handled of each type of events."""
        newest: dict[str, int] = {}
        for one in self.happenings.handled:
            if one.event is not None:
                newest[one.event.name] = max(one.event.replay_id, newest.get(one.event.name, 0))
        return newest

    @property
    def last_leg(self) -> int:
        if self.evidence.legs:
            return len(self.evidence.legs) - 1
        return max((one.leg for one in self.happenings.subscribed), default=0)

    def records_handled(self, event: Published) -> set[str]:
        """Return the records that the subject named when it handled an event of several."""
        said = (one.said.get("record") for one in self.handlings[identity(event)])
        return {record[:15] for record in said if isinstance(record, str)}

    def handled(self, event: Published) -> bool:
        """Tell whether an event was handled: for each of its records, where the subject handles them one by one."""
        if not self.handlings.get(identity(event)):
            return False
        named = self.records_handled(event) & {record[:15] for record in event.records}
        return not named or named.issuperset(record[:15] for record in event.records)

    def fate_decided(self, event: Published) -> bool:
        """Tell whether a fault kept an event from every subscriber: lost, or left out of a delivery."""
        if event.replay_id in self.deliveries:
            return all(self.as_gap(delivery) for delivery in self.deliveries[event.replay_id])
        return bool(event.rules) or (self._leaves_out and self._was_there(event))

    def as_gap(self, delivery: Delivered) -> bool:
        """Tell whether a fault put a gap event in the place of the one that was published."""
        return delivery.rule in self._gap_rules

    @cached_property
    def _gap_rules(self) -> frozenset[str]:
        return frozenset(name for name, effect in self._event_faults if effect == {"drop": "gap"})

    @cached_property
    def _leaves_out(self) -> bool:
        return any(
            effect == "drop" or (isinstance(effect, Mapping) and "drop" in effect) for _, effect in self._event_faults
        )

    @property
    def _event_faults(self) -> list[tuple[str, object]]:
        return [(fault.name, fault.rule.get("event")) for fault in self.evidence.faults if fault.fired]

    def _was_there(self, event: Published) -> bool:
        """Tell whether a subscription of an event's channels was open when it was published, or has gone past it."""
        channels = set(map(plain, event.channels))
        return any(
            stay.name in channels
            and (
                stay.subscribed.at <= event.at < stay.end
                or (
                    any(
                        delivery.replay_id > event.replay_id and delivery.subscriber == stay.subscribed.subscriber
                        for delivery in self.delivered_on[stay.name]
                    )
                    and event in self.behind(stay.subscribed)
                )
            )
            for stay in self.stays()
        )

    def behind(self, subscribed: Subscribed) -> Iterator[Published]:
        """Yield the events that a subscription is to bring from now on, where nothing happens to it."""
        place = subscribed.replay_id
        for event in self.published_on[plain(subscribed.channel)]:
            if place is None or place == TIP:
                if event.at > subscribed.at:
                    yield event
            elif place < 0:
                if event.at + RETENTION[event.kind] > subscribed.at:
                    yield event
            elif event.replay_id > place:
                yield event
