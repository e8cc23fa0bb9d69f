"""Reporting: what happened can be found out, and what is claimed is so."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from harness.effects import Report
from harness.evidence import Evidence, Outcome
from harness.exchanges import UNCOUNTED, Exchange
from harness.output import TAIL
from harness.properties.graceful import GracefulStop
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_NEAR = 3
"""Lines before and after one in which a log record may name the record it is about."""


class FailuresTraceable(Claim):
    name = "report.failures_traceable"
    trigger = "two or more inputs failed for good with a code of Salesforce's, and the output tells of each"
    rule = "The lines that tell of a failure (its error code) name the record: its key or id, within three lines."
    guidance = (
        "Log each failure in one line with the operation, the errorCode, the record's key and the attempt: a code "
        "without a key cannot be followed up, and a key without a code cannot be understood."
    )
    source = "https://cheatsheetseries.owasp.org/cheatsheets/Logging_Cheat_Sheet.html"
    needs = frozenset({"journal", "inputs", "process"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        outputs = [process.output for process in evidence.deliveries]
        output = "\n".join(outputs)
        if not output.strip():
            return self.not_applicable("the subject printed nothing; where it logs to is not known")
        if any(len(one.encode()) >= TAIL for one in outputs):
            return self.not_applicable("the output is long, and kept in part only")
        failed = _failed_by_row(evidence)
        lines = output.splitlines()
        judged = 0
        blind: list[int] = []
        for code, places in failed.items():
            telling = [number for number, line in enumerate(lines) if re.search(rf"\b{re.escape(code)}\b", line)]
            if len(places) < 2 or len(telling) < len(places):
                continue  # a summary, or a log kept elsewhere
            judged += len(places)
            around = "\n".join("\n".join(lines[max(0, number - _NEAR) : number + _NEAR + 1]) for number in telling)
            blind += [place for place in places if not _named(evidence, place, around)]
        if blind:
            named = some(map(evidence.name, blind))
            reason = f"{counted(len(blind), 'failure')} logged without the record it befell: {named}"
            return self.violated(reason, judged, evidence.last_entries(blind))
        if not judged:
            return self.not_exercised("the output does not tell of single failures")
        return self.held(f"{counted(judged, 'failure')}, each logged with its record", judged)


def _failed_by_row(evidence: Evidence) -> dict[str, list[int]]:
    """Return the inputs that did not land, by the code of the last row error that the subject was told."""
    found: dict[str, list[int]] = {}
    for place, chain in enumerate(evidence.chains):
        last = chain[-1] if chain else None
        if last and not evidence.landed(place) and last.heard and last.sure and last.codes and not last.exchange.codes:
            found.setdefault(last.codes[0], []).append(place)
    return found


def _named(evidence: Evidence, place: int, text: str) -> bool:
    ids = [row.id for attempt in evidence.chains[place] for row in attempt.exchange.rows if row.id]
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in (evidence.inputs[place].key, *ids))


class Truthful(Claim):
    name = "report.truthful"
    trigger = "inputs were delivered, and the subject ended by itself or reported its counts"
    rule = (
        "The last report line in SFMOCK_EFFECTS says how many inputs landed, and how many did not; no exit status of 0 "
        "hides that inputs are neither in the org nor in the dead letters."
    )
    guidance = (
        "Count where the result of each record is decided, not where it is sent, and end with another status than 0 "
        "when records are missing: a green run that lost rows is found out weeks later."
    )
    source = "https://sre.google/workbook/data-processing/"
    needs = frozenset({"inputs", "commits", "letters", "effects", "process", "legs"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if not evidence.inputs:
            return self.not_exercised("there were no inputs")
        reports = evidence.effects.reports
        quiet = evidence.process.exit_code == 0 and not evidence.process.timed_out
        if not reports and not quiet:
            return self.not_exercised("the subject said nothing about how it ended")
        truth = Counter(evidence.outcomes)
        lost = truth[Outcome.LOST]
        unknowable = sum(evidence.unknowable(place) for place in range(len(evidence.inputs)))
        partial = len(evidence.legs) > 1 or evidence.process.timed_out
        fault = _false(reports[-1], truth, unknowable, partial=partial) if reports else None
        if fault is None and quiet and lost and not any(report.failed for report in reports):
            fault = f"exit status 0, although {counted(lost, 'input')} of {len(evidence.inputs)} ended nowhere"
        exposures = len(evidence.inputs)
        if fault:
            wrong = [place for place, ended in enumerate(evidence.outcomes) if ended is not Outcome.LANDED]
            return self.violated(fault, exposures, evidence.last_entries(wrong))
        said = "the report says what happened" if reports else "the exit status hides nothing"
        return self.held(said, exposures)


def _false(last: Report, truth: Counter[Outcome], unknowable: int, *, partial: bool) -> str | None:
    """Return what a report claims that is not so.

    `partial`: it may tell of a part only. A subject that ran more than once may count each run by itself, and one that
    was stopped by the time limit has reported what was done until then.
    `unknowable` inputs are in the org, and may be counted as failed by a client that was never told.
    """
    landed = truth[Outcome.LANDED] + truth[Outcome.DUPLICATED]
    failed = truth[Outcome.DEAD_LETTERED] + truth[Outcome.LOST]
    skipped = truth[Outcome.SKIPPED]
    if partial:
        # A run that was killed reports nothing, and one that goes on need not repeat what was done before it.
        if last.landed is not None and last.landed > landed:
            return f"{last.landed} reported as landed, {landed} are in the org"
        return None
    if last.landed is not None and not landed - unknowable <= last.landed <= landed:
        return f"{last.landed} reported as landed, {landed} are in the org"
    if last.failed is not None and not any(
        0 <= last.failed - most <= unknowable for most in (failed, failed + skipped)
    ):
        return f"{last.failed} reported as failed, {failed} did not land"
    return None


@dataclass(frozen=True, slots=True)
class Names:
    """`library`: 1 lets the User-Agent of an HTTP library count as a name, 0 demands one of the subject's own."""

    library: int = 1


_LIBRARY = re.compile(
    r"^(python-requests|python-httpx|python-urllib3?|aiohttp|axios|node|node-fetch|undici|got|curl|wget|go-http-client"
    r"|okhttp|java(-http-client)?|apache-httpclient|jersey|ruby|faraday|guzzlehttp|php|perl|libwww-perl|dart|rust"
    r"|reqwest)(?=[/ (]|$)|^Python/\d",
    re.IGNORECASE,
)


class ClientIdentified(Claim):
    name = "report.client_identified"
    parameters = Names
    trigger = "calls were made"
    rule = "Each says who makes it, in Sforce-Call-Options (`client=...`) or User-Agent."
    guidance = (
        "Set `Sforce-Call-Options: client=name-of-the-integration`, or a User-Agent of your own: when calls run out, "
        "an administrator must be able to see whose they are. With `library: 0` a library's default is no name."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_calloptions.htm"
    needs = frozenset({"journal"})

    def judge(self, evidence: Evidence, parameters: Names) -> Verdict:
        calls = [one for one in evidence.exchanges if not one.operation.startswith(UNCOUNTED)]
        if not calls:
            return self.not_exercised("no call was made")
        nameless = [one for one in calls if not _name(one, library=bool(parameters.library))]
        if nameless:
            reason = (
                f"{len(nameless)} of {counted(len(calls), 'call')} without a name, {nameless[0].operation} the first"
            )
            return self.violated(reason, len(calls), [one.number for one in nameless])
        names = dict.fromkeys(_name(one, library=True) for one in calls)
        return self.held(f"{counted(len(calls), 'call')} by {some(names)}", len(calls))


def _name(exchange: Exchange, *, library: bool) -> str:
    agent = exchange.client.strip()
    return exchange.caller or ("" if not library and _LIBRARY.search(agent) else agent)


PROPERTIES = (FailuresTraceable(), Truthful(), GracefulStop(), ClientIdentified())
