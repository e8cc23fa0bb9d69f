"""How many calls were under way at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.exchanges import Exchange

_NEWS = 0.05
"""Seconds in which news travel from one worker to the others."""


def most_at_once(exchanges: Iterable[Exchange]) -> int:
    """Return the greatest number of the exchanges that were under way at one moment.

    One that begins in the moment in which another ends is not beside it.
    """
    moments: list[tuple[float, int]] = []
    for exchange in exchanges:
        if exchange.end > exchange.at:
            moments += [(exchange.at, 1), (exchange.end, -1)]
    running = most = 0
    for _, step in sorted(moments):
        running += step
        most = max(most, running)
    return max(most, 1)


def busiest(exchanges: Sequence[Exchange]) -> tuple[int, list[int]]:
    """Return the greatest number at one moment, and the numbers of the exchanges under way then."""
    most = most_at_once(exchanges)
    lasting = [one for one in exchanges if one.end > one.at]
    if not lasting:
        return most, [one.number for one in exchanges[:1]]
    moments = sorted(step for one in lasting for step in ((one.at, 1, one.number), (one.end, 0, one.number)))
    running: dict[int, None] = {}
    for _, begins, number in moments:
        if not begins:
            running.pop(number, None)
            continue
        running[number] = None
        if len(running) >= most:
            break
    return most, list(running)


def reaction(exchanges: Sequence[Exchange], told: float, most: int) -> list[Exchange]:
    """Return the calls that show how a subject reacts to what it was told at a moment: the next ones it begins.

    As many as had been under way at once: were nothing changed, they would be under way together again.
    """
    return [exchange for exchange in exchanges if exchange.at >= told + _NEWS][:most]
