"""Statistics of waits where no policy is declared: what can be said about them without ever blaming a correct client.

Each rule was tried on 20,000 simulated trials of every common policy (full jitter, equal jitter, +-10 %, added jitter,
none): growth was never denied, and jitter in fewer than one trial of 10,000;
`tests/harness/properties/test_statistics.py` does it
again. Rules that look simpler (medians of ratios, histograms) blame correct clients in one trial of six and are not
used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

Shape = Literal["immediate", "constant", "linear", "exponential"]

CHAINS = 20
"""Chains of at least `DEPTH` waits that are needed to judge growth."""
DEPTH = 4
FIRST_WAITS = 30
"""First waits that are needed to judge jitter."""
MIN_FACTOR = 1.3
MIN_VARIATION = 0.03
AT_ONCE = 0.05
"""Seconds: the longest of many waits is at least this, or they are none."""
IMMEDIATE_WAITS = 12
"""Waits that are needed to call them none; full jitter makes a short one now and then, but not twelve in a row."""

JITTER_SHARE = 6
"""Evenly spread jitter varies by its share over the root of three, a bell-shaped one by a third of it."""
LAYERED_CHAINS = 10
"""Chains that are needed to see layers: the longest wait of ten hides what jitter does to one."""
RESET, CLEAR_RESET = 1.8, 3.0
"""How much shorter a wait must be than the one before it, to be the first of another round: twice or more, and once."""

Gaps = Sequence[Sequence[float]]
"""The waits of each chain in their order, in seconds."""


def envelope(chains: Gaps) -> list[float]:
    """Return the longest first wait of all chains, the longest second one, and so on."""
    depth = max(map(len, chains), default=0)
    return [max(gaps[place] for gaps in chains if len(gaps) > place) for place in range(depth)]


def growth(chains: Gaps) -> float | None:
    """Return how much longer the longest fourth wait is than the longest first one; None where chains are too few."""
    deep = [gaps for gaps in chains if len(gaps) >= DEPTH]
    if len(deep) < CHAINS:
        return None
    first, last = max(gaps[0] for gaps in deep), max(gaps[DEPTH - 1] for gaps in deep)
    return last / first if first > 0 else math.inf if last > AT_ONCE else 1.0


def is_immediate(chains: Gaps) -> bool:
    """Tell whether there are no waits to speak of: none of many is long, and not only the first of each chain."""
    waits = [gap for gaps in chains for gap in gaps]
    later = sum(max(0, len(gaps) - 1) for gaps in chains)
    return len(waits) >= IMMEDIATE_WAITS and later >= IMMEDIATE_WAITS // 3 and max(waits) < AT_ONCE


def shape(chains: Gaps, min_factor: float = MIN_FACTOR) -> Shape:
    """Name the shape of the waits by their envelope. It is a description; verdicts rest on `growth`."""
    longest = envelope([gaps[:6] for gaps in chains])
    if not longest or max(longest) < AT_ONCE:
        return "immediate"
    first, last = max(longest[0], 1e-9), longest[-1]
    if len(longest) < 2 or last / first < min_factor:
        return "constant"
    if len(longest) < 3:
        return "exponential"
    # A straight line and a curve through the first and the last wait: which is nearer to those between them?
    steps = len(longest) - 1
    between = list(enumerate(longest))[1:-1]
    line = sum(abs(math.log(max(gap, 1e-9) / (first + (last - first) * place / steps))) for place, gap in between)
    curve = sum(abs(math.log(max(gap, 1e-9) / (first * (last / first) ** (place / steps)))) for place, gap in between)
    return "linear" if line < curve else "exponential"


def variation(values: Sequence[float]) -> float:
    """Return the coefficient of variation: the standard deviation as a share of the mean; 0 where all are alike."""
    mean = math.fsum(values) / len(values) if values else 0.0
    if mean <= 0:
        return 0.0
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values)) / mean


def rounds(chains: Gaps) -> int | None:
    """Return the attempts of one round, where the longest waits start anew at regular places and nowhere else.

    The chains are of one length. None where they are one series.
    """
    longest = envelope(chains)
    attempts = len(longest) + 1
    for inner in range(2, attempts // 2 + 1):
        if attempts % inner:
            continue
        starts = range(inner, attempts - 1, inner)
        drops = [longest[start - 1] / max(longest[start], 1e-9) for start in starts]
        within = [
            longest[place] / max(longest[place + 1], 1e-9)
            for place in range(attempts - 2)
            if (place + 1) % inner and place + 1 < attempts - 1
        ]
        needed = CLEAR_RESET if len(drops) == 1 else RESET
        if drops and min(drops) >= needed and max(within, default=0.0) < RESET:
            return inner
    return None
