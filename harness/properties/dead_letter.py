"""Dead letters: what cannot be delivered is kept, once, with what a person needs to mend it."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

from harness.evidence import Evidence
from harness.leaks import in_letter
from harness.letters import BrokenLetter, Letter
from harness.properties import giving_up, redrive
from harness.properties.payload import differing
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_NO_QUEUE = "no dead-letter queue was given"


class Complete(Claim):
    name = "dead_letter.complete"
    trigger = "an input failed and did not land, or a dead letter was written"
    rule = (
        "Every input that failed for good is in the dead-letter queue exactly once, and nothing that landed is in it. "
        "An input whose reply got lost, and of which the subject could learn nothing more, may be."
    )
    guidance = (
        "Write a dead letter at the one place where a record is given up, after its last attempt, and only when the "
        "record is known not to be in the org. Key the queue by the record, so that a second letter replaces the first."
    )
    source = "https://learn.microsoft.com/azure/service-bus-messaging/service-bus-dead-letter-queues"
    needs = frozenset({"journal", "commits", "letters", "inputs"})
    consequences = frozenset({"delivery.nothing_lost", "dead_letter.attempts_true"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if evidence.letters is None:
            return self.not_applicable(_NO_QUEUE)
        failed = [
            place
            for place, chain in enumerate(evidence.chains)
            if chain
            and chain[-1].failure is not None
            and not evidence.landed(place)
            and not evidence.cut_off(place, chain[-1])
        ]
        lettered = [place for place, numbers in enumerate(evidence.letters_of) if numbers]
        missing = [place for place in failed if not evidence.letters_of[place]]
        twice = [place for place in lettered if len(evidence.letters_of[place]) > 1]
        landed = [place for place in lettered if evidence.landed(place) and not evidence.unknowable(place)]
        known = sum(map(len, evidence.letters_of))
        unknown = sum(isinstance(letter, Letter) for letter in evidence.letters) - known
        exposures = len(set(failed) | set(lettered)) + unknown
        for letter in evidence.letters:
            if isinstance(letter, BrokenLetter) and letter.whole_queue:
                reason = f"the dead letters could not be read after the run: {letter.reason}"
                return self.violated(reason, exposures, evidence.last_entries(failed))
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
        "for it, a message, the number of attempts and the time of the failure. An `operation` or `first_failed_at` "
        "that it gives is true."
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
            if isinstance(letter, Letter):
                wants = _wants(evidence, letter, place)
            else:
                wants = [] if letter.whole_queue else [f"is not readable ({letter.reason[:80]})"]
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
    wants += _untrue(evidence, letter, place)
    return wants


def _untrue(evidence: Evidence, letter: Letter, place: int | None) -> list[str]:
    """Return what is wrong in the parts that a letter need not have."""
    wants = []
    first, last = _seconds(letter.first_failed_at), _seconds(letter.failed_at)
    if letter.first_failed_at is not None and (first is None or (last is not None and first > last)):
        wants.append("has a first failure that is no time before the last")
    if place is not None and isinstance(letter.operation, str) and evidence.chains[place]:
        sent = {attempt.exchange.operation for attempt in evidence.chains[place]}
        families = {operation.partition(".")[0] for operation in sent}
        if letter.operation.partition(".")[0] in families and "." in letter.operation and letter.operation not in sent:
            wants.append(f"names {letter.operation[:60]} where {', '.join(sorted(sent))} was sent")
    return wants


def _last_codes(evidence: Evidence, place: int | None) -> tuple[str, ...]:
    """Return the codes of the last refusal that the client was told of; none where it got no code to repeat."""
    if place is None:
        return ()
    for attempt in reversed(evidence.chains[place]):
        if attempt.failure is not None:
            if attempt.exchange.operation.startswith("bulk1.") and attempt.exchange.codes:
                return ()  # Bulk API 1.0 has words of its own for the platform's errors
            return attempt.codes if attempt.heard and attempt.sure else ()
    return ()


def _is_count(value: Any, *, least: int) -> bool:
    """Tell whether this is a number of attempts. A record that was never sent, because all was over, has none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_moment(value: Any) -> bool:
    return _seconds(value) is not None


def _seconds(value: Any) -> float | None:
    """Return a time in seconds since 1970; None for what is no time."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) and value > 0 else None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() if moment else None


class PerRow(Claim):
    name = "dead_letter.per_row"
    trigger = "a collection was answered with some rows saved and others refused for good"
    rule = "Each refused row has a letter of its own, and no row that was saved has one."
    guidance = (
        "Go through the result list and write one letter for each row whose `success` is false, with that row's record "
        "and error. A letter of the whole batch makes a person take it apart, and a redrive send the good rows again."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm"
    needs = frozenset({"journal", "letters", "inputs"})
    consequences = frozenset(
        {
            "bulk.errors_matched_to_rows",
            "dead_letter.complete",
            "dead_letter.informative",
            "dead_letter.attempts_true",
            "delivery.nothing_lost",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if evidence.letters is None:
            return self.not_applicable(_NO_QUEUE)
        mixed = {
            exchange.number
            for exchange in evidence.sendings
            if exchange.many and exchange.heard and len({row.success for row in exchange.rows}) > 1
        }
        refused: list[int] = []
        dragged: list[int] = []
        for place, chain in enumerate(evidence.chains):
            here = [attempt for attempt in chain if attempt.number in mixed]
            if here and here[-1] is chain[-1] and here[-1].failure == "permanent":
                refused.append(place)
            # A row that failed once and landed later is another matter: its letter came too early.
            elif here and all(attempt.success for attempt in chain) and evidence.letters_of[place]:
                dragged.append(place)
        batches = _batch_letters(evidence, [place for place in refused if not evidence.letters_of[place]])
        # Where a refused row has no letter, the one of a saved row may be meant for it: another claim's matter.
        if dragged and all(evidence.letters_of[place] for place in refused):
            reason = f"{counted(len(dragged), 'saved row')} dead-lettered along with the refused ones"
            named = some(map(evidence.name, dragged))
            return self.violated(f"{reason}: {named}", len(refused), evidence.last_entries(dragged))
        if batches:
            reason = f"{counted(len(batches), 'letter')} with several records in one: {some(batches)}"
            return self.violated(reason, len(refused), evidence.last_entries(refused))
        if not refused:
            return self.not_exercised("no row was refused for good beside others that were saved")
        return self.held(f"{counted(len(refused), 'refused row')}, no letter of a whole batch", len(refused))


def _batch_letters(evidence: Evidence, places: list[int]) -> list[str]:
    """Return the letters of no single input that name several of those that have none."""
    known = {number for numbers in evidence.letters_of for number in numbers}
    keys = [str(evidence.inputs[place].key) for place in places]
    found = []
    for number, letter in enumerate(evidence.letters or ()):
        if number not in known and isinstance(letter, Letter):
            named = [key for key in keys if f'"{key}"' in letter.raw]
            if len(named) > 1:
                found.append(f"line {letter.line} ({counted(len(named), 'refused record')})")
    return found


class NoSecrets(Claim):
    name = "dead_letter.no_secrets"
    trigger = "the subject was given secrets, and wrote dead letters"
    rule = "No letter holds one of them."
    guidance = (
        "Put the record and the error into a letter, never the request with its headers, the client or the session: "
        "dead letters are read by more people, and kept for longer, than the credentials are meant for."
    )
    source = "https://cheatsheetseries.owasp.org/cheatsheets/Logging_Cheat_Sheet.html"
    needs = frozenset({"letters"})
    consequences = frozenset({"security.no_secrets_leaked"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if evidence.letters is None:
            return self.not_applicable(_NO_QUEUE)
        if not evidence.letters or not evidence.canaries:
            return self.not_exercised("no dead letter was written, or there were no secrets")
        leaks: dict[str, list[int]] = {}
        place_of = {number: place for place, numbers in enumerate(evidence.letters_of) for number in numbers}
        places: list[int] = []
        for canary in evidence.canaries:
            pattern = re.compile(canary.pattern)
            for number, letter in enumerate(evidence.letters):
                if in_letter(letter, canary, pattern):
                    leaks.setdefault(canary.name, []).append(letter.line)
                    if number in place_of:
                        places.append(place_of[number])
        total = len(evidence.letters)
        if leaks:
            named = (f"{name} (line {some(map(str, lines))})" for name, lines in leaks.items())
            return self.violated(f"secrets in dead letters: {some(named)}", total, evidence.last_entries(places))
        return self.held(f"{counted(total, 'letter')} without a secret", total)


class Alerted(Claim):
    name = "dead_letter.alerted"
    trigger = "a dead letter was written"
    rule = (
        "Somebody is told: the command exits with an error, prints a line that says error, or prints on stderr what is "
        "not marked as less (info, warning). A function raises, or logs at ERROR; it may also tell its caller, and is "
        "not blamed."
    )
    guidance = (
        "End a run that wrote dead letters with one line at ERROR (how many, of which object, the first cause), a "
        "metric that somebody watches, or an exit status of its own. A queue that nobody looks into only loses later."
    )
    source = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html"
    needs = frozenset({"letters", "process"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if evidence.letters is None:
            return self.not_applicable(_NO_QUEUE)
        letters = [
            letter for letter in evidence.letters if not (isinstance(letter, BrokenLetter) and letter.whole_queue)
        ]
        if not letters:
            return self.not_exercised("no dead letter was written")
        for process in evidence.deliveries:
            if process.alerts:
                return self.held("the subject spoke of an error", len(letters))
            if process.exit_code or process.error or process.signal or process.timed_out:
                return self.held("the subject did not end well", len(letters))
        if all(process.exit_code is None for process in evidence.deliveries):
            return self.not_applicable("the subject is a function, which may have told its caller")
        entries = evidence.last_entries([place for place, numbers in enumerate(evidence.letters_of) if numbers])
        reason = (
            f"{counted(len(letters), 'dead letter')} written, and the command ended well without a word of an error"
        )
        return self.violated(reason, len(letters), entries)


PROPERTIES = (
    PerRow(),
    Complete(),
    Informative(),
    NoSecrets(),
    *giving_up.PROPERTIES,
    *redrive.PROPERTIES,
    Alerted(),
)
