"""Reading: rows that change between two pages."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness import soql
from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.read.jobs import JobReading, job_readings
from harness.properties.read.readings import Reading, Result, readings


class StableUnderDrift(Claim):
    name = "read.stable_under_drift"
    trigger = "a result was read in several pages or slices"
    rule = (
        "The slices are those of one query's locator, or follow a key; none is found by OFFSET, which counts anew in "
        "rows that have changed meanwhile. Where somebody else did change rows between two of them (`meanwhile`), each "
        "record that was there all the time is taken in, and once."
    )
    guidance = (
        "Follow `nextRecordsUrl`: its rows are those of the moment of the query. For slices of your own, go on after "
        "the last key (`WHERE Id > '...' ORDER BY Id LIMIT 2000`): a key is unique and never changes. OFFSET skips or "
        "repeats rows, and ends at 2,000; so does a sort by a field that others write."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_offset.htm"
    needs = frozenset({"journal", "effects", "commits"})
    consequences = frozenset({"read.all_pages", "bulk.no_query_in_loop", "bulk.calls_per_record"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        slices: dict[str, dict[int, Exchange]] = defaultdict(dict)
        for exchange in evidence.exchanges:
            if exchange.is_query and exchange.soql and exchange.page is not None:
                shape = soql.shape(exchange.soql).replace(" offset ?", "")
                slices[shape].setdefault(soql.offset_of(exchange.soql), exchange)
        by_offset = {shape: found for shape, found in slices.items() if len(found) > 1}
        found = readings(evidence.exchanges)
        jobs = job_readings(evidence)
        results: list[Result] = [*found, *jobs]
        paged = sum(len(result.pages) > 1 for result in results)
        drifts = _drifts(evidence, found, jobs)
        exposures = paged + sum(drift.changes for drift in drifts)
        entries = [exchange.number for part in by_offset.values() for exchange in part.values()]
        faults = [f"{shape[:120]} ({counted(len(found), 'slice')})" for shape, found in by_offset.items()]
        told = [f"read by OFFSET: {some(faults)}"] if faults else []
        for drift in drifts:
            fault = drift.fault()
            if fault:
                told.append(fault)
                entries += drift.entries
        if told:
            return self.violated("; ".join(told), exposures + len(by_offset), entries)
        if not exposures:
            return self.not_exercised("no result was read in several pages")
        while_changing = f", while others changed {some(str(drift) for drift in drifts)}" if drifts else ""
        return self.held(f"{counted(paged, 'result')} read by locator{while_changing}", exposures)


@dataclass(frozen=True, slots=True)
class _Drift:
    """What others changed in the records of one object that the subject was reading, and what it took in of them."""

    sobject: str
    changes: int
    missing: int
    expected: int
    twice: tuple[str, ...]
    entries: tuple[int, ...]

    def __str__(self) -> str:
        return counted(self.changes, f"{self.sobject} record")

    def fault(self) -> str:
        said = []
        if self.missing:
            said.append(f"{self.missing} of {self.expected} {self.sobject} records never taken in")
        if self.twice:
            said.append(f"{counted(len(self.twice), f'{self.sobject} record')} taken in twice: {some(self.twice)}")
        return f"{' and '.join(said)}, while others changed {self}" if said else ""


def _drifts(evidence: Evidence, found: Sequence[Reading], jobs: Sequence[JobReading]) -> list[_Drift]:
    """Return what others changed meanwhile in the objects that the subject says it took in."""
    changed: dict[str, dict[str, str]] = defaultdict(dict)
    for commit in evidence.elsewhere:
        verbs = changed[commit.sobject.lower()]
        # Of one that came and was changed later, it counts that it came.
        verbs[commit.id[:15]] = "create" if verbs.get(commit.id[:15]) == "create" else commit.verb
    if not changed:
        return []
    again = Counter(reading.first.soql for reading in found)
    begun_anew = {reading.sobject.lower() for reading in found if again[reading.first.soql] > 1}
    saying = Counter(one.said for one in jobs)
    begun_anew |= {one.sobject.lower() for one in jobs if saying[one.said] > 1 or one.troubles}
    return [
        _drift(
            evidence, [*found, *jobs], sobject, verbs, judge_twice=sobject not in begun_anew and len(evidence.legs) < 2
        )
        for sobject, verbs in changed.items()
        if evidence.effects.of(sobject)
    ]


def _drift(
    evidence: Evidence,
    found: Sequence[Result],
    sobject: str,
    verbs: Mapping[str, str],
    *,
    judge_twice: bool,
) -> _Drift:
    taken = Counter(one.identity for one in evidence.effects.of(sobject))
    before = evidence.baseline.effects.of(sobject) if evidence.baseline else ()
    # Without a baseline, the subject's own query tells how many there are.
    known = len({one.identity for one in before}) or max(
        (reading.total for reading in found if reading.sobject.lower() == sobject), default=0
    )
    lasting = sum(verbs.get(identity) != "create" for identity in taken)
    # What was deleted or changed may have left the result before the subject came to it.
    excused = sum(verb != "create" and identity not in taken for identity, verb in verbs.items())
    process = evidence.process
    ended = process.timed_out or process.error or process.signal or process.exit_code
    own = [result for result in found if result.sobject.lower() == sobject]
    # What was never asked for is missing for another reason.
    ended = ended or (bool(own) and not any(result.complete for result in own))
    return _Drift(
        evidence.effects.of(sobject)[0].sobject,
        len(verbs),
        0 if ended else max(0, known - excused - lasting),
        known,
        tuple(identity for identity, times in taken.items() if times > 1) if judge_twice else (),
        tuple(exchange.number for exchange in evidence.exchanges if "meanwhile" in exchange.struck),
    )
