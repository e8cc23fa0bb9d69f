"""Which rows a rule strikes. A row is known by its key; the choice is made when a key is first seen, and stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mock_server.faults.condition import Condition, ConditionError, Look, compile_condition
from mock_server.faults.reader import Reader, shown

_PLACES = ("first", "last", "every", "fraction")
_KEYS = (*_PLACES, "keys", "where")


@dataclass(frozen=True, slots=True)
class RowSelector:
    """`keys` and `where` narrow the rows down; of those, one of the others picks by order of first appearance.

    `first`: the first n keys a rule sees; `last`: the last n new keys of each request; `every`: each n-th key;
    `fraction`: a share, drawn for each key by the seed.
    """

    first: int | None = None
    last: int | None = None
    every: int | None = None
    fraction: float | None = None
    keys: frozenset[str] | None = None
    where: Condition | None = None


class Candidate(NamedTuple):
    """A row to choose from. `look` gives the record's values, sent ones before stored ones."""

    sobject: str
    key: str
    look: Look


class Selection:
    """The choices that one rule has made so far. `draw` gives a key's own number from 0 to 1."""

    def __init__(self, selector: RowSelector, draw: Callable[[str], float]) -> None:
        self._selector = selector
        self._draw = draw
        self._chosen: dict[tuple[str, str], bool] = {}

    def pick(self, rows: Sequence[Candidate]) -> list[bool]:
        """Tell of each row of a request whether it is selected."""
        fits = [self._fits(row) for row in rows]
        total = sum(fits)
        picked, place = [], 0
        for row, fit in zip(rows, fits, strict=True):
            name = (row.sobject.lower(), row.key)
            place += fit
            if fit and name not in self._chosen:
                self._chosen[name] = self._choose(name, total - place)
            picked.append(fit and self._chosen[name])
        return picked

    @property
    def looks_ahead(self) -> bool:
        """Whether a choice among rows depends on those that follow them."""
        return self._selector.last is not None

    def foresee(self, rows: Iterable[Candidate]) -> None:
        """Choose among all rows of a request, before they are asked about part by part."""
        fresh = dict.fromkeys((row.sobject.lower(), row.key) for row in rows if self._fits(row))
        names = [name for name in fresh if name not in self._chosen]
        for place, name in enumerate(names, 1):
            self._chosen[name] = self._choose(name, len(names) - place)

    def _fits(self, row: Candidate) -> bool:
        chosen = self._selector
        if chosen.keys is not None and row.key not in chosen.keys:
            return False
        return chosen.where is None or chosen.where.holds(row.look)

    def _choose(self, name: tuple[str, str], behind: int) -> bool:
        """Decide on a new key; `behind` is how many candidates of the request follow it."""
        chosen, number = self._selector, len(self._chosen) + 1
        if chosen.first is not None:
            return number <= chosen.first
        if chosen.last is not None:
            return behind < chosen.last
        if chosen.every is not None:
            return number % chosen.every == 0
        return chosen.fraction is None or self._draw("/".join(name)) < chosen.fraction


def read(reader: Reader | None) -> RowSelector | None:
    if reader is None:
        return None
    reader.only(_KEYS, "records")
    given = [key for key in _KEYS if key in reader]
    if not given:
        reader.refuse((), "records must say which: by one of its keys", _KEYS)
    places = [key for key in _PLACES if key in reader]
    if len(places) > 1:
        reader.refuse(places[1], f"{' and '.join(places)} exclude each other")
    fraction = reader.share("fraction")
    if fraction == 0:
        reader.refuse("fraction", "a fraction of 0 selects no row")
    return RowSelector(
        first=reader.count("first", 1),
        last=reader.count("last", 1),
        every=reader.count("every", 1),
        fraction=fraction,
        keys=_keys(reader),
        where=_where(reader),
    )


def _keys(reader: Reader) -> frozenset[str] | None:
    value = reader.data.get("keys")
    if value is None:
        return None
    if isinstance(value, list | tuple) and value and all(_scalar(item) for item in value):
        return frozenset(str(item) for item in value)
    reader.refuse("keys", f"keys must be a list of record keys, not {shown(value)}")
    return None


def _scalar(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _where(reader: Reader) -> Condition | None:
    text = reader.text("where")
    if text is None:
        return None
    try:
        return compile_condition(text)
    except ConditionError as error:
        reader.refuse("where", f"where is a SOQL condition: {error}")
        return None
