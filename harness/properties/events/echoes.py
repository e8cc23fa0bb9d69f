"""Echoes: the subject's own writes come back to it as events."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from harness.evidence import Evidence
from harness.happenings import Published
from harness.properties.events.claim import AboutEvents
from harness.properties.events.story import Story
from harness.properties.property import Verdict, counted, some


@dataclass(frozen=True, slots=True)
class Rounds:
    """`rounds`: how often the subject may write to the same thing again, each time after an event of its own, with
    nothing from anybody else in between."""

    rounds: int = 2


class NoEcho(AboutEvents):
    name = "events.no_echo"
    parameters = Rounds
    trigger = "an event that the subject had caused itself was delivered to it"
    rule = (
        "It causes no further event of the same record or key, and of that one no further, more than `rounds` times, "
        "while nobody else changes anything."
    )
    guidance = (
        "Know your own writes when they come back: give Sforce-Call-Options a client name and compare the "
        "ChangeEventHeader's changeOrigin with it, or the commitUser with your own; or write only what differs."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_header.htm"

    def judge(self, evidence: Evidence, parameters: Rounds) -> Verdict:
        story = Story(evidence)
        other = self.out_of_place(evidence, story)
        if other is not None:
            return other
        came_back = sum(event.own and event.replay_id in story.deliveries for event in evidence.happenings.published)
        if not came_back:
            return self.not_exercised("no event that the subject caused was delivered to it")
        loops = {thing: (depth, last) for thing, (depth, last) in _echoes(story).items() if depth > parameters.rounds}
        if loops:
            told = [f"{thing} ({depth} rounds)" for thing, (depth, _) in loops.items()]
            entries = [event.exchange for _, chain in loops.values() for event in chain if event.exchange]
            return self.violated(f"answers its own events: {some(told)}", came_back, entries)
        return self.held(f"{counted(came_back, 'event')} of its own, none answered again", came_back)


def _echoes(story: Story) -> dict[str, tuple[int, list[Published]]]:
    """Return, for each thing, the longest chain of own events in which each was caused after the one before arrived."""
    longest: dict[str, tuple[int, list[Published]]] = {}
    chains: dict[str, list[Published]] = defaultdict(list)
    moments: list[tuple[float, int, int, Published]] = []
    for event in story.happenings.published:
        deliveries = story.deliveries.get(event.replay_id)
        if event.own:
            moments.append((event.at, 1, event.replay_id, event))
        elif deliveries:
            # What somebody else did gives a reason to write again.
            moments.append((deliveries[0].at, 0, event.replay_id, event))
    for at, _, _, event in sorted(moments, key=lambda one: one[:3]):
        for thing in _things(event):
            chain = chains[thing]
            if not event.own:
                chain.clear()
                continue
            before = story.deliveries.get(chain[-1].replay_id) if chain else None
            if not chain or (before and before[0].at <= at):
                chain.append(event)
            if len(chain) - 1 > longest.get(thing, (0, []))[0]:
                longest[thing] = (len(chain) - 1, list(chain))
    return longest


def _things(event: Published) -> list[str]:
    if event.records:
        return [record[:15] for record in event.records]
    return [event.title if event.key is not None else event.name]
