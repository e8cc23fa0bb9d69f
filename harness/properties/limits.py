"""Limits: the calls of an org are shared, by the day and at each moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from harness.evidence import Evidence
from harness.exchanges import UNCOUNTED, Exchange
from harness.properties.bulk_quota import BulkQuotaRespected
from harness.properties.flight import busiest, most_at_once, reaction
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_LIMITS = "https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm"
_CODE = "REQUEST_LIMIT_EXCEEDED"
MINUTE = 60.0


def _calls(evidence: Evidence) -> list[Exchange]:
    """Return the calls that are charged."""
    return [one for one in evidence.exchanges if not one.operation.startswith(UNCOUNTED)]


def _is_concurrent(exchange: Exchange) -> bool:
    return exchange.heard and _CODE in exchange.codes and (exchange.message or "").startswith("ConcurrentRequests")


def _is_daily(exchange: Exchange) -> bool:
    return exchange.heard and _CODE in exchange.codes and (exchange.message or "").startswith("TotalRequests")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """`share`: of the daily calls, from where on a subject must hold back; `grace`: calls it may still make then."""

    share: float = 0.95
    grace: int = 10


class QuotaWatched(Claim):
    name = "limits.quota_watched"
    parameters = Ceiling
    trigger = "an answer told that `share` of the org's daily calls were used (Sforce-Limit-Info)"
    rule = "At most `grace` calls follow closer than half a minute to the one before."
    guidance = (
        "Read `Sforce-Limit-Info: api-usage=used/allowed` from every answer, or `limits` now and then, and stop or "
        "slow down at a ceiling of your own: the last calls of the day belong to everybody, people included."
    )
    source = _LIMITS
    needs = frozenset({"journal"})
    consequences = frozenset({"limits.daily_paused"})

    def judge(self, evidence: Evidence, parameters: Ceiling) -> Verdict:
        calls = _calls(evidence)
        told = next(
            (one for one in calls if one.heard and one.usage and one.usage[0] >= parameters.share * one.usage[1]), None
        )
        if told is None or told.usage is None:
            return self.not_exercised(f"never {parameters.share:.0%} of the daily calls were used")
        later = [one for one in calls if one.number > told.number and one.at >= told.end]
        tight = _closer_than(later, told, MINUTE / 2)
        used = f"{told.usage[0]} of {told.usage[1]} calls used"
        if len(tight) > parameters.grace:
            reason = f"{counted(len(tight), 'call')} in haste after being told of {used}, {parameters.grace} allowed"
            return self.violated(reason, len(later) + 1, [told.number, *(one.number for one in tight)])
        return self.held(f"{counted(len(tight), 'call')} in haste after being told of {used}", len(later) + 1)


def _closer_than(calls: Iterable[Exchange], before: Exchange, seconds: float) -> list[Exchange]:
    """Return the calls that began sooner after the one before them."""
    found, last = [], before.end
    for call in calls:
        if call.at - last < seconds:
            found.append(call)
        last = call.at
    return found


@dataclass(frozen=True, slots=True)
class Pause:
    """`max`: refused calls sent again a minute; `workers`: calls that may still go out before everybody knows."""

    max: float = 2.0
    workers: int = 25


class DailyPaused(Claim):
    name = "limits.daily_paused"
    parameters = Pause
    trigger = "a call was refused because the org's daily calls were spent (REQUEST_LIMIT_EXCEEDED, TotalRequests)"
    rule = (
        "While calls go on being refused, what was refused is sent again at most `max` times a minute, and nothing new "
        "is begun but by workers (`workers` at most) who have not heard of it yet."
    )
    guidance = (
        "The window of the daily limit is 24 hours: retrying within seconds is of no use, and refused calls help "
        "nobody. Stop calling, keep what is pending, and look again once in a while, or at the next run."
    )
    source = _LIMITS
    needs = frozenset({"journal", "inputs"})
    consequences = frozenset({"limits.quota_watched", "retry.bounded"})

    def judge(self, evidence: Evidence, parameters: Pause) -> Verdict:
        refused = [one for one in _calls(evidence) if _is_daily(one)]
        if not refused:
            return self.not_exercised("the daily calls were never spent")
        again = _sent_again(evidence, refused)
        known = {one.number for one in again}
        fresh = [one for one in refused[1:] if one.number not in known]
        for calls, allowed, what in ((again, parameters.max, "sent again"), (fresh, parameters.workers, "begun anew")):
            most, entries = _most_a_minute(calls)
            if most > allowed:
                reason = f"{counted(most, 'call')} {what} within a minute of the first refusal ({allowed:g} allowed)"
                if calls[0].at - refused[0].at >= MINUTE:
                    reason = f"{counted(most, 'call')} {what} within a minute, while calls were refused"
                return self.violated(reason, len(refused), [refused[0].number, *entries])
        return self.held(
            f"{counted(len(refused) - 1, 'call')} more while the calls of the day were spent", len(refused)
        )


def _sent_again(evidence: Evidence, refused: Sequence[Exchange]) -> list[Exchange]:
    """Return the refused calls that say what had been refused before, or carry a row that had been."""
    rows: dict[int, set[int]] = {one.number: set() for one in refused}
    for place, chain in enumerate(evidence.chains):
        for attempt in chain:
            if attempt.number in rows:
                rows[attempt.number].add(place)
    said: set[tuple[str, ...]] = set()
    carried: set[int] = set()
    found = []
    for one in refused:
        if one.repeat in said or carried & rows[one.number]:
            found.append(one)
        said.add(one.repeat)
        carried |= rows[one.number]
    return found


def _most_a_minute(calls: Sequence[Exchange]) -> tuple[int, list[int]]:
    """Return the most calls that began within one minute, and their numbers."""
    best: Sequence[Exchange] = ()
    first = 0
    for place, call in enumerate(calls):
        while call.at - calls[first].at >= MINUTE:
            first += 1
        if place - first + 1 > len(best):
            best = calls[first : place + 1]
    return len(best), [call.number for call in best]


class ConcurrentEased(Claim):
    name = "limits.concurrent_eased"
    trigger = "a call was refused because too many were running (REQUEST_LIMIT_EXCEEDED, ConcurrentRequests)"
    rule = (
        "The next calls run with fewer side by side than before, and what was refused is tried again: unlike the daily "
        "limit, this one lets go as soon as a call ends."
    )
    guidance = (
        "Tell the two apart by the message. On ConcurrentRequests lower the number of calls under way, wait a moment "
        "and go on; let the number grow again slowly. Stopping for the day, or keeping on as before, are both wrong."
    )
    source = _LIMITS
    needs = frozenset({"journal", "inputs", "process"})
    consequences = frozenset({"delivery.nothing_lost", "dead_letter.complete", "retry.bounded"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        calls = _calls(evidence)
        refused = [one for one in calls if _is_concurrent(one)]
        if not refused:
            return self.not_exercised("never too many calls were running")
        told = refused[0].end
        before = most_at_once(_as_wanted(one for one in calls if one.at < told))
        if not any(one.at >= told for one in calls):
            if evidence.process.timed_out:
                return self.not_exercised("the subject was stopped before it could go on")
            reason = f"no call followed the refusal of {refused[0].operation}, which would have passed in a moment"
            return self.violated(reason, len(refused), [refused[0].number])
        after = reaction(calls, told, before)
        now = most_at_once(_as_wanted(after))
        if before > 1 and now >= before:
            reason = f"{before} calls under way at once before the refusal, {now} after it"
            return self.violated(reason, len(refused), [refused[0].number, *(one.number for one in after)])
        given_up = self._given_up(evidence)
        if given_up:
            reason = f"given up at the first refusal: {some(map(evidence.name, given_up))}"
            return self.violated(reason, len(refused), evidence.last_entries(given_up))
        return self.held(f"{counted(len(refused), 'refusal')}: from {before} calls at once to {now}", len(refused))

    def _given_up(self, evidence: Evidence) -> list[int]:
        if evidence.process.timed_out:
            return []
        return [
            place
            for place, chain in enumerate(evidence.chains)
            if len(chain) == 1 and _is_concurrent(chain[0].exchange) and not evidence.landed(place)
        ]


def _as_wanted(calls: Iterable[Exchange]) -> list[Exchange]:
    """Let refused calls last as long as the others: how many a subject wants to run shows in those that it may not."""
    listed = list(calls)
    usual = median([one.end - one.at for one in listed if not _is_concurrent(one)] or [0.0])
    return [replace(one, end=max(one.end, one.at + usual)) if _is_concurrent(one) else one for one in listed]


@dataclass(frozen=True, slots=True)
class AtOnce:
    """`max`: calls under way at one moment. Give the subject's own number."""

    max: int = 100


class OwnCeiling(Claim):
    name = "limits.own_ceiling"
    parameters = AtOnce
    trigger = "the subject had two or more calls under way at once"
    rule = "There are never more than `max` at once: give the number that the subject is configured with."
    guidance = (
        "Put a bound on what runs side by side (a semaphore, a pool of workers), whatever the number of records: an "
        "unbounded gather works with 20 and starves the org with 2,000. Production orgs allow 25 long calls at once."
    )
    source = _LIMITS
    needs = frozenset({"journal"})
    consequences = frozenset({"limits.concurrent_eased", "bulk.eases_off_on_locks"})

    def judge(self, evidence: Evidence, parameters: AtOnce) -> Verdict:
        most, numbers = busiest(_calls(evidence))
        if most < 2:
            return self.not_exercised("no two calls were under way at once")
        found = f"{most} calls under way at once, at most {parameters.max} allowed"
        if most > parameters.max:
            return self.violated(found, most, numbers)
        return self.held(found, most)


PROPERTIES = (QuotaWatched(), DailyPaused(), ConcurrentEased(), OwnCeiling(), BulkQuotaRespected())
