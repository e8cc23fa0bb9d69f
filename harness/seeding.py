"""Fills a fresh org with the records of a scenario, and asks it whether the inputs fit its schema."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness import values
from harness.plans import GivenRecords, InputFile, InputPlan, MadeRecords, Named, OrgPlan, Records, Ref
from mock_server.control.client import ControlError

if TYPE_CHECKING:
    from mock_server.control.client import ControlClient

_CHUNK = 1_000
_PLACE = re.compile(r"records\[(\d+)\]")


def seed(control: ControlClient, plan: OrgPlan, *, seed: int = 0) -> dict[str, list[str]]:
    """Save the scenario's records; return their ids by object, in lower case.

    Raises ControlError, its path below `org`: `records.Account`.
    """
    ids: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for place, source in enumerate(plan.records):
        rows = _rows(place, source, plan.records, ids, names, seed)
        saved: list[str] = []
        for start in range(0, len(rows), _CHUNK):
            try:
                saved += control.seed(source.sobject, rows[start : start + _CHUNK])
            except ControlError as error:
                raise _located(error, source, start) from None
        ids.setdefault(source.sobject.lower(), []).extend(saved)
        if isinstance(source, GivenRecords):
            names.update((name, id_) for name, id_ in zip(source.names, saved, strict=False) if name)
    return ids


def _rows(
    place: int,
    source: Records,
    sources: Sequence[Records],
    ids: Mapping[str, list[str]],
    names: Mapping[str, str],
    seed: int,
) -> list[dict[str, Any]]:
    if isinstance(source, GivenRecords):
        return [
            {field: names.get(value.name) if isinstance(value, Named) else value for field, value in row.items()}
            for row in source.rows
        ]
    purpose = values.purpose_of(place, source)
    by_id = {name: plan for name, plan in source.fields.items() if isinstance(plan, Ref) and plan.field.lower() == "id"}
    plain = {name: plan for name, plan in source.fields.items() if name not in by_id}
    rows = values.rows(plain, source.count, seed=seed, purpose=purpose, parents=sources)
    for name, plan in by_id.items():
        choices = ids[plan.sobject.lower()]
        picked = values.picks(plan.sobject, len(choices), source.count, seed, purpose)
        for row, number in zip(rows, picked, strict=True):
            row[name] = choices[number]
    return rows


def _located(error: ControlError, source: Records, start: int) -> ControlError:
    """Say which row of which object was refused, at the place in the scenario that asks for it."""
    row = _PLACE.match(error.path)
    message = f"row {start + int(row[1]) + 1} of {source.sobject}: {error.message}" if row else error.message
    path = f"records.{source.sobject}"
    if isinstance(source, MadeRecords):
        # A refused value stands below the field that makes it.
        path += next((f".fields.{name}" for name in source.fields if error.path == f"records.{name}"), "")
    return ControlError(error.status, message, path, error.allowed, error.nearest)


def check_inputs(control: ControlClient, plans: Sequence[InputPlan | InputFile]) -> list[ControlError]:
    """Ask the org whether it has the objects and fields that the inputs name; return what it lacks.

    The paths of the errors start at `inputs`.
    """
    return [error for place, plan in enumerate(plans) for error in _unfit(control, place, plan)]


def _unfit(control: ControlClient, place: int, plan: InputPlan | InputFile) -> list[ControlError]:
    if _ask(control, plan.sobject, ("Id",)) is not None:
        return [ControlError(400, f"this org has no object {plan.sobject}", f"inputs[{place}].sobject")]
    where = {plan.key: "key"}
    if isinstance(plan, InputPlan):
        where |= {name: f"fields.{name}" for name in plan.fields if "." not in name}
    else:
        named = (name for row in plan.rows for name, value in row.items() if not isinstance(value, Mapping))
        where |= {name: "file" for name in named if name not in where and "." not in name}
    if _ask(control, plan.sobject, tuple(where)) is None:
        return []
    return [
        ControlError(400, f"{plan.sobject} has no field {name}", f"inputs[{place}].{path}")
        for name, path in where.items()
        if _ask(control, plan.sobject, (name,)) is not None
    ]


def _ask(control: ControlClient, sobject: str, fields: Sequence[str]) -> ControlError | None:
    try:
        control.records(f"SELECT {', '.join(fields)} FROM {sobject} LIMIT 1")  # noqa: S608
    except ControlError as error:
        return error
    return None
