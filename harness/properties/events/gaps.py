"""Gap events: what changed is not told, and must be looked up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.evidence import Evidence
from harness.happenings import Delivered, Published
from harness.properties.events.claim import CHANGES, AboutEvents
from harness.properties.events.reads import Read, reads
from harness.properties.events.story import Story
from harness.properties.property import NoParameters, Verdict, counted, some

OVERFLOW, DELETE = "GAP_OVERFLOW", "GAP_DELETE"


class GapReconciled(AboutEvents):
    name = "events.gap_reconciled"
    trigger = "a gap event was delivered"
    rule = (
        "Each record that it names is read afterwards, one that is deleted aside; after a GAP_OVERFLOW the object is "
        "queried as a whole."
    )
    guidance = (
        "A gap event says that a record changed, and not how: fetch the record by its id. GAP_OVERFLOW says that a "
        "transaction changed more than can be told one by one: query the object by SystemModstamp."
    )
    source = CHANGES
    needs = AboutEvents.needs | {"journal"}

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        story = Story(evidence)
        other = self.out_of_place(evidence, story)
        if other is not None:
            return other
        gaps = list(_gaps(story))
        if not gaps:
            return self.not_exercised("no gap event was delivered")
        seen = list(reads(evidence))
        ignored: list[str] = []
        entries: list[int] = []
        for gap in gaps:
            # A stream goes on for hours: what was read after a delivery has a later time, and not a later number only.
            missing = _unread(gap, [read for read in seen if read.exchange.at >= gap.first.at])
            if missing:
                ignored.append(missing)
                entries += [gap.first.exchange, *([gap.event.exchange] if gap.event.exchange else [])]
        if ignored:
            return self.violated(f"never looked up: {some(ignored)}", len(gaps), entries)
        return self.held(f"{counted(len(gaps), 'gap event')}, each looked up", len(gaps))


@dataclass(frozen=True, slots=True)
class _Gap:
    """A gap event that was delivered: one of the org's, or one that a fault put in the place of another event."""

    event: Published
    kind: str
    first: Delivered


def _gaps(story: Story) -> Iterator[_Gap]:
    for replay_id, deliveries in story.deliveries.items():
        event = story.events.get(replay_id)
        if event is None:
            continue
        made = next((delivery for delivery in deliveries if story.as_gap(delivery)), None)
        header = event.header or {}
        kind = event.gap or (f"GAP_{header.get('changeType', 'UPDATE')}" if made else None)
        # What was told in full, before or after, needs no look.
        told = made is not None and not all(map(story.as_gap, deliveries))
        if kind and kind != DELETE and not told:
            yield _Gap(event, kind, made or deliveries[0])


def _unread(gap: _Gap, later: list[Read]) -> str | None:
    """Return what a gap event tells of and nothing read; None where all was."""
    event = gap.event
    entity = str((event.header or {}).get("entityName") or event.name.removesuffix("ChangeEvent"))
    about = [read for read in later if read.of(entity)]
    if gap.kind == OVERFLOW:
        return None if any(read.ids is None for read in about) else f"{entity} ({OVERFLOW})"
    unread = [record for record in event.records if not any(read.covers(record) for read in about)]
    if unread:
        return f"{entity} {some(unread)} ({gap.kind})"
    return None if event.records or about else f"{entity} ({gap.kind})"
