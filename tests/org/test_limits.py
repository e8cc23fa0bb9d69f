"""The governor: daily requests in a rolling window, and long-running calls."""

from __future__ import annotations

import pytest

from mock_server.org.clock import Clock
from mock_server.org.errors import ApiError
from mock_server.org.limits.governor import Governor


def spend(governor: Governor, calls: int, first: int = 0) -> None:
    for number in range(first, first + calls):
        governor.admit(number)
        governor.leave(number)


def test_the_daily_allocation_is_refused_once_spent_and_comes_back_a_day_later() -> None:
    clock = Clock("virtual", start=0.0)
    governor = Governor(clock)
    governor.set("DailyApiRequests", maximum=3)
    spend(governor, 3)
    assert governor.usage == "api-usage=3/3"
    with pytest.raises(ApiError, match="TotalRequests Limit exceeded.") as refused:
        governor.admit(9)
    assert (refused.value.code, refused.value.status) == ("REQUEST_LIMIT_EXCEEDED", 403)
    clock.advance(86_401)
    governor.admit(10)
    assert governor.usage == "api-usage=1/3"


def test_the_window_rolls() -> None:
    clock = Clock("virtual", start=0.0)
    governor = Governor(clock)
    spend(governor, 10)
    clock.advance(12 * 3600)
    spend(governor, 5)
    clock.advance(12 * 3600 + 1)
    assert governor.ledger("DailyApiRequests").used == 5


def test_only_calls_over_20_seconds_count_as_concurrent() -> None:
    clock = Clock("virtual", start=0.0)
    governor = Governor(clock, concurrent_long_calls=2)
    governor.admit(1)
    governor.admit(2)
    governor.admit(3)
    clock.advance(20)
    with pytest.raises(ApiError, match="ConcurrentRequests"):
        governor.admit(4)
    governor.leave(1)
    governor.leave(2)
    governor.admit(5)


def test_what_remains_can_be_set() -> None:
    governor = Governor(Clock())
    governor.set("DailyApiRequests", maximum=500, remaining=3)
    assert governor.body()["DailyApiRequests"] == {"Max": 500, "Remaining": 3}
    with pytest.raises(KeyError):
        governor.set("DailyApiRequest", remaining=0)


def test_the_limits_resource_lists_its_keys_in_order() -> None:
    names = list(Governor(Clock()).body())
    assert names == sorted(names)
    assert {"DailyApiRequests", "DailyBulkApiBatches", "StreamingApiConcurrentClients"} <= set(names)
