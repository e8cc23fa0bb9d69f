"""Transient failures are tried again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from harness.evidence import Attempt, Evidence, Outcome
from harness.exchanges import Exchange
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.retry.timing import is_out_of_time


class TransientRetried(Claim):
    name = "retry.transient_retried"
    trigger = (
        "a request or row failed in a way that passes: 500, 502, 503, 504, a lost connection, UNABLE_TO_LOCK_ROW and "
        "their like (creates that may have been done are left out)"
    )
    rule = (
        "It is tried again at least once, and not given up before the declared attempts are spent, or the next wait "
        "would have come near the deadline (three quarters of it). A write that was "
        "done although its answer got lost may be looked up in place of sent again."
    )
    guidance = (
        "Decide by errorCode (by status only where there is none) whether a failure passes, wait, and send the request "
        "or the failed rows again, until the attempts you allow are spent; only then dead-letter."
    )
    source = "https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/"
    needs = frozenset({"journal", "inputs", "letters", "policy"})
    consequences = frozenset(
        {"delivery.nothing_lost", "dead_letter.complete", "retry.recovers_after_heal", "read.all_pages"}
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        # A subject that was stopped may have been about to go on: then only giving up at once counts.
        least = 2 if evidence.attempts is None or evidence.process.timed_out else evidence.attempts
        least = max(1, least)
        exposures = 0
        given_up: list[str] = []
        entries: list[int] = []
        reads = [exchange.number for exchange in evidence.exchanges if not (exchange.is_write or exchange.is_login)]
        last_read = reads[-1] if reads else 0
        unseen = Counter(exchange.operation for exchange in evidence.unlinked)
        for place, chain in enumerate(evidence.chains):
            exposures += sum(_must_retry(attempt) for attempt in chain)
            if not chain or not _must_retry(chain[-1]) or evidence.cut_off(place, chain[-1]):
                continue
            if chain[-1].committed and last_read > chain[-1].number:
                continue
            # Failed requests of the same operation may have carried the row without our knowing.
            tries = sum(attempt.tried for attempt in chain) + unseen[chain[-1].exchange.operation]
            if tries < least and not (tries > 1 and is_out_of_time(evidence, chain[-1].exchange, len(chain))):
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
        tries = len(group)
        if tries >= least or not _passes(group[-1]) or evidence.stopped_after(group[-1].number):
            continue
        if tries < 2 or not is_out_of_time(evidence, group[-1], tries):
            yield group[-1], tries
    latest = {exchange.operation: exchange.number for exchange in evidence.exchanges}
    last: dict[tuple[str, ...], Exchange] = {}
    times: Counter[tuple[str, ...]] = Counter()
    for exchange in evidence.exchanges:
        if not exchange.is_write:
            last[exchange.repeat] = exchange
            times[exchange.repeat] += 1
    for repeat, exchange in last.items():
        if times[repeat] > 1 or not _passes(exchange) or evidence.stopped_after(exchange.number):
            continue
        if not _begun_anew(exchange, latest):
            yield exchange, 1


def _begun_anew(exchange: Exchange, latest: Mapping[str, int]) -> bool:
    """Tell whether a client of the Streaming API tried again in other words: each handshake gives it another id."""
    if not exchange.operation.startswith("cometd."):
        return False
    return max(latest.get("cometd.handshake", 0), latest[exchange.operation]) > exchange.number
