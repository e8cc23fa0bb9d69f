"""Retry: what is transient is tried again, what is permanent is not, and neither for ever."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from harness.evidence import Attempt, Evidence, Outcome
from harness.exchanges import Exchange
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_RACES = frozenset({"DUPLICATE_VALUE"})
"""Permanent by their class, but a second writer may have caused them: trying again can be right."""


class TransientRetried(Claim):
    name = "retry.transient_retried"
    trigger = (
        "a request or row failed in a way that passes: 500, 502, 503, 504, a lost connection, UNABLE_TO_LOCK_ROW and "
        "their like (creates that may have been done are left out)"
    )
    rule = (
        "It is tried again at least once, and not given up before the declared attempts are spent. A write that was "
        "done although its answer got lost may be looked up in place of sent again."
    )
    guidance = (
        "Decide by errorCode (by status only where there is none) whether a failure passes, wait, and send the request "
        "or the failed rows again, until the attempts you allow are spent; only then dead-letter."
    )
    source = "https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/"
    needs = frozenset({"journal", "inputs", "letters", "policy"})
    consequences = frozenset({"delivery.nothing_lost", "dead_letter.complete", "read.all_pages"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        # A subject that was stopped may have been about to go on: then only giving up at once counts.
        least = 2 if evidence.attempts is None or evidence.process.timed_out else evidence.attempts
        least = max(1, least)
        exposures = 0
        given_up: list[str] = []
        entries: list[int] = []
        reads = [exchange.number for exchange in evidence.exchanges if not (exchange.is_write or exchange.is_login)]
        last_read = reads[-1] if reads else 0
        for place, chain in enumerate(evidence.chains):
            exposures += sum(_must_retry(attempt) for attempt in chain)
            if not chain or not _must_retry(chain[-1]):
                continue
            if chain[-1].committed and last_read > chain[-1].number:
                continue
            if len(chain) + _unseen(evidence, chain[-1]) < least:
                given_up.append(evidence.name(place))
                entries.append(chain[-1].number)
        for exchange, times in _abandoned_requests(evidence, least):
            exposures += times
            given_up.append(f"{exchange.operation} ({counted(times, 'attempt')})")
            entries.append(exchange.number)
        exposures += sum(_passes(exchange) for exchange in evidence.unlinked)
        exposures += sum(_passes(exchange) for exchange in evidence.exchanges if not exchange.is_write)
        if given_up:
            wanted = "" if least <= 2 else f" before the declared {least} attempts were spent"
            found = f"of {counted(exposures, 'passing failure')}, {len(given_up)} given up{wanted}: {some(given_up)}"
            return self.violated(found, exposures, entries)
        if not exposures:
            return self.not_exercised("nothing failed in a way that passes")
        return self.held(f"{counted(exposures, 'passing failure')}, each tried again", exposures)


def _must_retry(attempt: Attempt) -> bool:
    if attempt.failure == "transient":
        # A refusal that came before the work is safe to repeat whatever the operation; one that hides it is not.
        return attempt.exchange.replayable or not attempt.committed
    return attempt.failure == "ambiguous" and attempt.exchange.replayable


def _passes(exchange: Exchange) -> bool:
    if exchange.failure == "transient":
        return True
    return exchange.failure == "ambiguous" and exchange.replayable


def _unseen(evidence: Evidence, last: Attempt) -> int:
    """Return how many failed requests of the same operation may have carried the row without our knowing."""
    operation = last.exchange.operation
    return sum(exchange.operation == operation for exchange in evidence.unlinked)


def _abandoned_requests(evidence: Evidence, least: int) -> Iterable[tuple[Exchange, int]]:
    """Yield requests whose rows are unknown, that failed in passing and were not repeated.

    A write is one only while some input was never seen in a request: else its rows may have gone out in other batches.
    """
    unseen = any(
        not chain and evidence.outcomes[place] not in (Outcome.LANDED, Outcome.SKIPPED)
        for place, chain in enumerate(evidence.chains)
    )
    writes = evidence.unlinked if unseen else ()
    groups: dict[tuple[str, ...], list[Exchange]] = defaultdict(list)
    for exchange in writes:
        groups[exchange.repeat].append(exchange)
    for group in groups.values():
        if len(group) < least and _passes(group[-1]):
            yield group[-1], len(group)
    last: dict[tuple[str, ...], Exchange] = {}
    times: Counter[tuple[str, ...]] = Counter()
    for exchange in evidence.exchanges:
        if not exchange.is_write:
            last[exchange.repeat] = exchange
            times[exchange.repeat] += 1
    for repeat, exchange in last.items():
        if times[repeat] < 2 and _passes(exchange):
            yield exchange, 1


class PermanentNotRetried(Claim):
    name = "retry.permanent_not_retried"
    trigger = "a row or request was refused for good: a validation, permission or syntax error"
    rule = "It is never sent again unchanged."
    guidance = (
        "Sort errors by errorCode before retrying: validation, permission, reference and syntax errors stay as they "
        "are however often the row is sent. Dead-letter it at the first refusal."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm"
    needs = frozenset({"journal", "inputs"})
    consequences = frozenset({"retry.bounded"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        exposures = 0
        again: list[str] = []
        entries: list[int] = []
        for place, chain in enumerate(evidence.chains):
            refused: Attempt | None = None
            for attempt in chain:
                if (
                    refused is not None
                    and attempt.exchange.at >= refused.exchange.end
                    and (attempt.verb, attempt.fingerprint) == (refused.verb, refused.fingerprint)
                ):
                    again.append(f"{evidence.name(place)} ({refused.codes[0] if refused.codes else 'refused'})")
                    entries.extend((refused.number, attempt.number))
                    break
                if _refused_for_good(attempt):
                    exposures += 1
                    refused = attempt
        by_request, times = _refused_requests(evidence)
        exposures += times
        for first, second in by_request:
            again.append(f"{first.operation} ({', '.join(first.codes) or first.status})")
            entries.extend((first.number, second.number))
        if again:
            return self.violated(f"{len(again)} sent again unchanged: {some(again)}", exposures, entries)
        if not exposures:
            return self.not_exercised("nothing was refused for good")
        return self.held(f"{counted(exposures, 'refusal')}, none sent again", exposures)


def _refused_for_good(attempt: Attempt) -> bool:
    return attempt.failure == "permanent" and attempt.heard and attempt.sure and not _RACES.intersection(attempt.codes)


def _refused_requests(evidence: Evidence) -> tuple[list[tuple[Exchange, Exchange]], int]:
    """Return pairs of a refused request and its first repetition, and how many were refused.

    Reads that found nothing are left out: what is not there yet may be there at the next look.
    """
    refused: dict[tuple[str, ...], Exchange] = {}
    pairs: dict[tuple[str, ...], tuple[Exchange, Exchange]] = {}
    times = 0
    for exchange in evidence.exchanges:
        earlier = refused.get(exchange.repeat)
        if earlier is not None and exchange.at >= earlier.end:
            pairs.setdefault(exchange.repeat, (earlier, exchange))
        absent = exchange.status == 404 and not exchange.is_write
        if exchange.failure == "permanent" and exchange.heard and not (exchange.is_login or absent):
            times += 1
            refused.setdefault(exchange.repeat, exchange)
    return list(pairs.values()), times


@dataclass(frozen=True, slots=True)
class Bound:
    """`attempts`: the most that an input may take; the policy's own number, else 10, when it is not given."""

    attempts: int | None = None


class Bounded(Claim):
    name = "retry.bounded"
    parameters = Bound
    trigger = "something failed"
    rule = (
        "No input, and no request that fails again and again, is tried more often than the policy allows (default: 10 "
        "times)."
    )
    guidance = (
        "Count the attempts of each record across all layers that retry (client library, wrapper, queue) and stop at "
        "the declared number: then dead-letter. Expired sessions do not count, but refresh only once each."
    )
    source = "https://sre.google/sre-book/handling-overload/"
    needs = frozenset({"journal", "inputs", "policy"})
    consequences = frozenset({"delivery.nothing_lost"})

    def judge(self, evidence: Evidence, parameters: Bound) -> Verdict:
        most = parameters.attempts or evidence.attempts or 10
        exposures = 0
        beyond: list[str] = []
        entries: list[int] = []
        for place, chain in enumerate(evidence.chains):
            tries = [attempt for attempt in chain if attempt.failure != "session"]
            exposures += any(attempt.failure for attempt in tries)
            if len(tries) > most:
                beyond.append(f"{evidence.name(place)} ({len(tries)} times)")
                entries.extend((tries[0].number, tries[most].number, tries[-1].number))
        for run in _failing_runs(evidence):
            exposures += 1
            if len(run) > most:
                beyond.append(f"{run[0].operation} ({len(run)} times in a row)")
                entries.extend((run[0].number, run[most].number, run[-1].number))
        if beyond:
            return self.violated(f"more than {most} attempts: {some(beyond)}", exposures, entries)
        if not exposures:
            return self.not_exercised("nothing failed")
        return self.held(f"never more than {most} attempts", exposures)


def _failing_runs(evidence: Evidence) -> Iterable[list[Exchange]]:
    """Yield the runs of equal requests, rows unknown, that failed one after the other."""
    runs: dict[tuple[str, ...], list[Exchange]] = {}
    for exchange in evidence.exchanges:
        if exchange.failure is None or exchange.rows:
            run = runs.pop(exchange.repeat, None)
            if run:
                yield run
        elif exchange.failure not in ("session", "permanent"):
            runs.setdefault(exchange.repeat, []).append(exchange)
    yield from runs.values()


PROPERTIES = (TransientRetried(), PermanentNotRetried(), Bounded())
