"""How long a latency lasts: distributions given by the quantiles that people know of their systems."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

from mock_server.faults.reader import LONGEST, Reader
from mock_server.faults.shapes import DURATION, Shape, mapping
from mock_server.org.chance import Random

_Z99 = NormalDist().inv_cdf(0.99)


class Distribution(Protocol):
    def draw(self, chance: Random) -> float:
        """Return a duration in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    value: float

    def draw(self, chance: Random) -> float:
        return self.value


@dataclass(frozen=True, slots=True)
class Uniform:
    low: float
    high: float

    def draw(self, chance: Random) -> float:
        return chance.uniform(self.low, self.high)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """The shape of most request times: half are below `p50`, one in a hundred above `p99`."""

    p50: float
    p99: float

    def draw(self, chance: Random) -> float:
        spread = math.log(self.p99 / self.p50) / _Z99
        return min(LONGEST, chance.lognormvariate(math.log(self.p50), spread))


_PARAMETERS = {"fixed": ("value",), "uniform": ("min", "max"), "lognormal": ("p50", "p99")}


def shape() -> Shape:
    """Return the JSON Schema of what `read` takes."""
    shapes = []
    for kind, names in _PARAMETERS.items():
        keys: Shape = {"distribution": {"const": kind}, **dict.fromkeys(names, DURATION)}
        shapes.append(mapping(keys, required=tuple(keys)))
    return {"anyOf": [DURATION, *shapes]}


def read(reader: Reader, key: str) -> Distribution | None:
    """Read `2s`, a number of seconds, or `{distribution: lognormal, p50: 80ms, p99: 2s}`."""
    value = reader.data.get(key)
    if isinstance(value, str | int | float):
        fixed = reader.seconds(key)
        return None if fixed is None else Fixed(fixed)
    given = reader.mapping(key)
    if given is None:
        return None
    if "distribution" not in given:
        given.refuse("distribution", "a latency needs its distribution", tuple(_PARAMETERS))
        return None
    kind = given.choice("distribution", tuple(_PARAMETERS))
    if kind is None:
        return None
    names = _PARAMETERS[kind]
    given.only(("distribution", *names), f"a {kind} latency")
    for name in names:
        if name not in given:
            given.refuse(name, f"a {kind} latency needs {name}")
    values = [given.seconds(name) for name in names]
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(names):
        return None
    if kind == "fixed":
        return Fixed(numbers[0])
    low, high = numbers
    if high < low:
        given.refuse(names[1], f"{names[1]} is less than {names[0]}")
        return None
    if kind == "uniform":
        return Uniform(low, high)
    if low == 0:
        given.refuse("p50", "p50 of a lognormal latency must be more than 0")
        return None
    return LogNormal(low, high)
