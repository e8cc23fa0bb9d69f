"""What is done with events: each once, and those of one record in their order."""

from __future__ import annotations

from collections import defaultdict

from harness.evidence import Evidence
from harness.happenings import Handled, Published
from harness.properties.events.claim import PUB_SUB, AboutEvents
from harness.properties.events.story import Identity, Story, identity
from harness.properties.property import NoParameters, Verdict, counted, some

_Effect = tuple[Identity, str, str]


def _effect(handled: Handled, event: Published) -> _Effect:
    """Return what tells one effect from others: an event of several records may be handled record by record."""
    record, key = handled.said.get("record"), handled.said.get("key")
    return identity(event), record[:15] if isinstance(record, str) else "", "" if key is None else str(key)


class HandledOnce(AboutEvents):
    name = "events.handled_once"
    trigger = "an event was delivered more than once: as a duplicate, or again after a restart"
    rule = (
        "It is handled once. One event that was being handled when the process was killed may be handled again by the "
        "next run."
    )
    guidance = (
        "Delivery is at least once. Keep the EventUuid (of a change event transactionKey and sequenceNumber) of what "
        "is done, in the transaction that does it, and pass over what is there already; or make the effect one that "
        "can be repeated, an upsert by that key."
    )
    source = PUB_SUB
    consequences = frozenset({"delivery.nothing_twice"})
    of_effects = True

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        story = Story(evidence)
        other = self.out_of_place(evidence, story)
        if other is not None:
            return other
        times: dict[Identity, int] = defaultdict(int)
        for replay_id, deliveries in story.deliveries.items():
            event = story.events.get(replay_id)
            if event is not None:
                times[identity(event)] += len(deliveries)
        repeated = {key for key, number in times.items() if number > 1}
        effects: dict[_Effect, list[Handled]] = defaultdict(list)
        for handled in evidence.happenings.handled:
            if handled.event is not None:
                effects[_effect(handled, handled.event)].append(handled)
        in_hand = _in_hand(evidence)
        twice: list[Published] = []
        for handlings in effects.values():
            first, event = handlings[0], handlings[0].event
            allowed = 2 if first.order in in_hand and handlings[-1].leg > first.leg else 1
            if event is not None and len(handlings) > allowed:
                twice.append(event)
        exposures = len(repeated) or len(twice)
        if twice:
            entries = [one.exchange for event in twice for one in story.deliveries[event.replay_id]]
            named = some(event.title for event in twice)
            return self.violated(f"{counted(len(twice), 'event')} handled more than once: {named}", exposures, entries)
        if not repeated:
            return self.not_exercised("no event was delivered more than once")
        return self.held(f"{counted(len(repeated), 'event')} delivered more than once, none handled twice", exposures)


def _in_hand(evidence: Evidence) -> set[int]:
    """Return the last effect of each run that was killed: nobody can have noted that it was done."""
    last: dict[int, int] = {}
    for handled in evidence.happenings.handled:
        if handled.event is not None:
            last[handled.leg] = handled.order
    killed = {
        place for place, leg in enumerate(evidence.legs) if leg.process.signal == "SIGKILL" or leg.process.crashed
    }
    return {order for leg, order in last.items() if leg in killed}


class OrderPerRecord(AboutEvents):
    name = "events.order_per_record"
    trigger = "two or more events of one record, or of one key, were delivered in order and handled"
    rule = "They are handled in the order in which they were published."
    guidance = (
        "Give all events of one record to one worker (by a hash of its id), or hold back the next until the one before "
        "is done. Workers that take whatever comes next overwrite newer values with older ones."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_ordering.htm"
    of_effects = True

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        story = Story(evidence)
        other = self.out_of_place(evidence, story)
        if other is not None:
            return other
        arrived: dict[int, int] = {}
        for place, delivery in enumerate(evidence.happenings.delivered):
            arrived.setdefault(delivery.replay_id, place)
        applied: dict[str, list[tuple[int, Published]]] = defaultdict(list)
        done: set[tuple[str, int]] = set()
        for handled in evidence.happenings.handled:
            event = handled.event
            if event is None:
                continue
            for key in _things(handled, event):
                # What is handled once more is for `handled_once` to say.
                if (key, event.replay_id) not in done:
                    done.add((key, event.replay_id))
                    applied[key].append((handled.order, event))
        several = {key: events for key, events in applied.items() if len(events) > 1}
        if not several:
            return self.not_exercised("no two events of one record were handled")
        swapped: dict[str, tuple[Published, Published]] = {}
        for key, events in several.items():
            found = _swapped([event for _, event in sorted(events, key=lambda one: one[0])], arrived)
            if found is not None:
                swapped[key] = found
        if swapped:
            told = [f"{key} ({late.replay_id} after {early.replay_id})" for key, (late, early) in swapped.items()]
            entries = [
                one.exchange for pair in swapped.values() for event in pair for one in story.deliveries[event.replay_id]
            ]
            return self.violated(f"older after newer: {some(told)}", len(several), entries)
        return self.held(f"{counted(len(several), 'record')} with several events, each in order", len(several))


def _things(handled: Handled, event: Published) -> list[str]:
    """Return what an effect is about: the record it names, else the records of the event, else its key."""
    record = handled.said.get("record")
    if isinstance(record, str):
        return [record[:15]]
    if event.records:
        return [one[:15] for one in event.records]
    key = event.key if event.key is not None else handled.said.get("key")
    return [] if key is None else [f"{event.name} {key}"]


def _swapped(events: list[Published], arrived: dict[int, int]) -> tuple[Published, Published] | None:
    """Return an event that was handled after a newer one, and that newer one, although it had arrived before it."""
    newest: list[Published] = []
    for event in events:
        for other in newest:
            if other.replay_id > event.replay_id and arrived.get(event.replay_id, -1) < arrived.get(
                other.replay_id, -1
            ):
                return event, other
        if not newest or event.replay_id > newest[-1].replay_id:
            newest.append(event)
    return None
