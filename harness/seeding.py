"""Fills a fresh org with the records of a scenario, and asks it whether the inputs fit its schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.plans import InputFile, InputPlan, OrgPlan
from mock_server.control.client import ControlError
from mock_server.seeding.planting import plant

if TYPE_CHECKING:
    from mock_server.control.client import ControlClient


def seed(control: ControlClient, plan: OrgPlan, *, seed: int = 0) -> dict[str, list[str]]:
    """Save the scenario's records; return their ids by object, in lower case.

    Raises ControlError, its path below `org`: `records.Account`.
    """
    return plant(plan.records, control.seed, seed=seed)


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
