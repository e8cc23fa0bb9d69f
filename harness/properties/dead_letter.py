"""Dead letters: what cannot be delivered is kept, once, with what a person needs to mend it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from harness.evidence import Evidence
from harness.letters import Letter
from harness.properties.payload import differing
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_NO_QUEUE = "no dead-letter queue was given"


class Complete(Claim):
    name = "dead_letter.complete"
    trigger = "an input failed and did not land, or a dead letter was written"
    rule = (
        "Every input that failed for good is in the dead-letter queue exactly once, and nothing that landed is in it."
    )
    guidance = (
        "Write a dead letter at the one place where a record is given up, after its last attempt, and only when the "
        "record is known not to be in the org. Key the queue by the record, so that a second letter replaces the first."
    )
    source = "https://learn.microsoft.com/azure/service-bus-messaging/service-bus-dead-letter-queues"
    needs = frozenset({"journal", "commits", "letters", "inputs"})
    consequences = frozenset({"delivery.nothing_lost"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if evidence.letters is None:
            return self.not_applicable(_NO_QUEUE)
        failed = [
            place
            for place, chain in enumerate(evidence.chains)
            if chain and chain[-1].failure is not None and not evidence.landed(place)
        ]
        lettered = [place for place, numbers in enumerate(evidence.letters_of) if numbers]
        missing = [place for place in failed if not evidence.letters_of[place]]
        twice = [place for place in lettered if len(evidence.letters_of[place]) > 1]
        landed = [place for place in lettered if evidence.landed(place)]
        known = sum(map(len, evidence.letters_of))
        unknown = sum(isinstance(letter, Letter) for letter in evidence.letters) - known
        exposures = len(set(failed) | set(lettered)) + unknown
        faults = [
            f"{counted(len(places), 'input')} {what}: {some(map(evidence.name, places))}"
            for places, what in (
                (missing, "failed for good without a dead letter"),
                (twice, "dead-lettered more than once"),
                (landed, "dead-lettered although in the org"),
            )
            if places
        ]
        if unknown:
            faults.append(f"{counted(unknown, 'dead letter')} of no input")
        if faults:
            return self.violated("; ".join(faults), exposures, evidence.last_entries([*missing, *twice, *landed]))
        if not exposures:
            return self.not_exercised("nothing failed for good")
        return self.held(f"{counted(len(failed), 'final failure')}, each dead-lettered once", exposures)


class Informative(Claim):
    name = "dead_letter.informative"
    trigger = "a dead letter was written"
    rule = (
        "Each letter holds the record as it was given (or its key), the code of the last error that Salesforce gave "
        "for it, a message, the number of attempts and the time of the failure."
    )
    guidance = (
        'Write one JSON object a line: {"record": ..., "error": {"code": ..., "message": ...}, "attempts": n, '
        '"failed_at": "2026-03-01T10:00:00Z"}, with the errorCode of the last answer, not a text of your own.'
    )
    source = "https://learn.microsoft.com/azure/service-bus-messaging/service-bus-dead-letter-queues"
    needs = frozenset({"journal", "letters", "inputs"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if evidence.letters is None:
            return self.not_applicable(_NO_QUEUE)
        if not evidence.letters:
            return self.not_exercised("no dead letter was written")
        place_of = {number: place for place, numbers in enumerate(evidence.letters_of) for number in numbers}
        poor: list[str] = []
        places: list[int] = []
        for number, letter in enumerate(evidence.letters):
            place = place_of.get(number)
            wants = _wants(evidence, letter, place) if isinstance(letter, Letter) else ["is not readable"]
            if wants:
                poor.append(f"line {letter.line} {', '.join(wants)}")
                if place is not None:
                    places.append(place)
        total = len(evidence.letters)
        if poor:
            reason = f"{len(poor)} of {counted(total, 'letter')} say too little: {some(poor)}"
            return self.violated(reason, total, evidence.last_entries(places))
        return self.held(f"{counted(total, 'letter')} with record, cause, attempts and time", total)


def _wants(evidence: Evidence, letter: Letter, place: int | None) -> list[str]:
    wants = []
    if letter.record is None and letter.key is None:
        wants.append("has neither record nor key")
    elif place is not None and letter.record is not None:
        fields = differing(evidence.inputs[place].record, letter.record)
        if fields:
            wants.append(f"has another record than was given ({', '.join(fields[:3])})")
    codes = _last_codes(evidence, place)
    if not letter.error_code:
        wants.append("has no error code")
    elif codes and letter.error_code not in codes:
        wants.append(f"has the code {str(letter.error_code)[:60]} where Salesforce said {', '.join(codes)}")
    if not letter.error_message:
        wants.append("has no error message")
    if not _is_count(letter.attempts, least=1 if place is None or evidence.chains[place] else 0):
        wants.append("has no number of attempts")
    if not _is_moment(letter.failed_at):
        wants.append("has no time of the failure")
    return wants


def _last_codes(evidence: Evidence, place: int | None) -> tuple[str, ...]:
    """Return the codes of the last refusal that the client was told of; none where it got no code to repeat."""
    if place is None:
        return ()
    for attempt in reversed(evidence.chains[place]):
        if attempt.failure is not None:
            return attempt.codes if attempt.heard and attempt.sure else ()
    return ()


def _is_count(value: Any, *, least: int) -> bool:
    """Tell whether this is a number of attempts. A record that was never sent, because all was over, has none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_moment(value: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return math.isfinite(value) and value > 0
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


PROPERTIES = (Complete(), Informative())
