"""What the properties of events share: they are about services, and each begins with what was subscribed to."""

from __future__ import annotations

from typing import ClassVar

from harness.evidence import Evidence
from harness.properties.events.story import Story
from harness.properties.property import Claim, Verdict

PUB_SUB = "https://developer.salesforce.com/docs/platform/pub-sub-api/guide/event-message-durability.html"
STREAMING = "https://developer.salesforce.com/docs/atlas.en-us.api_streaming.meta/api_streaming/using_streaming_api_durability.htm"
CHANGES = "https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_other_events_gap.htm"
MISSING = frozenset({"events.none_missed", "events.gap_reconciled"})
"""What is violated along with whatever loses events."""


class AboutEvents(Claim):
    """A claim about a service that subscribes. `of_effects`: it must say what it has handled."""

    needs: ClassVar[frozenset[str]] = frozenset({"happenings"})
    of_effects: ClassVar[bool] = False

    def out_of_place(self, evidence: Evidence, story: Story) -> Verdict | None:
        """Return the verdict on a subject that the claim is not about."""
        if not evidence.happenings.service:
            return self.not_applicable("the subject is not a service that subscribes to events")
        if not story.asked_on:
            return self.not_exercised("nothing was subscribed to")
        if self.of_effects and not story.says_what_it_handles:
            return self.not_applicable("the subject does not say which events it has handled")
        return None
