"""What one transaction may spend, and the cost that a hook declares (Apex Developer Guide, "Execution Governors")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple


class Unit(NamedTuple):
    """A thing that transactions spend: how much of it, and what the exception says when it is gone."""

    limit: int
    text: str
    what: str


# The counters stop one past the limit, as recorded: "Too many SOQL queries: 101". The heap tells its size.
UNITS: dict[str, Unit] = {
    "soql": Unit(100, "Too many SOQL queries: 101", "SOQL queries"),
    "dml": Unit(150, "Too many DML statements: 151", "DML statements"),
    "rows": Unit(10_000, "Too many DML rows: 10001", "rows of DML statements"),
    "query_rows": Unit(50_000, "Too many query rows: 50001", "rows that queries return"),
    "cpu": Unit(10_000, "Apex CPU time limit exceeded", "milliseconds of CPU time"),
    "heap": Unit(6_000_000, "Apex heap size too large: {spent}", "bytes of heap"),
}


class LimitExceeded(BaseException):
    """System.LimitException. Code under the governor cannot catch it: it is no Exception, and comes back anyway."""


class Budget:
    """What a transaction has spent so far, by unit."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(UNITS, 0)

    def spend(self, unit: str, amount: int) -> None:
        """Raise LimitExceeded where there is not so much left. Raises KeyError for an unknown unit."""
        self.spent[unit] += amount
        if self.spent[unit] > UNITS[unit].limit:
            raise LimitExceeded(UNITS[unit].text.format(spent=self.spent[unit]))

    def free(self, heap: int) -> None:
        """Give back heap: what a trigger holds goes with it."""
        self.spent["heap"] -= heap


_SHARE = re.compile(r"\s*(\d{1,12})\s*(?:per\s+(record|chunk))?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Share:
    """An amount for each record of a chunk, or for the chunk."""

    amount: int
    per_record: bool = False

    @classmethod
    def read(cls, value: object) -> Share | None:
        """Read `3`, `1 per record` or `2 per chunk`; None for anything else."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            return None
        found = _SHARE.fullmatch(str(value))
        return None if found is None else cls(int(found[1]), (found[2] or "").lower() == "record")

    def of(self, records: int) -> int:
        return self.amount * records if self.per_record else self.amount

    def __str__(self) -> str:
        return f"{self.amount} per {'record' if self.per_record else 'chunk'}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a hook spends each time it runs, by unit."""

    shares: tuple[tuple[str, Share], ...] = ()

    def of(self, records: int) -> dict[str, int]:
        """Return the amounts for a chunk of so many records."""
        return {unit: share.of(records) for unit, share in self.shares}
