"""How much the Bulk APIs of an org do at a time."""

from __future__ import annotations

from dataclasses import dataclass

BATCH = 10_000
"""Records of a batch of Bulk API 2.0, and the most that one of 1.0 may have."""
PARALLEL = 5
"""Batches of an org's parallel jobs that run at the same time. Salesforce says no number."""
MOST_PARALLEL = 100
PAGE = 50_000
"""Rows of a page of a query job's result: the documentation leaves them to the service; its examples have so many."""
MOST_PAGE = 1_000_000


@dataclass(frozen=True, slots=True)
class BulkSettings:
    """`batch_size`: records of a batch into which Bulk API 2.0 divides a job; `parallel`: batches that run at once;
    `page_size`: rows of a page of a query job's result, where a client asks for no fewer."""

    batch_size: int = BATCH
    parallel: int = PARALLEL
    page_size: int = PAGE
