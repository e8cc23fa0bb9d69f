"""Replay ids: when they are kept, and where they come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from harness.evidence import Evidence
from harness.happenings import Delivered, Published, Subscribed
from harness.properties.events.claim import MISSING, PUB_SUB, AboutEvents
from harness.properties.events.holes import left_open
from harness.properties.events.story import Story, identity, plain
from harness.properties.property import NoParameters, Verdict, counted, some


@dataclass(frozen=True, slots=True)
class Workers:
    """`in_flight`: how many events the subject may be working on at a time. One that many others overtook was dropped,
    not lost with its place."""

    in_flight: int = 16


class ReplayAfterHandling(AboutEvents):
    name = "events.replay_after_handling"
    parameters = Workers
    trigger = "the subject subscribed again, from a replay id, after events had been delivered to it"
    rule = "Every event up to that replay id which had been delivered is handled, before or after."
    guidance = (
        "Keep the replay id of an event when its work is done and safe, best in the same transaction, not when it "
        "arrives: what was received and not yet worked on is gone with the process. With several workers, keep the "
        "id below which all are done."
    )
    source = PUB_SUB
    consequences = MISSING
    of_effects = True

    def judge(self, evidence: Evidence, parameters: Workers) -> Verdict:
        story = Story(evidence)
        other = self.out_of_place(evidence, story)
        if other is not None:
            return other
        overtaken = _Overtaken(story, parameters.in_flight)
        # It asked for these again, from before them, and was refused: how it went on is another matter.
        asked_again = left_open(evidence, story)
        unhandled = {channel: _unhandled(story, channel, asked_again) for channel in story.delivered_on}
        returns = 0
        lost: dict[int, Published] = {}
        entries: list[int] = []
        for asked in evidence.happenings.subscribed:
            place, channel = asked.replay_id, plain(asked.channel)
            if place is None or place <= 0 or not any(_before(one, asked) for one in story.delivered_on[channel][:1]):
                continue
            returns += 1
            for delivery, event in unhandled.get(channel, ()):
                if event.replay_id > place or event.replay_id in lost or not _before(delivery, asked):
                    continue
                if not overtaken.by_many(delivery):
                    lost[event.replay_id] = event
                    entries += [delivery.exchange, asked.exchange]
        if lost:
            reason = (
                f"{counted(len(lost), 'event')} delivered, never handled, and left behind by the replay id it "
                f"subscribed from next: {some(event.title for event in lost.values())}"
            )
            return self.violated(reason, returns, entries)
        if not returns:
            return self.not_exercised("it never subscribed again from a replay id after deliveries")
        return self.held(f"{counted(returns, 'return')} to a replay id, nothing unhandled before it", returns)


def _unhandled(story: Story, channel: str, asked_again: set[int]) -> list[tuple[Delivered, Published]]:
    """Return the deliveries of a channel whose events were never handled, and should have been."""
    found = ((delivery, story.events.get(delivery.replay_id)) for delivery in story.delivered_on[channel])
    return [
        (delivery, event)
        for delivery, event in found
        if event is not None
        and event.replay_id not in asked_again
        and not story.handled(event)
        and not _nobodys(story, event)
    ]


def _before(delivery: Delivered, asked: Subscribed) -> bool:
    return delivery.exchange != asked.exchange and (delivery.leg, delivery.at) < (asked.leg, asked.at)


def _nobodys(story: Story, event: Published) -> bool:
    """Tell whether nobody needs to handle an event: the subject's own, gaps, types that it has no interest in."""
    return event.own or event.gap is not None or story.fate_decided(event) or event.name not in story.names_handled


class _Overtaken:
    """How many later events of a run were handled where one was not."""

    def __init__(self, story: Story, most: int) -> None:
        self._most = most
        self._handled: Mapping[tuple[int, str], list[int]] = self._by_run(story)

    @staticmethod
    def _by_run(story: Story) -> Mapping[tuple[int, str], list[int]]:
        found: dict[tuple[int, str], list[int]] = defaultdict(list)
        runs = {key: {one.leg for one in handlings} for key, handlings in story.handlings.items()}
        for channel, deliveries in story.delivered_on.items():
            for delivery in deliveries:
                event = story.events.get(delivery.replay_id)
                if event is not None and delivery.leg in runs.get(identity(event), ()):
                    found[delivery.leg, channel].append(delivery.replay_id)
        return found

    def by_many(self, delivery: Delivered) -> bool:
        later = self._handled.get((delivery.leg, plain(delivery.channel)), ())
        return len({number for number in later if number > delivery.replay_id}) >= self._most


class ReplayOpaque(AboutEvents):
    name = "events.replay_opaque"
    trigger = "the subject subscribed from a replay id"
    rule = "The id is one that the org had given to it: that of an event delivered, a keep-alive, or a publish result."
    guidance = (
        "Send back what was received, unchanged. Replay ids increase, with gaps: the next id, counted up, is most "
        "often none, and is refused, or is that of an event which is then skipped. In the Pub/Sub API they are bytes."
    )
    source = PUB_SUB
    consequences = MISSING | {
        "events.expired_replay_recovered",
        "events.resubscribed",
        "events.replay_after_handling",
    }

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        story = Story(evidence)
        other = self.out_of_place(evidence, story)
        if other is not None:
            return other
        happenings = evidence.happenings
        given = sorted(
            [(one.at, one.replay_id) for one in happenings.delivered]
            + [(one.at, one.replay_id) for one in happenings.announced]
            + [(event.at, event.replay_id) for event in happenings.published if event.own]
        )
        known: set[int] = set()
        place = sent = 0
        made_up: list[Subscribed] = []
        for asked in happenings.subscribed:
            while place < len(given) and given[place][0] <= asked.at:
                known.add(given[place][1])
                place += 1
            corrupt = asked.replay_id is None and "replayid.corrupted" in (asked.refused or "")
            if asked.replay_id is None or asked.replay_id in (-1, -2):
                if corrupt:
                    sent += 1
                    made_up.append(asked)
                continue
            sent += 1
            if asked.replay_id not in known:
                made_up.append(asked)
        if made_up:
            told = some(_described(asked, known) for asked in made_up)
            reason = f"{counted(len(made_up), 'replay id')} of {sent} never given to it: {told}"
            return self.violated(reason, sent, [asked.exchange for asked in made_up])
        if not sent:
            return self.not_exercised("it subscribed from no replay id")
        return self.held(f"{counted(sent, 'replay id')} sent back as received", sent)


def _described(asked: Subscribed, known: set[int]) -> str:
    if asked.replay_id is None:
        return f"bytes that are no replay id, for {asked.channel}"
    nearest = max((number for number in known if number < asked.replay_id), default=None)
    after = f" ({nearest} + {asked.replay_id - nearest})" if nearest is not None and asked.replay_id > 0 else ""
    return f"{asked.replay_id}{after} for {asked.channel}"
