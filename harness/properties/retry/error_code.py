"""Errors are sorted by their code, not by the HTTP status they come with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.evidence import Attempt, Evidence
from harness.exchanges import class_of
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.retry.bounds import tries_of


class ClassifiedByErrorCode(Claim):
    name = "retry.classified_by_error_code"
    trigger = (
        "an error's status says the contrary of its code (UNABLE_TO_LOCK_ROW with 400, a refusal for good with 500), "
        "and the subject retries failures whose status is honest"
    )
    rule = "The code decides: what passes is tried again whatever its status, and what does not is not."
    guidance = (
        "Read `errorCode` in the answer's body before looking at the status: Salesforce sends row locks and time-outs "
        "with 400 and refusals for good with 500. Fall back on the status only where there is no code."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm"
    needs = frozenset({"journal", "inputs", "policy"})
    consequences = frozenset(
        {
            "retry.transient_retried",
            "retry.permanent_not_retried",
            "retry.recovers_after_heal",
            "dead_letter.complete",
            "delivery.nothing_lost",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        least = 2 if evidence.attempts is None or evidence.process.timed_out else max(1, evidence.attempts)
        exposures = 0
        wrong: list[str] = []
        entries: list[int] = []
        suspects = {one.number for one in evidence.exchanges if one.heard and (one.status or 0) >= 400}
        for place, run in _runs(evidence) if suspects else ():
            for at, attempt in enumerate(run):
                if attempt.number not in suspects or not _misleads(attempt):
                    continue
                exposures += 1
                last = at == len(run) - 1
                if attempt.failure == "transient" and last and not evidence.cut_off(place, attempt):
                    astray = len(tries_of(evidence, run)) < least
                else:
                    astray = attempt.failure == "permanent" and not last and _same(attempt, run[at + 1])
                if astray:
                    did = "given up" if attempt.failure == "transient" else "sent again"
                    wrong.append(f"{evidence.name(place)} ({attempt.codes[0]} with {attempt.exchange.status}: {did})")
                    entries.append(attempt.number)
        if not exposures:
            return self.not_exercised("no error came with a status that says the contrary")
        if not _retries_honest_ones(evidence):
            return self.not_exercised("the subject retries nothing at all, whatever its status")
        if wrong:
            reason = f"of {counted(exposures, 'misleading status', 'misleading statuses')}, {len(wrong)} believed: "
            return self.violated(reason + some(wrong), exposures, entries)
        return self.held(f"{counted(exposures, 'misleading status', 'misleading statuses')}, none believed", exposures)


def _runs(evidence: Evidence) -> Iterator[tuple[int, Sequence[Attempt]]]:
    for place, chain in enumerate(evidence.chains):
        for run in evidence.by_leg(chain):
            yield place, run


def _misleads(attempt: Attempt) -> bool:
    """Tell whether a client that looks at the status alone would do the contrary of what is right."""
    exchange = attempt.exchange
    if not attempt.codes or (exchange.many and exchange.failure is None):
        return False
    by_status = class_of((), exchange.status)
    return {attempt.failure, by_status} == {"transient", "permanent"}


def _same(attempt: Attempt, later: Attempt) -> bool:
    return (attempt.verb, attempt.fingerprint) == (later.verb, later.fingerprint)


def _retries_honest_ones(evidence: Evidence) -> bool:
    honest = (wait.before for wait in evidence.waits)
    return any(not before.codes or class_of((), before.status) != "permanent" for before in honest)
