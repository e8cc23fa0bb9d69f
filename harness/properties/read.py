"""Reading: every page, once, whatever happens between two of them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness import soql
from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_QUERY = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_query.htm"
_GONE = "INVALID_QUERY_LOCATOR"
_PASSING = ("transient", "ambiguous", "session", "quota")


@dataclass(slots=True)
class Reading:
    """One query whose answer had further pages. `asked` are the requests for them, `pages` all that arrived."""

    first: Exchange
    sobject: str
    total: int
    following: str | None
    pages: list[Exchange] = field(default_factory=list)
    asked: list[Exchange] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.following is None

    @property
    def rows(self) -> int:
        """The rows that arrived, those of a page that came twice once."""
        return sum(_starts(self.pages).values())

    @property
    def page_size(self) -> int:
        return max(_rows_in(page) for page in self.pages)


def _rows_in(exchange: Exchange) -> int:
    return exchange.page.rows if exchange.page else 0


def _starts(pages: Iterable[Exchange]) -> dict[int, int]:
    """Return the rows of each page by the place of its first one."""
    return {0 if page.is_query else soql.locator_of(page.path)[1]: _rows_in(page) for page in pages}


def readings(exchanges: Sequence[Exchange]) -> list[Reading]:
    """Return the queries whose answers had further pages, in their order."""
    found: list[Reading] = []
    by_locator: dict[str, Reading] = {}
    for exchange in exchanges:
        page = exchange.page if exchange.heard and exchange.failure is None else None
        if exchange.is_query and page is not None and page.following is not None:
            reading = Reading(exchange, soql.object_of(exchange.soql), page.total, page.following, [exchange])
            by_locator[page.following.partition("-")[0]] = reading
            found.append(reading)
        elif exchange.operation == "rest.query.more":
            reading_of = by_locator.get(soql.locator_of(exchange.path)[0])
            if reading_of is None:
                continue
            reading_of.asked.append(exchange)
            if page is not None:
                reading_of.pages.append(exchange)
                if reading_of.following is not None and soql.locator_of(reading_of.following)[1] <= _start(exchange):
                    reading_of.following = page.following
    return found


def _start(exchange: Exchange) -> int:
    return soql.locator_of(exchange.path)[1]


def _by_object(found: Iterable[Reading]) -> dict[str, list[Reading]]:
    groups: dict[str, list[Reading]] = defaultdict(list)
    for reading in found:
        groups[reading.sobject.lower()].append(reading)
    return groups


def _missing(evidence: Evidence, of_object: Sequence[Reading]) -> int | None:
    """Return how many records of an object were announced and never taken in; None where the subject says nothing."""
    taken = {one.identity for one in evidence.effects.of(of_object[0].sobject)}
    return max(0, max(reading.total for reading in of_object) - len(taken)) if taken else None


class AllPages(Claim):
    name = "read.all_pages"
    trigger = "a query had more rows than one answer holds"
    rule = (
        "All pages are asked for, and as many different records are taken in (SFMOCK_EFFECTS) as the first answer's "
        "totalSize announced. Of a subject that records none the pages alone are judged."
    )
    guidance = (
        "While an answer says `done: false`, get its `nextRecordsUrl`, whatever the number of records: pages end at "
        "2,000 rows, or earlier for wide rows. In simple-salesforce use query_all or query_all_iter."
    )
    source = _QUERY
    needs = frozenset({"journal", "effects", "process"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        found = readings(evidence.exchanges)
        if not found:
            return self.not_exercised("no query had more than one page")
        short: list[str] = []
        entries: list[int] = []
        broken_off = 0
        for of_object in _by_object(found).values():
            fault = self._fault(evidence, of_object)
            if fault is None:
                continue
            if _given_up_aloud(evidence, of_object[-1]) or evidence.process.timed_out:
                broken_off += 1
                continue
            short.append(fault)
            entries += [one.number for reading in of_object for one in (reading.first, *reading.asked[-1:])]
        if short:
            return self.violated(some(short), len(found), entries)
        if broken_off:
            return self.not_exercised("reading was broken off, and the subject did not say otherwise")
        return self.held(f"{counted(len(found), 'result')} of several pages, read to the end", len(found))

    def _fault(self, evidence: Evidence, of_object: Sequence[Reading]) -> str | None:
        last = of_object[-1]
        missing = _missing(evidence, of_object)
        total = max(reading.total for reading in of_object)
        unread = "" if last.complete else f"; {last.following} was not read"
        if missing:
            return f"{total - missing} of {total} {last.sobject} records taken in{unread}"
        followed = any(reading.complete for reading in of_object) or _asked_otherwise(evidence, last)
        if missing is None and not followed:
            return f"{last.rows} of {last.total} {last.sobject} records read{unread}"
        return None


def _given_up_aloud(evidence: Evidence, last: Reading) -> bool:
    """Tell whether the last page that was asked for failed, and the subject said that it had not come to its end."""
    process = evidence.process
    failed = bool(last.asked) and last.asked[-1].failure is not None
    return failed and bool(process.error or process.signal or process.exit_code)


def _asked_otherwise(evidence: Evidence, last: Reading) -> bool:
    """Tell whether a later query asked for more of the object, by a key of its own in place of the locator."""
    return any(
        exchange.is_query
        and exchange.number > last.first.number
        and soql.object_of(exchange.soql).lower() == last.sobject.lower()
        for exchange in evidence.exchanges
    )


class ResumedNotRestarted(Claim):
    name = "read.resumed_not_restarted"
    trigger = "a request for a further page failed in passing, and the subject went on"
    rule = "Reading goes on from that page: no more than one page of rows is read again."
    guidance = (
        "Put the retry around the request for one page, not around the whole query: `nextRecordsUrl` stays good for "
        "two days. Where it does not, go on after the last key that was handled (`WHERE Id > ... ORDER BY Id`)."
    )
    source = _QUERY
    needs = frozenset({"journal", "legs"})
    consequences = frozenset({"retry.transient_retried", "bulk.no_query_in_loop"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        found = readings(evidence.exchanges)
        exposures = 0
        again: list[str] = []
        entries: list[int] = []
        alike: dict[str, list[Reading]] = defaultdict(list)
        for reading in found:
            alike[reading.first.soql].append(reading)
        for reading in found:
            for failed in reading.asked:
                if failed.failure not in _PASSING or _GONE in failed.codes:
                    continue
                restart = None if reading.complete else _restart(evidence, alike[reading.first.soql], failed)
                exposures += restart is not None or reading.asked[-1].number > failed.number
                rows = 0 if restart is None else min(reading.rows, restart.rows)
                if restart is not None and rows > reading.page_size:
                    again.append(f"{rows} {reading.sobject} records read again after {failed.operation} failed")
                    entries += [failed.number, restart.first.number]
                    break
        if again:
            return self.violated(some(again), exposures, entries)
        if not exposures:
            return self.not_exercised("no request for a further page failed in passing")
        return self.held(f"{counted(exposures, 'failed page')}, each asked for again", exposures)


def _restart(evidence: Evidence, alike: Sequence[Reading], failed: Exchange) -> Reading | None:
    """Return the first reading of the same query that the same run began after a failed page."""
    place = bisect_right(alike, failed.number, key=lambda reading: reading.first.number)
    later = alike[place] if place < len(alike) else None
    if later is None or evidence.leg_of(failed.number) != evidence.leg_of(later.first.number):
        return None
    return later


class CursorExpirySurvived(Claim):
    name = "read.cursor_expiry_survived"
    trigger = "a page was refused because its query locator is gone (INVALID_QUERY_LOCATOR)"
    rule = "A new query takes over and is read to its end: nothing is left out, and nothing taken in twice."
    guidance = (
        "A locator lives two days, and the eleventh open one of a user ends the first. Remember the last key that was "
        "handled; on INVALID_QUERY_LOCATOR query again from there, and never ask for the old locator again."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm"
    needs = frozenset({"journal", "effects", "process", "legs"})
    consequences = frozenset({"read.all_pages", "retry.permanent_not_retried", "delivery.nothing_lost"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        found = readings(evidence.exchanges)
        gone = [
            (reading, refused)
            for reading in found
            for refused in reading.asked
            if _GONE in refused.codes and refused.heard
        ]
        if not gone:
            return self.not_exercised("no query locator was gone")
        if evidence.process.timed_out:
            return self.not_exercised("the subject was stopped before it could go on")
        faults: list[str] = []
        entries: list[int] = []
        successors = _Successors(evidence, found)
        for reading, refused in gone:
            fault = successors.fault(reading, refused)
            if fault:
                faults.append(fault)
                entries += [reading.first.number, refused.number]
        if faults:
            return self.violated(some(list(dict.fromkeys(faults))), len(gone), entries)
        return self.held(f"{counted(len(gone), 'lost locator')}, read on with a new query", len(gone))


class _Successors:
    """What a subject did after a locator was gone, by object: its last answered query, and what it took in."""

    def __init__(self, evidence: Evidence, found: Sequence[Reading]) -> None:
        self._evidence = evidence
        self._readings = {reading.first.number: reading for reading in found}
        self._last = {
            soql.object_of(exchange.soql).lower(): exchange
            for exchange in evidence.exchanges
            if exchange.is_query and exchange.heard and exchange.page is not None
        }
        self._taken: dict[str, Counter[str]] = defaultdict(Counter)
        for one in evidence.effects.taken:
            self._taken[one.sobject.lower()][one.identity] += 1
        self._twice = {
            sobject: [identity for identity, count in times.items() if count > 1]
            for sobject, times in self._taken.items()
        }

    def fault(self, reading: Reading, refused: Exchange) -> str | None:
        """Return what is wrong with how the subject went on after a page was refused."""
        sobject = reading.sobject.lower()
        anew = self._last.get(sobject)
        if anew is None or anew.number <= refused.number:
            return f"no other query of {reading.sobject} followed"
        begun = self._readings.get(anew.number)
        if begun is not None and not begun.complete:
            return f"the new query of {reading.sobject} was not read to its end"
        taken = len(self._taken[sobject])
        if taken and reading.total > taken:
            return f"{reading.total - taken} of {reading.total} {reading.sobject} records never taken in"
        twice = self._twice.get(sobject)
        if twice and len(self._evidence.legs) < 2:
            return f"{counted(len(twice), 'record')} of {reading.sobject} taken in twice: {some(twice)}"
        return None


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
        paged = sum(len(reading.pages) > 1 for reading in found)
        drifts = _drifts(evidence, found)
        exposures = paged + sum(drift.changes for drift in drifts)
        entries = [exchange.number for slice in by_offset.values() for exchange in slice.values()]
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


def _drifts(evidence: Evidence, found: Sequence[Reading]) -> list[_Drift]:
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
    return [
        _drift(evidence, found, sobject, verbs, judge_twice=sobject not in begun_anew and len(evidence.legs) < 2)
        for sobject, verbs in changed.items()
        if evidence.effects.of(sobject)
    ]


def _drift(
    evidence: Evidence, found: Sequence[Reading], sobject: str, verbs: Mapping[str, str], *, judge_twice: bool
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
    return _Drift(
        evidence.effects.of(sobject)[0].sobject,
        len(verbs),
        0 if ended else max(0, known - excused - lasting),
        known,
        tuple(identity for identity, times in taken.items() if times > 1) if judge_twice else (),
        tuple(exchange.number for exchange in evidence.exchanges if "meanwhile" in exchange.struck),
    )


PROPERTIES = (AllPages(), ResumedNotRestarted(), CursorExpirySurvived(), StableUnderDrift())
