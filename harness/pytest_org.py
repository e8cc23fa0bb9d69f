"""What the fixtures that users override say about an org: its schema, its records, and who logs in to it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.definitions import merged
from harness.plans import OrgPlan
from mock_server.documents import Problem, nearest
from mock_server.parts import Part
from mock_server.seeding.plans import GivenRecords
from mock_server.seeding.reading import read_records

_LOGIN = ("username", "password", "security_token", "client_id", "client_secret")


@dataclass(frozen=True)
class Given:
    """An org as the fixtures want it: its schema and records, and the names its user and app go by."""

    plan: OrgPlan = field(default_factory=OrgPlan)
    login: Mapping[str, str] = field(default_factory=dict)

    def under(self, plan: OrgPlan) -> OrgPlan:
        """Return a scenario's plan with this one below it: what the scenario says counts."""
        return replace(
            plan,
            schema=(*self.plan.schema, *plan.schema),
            objects=merged(self.plan.objects, plan.objects),
            fields=merged(self.plan.fields, plan.fields),
            # Behind the scenario's: the place of a source decides which values its seed makes up.
            records=(*plan.records, *self.plan.records),
            automation=(*self.plan.automation, *plan.automation),
        )


def read(schema: Any, records: Any, credentials: Any, folder: Path) -> Given:
    """Read the three fixtures. Relative paths stand below `folder`. Raises pytest.UsageError."""
    paths, definitions = _schema(schema, folder)
    return Given(
        OrgPlan(
            schema=paths,
            objects=definitions.get("objects", {}),
            fields=definitions.get("fields", {}),
            records=_records(records, folder),
        ),
        _login(credentials),
    )


def _schema(given: Any, folder: Path) -> tuple[tuple[str, ...], dict[str, Any]]:
    if given is None:
        return (), {}
    if isinstance(given, Mapping):
        for key, value in given.items():
            if key not in ("objects", "fields"):
                raise _wrong("salesforce_schema", f"there is no key {key!r}", nearest(key, ("objects", "fields")))
            if not isinstance(value, Mapping) or not all(isinstance(inner, Mapping) for inner in value.values()):
                raise _wrong("salesforce_schema", f"{key} is a mapping of objects to mappings")
        return (), {key: {name: dict(inner) for name, inner in value.items()} for key, value in given.items()}
    paths = []
    for path in [given] if isinstance(given, str | os.PathLike) else given if isinstance(given, Sequence) else [given]:
        if not isinstance(path, str | os.PathLike):
            raise _wrong(
                "salesforce_schema", f"{str(path)[:60]!r} is neither a mapping of objects and fields nor a path"
            )
        if not (folder / path).exists():
            raise _wrong("salesforce_schema", f"there is no {folder / path}")
        paths.append(str(folder / path))
    return tuple(paths), {}


def _records(given: Any, folder: Path) -> tuple[Any, ...]:
    """Read records as a scenario's `org.records`; of an object they may also be rows."""
    if given is None:
        return ()
    rows: list[GivenRecords] = []
    written: Any = given
    if isinstance(given, str | os.PathLike):
        written = [os.fspath(given)]
    elif isinstance(given, Mapping):
        written = {}
        for name, value in given.items():
            if isinstance(value, Mapping):
                written[name] = dict(value)
            elif isinstance(value, Sequence) and all(isinstance(row, Mapping) for row in value):
                rows.append(GivenRecords(str(name), tuple(dict(row) for row in value)))
            else:
                raise _wrong("salesforce_records", f"{name} has rows, {{count, fields}} or {{file}}, not {value!r:.60}")
    elif isinstance(given, Sequence):
        written = [os.fspath(path) if isinstance(path, os.PathLike) else path for path in given]
    problems: list[Problem] = []
    found = read_records(Part({"records": written}, (), problems), folder)
    if problems:
        raise _wrong("salesforce_records", "; ".join(problem.text() for problem in problems))
    return (*rows, *found)


def _login(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise _wrong("salesforce_credentials", f"give a mapping of {', '.join(_LOGIN)}, not {type(given).__name__}")
    found = {}
    for key, value in given.items():
        name = str(key).lower().removeprefix("sf_")
        if name not in _LOGIN:
            raise _wrong(
                "salesforce_credentials", f"there is no {key!r} (allowed: {', '.join(_LOGIN)})", nearest(name, _LOGIN)
            )
        if not isinstance(value, str) or not value:
            raise _wrong("salesforce_credentials", f"{key} must be text")
        found[name] = value
    return found


def _wrong(fixture: str, text: str, near: str | None = None) -> pytest.UsageError:
    return pytest.UsageError(f"fixture {fixture}: {text}" + (f"; did you mean {near!r}?" if near else ""))
