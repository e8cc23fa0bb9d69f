"""Throttling: when Salesforce says when to come back, nobody comes earlier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.retry.timing import told, tolerance, too_long
from harness.waits import Wait

_SOURCE = "https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"
_THROTTLES = frozenset({429, 503})
_LATE = 300.0
"""Seconds that a client may come later than asked, where it declares no cap."""
_EARLY = 0.02
_IN_FLIGHT = 0.1
"""Seconds in which the requests of other workers may be on their way already."""


def announced(exchange: Exchange) -> float | None:
    """Return how many seconds an answer asks its client to stay away; None where it asks nothing that can be read."""
    value = exchange.retry_after
    if value is None or exchange.status not in _THROTTLES:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() - exchange.end


def _is_date(exchange: Exchange) -> bool:
    return not (exchange.retry_after or "").strip().isdigit()


@dataclass(frozen=True, slots=True)
class Lateness:
    """`late`: seconds that a client may come later than asked; the policy's cap, else 300, when it is not given."""

    late: float | None = None


class RetryAfterHonoured(Claim):
    name = "retry.retry_after_honoured"
    parameters = Lateness
    trigger = "an answer of 429 or 503 came with a Retry-After, in seconds or as a date, and another attempt followed"
    rule = "The next attempt starts when that time is over, and not much later."
    guidance = (
        "Read Retry-After on 429 and 503 (a number of seconds, or an HTTP date) and wait at least that long; where it "
        "is missing, as with Salesforce's own quota errors, wait by your backoff."
    )
    source = _SOURCE
    needs = frozenset({"journal", "inputs", "policy"})
    consequences = frozenset({"retry.quiet_while_throttled", "retry.transient_retried", "retry.recovers_after_heal"})

    def judge(self, evidence: Evidence, parameters: Lateness) -> Verdict:
        policy = evidence.policy
        late = parameters.late
        if late is None:
            late = policy.cap if policy is not None and policy.cap is not None else _LATE
        asked: list[tuple[Wait, float]] = []
        for wait in evidence.waits:
            seconds = announced(wait.before)
            if seconds is not None and seconds > 0:
                asked.append((wait, seconds))
        if not asked:
            return self.not_exercised("nothing was tried again after an answer with Retry-After")
        early = [
            (wait, seconds)
            for wait, seconds in asked
            if wait.gap < seconds - (1.0 if _is_date(wait.before) else _early(evidence))
        ]
        limits = [max(seconds, late) + late for _, seconds in asked]
        tardy = too_long([wait for wait, _ in asked], limits, evidence.clock)
        if early:
            named = some(f"{w.after.operation} after {told(w.gap)} in place of {told(s)}" for w, s in early)
            entries = [number for wait, _ in early for number in (wait.before.number, wait.after.number)]
            return self.violated(f"{counted(len(early), 'attempt')} too early: {named}", len(asked), entries)
        if tardy:
            named = some(f"{wait.after.operation} after {told(wait.gap)}" for wait in tardy)
            entries = [number for wait in tardy for number in (wait.before.number, wait.after.number)]
            return self.violated(
                f"{counted(len(tardy), 'attempt')} much later than asked: {named}", len(asked), entries
            )
        return self.held(f"{counted(len(asked), 'Retry-After', 'times Retry-After')} honoured", len(asked))


def _early(evidence: Evidence) -> float:
    return 1e-4 if evidence.clock == "virtual" else _EARLY


class QuietWhileThrottled(Claim):
    name = "retry.quiet_while_throttled"
    trigger = "an answer of 429 or 503 came with a Retry-After while the subject had other work"
    rule = "No worker sends a request in the announced time that is refused for the same reason."
    guidance = (
        "Keep the time until which Salesforce is not to be called in one place for all threads, tasks and workers, and "
        "ask it before every request, not only in the worker that was refused."
    )
    source = _SOURCE
    needs = frozenset({"journal"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        until, since, by = float("-inf"), 0.0, 0
        grace = tolerance(0.0, evidence.clock) + (0.0 if evidence.clock == "virtual" else _IN_FLIGHT)
        windows = 0
        early: list[Exchange] = []
        entries: list[int] = []
        ended = sorted(
            (exchange for exchange in evidence.exchanges if (announced(exchange) or 0.0) > 0),
            key=lambda exchange: exchange.end,
        )
        place = 0
        for exchange in evidence.exchanges:
            # In virtual time an exchange may end when it begins: its own answer asks nothing of it.
            while place < len(ended) and ended[place].end <= exchange.at and ended[place].number < exchange.number:
                told_by = ended[place]
                place += 1
                over = told_by.end + (announced(told_by) or 0.0) - (1.0 if _is_date(told_by) else 0.0)
                if told_by.end > until:
                    windows += 1
                    since, by = told_by.end, told_by.number
                until = max(until, over)
            refused = exchange.status in _THROTTLES and exchange.failure == "transient"
            if refused and since + grace < exchange.at < until - tolerance(0.0, evidence.clock):
                early.append(exchange)
                entries.extend((by, exchange.number))
        windows += len({exchange.number for exchange in ended[place:]})
        if early:
            named = some(dict.fromkeys(exchange.operation for exchange in early))
            reason = f"{counted(len(early), 'request')} sent into a time that Salesforce had asked to be left alone: "
            return self.violated(reason + named, windows, entries)
        if not windows:
            return self.not_exercised("no answer asked to stay away for a time")
        return self.held(f"{counted(windows, 'announced time')}, none disturbed", windows)
