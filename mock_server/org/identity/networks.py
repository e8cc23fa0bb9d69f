"""Where and when users may log in: ranges of addresses, and hours of the week."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
WHOLE_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses from the first to the last, both included."""

    first: Address
    last: Address

    @classmethod
    def read(cls, text: str) -> Range:
        """Read `10.0.0.0/8`, `10.0.0.1-10.0.0.9` or one address. Raises ValueError."""
        first, dash, last = text.partition("-")
        if dash:
            return cls.between(first.strip(), last.strip())
        network = ip_network(text.strip(), strict=False)
        return cls(network[0], network[-1])

    @classmethod
    def between(cls, first: str, last: str) -> Range:
        """Return the range of two addresses. Raises ValueError for two that are of different kinds, or upside down."""
        low, high = ip_address(first), ip_address(last)
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"{first} to {last} is no range of addresses")
        return cls(low, high)

    def holds(self, address: Address) -> bool:
        return address.version == self.first.version and int(self.first) <= int(address) <= int(self.last)


def within(text: str, ranges: Iterable[Range]) -> bool:
    """Tell whether an address lies in one of some ranges; what is no address lies in none."""
    try:
        address: Address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any(one.holds(mapped or address) for one in ranges)


@dataclass(frozen=True, slots=True)
class Hours:
    """When a user may log in: minutes since midnight, from the first until before the second, by day of the week.

    A day that is not named is open.
    """

    spans: Mapping[int, tuple[int, int]]

    def open_at(self, moment: float, time_zone: str) -> bool:
        """Tell whether they are open at a moment (seconds since 1970) in a time zone."""
        from zoneinfo import ZoneInfo

        there = datetime.fromtimestamp(moment, UTC)
        # An unknown zone is read as UTC, as everywhere.
        with suppress(OSError, KeyError, ValueError):
            there = there.astimezone(ZoneInfo(time_zone))
        span = self.spans.get(there.weekday())
        return span is None or span[0] <= there.hour * 60 + there.minute < span[1]


def read_span(text: str) -> tuple[int, int]:
    """Read `08:00-17:30` as minutes; `closed` is an empty span. Raises ValueError."""
    if text.strip().lower() == "closed":
        return 0, 0
    found = _SPAN.fullmatch(text.strip())
    if found is not None:
        start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        if start <= end <= WHOLE_DAY and int(found[2]) < 60 and int(found[4]) < 60:
            return start, end
    raise ValueError(f"{text!r} is no span of hours; write 08:00-17:30, or closed")
