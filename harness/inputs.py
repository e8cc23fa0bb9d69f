"""Inputs: what a subject is given to deliver, each with the key by which it is found again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from harness.evidence import Canary
from harness.plans import InputFile, InputPlan
from mock_server.seeding import values
from mock_server.seeding.plans import Provider, bare


@dataclass(frozen=True, slots=True)
class Input:
    """One source row. `record` holds the key field too."""

    sobject: str
    key_field: str
    key: str
    record: Mapping[str, Any]


def generate(plans: Sequence[InputPlan | InputFile], *, seed: int = 0, most: int | None = None) -> list[Input]:
    """Return the inputs of a scenario; with `most`, the first few of each plan. The same seed gives the same rows."""
    found: list[Input] = []
    numbered: Counter[tuple[str, str]] = Counter()
    for place, plan in enumerate(plans):
        if isinstance(plan, InputFile):
            found += given(plan.rows[:most], plan.sobject, plan.key)
            continue
        # Two plans for one object count on, so that no key is given twice.
        start = numbered[plan.sobject.lower(), plan.key.lower()]
        numbered[plan.sobject.lower(), plan.key.lower()] += plan.count
        count = plan.count if most is None else min(plan.count, most)
        rows = values.rows(plan.fields, count, seed=seed, purpose=f"inputs/{place}", parents=plan.parents)
        letter = plan.sobject[0].upper()
        for number, row in enumerate(rows, start + 1):
            key = f"{letter}-{number:06d}"
            found.append(Input(plan.sobject, plan.key, key, {plan.key: key, **row}))
    return found


def given(rows: Iterable[Mapping[str, Any]], sobject: str, key: str) -> list[Input]:
    """Take rows of one's own as inputs. Raises ValueError for a row without a key, and for a key given twice."""
    found: list[Input] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        value = values.value_of(row, key)
        if not isinstance(value, str | int | float) or isinstance(value, bool) or value == "":
            raise ValueError(f"row {number} has no {key}")
        first = seen.setdefault(str(value), number)
        if first != number:
            raise ValueError(f"row {number} has the {key} of row {first}: {value}")
        found.append(Input(sobject, key, str(value), dict(row)))
    return found


def canaries(plans: Sequence[InputPlan | InputFile]) -> tuple[Canary, ...]:
    """Return the secrets that stand in the inputs: the fields that the provider `canary` fills."""
    providers = (plan for source in plans if isinstance(source, InputPlan) for plan in source.fields.values())
    planted = any(isinstance(plan, Provider) and plan.name == values.CANARY for plan in map(bare, providers))
    return (Canary("a secret field of an input", values.CANARY_PATTERN, payload=True),) if planted else ()


def write_jsonl(inputs: Iterable[Input], path: Path) -> None:
    """Write the file that a command reads its inputs from: `{"sobject", "key_field", "key", "record"}` a line."""
    with path.open("wb") as file:
        for one in inputs:
            line = {"sobject": one.sobject, "key_field": one.key_field, "key": one.key, "record": one.record}
            file.write(orjson.dumps(line, default=str) + b"\n")
