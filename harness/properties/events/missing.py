"""Every event is handled, also those that were published while the subject was away."""

from __future__ import annotations

from harness.evidence import Evidence
from harness.happenings import Published, Subscribed
from harness.properties.events.claim import PUB_SUB, AboutEvents
from harness.properties.events.holes import reconciled
from harness.properties.events.story import RETENTION, TIP, Stay, Story, identity, plain
from harness.properties.property import NoParameters, Verdict, counted, some


class NoneMissed(AboutEvents):
    name = "events.none_missed"
    trigger = "an event was published while the subject was down, stalled or disconnected"
    rule = (
        "From the first subscription to a channel on, every event of it is handled, for each of its records; the "
        "subject's own aside, gap events, and what was retained no more when it came back."
    )
    guidance = (
        "Subscribe from the replay id of the last event that was handled, also after a restart: -1 (LATEST) begins "
        "with what is published from then on, and whatever came meanwhile is never seen. Where no id is kept, begin "
        "with -2. An event may tell of several records (recordIds)."
    )
    source = PUB_SUB
    of_effects = True

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        story = Story(evidence)
        other = self.out_of_place(evidence, story)
        if other is not None:
            return other
        stays: dict[str, list[Stay]] = {}
        for stay in story.stays():
            stays.setdefault(stay.name, []).append(stay)
        wanted = _wanted(story, stays)
        away = [event for event in wanted.values() if _came_while_away(story, event, stays)]
        excused = reconciled(evidence, story)
        left = [event for event in wanted.values() if not story.handled(event) and event.replay_id not in excused]
        missed = [event for event in left if not _pending(story, event, stays)]
        if missed:
            entries = [number for event in missed for number in _entries(story, event, stays)]
            named = some(_told(story, event, stays) for event in missed)
            reason = f"{len(missed)} of {counted(len(wanted), 'event')} never handled: {named}"
            return self.violated(reason, len(away) or len(missed), entries)
        if not away:
            return self.not_exercised("no event was published while it was away")
        reason = f"{counted(len(wanted) - len(left), 'event')} handled, {len(away)} were published while it was away"
        if left:
            reason += f"; {len(left)} were still before it when it was stopped"
        return self.held(reason, len(away))


def _wanted(story: Story, stays: dict[str, list[Stay]]) -> dict[int, Published]:
    """Return the events that the subject must handle, by replay id."""
    names = story.names_handled
    found: dict[int, Published] = {}
    for one in stays.values():
        first = one[0].subscribed
        filtered = any("?" in stay.subscribed.channel for stay in one)
        for event in story.behind(first):
            if event.own or event.gap or event.name not in names or story.fate_decided(event):
                continue
            known = event.replay_id in story.deliveries
            if known or not (filtered or _too_late(story, event) or _expired(story, event, one)):
                found[event.replay_id] = event
    return found


def _too_late(story: Story, event: Published) -> bool:
    """Tell whether an event was published when no run was there any more to take it."""
    return bool(story.evidence.legs) and event.at > story.evidence.legs[-1].ended


def _expired(story: Story, event: Published, stays: list[Stay]) -> bool:
    """Tell whether nobody retained an event any more when the subject was there to take it.

    To one that never came back while the event was there to be taken, it did not expire.
    """
    until = event.at + RETENTION[event.kind]
    return until <= story.ended and not any(stay.subscribed.at < until and stay.end > event.at for stay in stays)


def _came_while_away(story: Story, event: Published, stays: dict[str, list[Stay]]) -> bool:
    """Tell whether no subscription that was there when an event was published brought it."""
    there = {
        stay.subscribed.subscriber
        for channel, one in stays.items()
        if channel in map(plain, event.channels)
        for stay in one
        if stay.subscribed.at <= event.at < stay.end
    }
    return not any(delivery.subscriber in there for delivery in story.deliveries.get(event.replay_id, ()))


def _pending(story: Story, event: Published, stays: dict[str, list[Stay]]) -> bool:
    """Tell whether a subject that was stopped in the middle of its work may still have had an event before it.

    So may one that was subscribed until then, not one that something else kept from rest.
    """
    if story.happenings.quiet or story.newest_handled.get(event.name, 0) >= event.replay_id:
        return False
    return event.replay_id in story.deliveries or any(
        stay.with_run and stay.subscribed.leg == story.last_leg
        for channel in map(plain, event.channels)
        for stay in stays.get(channel, ())
    )


def _told(story: Story, event: Published, stays: dict[str, list[Stay]]) -> str:
    if story.handlings.get(identity(event)):
        left = [one for one in event.records if one[:15] not in story.records_handled(event)]
        return f"{event.title} (not for {some(left)})"
    if event.replay_id in story.deliveries:
        return f"{event.title} (delivered)"
    back = _back(story, event, stays)
    if back is None:
        return f"{event.title} (never delivered)"
    where = "at the tip" if back.replay_id in (None, TIP) else f"from {back.replay_id}"
    return f"{event.title} (published while it was away, then subscribed {where})"


def _back(story: Story, event: Published, stays: dict[str, list[Stay]]) -> Subscribed | None:
    """Return the first subscription after an event was published."""
    later = [
        stay.subscribed
        for channel, one in stays.items()
        if channel in map(plain, event.channels)
        for stay in one
        if stay.subscribed.at >= event.at
    ]
    return min(later, key=lambda one: one.at, default=None)


def _entries(story: Story, event: Published, stays: dict[str, list[Stay]]) -> list[int]:
    back = _back(story, event, stays)
    told = [delivery.exchange for delivery in story.deliveries.get(event.replay_id, ())]
    return [number for number in (*told, back.exchange if back else 0, event.exchange) if number]
