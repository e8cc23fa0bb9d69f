"""Gap events: what changed is not told, and must be looked up."""

from __future__ import annotations

from harness.evidence import Evidence
from harness.happenings import Published
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
        gaps = [
            event
            for event in evidence.happenings.published
            if event.gap and event.gap != DELETE and event.replay_id in story.deliveries
        ]
        if not gaps:
            return self.not_exercised("no gap event was delivered")
        seen = list(reads(evidence))
        ignored: list[str] = []
        entries: list[int] = []
        for gap in gaps:
            first = story.deliveries[gap.replay_id][0]
            # A stream goes on for hours: what was read after a delivery has a later time, and not a later number only.
            later = [read for read in seen if read.exchange.at >= first.at]
            missing = _unread(gap, later)
            if missing:
                ignored.append(missing)
                entries += [first.exchange, *([gap.exchange] if gap.exchange else [])]
        if ignored:
            return self.violated(f"never looked up: {some(ignored)}", len(gaps), entries)
        return self.held(f"{counted(len(gaps), 'gap event')}, each looked up", len(gaps))


def _unread(gap: Published, later: list[Read]) -> str | None:
    """Return what a gap event tells of and nothing read; None where all was."""
    entity = str((gap.header or {}).get("entityName") or gap.name.removesuffix("ChangeEvent"))
    about = [read for read in later if read.of(entity)]
    if gap.gap == OVERFLOW:
        return None if any(read.ids is None for read in about) else f"{entity} ({OVERFLOW})"
    unread = [record for record in gap.records if not any(read.covers(record) for read in about)]
    if unread:
        return f"{entity} {some(unread)} ({gap.gap})"
    return None if gap.records or about else f"{entity} ({gap.gap})"
