"""Tells what became of events: each with its publishing, its deliveries and its effects, as a small timeline.

Order__e O-000007: delivered twice, handled once
     3.20s  published on /event/Order__e, replay id 31
    +0.01s  #15  cometd.connect  delivered  (fault 'twice')
    +0.15s  handled, as the effects file says
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.evidence import Evidence
from harness.happenings import Delivered, Handled, Happenings, Published
from harness.properties.property import Verdict, counted, some
from harness.report.story import start_of

MOST_EVENTS = 3
MOST_STEPS = 12
_SEEN = {
    "effects": "handled, as the effects file says",
    "sink": "handled, as the sink has seen",
    "org": "handled, as a record shows",
}

_PAIR = re.compile(r"\((\d+) after (\d+)\)")
"""Two events of one record by their replay ids, which alone tell them apart."""


@dataclass
class Told:
    """One event and all that became of it."""

    event: Published
    delivered: list[Delivered] = field(default_factory=list)
    handled: list[Handled] = field(default_factory=list)

    @property
    def end(self) -> str:
        """What became of it, in a few words."""
        parts = [f"delivered{_times(len(self.delivered))}" if self.delivered else "never delivered"]
        if self.handled or self.delivered:
            parts.append(f"handled{_times(len(self.handled))}" if self.handled else "never handled")
        return ", ".join(parts)

    @property
    def worth(self) -> tuple[bool, bool, int]:
        """Sorts what went wrong before what went right."""
        return (bool(self.handled) and len(self.handled) == 1, not self.delivered, self.event.replay_id)


def _times(number: int) -> str:
    return {1: "", 2: " twice"}.get(number, f" {number} times")


def told_events(happenings: Happenings) -> list[Told]:
    """Return all events in the order of their publishing."""
    found = {one.replay_id: Told(one) for one in happenings.published}
    for delivery in happenings.delivered:
        if delivery.replay_id in found:
            found[delivery.replay_id].delivered.append(delivery)
    for handling in happenings.handled:
        if handling.event is not None and handling.event.replay_id in found:
            found[handling.event.replay_id].handled.append(handling)
    return list(found.values())


def tell_events(happenings: Happenings) -> str:
    """Return all of it in a line, `40 events: 39 delivered, 38 handled; 3 subscriptions`; empty where nothing was."""
    parts = []
    if happenings.published:
        events = told_events(happenings)
        delivered, handled = sum(bool(one.delivered) for one in events), sum(bool(one.handled) for one in events)
        twice = sum(len(one.handled) > 1 for one in events)
        text = f"{counted(len(events), 'event')}: {delivered} delivered, {handled} handled"
        parts.append(text + (f", {twice} of them more than once" if twice else ""))
    if happenings.subscribed:
        refused = sum(one.refused is not None for one in happenings.subscribed)
        text = counted(len(happenings.subscribed), "subscription")
        parts.append(text + (f", {refused} refused" if refused else ""))
    if happenings.called_out:
        messages = Counter(one.message for one in happenings.called_out)
        received = {one.message for one in happenings.called_out if one.acknowledged}
        calls = counted(len(happenings.called_out), "call")
        parts.append(f"{counted(len(messages), 'message')} in {calls}, {len(received)} received")
    if parts and happenings.service and not happenings.quiet:
        parts.append("it had not come to rest when it was stopped")
    return "; ".join(parts)


def concerned(evidence: Evidence, verdict: Verdict) -> list[Told]:
    """Return the events that a verdict is about: those that its reason names, else those of its journal entries."""
    events = told_events(evidence.happenings)
    pairs = [int(number) for pair in _PAIR.findall(verdict.reason) for number in pair]
    if pairs and verdict.property == "events.order_per_record":
        return sorted(
            (one for one in events if one.event.replay_id in pairs), key=lambda one: pairs.index(one.event.replay_id)
        )
    named = [one for one in events if one.event.title in verdict.reason and _names(verdict.reason, one.event.title)]
    if named:
        return sorted(named, key=lambda one: verdict.reason.find(one.event.title))
    if not verdict.property.startswith(("events.", "report.graceful_stop")):
        return []
    numbers = set(verdict.evidence)
    found = [one for one in events if any(delivery.exchange in numbers for delivery in one.delivered)]
    return sorted(found, key=lambda one: one.worth)


def _names(reason: str, title: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(title)}(?![\w-])", reason) is not None


def event_timelines(evidence: Evidence, verdict: Verdict, most: int = MOST_EVENTS) -> list[str]:
    """Return the timelines of the events that a verdict is about; nothing where it is about none."""
    events = concerned(evidence, verdict)
    operations = {exchange.number: exchange.operation for exchange in evidence.exchanges}
    lines = [line for one in events[:most] for line in _lines(one, evidence, operations)]
    if len(events) > most:
        lines.append(f"and {counted(len(events) - most, 'more event', 'more events')} of the kind")
    return lines


def _lines(told: Told, evidence: Evidence, operations: Mapping[int, str]) -> Iterator[str]:
    event, start = told.event, start_of(evidence)
    yield f"{event.title}: {told.end}"
    kind = f"{event.gap} " if event.gap else ""
    where = some(event.channels, 2) or "no channel"
    faults = f"  ({_faults(event.rules)})" if event.rules else ""
    own = ", by the subject itself" if event.own else ""
    yield f"  {f'{event.at - start:.2f}s':>8}  {kind}published on {where}, replay id {event.replay_id}{own}{faults}"
    before = event.at
    both: list[Delivered | Handled] = [*told.delivered, *told.handled]
    steps = sorted(both, key=lambda one: one.at if one.at is not None else before)
    for number, step in enumerate(steps):
        if number == MOST_STEPS:
            yield f"  {'...':>8}  {counted(len(steps) - number, 'more step', 'more steps')}"
            return
        at = step.at if step.at is not None else before
        run = f"  [run {step.leg + 1}]" if step.leg else ""
        yield f"  {f'+{max(0.0, at - before):.2f}s':>8}  {_step(step, operations)}{run}"
        before = at


def _step(step: Delivered | Handled, operations: Mapping[int, str]) -> str:
    if isinstance(step, Handled):
        return _SEEN[step.source]
    faults = f"  ({_faults((step.rule,))})" if step.rule else ""
    operation = operations.get(step.exchange, "")
    return f"#{step.exchange}  {operation}  delivered to {step.subscriber[:12] or 'a subscriber'}{faults}"


def _faults(rules: Sequence[str]) -> str:
    named = ", ".join(f"'{rule}'" for rule in rules)
    return f"fault {named}" if len(rules) == 1 else f"faults {named}"


def event_rows(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Yield every event as plain data, in the order of publishing; times count from the trial's first request."""
    start = start_of(evidence)
    for told in told_events(evidence.happenings):
        event = told.event
        yield {
            "event": event.title,
            "kind": event.kind,
            "replay_id": event.replay_id,
            "uuid": event.uuid,
            "channels": list(event.channels),
            "at": round(event.at - start, 6),
            "own": event.own,
            "faults": list(event.rules),
            "delivered": [
                {
                    "at": round(one.at - start, 6),
                    "channel": one.channel,
                    "subscriber": one.subscriber,
                    "exchange": one.exchange,
                    "run": one.leg,
                    "fault": one.rule,
                }
                for one in told.delivered
            ],
            "handled": [
                {"at": None if one.at is None else round(one.at - start, 6), "source": one.source, "run": one.leg}
                for one in told.handled
            ],
        }


def summary_rows(happenings: Happenings) -> dict[str, Any]:
    """Return counts of all that happened, as plain data."""
    by_kind: dict[str, int] = defaultdict(int)
    for one in happenings.published:
        by_kind[one.kind] += 1
    return {
        "published": len(happenings.published),
        "by_kind": dict(by_kind),
        "subscribed": len(happenings.subscribed),
        "delivered": len(happenings.delivered),
        "handled": len(happenings.handled),
        "unknown_effects": sum(one.event is None for one in happenings.handled),
        "called_out": len(happenings.called_out),
        "at_rest": happenings.quiet,
    }
