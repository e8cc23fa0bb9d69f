"""Queries in a loop: one statement of a program, run again for each record."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from harness import soql
from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.properties.property import Claim, Verdict, counted, some

_FILLED = 10
"""Values in the lists of a query, on average, from which on it is one that asks for many at once."""

_REST = 1.0
"""Seconds without any request, after which a query begins another round of work."""


@dataclass(frozen=True, slots=True)
class QueryBudget:
    """`max`: runs of one query for each 200 records; judged for more than `above` records."""

    max: float = 3.0
    above: int = 20


class NoQueryInLoop(Claim):
    name = "bulk.no_query_in_loop"
    parameters = QueryBudget
    trigger = "there were more than 20 records (parameter `above`), and a query was answered"
    rule = (
        "No query, its literals aside, is run more than `max` times for 200 records. Queries that ask for ten or more "
        "values at once do not count, nor do those that look up records after a failure of theirs. Neither do, unless "
        "they ask for a record by its key, those that find ten or more rows, and those after a second of rest (a poll)."
    )
    guidance = (
        "Move the query out of the loop: collect the keys, ask for up to a few hundred at once with "
        "`WHERE Key__c IN (...)`, and look the records up in what came back."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_comparisonoperators.htm"
    needs = frozenset({"journal", "inputs"})
    consequences = frozenset({"bulk.calls_per_record"})

    def judge(self, evidence: Evidence, parameters: QueryBudget) -> Verdict:
        records = max(len(evidence.inputs), len({(one.sobject, one.identity) for one in evidence.effects.taken}))
        if records <= parameters.above:
            return self.not_exercised(f"{counted(records, 'record')}; more than {parameters.above} are needed")
        runs: dict[str, list[Exchange]] = defaultdict(list)
        for exchange in evidence.exchanges:
            if exchange.is_query and exchange.page is not None and exchange.soql:
                runs[soql.shape(exchange.soql)].append(exchange)
        if not runs:
            return self.not_exercised("no query was answered")
        known = _known(evidence)
        polls = _polls(evidence, known)
        allowed = math.floor(parameters.max * math.ceil(records / 200))
        looped: list[str] = []
        entries: list[int] = []
        for shape, queries in runs.items():
            if len(queries) <= allowed:
                continue
            counting = [query for query in _without_lookups(evidence, queries) if query.number not in polls]
            if len(counting) > allowed and not (_asks_for_many(counting) or _answered_with_many(known, counting)):
                looped.append(f"{shape[:120]} ({len(counting)} times)")
                entries += [query.number for query in counting]
        total = sum(map(len, runs.values()))
        if looped:
            return self.violated(
                f"of {counted(records, 'record')}, at most {allowed} allowed: {some(looped)}", total, entries
            )
        most = max(map(len, runs.values()))
        return self.held(f"{counted(total, 'query', 'queries')}, none more than {counted(most, 'time')}", total)


def _asks_for_many(queries: Sequence[Exchange]) -> bool:
    return sum(len(soql.literals(query.soql)) for query in queries) >= _FILLED * len(queries)


def _answered_with_many(known: frozenset[str], queries: Sequence[Exchange]) -> bool:
    """Tell whether the queries walk through a table (`WHERE Id > '...'`), many rows at a time."""
    rows = sum(query.page.rows for query in queries if query.page is not None)
    return rows >= _FILLED * len(queries) and not any(_asks_by_key(known, query) for query in queries)


def _known(evidence: Evidence) -> frozenset[str]:
    """Return what a loop over records would ask with: the keys of the inputs, the ids and keys of those taken in."""
    known = {str(given.key) for given in evidence.inputs}
    for one in evidence.effects.taken:
        known |= {one.id or str(one.key), one.identity}
    return frozenset(known)


def _asks_by_key(known: frozenset[str], query: Exchange) -> bool:
    """Tell whether a query asks for a known record. What follows it in order (`>`) is another question."""
    return ">" not in soql.shape(query.soql) and not known.isdisjoint(soql.literals(query.soql))


def _polls(evidence: Evidence, known: frozenset[str]) -> set[int]:
    """Return the queries before which nothing at all was under way for a while, but those that ask for one record."""
    found: set[int] = set()
    busy_until = math.inf
    for exchange in sorted(evidence.exchanges, key=lambda one: one.at):
        if exchange.is_query and exchange.at >= busy_until + _REST and not _asks_by_key(known, exchange):
            found.add(exchange.number)
        busy_until = exchange.end if busy_until == math.inf else max(busy_until, exchange.end)
    return found


def _without_lookups(evidence: Evidence, queries: Sequence[Exchange]) -> list[Exchange]:
    """Leave out the queries that ask for a record whose last attempt had failed."""
    place_of = {given.key: place for place, given in enumerate(evidence.inputs)}
    counting = []
    for query in queries:
        places = [place_of[text] for text in soql.literals(query.soql) if text in place_of]
        if not (places and all(_failed_before(evidence, place, query.number) for place in places)):
            counting.append(query)
    return counting


def _failed_before(evidence: Evidence, place: int, number: int) -> bool:
    """Tell whether an input had been sent before an exchange, and the last time without being told of success."""
    before = [attempt for attempt in evidence.chains[place] if attempt.number < number]
    return bool(before) and before[-1].failure is not None
