"""What the owner of an org can set of its jobs."""

from __future__ import annotations

from dataclasses import dataclass

BATCH = 10_000
"""Records of a batch of Bulk API 2.0, and the most that one of 1.0 may have."""
PARALLEL = 5
"""Batches of an org's parallel jobs that run at the same time. Salesforce says no number."""


@dataclass(frozen=True, slots=True)
class BulkSettings:
    """`batch_size`: records of a batch into which Bulk API 2.0 divides a job; `parallel`: batches that run at once."""

    batch_size: int = BATCH
    parallel: int = PARALLEL
