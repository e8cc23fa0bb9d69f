"""A replay id that is refused: what lies in the hole behind it, and whether that was read some other way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence import Evidence
from harness.happenings import Published, Subscribed
from harness.properties.events.claim import MISSING, PUB_SUB, AboutEvents
from harness.properties.events.reads import Read, reads
from harness.properties.events.story import OLDEST, Story
from harness.properties.property import NoParameters, Verdict, counted, some

_ABOUT_REPLAY = re.compile(r"replay", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hole:
    """What a refused replay id left open. `back` is the subscription that was granted next, None where none was.

    `lost` are the events behind the refused id that were not handled before, and that no subscription brought any
    more. `read`: they were looked up.
    """

    refused: Subscribed
    back: Subscribed | None
    lost: tuple[Published, ...]
    read: bool

    @property
    def fault(self) -> str | None:
        """What is wrong with how the subject went on."""
        told = f"{self.refused.channel} from {self.refused.replay_id}"
        if self.back is None:
            return f"{told}: refused, and never subscribed to again"
        if self.read:
            return None
        if self.back.replay_id != OLDEST:
            began = "at the tip" if self.back.replay_id in (None, -1) else f"from {self.back.replay_id}"
            lost = f", {counted(len(self.lost), 'event')} left out" if self.lost else ""
            return f"{told}: refused, and begun anew {began}{lost}, without a look at the records"
        if self.lost:
            named = some(event.title for event in self.lost)
            return (
                f"{told}: refused, and begun with what is retained, without a look for the "
                f"{counted(len(self.lost), 'event')} before ({named})"
            )
        return None


def holes(evidence: Evidence, story: Story) -> Iterator[Hole]:
    """Yield what each refused replay id left open, once for each time that the subject was away."""
    seen = list(reads(evidence)) if evidence.happenings.subscribed else []
    for channel, asked in story.asked_on.items():
        pending: Subscribed | None = None
        for one in asked:
            if one.refused is not None and _ABOUT_REPLAY.search(one.refused) and one.replay_id not in (-1, -2):
                pending = pending or one
            elif one.refused is None and pending is not None:
                yield _hole(story, channel, pending, one, seen)
                pending = None
        if pending is not None:
            yield _hole(story, channel, pending, None, seen)


def _hole(story: Story, channel: str, refused: Subscribed, back: Subscribed | None, seen: list[Read]) -> Hole:
    until = back.at if back is not None else story.last
    lost = tuple(
        event
        for event in story.published_on[channel]
        if event.at <= until
        and event.replay_id > (refused.replay_id or 0)
        and not any(delivery.at >= refused.at for delivery in story.deliveries.get(event.replay_id, ()))
        and not story.handled(event)
        and not event.own
        and not story.fate_decided(event)
    )
    later = [read for read in seen if read.exchange.number > refused.exchange]
    return Hole(refused, back, lost, _looked_up(story, channel, lost, later))


def _looked_up(story: Story, channel: str, lost: tuple[Published, ...], later: list[Read]) -> bool:
    """Tell whether reads show every record of the events lost: any read, for events that are about no record."""
    entities = {_entity(event) for event in story.published_on[channel] if event.kind == "change"}
    if not entities:
        return bool(later)
    changed = {(_entity(event), record) for event in lost for record in event.records}
    if not changed:
        return any(read.of(entity) for read in later for entity in entities)
    return all(any(read.of(entity) and read.covers(record) for read in later) for entity, record in changed)


def _entity(event: Published) -> str:
    return str((event.header or {}).get("entityName") or event.name.removesuffix("ChangeEvent"))


def reconciled(evidence: Evidence, story: Story) -> set[int]:
    """Return the replay ids of events that were lost in a hole, and made good by reading records."""
    return {event.replay_id for hole in holes(evidence, story) if hole.fault is None for event in hole.lost}


def left_open(evidence: Evidence, story: Story) -> set[int]:
    """Return the replay ids of events behind a refused id that no subscription brought any more, read or not."""
    return {event.replay_id for hole in holes(evidence, story) for event in hole.lost}


class ExpiredReplayRecovered(AboutEvents):
    name = "events.expired_replay_recovered"
    trigger = "a subscription was refused for its replay id: it had expired, or the org did not know it"
    rule = (
        "The subject subscribes again, and reads the records that the events in between were about; where it begins "
        "with the oldest event (-2, EARLIEST) and nothing had expired, that alone is enough."
    )
    guidance = (
        "A replay id is good for 72 hours (24 for PushTopics and generic events). When it is refused, subscribe from "
        "-2 and query what changed since the last event (SystemModstamp); to go on at the tip leaves a hole that "
        "nobody hears of."
    )
    source = PUB_SUB
    needs = AboutEvents.needs | {"journal"}
    consequences = MISSING | {"events.resubscribed"}

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        story = Story(evidence)
        other = self.out_of_place(evidence, story)
        if other is not None:
            return other
        found = list(holes(evidence, story))
        if not found:
            return self.not_exercised("no subscription was refused for its replay id")
        wrong = [(hole, hole.fault) for hole in found if hole.fault is not None]
        if wrong:
            entries = [asked.exchange for hole, _ in wrong for asked in (hole.refused, hole.back) if asked is not None]
            return self.violated(some(fault for _, fault in wrong), len(found), entries)
        lost = sum(len(hole.lost) for hole in found)
        more = f", {counted(lost, 'event')} made good by reading records" if lost else ""
        return self.held(f"{counted(len(found), 'refused replay id')}, subscribed again{more}", len(found))
