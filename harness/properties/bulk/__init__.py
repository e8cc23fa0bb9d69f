"""Partial success and bulk safety."""

from __future__ import annotations

from harness.properties.bulk.calls import BatchesFilled, CallsPerRecord, WithinSizeLimits
from harness.properties.bulk.csv import CsvFaithful
from harness.properties.bulk.jobs import FailedAndUnprocessedRead, JobsClosed, PartialIsNotSuccess, PollingBacksOff
from harness.properties.bulk.locks import EasesOffOnLocks
from harness.properties.bulk.memory import MemoryBounded
from harness.properties.bulk.parents import GroupedByParent
from harness.properties.bulk.queries import NoQueryInLoop
from harness.properties.bulk.rows import (
    AllOrNoneUnderstood,
    ErrorsMatchedToRows,
    OnlyFailedRowsRetried,
    PoisonRowIsolated,
    RowResultsRead,
)
from harness.properties.bulk.volume import BulkApiWhenLarge

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
    BulkApiWhenLarge(),
    FailedAndUnprocessedRead(),
    PartialIsNotSuccess(),
    JobsClosed(),
    PollingBacksOff(),
    GroupedByParent(),
    CsvFaithful(),
    MemoryBounded(),
)
