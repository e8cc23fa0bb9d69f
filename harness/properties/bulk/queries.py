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
        "values at once do not count, nor do those that look up records after a failure of theirs."
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
        allowed = math.floor(parameters.max * math.ceil(records / 200))
        looped: list[str] = []
        entries: list[int] = []
        for shape, queries in runs.items():
            counting = queries if len(queries) <= allowed else _without_lookups(evidence, queries)
            if len(counting) > allowed and not _asks_for_many(counting):
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
