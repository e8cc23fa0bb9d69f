"""Idempotency: what happens when a write was done and its answer never came."""

from __future__ import annotations

from abc import ABC, abstractmethod

from harness.evidence import Attempt, Evidence
from harness.properties import races, reruns
from harness.properties.lost_jobs import LostReplyBulk
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_NEEDS = frozenset({"journal", "commits", "inputs", "letters"})


class LostReply(Claim, ABC):
    """After a write whose answer was lost, its rows are in the org once, and known to be there."""

    rule = (
        "Each of its rows ends as one record, and none is dead-lettered as a duplicate of what the lost request itself "
        "had written."
    )
    guidance = (
        "The request was done, only its answer is missing. Upsert by an external id, so that sending it again finds "
        "the rows in place; with plain creates, look the keys up before sending them again."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm"
    needs = _NEEDS
    consequences = frozenset(
        {
            "delivery.nothing_twice",
            "dead_letter.complete",
            "retry.permanent_not_retried",
            "retry.unsafe_not_replayed",
            "bulk.only_failed_rows_retried",
        }
    )

    @abstractmethod
    def concerns(self, attempt: Attempt) -> bool:
        """Tell whether the claim is about an attempt: one whose answer got lost."""

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        requests: set[int] = set()
        twice: list[str] = []
        entries: list[int] = []
        for place, chain in enumerate(evidence.chains):
            blind = [attempt for attempt in chain if attempt.committed and not attempt.heard and self.concerns(attempt)]
            if not blind:
                continue
            requests.update(attempt.number for attempt in blind)
            again = [attempt for attempt in chain if attempt.number > blind[0].number]
            doubled = len(evidence.records[place]) > 1
            blamed = bool(evidence.letters_of[place]) and any("DUPLICATE_VALUE" in attempt.codes for attempt in again)
            if doubled or blamed:
                twice.append(f"{evidence.name(place)} ({'two records' if doubled else 'dead-lettered as a duplicate'})")
                entries.extend((blind[0].number, *(attempt.number for attempt in again[:1])))
        if twice:
            reason = (
                f"{counted(len(twice), 'row')} of {counted(len(requests), 'lost reply', 'lost replies')}: {some(twice)}"
            )
            return self.violated(reason, len(requests), entries)
        if not requests:
            return self.not_exercised("no write of this kind was done without its answer arriving")
        return self.held(f"{counted(len(requests), 'lost reply', 'lost replies')}, every row there once", len(requests))


class LostReplyCreate(LostReply):
    name = "idempotency.lost_reply_create"
    trigger = "a single record was written and the answer got lost"

    def concerns(self, attempt: Attempt) -> bool:
        return not attempt.exchange.many


class LostReplyCollections(LostReply):
    name = "idempotency.lost_reply_collections"
    trigger = "a collection of records was written and the answer got lost"

    def concerns(self, attempt: Attempt) -> bool:
        return attempt.exchange.many and attempt.exchange.job_role is None


PROPERTIES = (LostReplyCreate(), LostReplyCollections(), LostReplyBulk(), *races.PROPERTIES, *reruns.PROPERTIES)
