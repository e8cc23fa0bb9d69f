"""When a rule strikes: after how many matches, how often, between which times, with which chance."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from mock_server.faults.reader import Reader
from mock_server.org.chance import Random

Per = Literal["key", "call"]
_KEYS = ("skip", "times", "per", "between", "chance", "phase")


@dataclass(frozen=True, slots=True)
class When:
    """`skip` and `times` count calls, or with `per: key` each record's own attempts; `between` is in seconds of clock
    time since the rule was added."""

    skip: int = 0
    times: int | None = None
    per: Per = "call"
    between: tuple[float, float] | None = None
    chance: float = 1.0
    phase: str | None = None

    def open(self, age: float, phase: str) -> bool:
        """Tell whether the rule is in force now, by its age in seconds and the phase of the run."""
        if self.phase is not None and self.phase != phase:
            return False
        return self.between is None or self.between[0] <= age < self.between[1]


class Tally:
    """Counts a rule's matches and strikes, as its `when` asks: overall, or for each key."""

    def __init__(self, when: When, chance: Random) -> None:
        self._when = when
        self._chance = chance
        self._seen: Counter[object] = Counter()
        self._struck: Counter[object] = Counter()

    def fires(self, key: object) -> bool:
        """Count one match under a key, and tell whether the rule strikes it."""
        when = self._when
        self._seen[key] += 1
        if self._seen[key] <= when.skip or (when.times is not None and self._struck[key] >= when.times):
            return False
        if when.chance < 1 and self._chance.random() >= when.chance:
            return False
        self._struck[key] += 1
        return True


def read(reader: Reader | None) -> When:
    if reader is None:
        return When()
    reader.only(_KEYS, "when")
    chance = reader.share("chance")
    if chance == 0:
        reader.refuse("chance", "a rule of chance 0 never strikes")
    return When(
        skip=reader.count("skip", 0) or 0,
        times=reader.count("times", 1),
        per="key" if reader.choice("per", ("key", "call")) == "key" else "call",
        between=_between(reader),
        chance=1.0 if chance is None else chance,
        phase=reader.text("phase"),
    )


def _between(reader: Reader) -> tuple[float, float] | None:
    value = reader.data.get("between")
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        reader.refuse("between", "between must be two durations: [10s, 60s]")
        return None
    start, end = (reader.as_seconds(("between", index), item) for index, item in enumerate(value))
    if start is None or end is None:
        return None
    if end <= start:
        reader.refuse("between", "between ends before it starts")
        return None
    return start, end
