"""Calls: as few as the records allow, as large as Salesforce allows, and not larger."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from harness.evidence import Evidence
from harness.exchanges import UNCOUNTED, Exchange
from harness.properties.flight import most_at_once
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_COLLECTIONS = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm"
MOST_ROWS = 200
MOST_CHUNKS = 10
MOST_IN_BATCH = 10_000
_SIZE = re.compile(r"[Ee]xceed\w* (the )?max|larger than")


class WithinSizeLimits(Claim):
    name = "bulk.within_size_limits"
    trigger = "records were sent or read in collections, or brought into a job"
    rule = (
        "No call holds more than 200 records (2,000 to read), nor more than 10 runs of records of one type. A batch of "
        "Bulk 1.0 has at most 10,000 records and 10 MB, an upload of Bulk 2.0 at most 150 MB."
    )
    guidance = (
        "Cut the work into batches of at most 200 records before sending it, and sort a mixed batch by object, so that "
        "each type is one run. Salesforce refuses a larger call whole. Cut a large file into several jobs."
    )
    source = _COLLECTIONS
    needs = frozenset({"journal"})
    consequences = frozenset(
        {
            "bulk.poison_row_isolated",
            "retry.permanent_not_retried",
            "retry.bounded",
            "dead_letter.complete",
            "delivery.nothing_lost",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        calls = [one for one in evidence.exchanges if one.is_collection or _brings(one)]
        why = {load.number: load.batch.message for load in evidence.loads if load.batch is not None}
        beyond = [(one, fault) for one in calls if (fault := _too_large(one) or _too_large_a_load(one, why))]
        if beyond:
            faults = dict.fromkeys(fault for _, fault in beyond)
            reason = f"{len(beyond)} of {counted(len(calls), 'call')} beyond a limit: {some(faults)}"
            return self.violated(reason, len(calls), [one.number for one, _ in beyond])
        if not calls:
            return self.not_exercised("no collection was sent, and no job filled")
        return self.held(f"{counted(len(calls), 'call')}, the largest with {_largest(calls)}", len(calls))


def _brings(exchange: Exchange) -> bool:
    return exchange.job_role == "upload" or (exchange.job_role == "create" and bool(exchange.rows))


def _too_large_a_load(exchange: Exchange, why: Mapping[int, str]) -> str | None:
    """Say in what an upload or a 1.0 batch is too large; `why` are the messages of batches, by their requests."""
    if not _brings(exchange):
        return None
    if exchange.operation == "bulk1.batch.create" and len(exchange.rows) > MOST_IN_BATCH:
        return f"{len(exchange.rows)} records in one batch of Bulk 1.0"
    told = exchange.message or why.get(exchange.number) or ""
    refused = _SIZE.search(told) and "error" not in exchange.struck
    if exchange.heard and (refused or (exchange.status == 413 and not exchange.struck)):
        return f"{exchange.operation}: {told or 'too large'}"
    return None


def _too_large(exchange: Exchange) -> str | None:
    if not exchange.is_collection:
        return None
    if exchange.is_write and len(exchange.rows) > MOST_ROWS:
        return f"{len(exchange.rows)} records in one call of {exchange.operation}"
    if "EXCEEDED_ID_LIMIT" in exchange.codes and "error" not in exchange.struck:
        return f"{exchange.operation}: {exchange.message or 'EXCEEDED_ID_LIMIT'}"
    if exchange.operation in ("rest.collections.create", "rest.collections.update"):
        runs = sum(1 for _ in groupby(row.sobject.lower() for row in exchange.rows))
        if runs > MOST_CHUNKS:
            return f"{runs} runs of records of one type in one call of {exchange.operation}"
    return None


def _largest(calls: list[Exchange]) -> str:
    return counted(max(len(call.rows) for call in calls), "record")


@dataclass(frozen=True, slots=True)
class Filling:
    """`share`: of the records that would fit into a call; judged for more than `above` records of one kind.

    A tenth is what the budget of calls a record allows. Small calls can be a choice, against locks and time-outs;
    demand 0.8 of a subject whose throughput matters.
    """

    share: float = 0.1
    above: int = 200


class BatchesFilled(Claim):
    name = "bulk.batches_filled"
    parameters = Filling
    trigger = "more than 200 records of one kind (parameter `above`) were sent in collections for the first time"
    rule = (
        "The calls are filled to `share` of what was waiting, up to 200 records each. Workers that send side by side "
        "may divide the work; after locks, time-outs and limits smaller calls are right."
    )
    guidance = "Collect what waits, and send it 200 records a call: each call costs the same, whatever it holds."
    source = _COLLECTIONS
    needs = frozenset({"journal", "inputs"})
    consequences = frozenset({"bulk.calls_per_record"})

    def judge(self, evidence: Evidence, parameters: Filling) -> Verdict:
        judged = 0
        poor: list[str] = []
        entries: list[int] = []
        for kind, calls in _first_batches(evidence).items():
            rows = sum(count for _, count in calls)
            if rows <= parameters.above:
                continue
            judged += rows
            workers = most_at_once([call for call, _ in calls])
            fewest = workers * math.ceil(rows / workers / MOST_ROWS)
            if len(calls) * parameters.share > fewest:
                mean = rows / len(calls)
                poor.append(
                    f"{len(calls)} calls for {rows} {kind[1]} records, {mean:.0f} each, where {fewest} would do"
                )
                entries += [call.number for call, _ in calls]
        if poor:
            return self.violated(some(poor), judged, entries)
        if not judged:
            return self.not_exercised(f"never more than {parameters.above} records of a kind to send in collections")
        return self.held(f"{counted(judged, 'record')} in filled calls", judged)


def _first_batches(evidence: Evidence) -> dict[tuple[str, str], list[tuple[Exchange, int]]]:
    """Return the collection calls of each operation and object with their records that were never sent before.

    Only those before the first sign that Salesforce wants less at a time.
    """
    firsts: dict[int, int] = defaultdict(int)
    for chain in evidence.chains:
        if chain:
            firsts[chain[0].number] += 1
    until = min((exchange.end for exchange in evidence.exchanges if _wants_less(exchange)), default=math.inf)
    found: dict[tuple[str, str], list[tuple[Exchange, int]]] = defaultdict(list)
    for exchange in evidence.exchanges:
        if exchange.is_collection and exchange.number in firsts and exchange.at <= until:
            sobject = exchange.rows[0].sobject if exchange.rows else ""
            found[exchange.operation, sobject].append((exchange, firsts[exchange.number]))
    return found


_LESS = frozenset({"UNABLE_TO_LOCK_ROW", "REQUEST_RUNNING_TOO_LONG", "REQUEST_LIMIT_EXCEEDED", "QUERY_TIMEOUT"})


def _wants_less(exchange: Exchange) -> bool:
    if exchange.failure in ("quota", "ambiguous") or _LESS.intersection(exchange.codes):
        return True
    return any(_LESS.intersection(row.codes) for row in exchange.rows)


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
        "whose rows were not sent before. Nor do those that the small run without faults needed as well: what counts "
        "is how the calls grow with the inputs."
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
        before = evidence.baseline
        if before is not None and len(before.inputs) < count:
            fewer, few = len(_first_calls(before)), len(before.inputs)
            share = max(0, len(calls) - fewer) / (count - few)
            found = (
                f"{len(calls)} calls for {count} inputs, {fewer} for {few} ({share:.3f} for each more, at most "
                f"{parameters.max:g} allowed)"
            )
        if share > parameters.max:
            return self.violated(found, count, [exchange.number for exchange in calls])
        return self.held(found, count)


def _first_calls(evidence: Evidence) -> list[Exchange]:
    """Return the calls that a run without any failure would have made too, as far as can be told."""
    sent: dict[int, list[int]] = {}
    for place, chain in enumerate(evidence.chains):
        for attempt in chain:
            sent.setdefault(attempt.number, []).append(place)
    brought = {load.job.id[:15]: load.job.id for load in evidence.loads}
    brought_by = {load.number for load in evidence.loads}
    again = _loaded_again(evidence, sent)
    seen_inputs: set[int] = set()
    seen_requests: set[tuple[str, ...]] = set()
    calls = []
    for exchange in evidence.exchanges:
        if exchange.operation.startswith(UNCOUNTED):
            continue
        job = brought.get(exchange.job_id) if exchange.job_id is not None else None
        places = sent.get(exchange.number)
        fresh = exchange.repeat not in seen_requests
        if job is not None and exchange.number not in brought_by:
            # What is asked about a job counts with its rows: once, and not where they had been sent before.
            fresh = fresh and exchange.failure in (None, "permanent") and job not in again
            seen_requests.add(exchange.repeat)
        elif places is not None:
            fresh = not seen_inputs.issuperset(places)
            seen_inputs.update(places)
        elif exchange.failure not in (None, "permanent"):
            fresh = False  # its repetition counts
        else:
            seen_requests.add(exchange.repeat)
        if fresh:
            calls.append(exchange)
    return calls


def _loaded_again(evidence: Evidence, sent: dict[int, list[int]]) -> set[str]:
    """Return the jobs all of whose rows had been sent before."""
    seen: set[int] = set()
    fresh: dict[str, bool] = defaultdict(bool)
    loads = {load.number: load.job.id for load in evidence.loads}
    for number, places in sorted(sent.items()):
        if number in loads:
            fresh[loads[number]] |= not seen.issuperset(places)
        seen.update(places)
    return {job for job, anew in fresh.items() if not anew}
