"""Idempotency under disorder: another writer comes first, an old request comes late, the process dies in between."""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import pairwise

from harness.evidence import Attempt, Evidence, Outcome
from harness.properties.payload import differing, same
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.reruns import AUDIT

_NEEDS = frozenset({"journal", "commits", "inputs", "letters"})
_TAKEN = frozenset({"DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID"})
"""Another record has the key (400), or several have (300)."""


class ConcurrentUpsert(Claim):
    name = "idempotency.concurrent_upsert"
    trigger = (
        "an upsert was refused because another writer had been faster: DUPLICATE_VALUE, or 300 with several records"
    )
    rule = "The input ends as one record or as a dead letter: it is neither dropped nor there twice."
    guidance = (
        "Send the upsert once more after DUPLICATE_VALUE: now it finds the record and updates it. The record that is "
        "there holds the other writer's values, so that the refusal is no success. With 300 nobody but a person can "
        "choose: dead-letter it."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm"
    needs = _NEEDS
    consequences = frozenset(
        {"bulk.row_results_read", "delivery.nothing_lost", "delivery.nothing_twice", "dead_letter.complete"}
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        exposures = 0
        wrong: list[str] = []
        entries: list[int] = []
        for place, chain in enumerate(evidence.chains):
            beaten = [attempt for attempt in chain if _beaten(attempt)]
            if not beaten or (evidence.process.timed_out and chain[-1] is beaten[-1]):
                continue
            exposures += len(beaten)
            outcome = evidence.outcomes[place]
            if outcome in (Outcome.LOST, Outcome.DUPLICATED):
                end = "dropped" if outcome is Outcome.LOST else "there twice"
                wrong.append(f"{evidence.name(place)} ({beaten[-1].codes[0]}, {end})")
                entries.extend((beaten[-1].number, chain[-1].number))
        if wrong:
            return self.violated(
                f"{counted(len(wrong), 'refused upsert')} not handled: {some(wrong)}", exposures, entries
            )
        if not exposures:
            return self.not_exercised("no upsert met another writer's record")
        return self.held(
            f"{counted(exposures, 'refused upsert')}, each ended in one record or a dead letter", exposures
        )


def _beaten(attempt: Attempt) -> bool:
    return bool(attempt.codes) and attempt.verb == "upsert" and attempt.heard and not _TAKEN.isdisjoint(attempt.codes)


class LateDuplicateHarmless(Claim):
    name = "idempotency.late_duplicate_harmless"
    trigger = "the network delivered a request that had been answered a second time, later"
    rule = "The second delivery creates no record and puts no older value in the place of a newer one."
    guidance = (
        "Any request may arrive twice, the second time behind newer ones. Upsert in place of creating; write all "
        "values of a record in one request; guard an update by If-Unmodified-Since or by a version field where a "
        "newer value may stand there already."
    )
    source = "https://www.rfc-editor.org/rfc/rfc9110#section-13.1.4"
    needs = _NEEDS
    consequences = frozenset({"delivery.nothing_twice", "delivery.nothing_invented"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        copies = {copy.number: copy.copy_of or 0 for copy in evidence.copies}
        if not copies:
            return self.not_exercised("no request was delivered twice")
        harm: list[str] = []
        entries: list[int] = []
        for exchange, what in _harm(evidence, copies):
            harm.append(what)
            entries.extend((copies[exchange], exchange))
        if harm:
            return self.violated(f"by a request that came twice: {some(harm)}", len(copies), entries)
        return self.held(f"{counted(len(copies), 'request')} delivered twice, nothing came of it", len(copies))


def _harm(evidence: Evidence, copies: Container[int]) -> Iterator[tuple[int, str]]:
    """Yield what second deliveries changed, with their exchange."""
    state: dict[str, dict[str, object]] = {}
    for commit in evidence.commits:
        values = state.setdefault(commit.id, {})
        if commit.exchange in copies and commit.verb == "create":
            yield commit.exchange, f"{commit.sobject} {commit.id} created once more"
        elif commit.exchange in copies and commit.verb == "undelete":
            yield commit.exchange, f"{commit.sobject} {commit.id} brought back once more"
        elif commit.exchange in copies and commit.verb == "update":
            older = [
                name
                for name, value in commit.values.items()
                if name.lower() not in AUDIT and not same(value, values.get(name.lower()))
            ]
            if older:
                yield commit.exchange, f"{commit.sobject} {commit.id} put back to older values ({', '.join(older[:3])})"
        values.update({name.lower(): value for name, value in commit.values.items()})


class CrashSafe(Claim):
    name = "idempotency.crash_safe"
    trigger = "the subject was killed in the middle of its work, and started again"
    rule = "After the restart nothing that had been begun is lost, in the org twice, or left with other values."
    guidance = (
        "Mark a source record as done only after Salesforce has answered, never before; and make what is sent again "
        "after a restart harmless, by upserting: between the commit and the mark the process can always die."
    )
    source = "https://aws.amazon.com/builders-library/making-retries-safe-with-idempotent-APIs/"
    needs = _NEEDS | {"process", "legs"}
    consequences = frozenset(
        {
            "retry.transient_retried",
            "dead_letter.complete",
            "delivery.nothing_lost",
            "delivery.nothing_twice",
            "delivery.nothing_invented",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        crashes = sum(one.process.crashed and two.name == "restart" for one, two in pairwise(evidence.legs))
        if not crashes:
            return self.not_exercised("the subject was not killed and started again")
        if not evidence.inputs:
            return self.not_exercised("there were no inputs; what becomes of events is the matter of events.*")
        runs = _Runs(evidence)
        found = [(place, what) for place in range(len(evidence.inputs)) if (what := runs.damage(place))]
        if found:
            named = some(f"{evidence.name(place)} ({what})" for place, what in found)
            entries = evidence.last_entries([place for place, _ in found])
            reason = f"after {counted(crashes, 'crash', 'crashes')}, {counted(len(found), 'input')} damaged: {named}"
            return self.violated(reason, crashes, entries or (evidence.legs[0].last,))
        return self.held(
            f"{counted(crashes, 'crash', 'crashes')}, everything delivered once after the restart", crashes
        )


class _Runs:
    """Tells, for each input, whether its end has to do with the seam between two runs of the subject."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._created = {commit.id: commit.exchange for commit in evidence.commits if commit.verb == "create"}

    def damage(self, place: int) -> str:
        evidence = self._evidence
        outcome, chain, records = evidence.outcomes[place], evidence.chains[place], evidence.records[place]
        if outcome is Outcome.LOST:
            # One that the last run sent, or had no time to send, was not lost by the crash.
            last = evidence.runs_begun(chain[-1].number) if chain else 0
            return "" if last == len(evidence.legs) or evidence.process.timed_out else "lost"
        if outcome is Outcome.DUPLICATED:
            runs = {evidence.runs_begun(self._created.get(identifier, 0)) for identifier in records}
            return "twice" if len(runs) > 1 else ""
        for identifier in records:
            writers = {evidence.runs_begun(exchange) for exchange in evidence.writers.get(identifier, ())}
            if len(writers) > 1 and differing(evidence.inputs[place].record, evidence.stored[identifier]):
                return "other values"
        return ""


PROPERTIES = (ConcurrentUpsert(), LateDuplicateHarmless(), CrashSafe())
