"""Declared reports: `[{name: Pipeline, soql: SELECT Name, Amount FROM Opportunity}]`, from YAML or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_server.documents import Problem, Steps
from mock_server.faults.reader import Reader, read_each, shown
from mock_server.faults.shapes import TEXT, Shape, mapping

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.reports import Report

NOUN = "a report"
KEYS = ("name", "soql", "folder", "developerName", "description", "details")


@dataclass(frozen=True, slots=True)
class DeclaredReport:
    name: str
    soql: str
    folder: str | None = None
    developer_name: str | None = None
    description: str | None = None
    details: tuple[str, ...] = ()

    def check(self, org: Org) -> None:
        """Raise HookError for a report that the org cannot run."""
        self._checked(org)

    def _checked(self, org: Org) -> Report:
        more = {} if self.folder is None else {"folder": self.folder}
        return org.reports.checked(
            self.name, self.soql, developer_name=self.developer_name, description=self.description,
            details=self.details, **more,
        )  # fmt: skip

    def add_to(self, org: Org) -> Report:
        """Save the report. Raises HookError."""
        return org.reports.add(self._checked(org))


def read(value: object, path: Steps, problems: list[Problem]) -> tuple[DeclaredReport, ...]:
    """Read a list of declarations; what is wrong with them is added to the problems."""
    names: set[str] = set()

    def one(value: object, path: Steps, problems: list[Problem]) -> DeclaredReport | None:
        report = read_one(value, path, problems)
        if report is not None:
            name = report.developer_name or report.name
            if name in names:
                problems.append(Problem((*path, "name"), f"there are two reports {report.name!r}"))
            names.add(name)
        return report

    return read_each(value, path, problems, "reports must be a list of reports", one)


def read_one(value: object, path: Steps, problems: list[Problem]) -> DeclaredReport | None:
    """Read one declaration; None where something is wrong with it."""
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"a report must be a mapping, not {shown(value)}", KEYS))
        return None
    before = len(problems)
    reader = Reader(value, path, problems)
    reader.only(KEYS, "a report")
    texts = {key: reader.text(key) for key in KEYS[:-1]}
    for key in ("name", "soql"):
        if key not in reader:
            reader.refuse((), f"a report needs {key}")
    details = value.get("details")
    if details is not None and not (isinstance(details, list) and all(isinstance(one, str) for one in details)):
        reader.refuse("details", f"details must be a list of fields, not {shown(details)}")
    name, soql = texts["name"], texts["soql"]
    if len(problems) > before or name is None or soql is None:
        return None
    return DeclaredReport(
        name, soql, texts["folder"], texts["developerName"], texts["description"], tuple(details or ())
    )


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as it is declared, with its id."""
    return {
        "id": report.id, "name": report.name, "developerName": report.developer_name, "folder": report.folder,
        "description": report.description, "soql": report.soql, "details": list(report.details),
    }  # fmt: skip


def shape() -> Shape:
    """Return the JSON Schema of a declaration."""
    return mapping(
        {
            "name": TEXT,
            "soql": {**TEXT, "description": "its query: fields are its columns, GROUP BY makes groups with totals"},
            "folder": {**TEXT, "description": "the folder it lies in (Public Reports)"},
            "developerName": {**TEXT, "description": "its API name; made of its name"},
            "description": TEXT,
            "details": {"type": "array", "items": TEXT, "description": "the columns of the rows within groups"},
        },
        required=("name", "soql"),
        description="a saved query that clients run through the reports API",
    )
