"""What can be set of an org's pace: its limits, how long its transactions last, how its jobs are divided and run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mock_server.documents import Problem
from mock_server.faults.reader import Path, Reader, shown
from mock_server.faults.shapes import DURATION, Shape, count, mapping
from mock_server.org.captured import MOST_CHANGES
from mock_server.org.limits.bulk import BATCH, MOST_PAGE, MOST_PARALLEL, PAGE, PARALLEL, BulkSettings
from mock_server.org.limits.catalogue import KNOWN

if TYPE_CHECKING:
    from mock_server.org.org import Org

KEYS = ("transaction_time", "dynamic_channels", "most_changes", "bulk_batch_size", "bulk_parallel", "bulk_page_size")
MOST = {
    "most_changes": MOST_CHANGES, "bulk_batch_size": BATCH, "bulk_parallel": MOST_PARALLEL, "bulk_page_size": MOST_PAGE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tuning:
    """`transaction_time`: seconds for which the row locks of a transaction outlive it. `dynamic_channels`: whether a
    streaming channel is made when somebody first subscribes to it. `most_changes`: how many changes of a transaction
    change events tell of; of the others they only tell that there were more."""

    transaction_time: float = 0.0
    bulk: BulkSettings = field(default_factory=BulkSettings)
    dynamic_channels: bool = False
    most_changes: int = MOST_CHANGES

    def apply(self, org: Org) -> None:
        org.transaction_time = self.transaction_time
        org.bulk = self.bulk
        org.dynamic_channels = self.dynamic_channels
        org.captured.most_changes = self.most_changes


def read(given: Any, path: Path, problems: list[Problem]) -> Tuning:
    """Read the `settings` of an org."""
    if given is None:
        return Tuning()
    if not isinstance(given, Mapping):
        problems.append(Problem(path, f"settings must be a mapping, not {shown(given)}"))
        return Tuning()
    reader = Reader(given, path, problems)
    reader.only(KEYS, "the settings of an org")
    changes, size, parallel, page = (reader.count(key, 1, most) for key, most in MOST.items())
    bulk = BulkSettings(size or BATCH, parallel or PARALLEL, page or PAGE)
    dynamic = _flag(reader, "dynamic_channels")
    return Tuning(reader.seconds("transaction_time") or 0.0, bulk, dynamic, changes or MOST_CHANGES)


def _flag(reader: Reader, key: str) -> bool:
    value = reader.data.get(key)
    if value is not None and not isinstance(value, bool):
        reader.refuse(key, f"{key} must be true or false, not {shown(value)}")
    return value is True


def read_limits(given: Any, path: Path, problems: list[Problem]) -> dict[str, int]:
    """Read allocations by the names of the limits."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        problems.append(Problem(path, f"limits must be a mapping, not {shown(given)}"))
        return {}
    reader = Reader(given, path, problems)
    limits: dict[str, int] = {}
    for name in given:
        if name not in KNOWN:
            reader.refuse(str(name), f"there is no limit {name}", sorted(KNOWN), name, at_key=True)
            continue
        maximum = reader.count(name, 0)
        if maximum is not None:
            limits[name] = maximum
    return limits


def shape() -> Shape:
    bulk = {key: {"type": "integer", "minimum": 1, "maximum": most} for key, most in MOST.items()}
    told = "how long transactions last, how jobs are divided"
    return mapping({"transaction_time": DURATION, "dynamic_channels": {"type": "boolean"}, **bulk}, description=told)


def limits_shape() -> Shape:
    return mapping({name: count(0) for name in sorted(KNOWN)})
