"""Partial success and bulk safety."""

from __future__ import annotations

from harness.properties.bulk.calls import BatchesFilled, CallsPerRecord, WithinSizeLimits
from harness.properties.bulk.locks import EasesOffOnLocks
from harness.properties.bulk.memory import MemoryBounded
from harness.properties.bulk.queries import NoQueryInLoop
from harness.properties.bulk.rows import (
    AllOrNoneUnderstood,
    ErrorsMatchedToRows,
    OnlyFailedRowsRetried,
    PoisonRowIsolated,
    RowResultsRead,
)

PROPERTIES = (
    RowResultsRead(),
    OnlyFailedRowsRetried(),
    ErrorsMatchedToRows(),
    AllOrNoneUnderstood(),
    PoisonRowIsolated(),
    WithinSizeLimits(),
    BatchesFilled(),
    CallsPerRecord(),
    NoQueryInLoop(),
    EasesOffOnLocks(),
    MemoryBounded(),
)
