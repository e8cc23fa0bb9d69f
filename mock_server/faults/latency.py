"""How long an exchange is held up: fixed, uniform or lognormal, in seconds of the org's clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mock_server.documents import nearest
from mock_server.faults.problems import EffectProblem, seconds
from mock_server.org.chance import Random

_KEYS = {"fixed": ("value",), "uniform": ("min", "max"), "lognormal": ("p50", "p99")}
_Z99 = 2.3263478740408408
"""The 99th percentile of the standard normal distribution."""
_LONGEST = 3600.0


@dataclass(frozen=True, slots=True)
class Latency:
    distribution: Literal["fixed", "uniform", "lognormal"]
    low: float
    high: float
    at: str = "before"

    def draw(self, chance: Random) -> float:
        """Return one delay in seconds, at most an hour."""
        if self.distribution == "fixed":
            return self.low
        if self.distribution == "uniform":
            return chance.uniform(self.low, self.high)
        sigma = math.log(self.high / self.low) / _Z99
        return min(chance.lognormvariate(math.log(self.low), sigma), _LONGEST)

    @classmethod
    def read(cls, value: Any, at: Any) -> Latency:
        """Read `2s` or `{distribution: lognormal, p50: 80ms, p99: 2s}`. Raises EffectProblem."""
        if at not in ("before", "after"):
            raise EffectProblem(("at",), f"{at!r} is no moment", ("before", "after"), nearest(at, ("before", "after")))
        if not isinstance(value, Mapping):
            delay = seconds(("latency",), value)
            return cls("fixed", delay, delay, at)
        kind = value.get("distribution", "fixed")
        if kind not in _KEYS:
            raise EffectProblem(
                ("latency", "distribution"), f"there is no distribution {kind!r}", tuple(_KEYS), nearest(kind, _KEYS)
            )
        wanted = _KEYS[kind]
        for key in value:
            if key not in ("distribution", *wanted):
                raise EffectProblem(("latency", key), f"unknown key {key!r}", wanted, nearest(key, wanted))
        for key in wanted:
            if key not in value:
                raise EffectProblem(("latency",), f"{kind} needs {' and '.join(wanted)}", wanted)
        numbers = [seconds(("latency", key), value[key]) for key in wanted]
        low, high = numbers[0], numbers[-1]
        if high < low:
            raise EffectProblem(("latency", wanted[-1]), f"{wanted[-1]} must not be less than {wanted[0]}")
        if kind == "lognormal" and low <= 0:
            raise EffectProblem(("latency", "p50"), "p50 must be more than 0")
        return cls(kind, low, high, at)
