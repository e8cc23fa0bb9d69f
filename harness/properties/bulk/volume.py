"""Volume: what is many is loaded in bulk."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from harness.evidence import Evidence
from harness.properties.property import Claim, Verdict, counted, some


@dataclass(frozen=True, slots=True)
class Volume:
    """`above`: records of one object from which on they belong into the Bulk API."""

    above: int = 2000


class BulkApiWhenLarge(Claim):
    name = "bulk.bulk_api_when_large"
    parameters = Volume
    trigger = "more than 2,000 records of one object (parameter `above`) were sent"
    rule = "They go by jobs of the Bulk API: at most `above` of them by collections and single calls."
    guidance = (
        "Above 2,000 records let the Bulk API do the work: one job in place of hundreds of calls, which count against "
        "the day's limit and each hold a connection. Below, collections of 200 are quicker."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/asynch_api_intro.htm"
    needs = frozenset({"journal", "inputs"})

    def judge(self, evidence: Evidence, parameters: Volume) -> Verdict:
        sent: Counter[str] = Counter()
        by_calls: dict[str, list[int]] = defaultdict(list)
        for given, chain in zip(evidence.inputs, evidence.chains, strict=True):
            if chain:
                sent[given.sobject] += 1
                if chain[0].exchange.job_role is None:
                    by_calls[given.sobject].append(chain[0].number)
        many = {sobject: count for sobject, count in sent.items() if count > parameters.above}
        if not many:
            return self.not_exercised(f"never more than {parameters.above} records of an object were sent")
        exposures = sum(many.values())
        wrong = {sobject: by_calls[sobject] for sobject in many if len(by_calls[sobject]) > parameters.above}
        if wrong:
            named = some(
                f"{len(numbers)} {sobject} records in {counted(len(set(numbers)), 'call')}"
                for sobject, numbers in wrong.items()
            )
            entries = [number for numbers in wrong.values() for number in dict.fromkeys(numbers)]
            return self.violated(f"without the Bulk API: {named}", exposures, entries)
        return self.held(f"{counted(exposures, 'record')} by jobs of the Bulk API", exposures)
