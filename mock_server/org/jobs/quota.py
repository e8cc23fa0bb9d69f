"""What the day still allows of jobs, batches and their records.

Batches: 15,000 in 24 hours, of both Bulk APIs; those that Bulk 2.0 makes count, its queries make none (App Limits cheat
sheet). Records: 150,000,000; a 2.0 job that meets either limit on its way fails, and the rest is not processed
("Understanding Bulk API 2.0 Ingest"). Codes are documented, `ApiBatchItems Limit exceeded.` is recorded; the other
texts, and that a 2.0 job is refused as soon as no batch is left, are recall.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from mock_server.org import errors

if TYPE_CHECKING:
    from mock_server.org.jobs.model import Api, Job
    from mock_server.org.limits.governor import Governor

BATCHES = "DailyBulkApiBatches"
RECORDS = "DailyBulkApiRecords"
OPEN = "OpenBulkApiJobs"


class Quota:
    """Charges the Bulk APIs' limits of one org."""

    def __init__(self, limits: Governor) -> None:
        self._limits = limits

    def job(self, api: Api, others: Collection[Job]) -> None:
        """Let a job be made beside the others that there are. Raises ExceededQuota, in the API's own spelling."""
        refusal = errors.EXCEEDED_QUOTA if api == "classic" else errors.EXCEEDED_BULK_QUOTA
        open_jobs = self._limits.ledger(OPEN)
        if len(others) >= open_jobs.remaining <= sum(one.ended is None for one in others):
            raise refusal(name="AsyncApiJobs")
        if api == "ingest" and self._limits.ledger(BATCHES).remaining <= 0:
            raise refusal(name="ApiBatchItems")

    def batch(self) -> None:
        """Charge a batch. Raises ExceededQuota."""
        batches = self._limits.ledger(BATCHES)
        if batches.remaining <= 0:
            raise errors.EXCEEDED_QUOTA(name="ApiBatchItems")
        batches.charge()

    def records(self, count: int) -> None:
        """Charge the records of a batch, all or none. Raises ExceededQuota."""
        records = self._limits.ledger(RECORDS)
        if records.remaining < count:
            raise errors.EXCEEDED_QUOTA(name="ApiBatchRecords")
        records.charge(count)
