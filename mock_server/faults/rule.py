"""The rule model and its grammar: a rule says where and when, its effect says what happens.

One grammar for scenario files, the control plane and Python:

    {name, on, where, records, when, <one effect>, latency}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mock_server.documents import Problem, Steps, duration, nearest
from mock_server.faults.effects import EFFECTS, FLAGS, Effect
from mock_server.faults.latency import Latency
from mock_server.faults.problems import EffectProblem
from mock_server.operations import Operation, Registry


class RuleError(ValueError):
    """Everything that is wrong with a rule."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, p.path))}: {p.text()}" for p in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Where:
    """What a request must be like. All that is given must fit; texts are globs."""

    sobject: str | None = None
    user: str | None = None
    client: str | None = None
    header: tuple[tuple[str, str], ...] = ()
    body: tuple[tuple[str, Any], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sobject or self.user or self.client or self.header or self.body)


@dataclass(frozen=True, slots=True)
class RowSelector:
    """Which row keys, in the order in which a rule first sees them; a decision sticks to its key."""

    first: int | None = None
    last: int | None = None
    every: int | None = None
    fraction: float | None = None
    keys: frozenset[str] | None = None
    where: str | None = None
    """A SOQL condition on the stored record; rows that do not exist yet do not meet it."""


@dataclass(frozen=True, slots=True)
class When:
    """How often and how long. `per` says what `skip` and `times` count: exchanges, or attempts of each row key."""

    skip: int = 0
    times: int | None = None
    per: str = "call"
    between: tuple[float, float] | None = None
    chance: float | None = None
    phase: str | None = None


@dataclass(frozen=True)
class FaultRule:
    name: str
    on: tuple[str, ...]
    where: Where
    records: RowSelector | None
    when: When
    effect: Effect | None
    latency: Latency | None
    operations: frozenset[str]
    """The names of the operations that `on` covers and the effect accepts."""
    row_operations: frozenset[str]
    """Those of them whose single rows the effect strikes, not the whole request."""
    source: Mapping[str, Any] = field(repr=False)


_SHAPE = ("name", "on", "where", "records", "when", "latency")
_WHERE = ("sobject", "user", "client", "header", "body")
_RECORDS = ("first", "last", "every", "fraction", "keys", "where")
_WHEN = ("skip", "times", "per", "between", "chance", "phase")


def parse(data: Any, operations: Registry, *, default_name: str = "fault") -> FaultRule:
    """Return the rule. Raises RuleError with every problem found."""
    return _Parser(operations).rule(data, default_name)


class _Parser:
    def __init__(self, operations: Registry) -> None:
        self._operations = operations
        self._problems: list[Problem] = []

    def _wrong(self, path: Steps, message: str, allowed: tuple[str, ...] = (), near: str | None = None) -> None:
        self._problems.append(Problem(path, message, allowed, near))

    def rule(self, data: Any, default_name: str) -> FaultRule:
        if not isinstance(data, Mapping):
            raise RuleError([Problem((), "a rule must be a mapping", ("on", *EFFECTS))])
        self._keys((), data, (*_SHAPE, *EFFECTS, *FLAGS))
        name = data.get("name", default_name)
        if not isinstance(name, str) or not name or len(name) > 100:
            self._wrong(("name",), "a name is a text of 1 to 100 characters")
        globs, matched = self._on(data)
        effect = self._effect(data)
        records = self._records(data.get("records"))
        when = self._when(data.get("when"))
        where = self._where(data.get("where"))
        latency = self._latency(data)
        by_row: list[Operation] = []
        if effect is not None:
            matched = self._accepted(effect, matched, globs)
            choosing = records is not None or when.per == "key" or effect.level == "row"
            if choosing and not effect.decides_rows:
                near = "records" if records is not None else "when"
                self._wrong((near,), f"{effect.key!r} strikes whole requests: only `error` chooses rows")
            elif choosing and effect.level == "request":
                self._wrong(("level",), "rows are chosen here, so the error cannot be the whole request's")
            elif effect.decides_rows and effect.level != "request":
                by_row = [operation for operation in matched if operation.rows != "none" and operation.kind == "write"]
                if choosing:
                    matched = self._with_rows(matched)
        elif records is not None:
            self._wrong(("records",), "a latency strikes whole requests: only `error` chooses rows")
        if effect is None and latency is None and not self._problems:
            self._wrong((), "a rule needs an effect", tuple(EFFECTS))
        if self._problems:
            raise RuleError(self._problems)
        return FaultRule(
            name, globs, where, records, when, effect, latency, frozenset(one.name for one in matched),
            frozenset(one.name for one in by_row), dict(data),
        )  # fmt: skip

    def _keys(self, path: Steps, data: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
        for key in data:
            if key not in allowed:
                self._problems.append(
                    Problem((*path, key), f"unknown key {key!r}", allowed, nearest(key, allowed), at_key=True)
                )

    def _on(self, data: Mapping[str, Any]) -> tuple[tuple[str, ...], list[Operation]]:
        given = data.get("on")
        if given is None:
            self._wrong((), "a rule needs `on`: an operation, or a glob of operations")
            return (), []
        globs = given if isinstance(given, list) else [given]
        matched: dict[str, Operation] = {}
        for index, glob in enumerate(globs):
            path: Steps = ("on", index) if isinstance(given, list) else ("on",)
            found = self._operations.matching(glob) if isinstance(glob, str) else []
            if not found:
                names = tuple(sorted(operation.name for operation in self._operations))
                self._wrong(path, f"no operation matches {glob!r}", names, nearest(glob, names))
            matched.update((operation.name, operation) for operation in found)
        return tuple(map(str, globs)), list(matched.values())

    def _effect(self, data: Mapping[str, Any]) -> Effect | None:
        given = [key for key in EFFECTS if key in data]
        for extra in given[1:]:
            self._wrong((extra,), f"a rule has one effect, and this one has {given[0]!r} already")
        if not given:
            for flag in FLAGS:
                if flag in data and flag != "at":
                    self._wrong((flag,), f"{flag!r} goes with an effect, and there is none")
            return None
        kind = EFFECTS[given[0]]
        for flag in FLAGS:
            if flag in data and flag not in kind.flags:
                self._wrong((flag,), f"{flag!r} does not go with {kind.key!r}", tuple(kind.flags))
        try:
            return kind.read(data)
        except EffectProblem as problem:
            self._wrong(problem.path, problem.message, problem.allowed, problem.near)
        return None

    def _accepted(self, effect: Effect, matched: list[Operation], globs: tuple[str, ...]) -> list[Operation]:
        accepted = [operation for operation in matched if effect.refuses(operation) is None]
        if matched and not accepted:
            self._wrong(("on",), f"{effect.key!r} can never strike {', '.join(globs)}: {effect.refuses(matched[0])}")
        return accepted

    def _with_rows(self, matched: list[Operation]) -> list[Operation]:
        able = [operation for operation in matched if operation.rows != "none" and operation.kind == "write"]
        if matched and not able:
            names = tuple(sorted(one.name for one in self._operations if one.rows != "none" and one.kind == "write"))
            self._wrong(("on",), "rows are chosen here, and none of these operations saves any", names)
        return able

    def _where(self, data: Any) -> Where:
        if data is None:
            return Where()
        if not isinstance(data, Mapping):
            self._wrong(("where",), "`where` must be a mapping", _WHERE)
            return Where()
        self._keys(("where",), data, _WHERE)
        texts = {}
        for key in ("sobject", "user", "client"):
            value = data.get(key)
            if value is not None and not isinstance(value, str):
                self._wrong(("where", key), "a text is needed here")
            texts[key] = value if isinstance(value, str) else None
        pairs: dict[str, tuple[tuple[str, Any], ...]] = {}
        for key in ("header", "body"):
            value = data.get(key, {})
            if not isinstance(value, Mapping):
                self._wrong(("where", key), "a mapping is needed here")
                value = {}
            pairs[key] = tuple((str(one), str(two) if key == "header" else two) for one, two in value.items())
        return Where(**texts, header=pairs["header"], body=pairs["body"])

    def _records(self, data: Any) -> RowSelector | None:
        if data is None:
            return None
        if not isinstance(data, Mapping) or not data:
            self._wrong(("records",), "`records` must say which rows", _RECORDS)
            return None
        self._keys(("records",), data, _RECORDS)
        numbers = {key: self._whole(("records", key), data.get(key), 1) for key in ("first", "last", "every")}
        fraction = self._fraction(("records", "fraction"), data.get("fraction"))
        keys = data.get("keys")
        if keys is not None and not isinstance(keys, list):
            self._wrong(("records", "keys"), "a list of row keys is needed here")
            keys = None
        where = data.get("where")
        if where is not None and not isinstance(where, str):
            self._wrong(("records", "where"), "a SOQL condition is needed here, such as \"Rating = 'Hot'\"")
            where = None
        chosen = None if keys is None else frozenset(map(str, keys))
        return RowSelector(**numbers, fraction=fraction, keys=chosen, where=where)

    def _when(self, data: Any) -> When:
        if data is None:
            return When()
        if not isinstance(data, Mapping):
            self._wrong(("when",), "`when` must be a mapping", _WHEN)
            return When()
        self._keys(("when",), data, _WHEN)
        per = data.get("per", "call")
        if per not in ("call", "key"):
            self._wrong(("when", "per"), f"{per!r} is no way of counting", ("call", "key"), nearest(per, ("call", "key")))
        between = None
        given = data.get("between")
        if given is not None:
            if not isinstance(given, list) or len(given) != 2:
                self._wrong(("when", "between"), "two times are needed here, such as [10s, 60s]")
            else:
                edges = [self._seconds(("when", "between", index), value) for index, value in enumerate(given)]
                between = (edges[0], edges[1])
                if edges[1] <= edges[0]:
                    self._wrong(("when", "between"), "the second time must be later than the first")
        phase = data.get("phase")
        if phase is not None and not isinstance(phase, str):
            self._wrong(("when", "phase"), "the name of a phase is needed here")
        return When(
            skip=self._whole(("when", "skip"), data.get("skip"), 0) or 0,
            times=self._whole(("when", "times"), data.get("times"), 1),
            per=str(per),
            between=between,
            chance=self._fraction(("when", "chance"), data.get("chance")),
            phase=phase if isinstance(phase, str) else None,
        )

    def _latency(self, data: Mapping[str, Any]) -> Latency | None:
        if "latency" not in data:
            return None
        try:
            return Latency.read(data["latency"], data.get("at", "before"))
        except EffectProblem as problem:
            self._wrong(problem.path, problem.message, problem.allowed, problem.near)
            return None

    def _whole(self, path: Steps, value: Any, least: int) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 10**9:
            self._wrong(path, f"a whole number from {least} up is needed here")
            return None
        return value

    def _fraction(self, path: Steps, value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            self._wrong(path, "a number from 0 to 1 is needed here")
            return None
        return float(value)

    def _seconds(self, path: Steps, value: Any) -> float:
        try:
            return duration(value)
        except ValueError as error:
            self._wrong(path, str(error))
            return 0.0
