"""The Bulk API's own limits: batches and jobs of a day, and what one job can hold."""

from __future__ import annotations

from dataclasses import dataclass

from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.loads import Load
from harness.properties.property import Claim, Verdict, counted, some

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Restraint:
    """`refused`: calls that may be refused within a minute for the Bulk API's limits, after the first; `same`: how
    often the same rows may be in a job that failed as a whole, before fewer of them go together."""

    refused: int = 2
    same: int = 2


class BulkQuotaRespected(Claim):
    name = "limits.bulk_quota_respected"
    parameters = Restraint
    trigger = (
        "a job or batch was refused because the day's are used up or too many are under way, or a job failed as a "
        "whole for what passes (time, locks, size)"
    )
    rule = (
        "After a refusal no stream of further jobs follows: at most `refused` a minute. Rows of a job that failed as a "
        "whole go in smaller jobs from the third time on (`same` + 1), and not without end in the same ones."
    )
    guidance = (
        "The window of the daily batches is 24 hours: stop creating jobs, keep the rows, go on later. When a job fails "
        "for time or locks, split its rows in halves: the same job again would fail again, and each of its batches "
        "counts."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_bulkapi.htm"
    needs = frozenset({"journal", "jobs", "inputs"})
    consequences = frozenset({"retry.bounded", "limits.daily_paused", "retry.single_layer", "bulk.jobs_closed"})

    def judge(self, evidence: Evidence, parameters: Restraint) -> Verdict:
        refused = [one for one in evidence.exchanges if _is_refused(one)]
        failed = [load for load in evidence.loads if _fell_through(load)]
        exposures = len(refused) + len(failed)
        if not exposures:
            return self.not_exercised("no job was refused for a limit, and none failed as a whole for what passes")
        most, entries = _most_a_minute(refused[1:])
        if most > parameters.refused:
            reason = (
                f"{counted(most, 'job')} asked for within a minute, while they were refused ({refused[0].codes[0]})"
            )
            return self.violated(reason, exposures, [refused[0].number, *entries])
        stubborn = _stubborn(evidence, failed, parameters.same)
        if stubborn:
            named = some(
                f"{len(load.exchange.rows)} rows {times} times running, at last in {load.job.id}"
                for load, times in stubborn
            )
            reason = f"sent again in jobs as large as those that had failed as a whole: {named}"
            return self.violated(reason, exposures, [load.number for load, _ in stubborn])
        return self.held(
            f"{counted(len(refused), 'refusal')} and {counted(len(failed), 'failed job')}, taken as a hint", exposures
        )


def _is_refused(exchange: Exchange) -> bool:
    return exchange.job_role in ("create", "upload", "close") and exchange.failure == "quota" and exchange.heard


def _fell_through(load: Load) -> bool:
    return load.state == "Failed" and load.why in ("transient", "quota") and load.ended is not None


def _most_a_minute(calls: list[Exchange]) -> tuple[int, list[int]]:
    best: list[Exchange] = []
    first = 0
    for place, call in enumerate(calls):
        while call.at - calls[first].at >= MINUTE:
            first += 1
        if place - first + 1 > len(best):
            best = calls[first : place + 1]
    return len(best), [call.number for call in best]


def _stubborn(evidence: Evidence, failed: list[Load], same: int) -> list[tuple[Load, int]]:
    """Return the loads that carried rows for the third time or more in jobs as large as those that had failed."""
    loads = {load.number: load for load in failed}
    found: dict[int, tuple[Load, int]] = {}
    for chain in evidence.chains:
        times, size = 0, 0
        for attempt in chain:
            load = loads.get(attempt.number)
            if load is None or attempt.success or (attempt.codes and attempt.failure == "permanent"):
                times, size = 0, 0
                continue
            rows = len(load.exchange.rows)
            times = times + 1 if rows >= size else 1
            size = rows
            if times > same:
                found[load.number] = (load, times)
    return list(found.values())
