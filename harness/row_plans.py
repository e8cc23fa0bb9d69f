"""Reads the part of a scenario that says what the subject is to deliver: `inputs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness import inputs as input_rows
from harness.plans import InputFile, InputPlan
from mock_server.parts import Part
from mock_server.seeding import values
from mock_server.seeding.files import MOST_ROWS, DataError, read_rows
from mock_server.seeding.plans import Records, Ref, bare
from mock_server.seeding.reading import file_of, read_fields


def read_inputs(scenario: Part, folder: Path, parents: tuple[Records, ...]) -> tuple[InputPlan | InputFile, ...]:
    found = []
    for at, item in scenario.items("inputs"):
        part = scenario.part(at, item, "an input")
        plan = _input(part, folder, parents) if part is not None else None
        if plan is not None:
            found.append(plan)
    return tuple(found)


def _input(part: Part, folder: Path, parents: tuple[Records, ...]) -> InputPlan | InputFile | None:
    from_file = "file" in part
    part.only(("sobject", "key", "file") if from_file else ("sobject", "count", "key", "fields"), "an input")
    sobject, key = part.api_name("sobject"), part.api_name("key")
    part.need("sobject", "an input")
    part.need("key", "an input")
    if from_file:
        rows = _rows_of(part, folder)
        if sobject is None or key is None or rows is None:
            return None
        try:
            input_rows.given(rows, sobject, key)
        except ValueError as error:
            part.refuse("file", f"{part.data['file']}: {error}")
        return InputFile(sobject, key, str(part.data["file"]), rows)
    part.need("count", "an input")
    count = part.count("count", 1, MOST_ROWS)
    fields = read_fields(part, "fields", parents)
    if fields is None and sobject is not None and "fields" not in part:
        fields = values.DEFAULTS.get(sobject.lower())
        if fields is None:
            part.refuse("fields", f"an input of {sobject} needs fields: what its rows hold")
    if sobject is None or key is None or count is None or fields is None:
        return None
    clash = next((name for name in fields if name.lower() == key.lower()), None)
    if clash is not None:
        part.refuse(("fields", clash), f"{clash} is the key: its values are numbered, not made up", at_key=True)
    for name, made in fields.items():
        plan = bare(made)
        if isinstance(plan, Ref) and plan.field.lower() == "id":
            part.refuse(
                ("fields", name),
                f"the id of {plan.sobject} is not known before the run; refer to the parent by its key: "
                f"{plan.sobject}.Key__c: {{ref: {plan.sobject}.Key__c}}",
            )
        elif isinstance(plan, Ref) and None in values.parent_values(plan, 0, parents):
            part.refuse(("fields", name), f"not every seeded {plan.sobject} has a {plan.field}")
    return InputPlan(sobject, key, count, fields, parents)


def _rows_of(part: Part, folder: Path) -> tuple[dict[str, Any], ...] | None:
    path = file_of(part, "file", part.data["file"], folder)
    if path is None:
        return None
    try:
        return read_rows(path).rows
    except DataError as error:
        part.refuse("file", str(error))
        return None
