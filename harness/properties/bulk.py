"""Partial success and bulk safety: rows are judged one by one, and calls do not grow with records."""

from __future__ import annotations

from dataclasses import dataclass

from harness.evidence import Attempt, Evidence
from harness.exchanges import UNCOUNTED, Exchange
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_COLLECTIONS = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm"


def _row_failed(attempt: Attempt) -> bool:
    """Tell whether a row failed inside an answer that, as a whole, was a success."""
    exchange = attempt.exchange
    return exchange.many and exchange.failure is None and attempt.heard and attempt.failure is not None


class RowResultsRead(Claim):
    name = "bulk.row_results_read"
    trigger = "a row failed inside a collection that was answered with HTTP 200"
    rule = "The row is sent again or dead-lettered."
    guidance = (
        "HTTP 200 says that the request was read, not that its rows were saved. Go through the result list: retry or "
        "dead-letter every row whose `success` is false."
    )
    source = _COLLECTIONS
    needs = frozenset({"journal", "inputs", "letters", "commits"})
    consequences = frozenset({"retry.transient_retried", "dead_letter.complete", "delivery.nothing_lost"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        exposures = 0
        ignored: list[int] = []
        for place, chain in enumerate(evidence.chains):
            failed = sum(_row_failed(attempt) for attempt in chain)
            exposures += failed
            if failed and _row_failed(chain[-1]) and not evidence.letters_of[place] and not evidence.landed(place):
                ignored.append(place)
        if ignored:
            reason = (
                f"{counted(len(ignored), 'row')} failed inside HTTP 200 and neither sent again nor dead-lettered: "
                f"{some(map(evidence.name, ignored))}"
            )
            return self.violated(reason, exposures, evidence.last_entries(ignored))
        if not exposures:
            return self.not_exercised("no row failed inside an HTTP 200")
        return self.held(f"{counted(exposures, 'row failure')}, each acted upon", exposures)


class OnlyFailedRowsRetried(Claim):
    name = "bulk.only_failed_rows_retried"
    trigger = "a collection was answered with some rows saved and some not"
    rule = "The saved rows are not sent again."
    guidance = (
        "Build the next request from the failed rows alone: the result list is in the order of the rows sent. A batch "
        "sent again whole writes its good rows twice, and repeats its hopeless ones."
    )
    source = _COLLECTIONS
    needs = frozenset({"journal", "inputs"})
    consequences = frozenset(
        {"retry.permanent_not_retried", "retry.bounded", "delivery.nothing_twice", "dead_letter.complete"}
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        mixed = {
            exchange.number
            for exchange in evidence.exchanges
            if exchange.many and exchange.heard and len({row.success for row in exchange.rows}) > 1
        }
        again: list[str] = []
        entries: list[int] = []
        for place, chain in enumerate(evidence.chains):
            saved: Attempt | None = None
            for attempt in chain:
                if saved is not None and attempt.exchange.at >= saved.exchange.end and attempt.verb == saved.verb:
                    again.append(evidence.name(place))
                    entries.extend((saved.number, attempt.number))
                    break
                if attempt.success and attempt.number in mixed:
                    saved = attempt
        if again:
            reason = f"{counted(len(again), 'row')} sent again after they were saved: {some(again)}"
            return self.violated(reason, len(mixed), entries)
        if not mixed:
            return self.not_exercised("no collection was answered in part")
        return self.held(f"{counted(len(mixed), 'answer')} in part, no saved row sent again", len(mixed))


@dataclass(frozen=True, slots=True)
class CallBudget:
    """`max`: API calls for each input; judged for more than `above` inputs."""

    max: float = 0.05
    above: int = 200


class CallsPerRecord(Claim):
    name = "bulk.calls_per_record"
    parameters = CallBudget
    trigger = "there were more than 200 inputs (parameter `above`)"
    rule = (
        "The API calls stay within `max` an input. Repetitions do not count: only calls that say something new, and "
        "whose rows were not sent before."
    )
    guidance = (
        "Collect records and send up to 200 in one collections call; query once with IN in place of once a record."
    )
    source = _COLLECTIONS
    needs = frozenset({"journal", "inputs"})

    def judge(self, evidence: Evidence, parameters: CallBudget) -> Verdict:
        count = len(evidence.inputs)
        if count <= parameters.above:
            return self.not_exercised(f"{counted(count, 'input')}; more than {parameters.above} are needed")
        calls = _first_calls(evidence)
        share = len(calls) / count
        found = f"{len(calls)} calls for {count} inputs ({share:.3f} an input, at most {parameters.max:g} allowed)"
        if share > parameters.max:
            return self.violated(found, count, [exchange.number for exchange in calls])
        return self.held(found, count)


def _first_calls(evidence: Evidence) -> list[Exchange]:
    """Return the calls that a run without any failure would have made too, as far as can be told."""
    sent: dict[int, list[int]] = {}
    for place, chain in enumerate(evidence.chains):
        for attempt in chain:
            sent.setdefault(attempt.number, []).append(place)
    seen_inputs: set[int] = set()
    seen_requests: set[tuple[str, ...]] = set()
    calls = []
    for exchange in evidence.exchanges:
        if exchange.operation.startswith(UNCOUNTED):
            continue
        places = sent.get(exchange.number)
        fresh = exchange.repeat not in seen_requests
        if places is not None:
            fresh = not seen_inputs.issuperset(places)
            seen_inputs.update(places)
        elif exchange.failure is not None:
            fresh = False  # its repetition counts
        else:
            seen_requests.add(exchange.repeat)
        if fresh:
            calls.append(exchange)
    return calls


PROPERTIES = (RowResultsRead(), OnlyFailedRowsRetried(), CallsPerRecord())
