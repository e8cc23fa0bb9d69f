"""Puts the records that were planned into an org, parents first; the same seed plants the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mock_server.control.client import ControlError
from mock_server.seeding import values
from mock_server.seeding.plans import FieldPlan, GivenRecords, MadeRecords, Named, Records, Ref, Sparse, bare
from mock_server.uncollected import uncollected

Save = Callable[[str, Sequence[Mapping[str, Any]]], list[str]]
"""Saves rows of an object, all or none, and returns their ids. Raises ControlError."""

CHUNK = 2_000
_PLACE = re.compile(r"records\[(\d+)\]")


def plant(sources: Sequence[Records], save: Save, *, seed: int = 0) -> dict[str, list[str]]:
    """Save records; return their ids by object, in lower case. Raises ControlError with a path: `records.Account`."""
    with uncollected():
        return _plant(sources, save, seed)


def _plant(sources: Sequence[Records], save: Save, seed: int) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for place, source in enumerate(sources):
        if isinstance(source, GivenRecords):
            saved = _plant_given(source, save, names)
        else:
            try:
                rows = _made(place, source, sources, ids, seed)
            except values.ProviderError as error:
                raise ControlError(400, str(error), f"records.{source.sobject}") from None
            saved = []
            for start in range(0, len(rows), CHUNK):
                saved += _saved(source, range(start, len(rows)), rows[start : start + CHUNK], save)
        ids.setdefault(source.sobject.lower(), []).extend(saved)
    return ids


def _saved(source: Records, places: Sequence[int], rows: Sequence[Mapping[str, Any]], save: Save) -> list[str]:
    try:
        return save(source.sobject, rows)
    except ControlError as error:
        raise _located(error, source, places) from None


# -- what is made up


def _made(
    place: int, source: MadeRecords, sources: Sequence[Records], ids: Mapping[str, list[str]], seed: int
) -> list[dict[str, Any]]:
    purpose = values.purpose_of(place, source)
    by_id = {name: plan for name, plan in source.fields.items() if _is_id(plan)}
    plain = {name: plan for name, plan in source.fields.items() if name not in by_id}
    rows = values.rows(plain, source.count, seed=seed, purpose=purpose, parents=sources)
    for name, plan in by_id.items():
        ref = bare(plan)
        assert isinstance(ref, Ref)
        choices = ids[ref.sobject.lower()]
        picked = [choices[number] for number in values.picks(ref, len(choices), source.count, seed, purpose)]
        share = plan.null if isinstance(plan, Sparse) else 0.0
        for row, value in zip(rows, values.thinned(picked, share, seed, purpose, name), strict=True):
            row[name] = value
    return rows


def _is_id(plan: FieldPlan) -> bool:
    ref = bare(plan)
    return isinstance(ref, Ref) and ref.field.lower() == "id"


# -- what is given


def _plant_given(source: GivenRecords, save: Save, names: dict[str, str]) -> list[str]:
    """Save rows in their order, but for those that refer to a later row of the same file: they wait for it."""
    saved: dict[int, str] = {}
    for wave in _waves(source):
        for start in range(0, len(wave), CHUNK):
            places = wave[start : start + CHUNK]
            rows = [
                {name: names.get(cell.name) if isinstance(cell, Named) else cell for name, cell in row.items()}
                for row in (source.rows[place] for place in places)
            ]
            for place, identifier in zip(places, _saved(source, places, rows, save), strict=True):
                saved[place] = identifier
                name = source.names[place] if source.names else None
                if name:
                    names[name] = identifier
    return [saved[place] for place in range(len(source.rows))]


def _waves(source: GivenRecords) -> Iterator[list[int]]:
    """Yield the rows to save together: none of them refers to another of the same wave."""
    own = {name: place for place, name in enumerate(source.names) if name}
    keys = _keys(source)
    needs = {
        place: {own[cell.name] for cell in row.values() if isinstance(cell, Named) and cell.name in own}
        for place, row in enumerate(source.rows)
    }
    # A key may be meant for another object's record, so what it asks for can be left aside.
    wants = {
        place: {keys[key] for key in _parents(row) if key in keys} - {place} for place, row in enumerate(source.rows)
    }
    left = list(needs)
    done: set[int] = set()
    while left:
        ready = [place for place in left if needs[place] | wants[place] <= done]
        ready = ready or [place for place in left if needs[place] <= done]
        if not ready:
            where = source.places[left[0]] if source.places else f"row {left[0] + 1}"
            text = f"{where}: the records of {source.sobject} depend on themselves, in a circle"
            raise ControlError(400, text, f"records.{source.sobject}")
        yield ready
        done.update(ready)
        left = [place for place in left if place not in done]


def _keys(source: GivenRecords) -> dict[tuple[str, str], int]:
    """Return the rows by field and value, for the fields by which rows of the same file name their parents."""
    wanted = {name for row in source.rows for name, _ in _parents(row)}
    found: dict[tuple[str, str], int] = {}
    for place, row in enumerate(source.rows) if wanted else ():
        for name, cell in row.items():
            if name.lower() in wanted and isinstance(cell, str | int):
                found.setdefault((name.lower(), str(cell)), place)
    return found


def _parents(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the parents that a row names by a key of theirs: the key field, in lower case, and its value."""
    for cell in row.values():
        if isinstance(cell, Mapping) and "records" not in cell:
            yield from ((name.lower(), str(value)) for name, value in cell.items() if isinstance(value, str | int))


# -- what was refused


def _located(error: ControlError, source: Records, places: Sequence[int]) -> ControlError:
    """Say which row of which object was refused, at the place that asks for it."""
    row = _PLACE.match(error.path)
    message, path, inner = error.message, f"records.{source.sobject}", ""
    if row:
        place = places[int(row[1])]
        known = source.places[place] if isinstance(source, GivenRecords) and source.places else ""
        inner = error.path[row.end() :].removeprefix(".")
        message = f"{known or f'row {place + 1} of {source.sobject}'}: {f'{inner}: ' if inner else ''}{message}"
    if isinstance(source, MadeRecords):
        # A refused value stands below the field that makes it.
        wrong = (inner or error.path.removeprefix("records.")).lower()
        path += next((f".fields.{name}" for name in source.fields if name.lower() == wrong), "")
    return ControlError(error.status, message, path, error.allowed, error.nearest)
