"""A fault rule: where and when something happens to requests, and what. The grammar is public, and strict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from mock_server.documents import Problem
from mock_server.faults import records, when, where
from mock_server.faults.effects import BY_KEY, EFFECTS
from mock_server.faults.effects.effect import Effect, Point, has_rows, saves_later
from mock_server.faults.reader import Path, Reader, shown
from mock_server.faults.records import RowSelector
from mock_server.faults.when import When
from mock_server.faults.where import Where, about_channels
from mock_server.operations import Operation
from mock_server.routing import Registry

_RULE = ("name", "on", "where", "records", "when")
KEYS: tuple[str, ...] = tuple(
    dict.fromkeys((*_RULE, *(effect.key for effect in EFFECTS), *(key for effect in EFFECTS for key in effect.takes)))
)
"""Every key of a rule."""
_LONGEST = 200
_ROWS_KNOWN: frozenset[Point] = frozenset({"row", "after", "reply"})


class RuleError(ValueError):
    """A rule that is wrong, or can never match; `problems` holds all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class FaultRule:
    """`points` says at which point the effect strikes each operation that the rule is about."""

    name: str
    on: tuple[str, ...]
    where: Where
    records: RowSelector | None
    when: When
    effect: Effect
    points: Mapping[str, Point] = field(compare=False)
    document: Mapping[str, Any] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the rule in the grammar in which it was given, with its name."""
        return deepcopy(dict(self.document))


def parse(data: Any, operations: Registry, *, default_name: str) -> FaultRule:
    """Read a rule given as a mapping. Raises RuleError."""
    problems: list[Problem] = []
    if not isinstance(data, Mapping):
        raise RuleError([Problem((), f"a fault rule must be a mapping, not {shown(data)}", (), None)])
    reader = Reader(data, (), problems)
    reader.only(KEYS, "a fault rule")
    name = reader.text("name") or default_name
    if len(name) > _LONGEST:
        reader.refuse("name", f"a name has at most {_LONGEST} characters")
    on = _on(reader, operations)
    selector = records.read(reader.mapping("records"))
    effect = _effect(reader, rows_selected="records" in reader)
    about = where.read(reader.mapping("where"))
    timing = when.read(reader.mapping("when"))
    points: dict[str, Point] = {}
    if effect is not None:
        for glob in on:
            points |= _reach(reader, operations.matching(glob), effect, "records" in reader, about)
    if problems or effect is None:
        raise RuleError(problems)
    document = {"name": name, **deepcopy({key: value for key, value in data.items() if key != "name"})}
    return FaultRule(name, on, about, selector, timing, effect, points, document)


def _on(reader: Reader, operations: Registry) -> tuple[str, ...]:
    value = reader.data.get("on")
    if value is None:
        reader.refuse("on", "a rule needs the operations it is about: on", sorted(operations.by_name))
        return ()
    if isinstance(value, str):
        given: list[tuple[Path, Any]] = [(("on",), value)]
    elif isinstance(value, list | tuple) and value:
        given = [(("on", index), item) for index, item in enumerate(value)]
    else:
        reader.refuse("on", f"on must be an operation, a glob or a list of them, not {shown(value)}")
        return ()
    found = []
    for at, glob in given:
        if not isinstance(glob, str) or len(glob) > _LONGEST:
            reader.refuse(at, f"an operation or glob must be text, not {shown(glob)}")
        elif operations.matching(glob):
            found.append(glob)
        else:
            names = sorted(operations.by_name)
            choices = sorted({name.rpartition(".")[0] + ".*" for name in names}) if "*" in glob else names
            reader.refuse(at, f"no operation is called {glob}", choices, glob)
    return tuple(found)


def _effect(reader: Reader, *, rows_selected: bool) -> Effect | None:
    given = [key for key in BY_KEY if key in reader]
    if not given:
        reader.refuse((), f"a rule needs an effect: one of {', '.join(BY_KEY)}", tuple(BY_KEY))
        return None
    if len(given) > 1:
        reader.refuse(given[1], f"a rule has one effect, not {' and '.join(given)}: write a rule for each")
        return None
    chosen = BY_KEY[given[0]]
    for effect in EFFECTS:
        for key in effect.takes:
            if key in reader and key not in chosen.takes:
                owners = " or ".join(other.key for other in EFFECTS if key in other.takes)
                reader.refuse(key, f"{key} belongs to {owners}, not to {chosen.key}")
    return chosen.read(reader, rows_selected=rows_selected)


def _reach(
    reader: Reader, operations: Sequence[Operation], effect: Effect, rows_selected: bool, about: Where
) -> dict[str, Point]:
    """Find where the effect strikes each operation of one glob; refuse a glob that it strikes nowhere."""
    points: dict[str, Point] = {}
    refusal: tuple[Path, str] | None = None
    for operation in operations:
        refused = _refusal(operation, effect, rows_selected, about)
        if refused is None:
            points[operation.name] = effect.point(operation)
        else:
            refusal = refusal or refused
    if not points and refusal is not None:
        reader.refuse(*refusal)
    return points


def _refusal(operation: Operation, effect: Effect, rows_selected: bool, about: Where) -> tuple[Path, str] | None:
    if rows_selected and not has_rows(operation):
        return ("records",), f"{operation.name} saves no rows to choose from"
    reason = effect.refuses(operation)
    if reason is not None:
        return (effect.key,), reason
    if rows_selected and effect.point(operation) not in _ROWS_KNOWN:
        return ("records",), f"the rows are not known before the request is read: {effect.key} would need `at: after`"
    if rows_selected and saves_later(operation) and effect.point(operation) != "row":
        return ("records",), f"the rows of {operation.name} are saved after its answer, which {effect.key} strikes"
    if about.sobject is not None and operation.kind == "login":
        return ("where", "sobject"), f"{operation.name} is about no object"
    if about.channel is not None and not about_channels(operation):
        return ("where", "channel"), f"{operation.name} is about no channel of events"
    return None
