"""The reports of one org, the records that stand for them, and the runs that clients asked for and come back to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from zlib import compress, decompress

import orjson

from mock_server.org.clock import stamp
from mock_server.org.identity.directory import USER_ID
from mock_server.org.ids import stable_id
from mock_server.org.reports.definition import Definition, ReportError, read

if TYPE_CHECKING:
    from mock_server.org.org import Org

PUBLIC = "Public Reports"
_KEPT = 86_400.0
_MOST_INSTANCES = 2000
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,79}")


@dataclass(frozen=True)
class Report:
    """A saved report. `soql` is its query as it was written."""

    name: str
    soql: str
    definition: Definition
    developer_name: str
    folder: str = PUBLIC
    description: str | None = None
    details: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return stable_id("00O", f"report.{self.developer_name}")

    @property
    def folder_id(self) -> str:
        return stable_id("00l", f"reports.{self.folder}")


@dataclass(frozen=True)
class Instance:
    """A run that was asked for: its answer is kept for a day."""

    id: str
    report_id: str
    owner_id: str
    requested: float
    details: bool
    packed: bytes = field(repr=False)
    completed: float | None = None

    @property
    def body(self) -> dict[str, object]:
        found: dict[str, object] = orjson.loads(decompress(self.packed))
        return found


class Reports:
    def __init__(self, org: Org) -> None:
        self._org = org
        self._reports: dict[str, Report] = {}
        self._instances: dict[str, Instance] = {}

    def __iter__(self) -> Iterator[Report]:
        return iter(tuple(self._reports.values()))

    def checked(
        self, name: str, soql: str, *, folder: str = PUBLIC, developer_name: str | None = None,
        description: str | None = None, details: Iterable[str] = (),
    ) -> Report:  # fmt: skip
        """Return a report without saving it. Raises ReportError for one that can never run."""
        made = developer_name or _developer_name(name)
        if not _NAME.fullmatch(made):
            raise ReportError(
                "developerName has letters, digits and single underscores, and begins with a letter", "developerName"
            )
        shown = tuple(details)
        report = Report(name, soql, read(self._org.schema, soql, shown), made, folder, description, shown)
        self._try(report)
        return report

    def _try(self, report: Report) -> None:
        """Refuse a report whose query cannot run: the engine says why."""
        from mock_server.org.errors import ApiError

        try:
            self._org.queries.run(report.soql, user_id=USER_ID, base="")
        except ApiError as error:
            raise ReportError(f"{error.code}: {error.message.strip()}", "soql") from None

    def add(self, report: Report) -> Report:
        """Save a report: one of the same developer name gives way. Its record and its folder's are written."""
        self._reports[report.id] = report
        now = stamp(self._org.clock.now())
        audit: dict[str, object] = {
            "CreatedDate": now, "CreatedById": USER_ID, "LastModifiedDate": now, "LastModifiedById": USER_ID,
            "SystemModstamp": now, "IsDeleted": 0,
        }  # fmt: skip
        rows: dict[str, dict[str, object]] = {
            "Folder": {
                "Id": report.folder_id, "Name": report.folder, "DeveloperName": _developer_name(report.folder),
                "AccessType": "Public", "IsReadonly": 0, "Type": "Report",
            },
            "Report": {
                "Id": report.id, "Name": report.name, "DeveloperName": report.developer_name,
                "FolderName": report.folder, "Description": report.description, "OwnerId": report.folder_id,
                "Format": "Tabular" if report.definition.tabular else "Summary",
            },
        }  # fmt: skip
        for name, row in rows.items():
            sobject = self._org.schema.get(name)
            if sobject is not None:
                known = sobject.by_name
                self._org.store.put(sobject, {key: value for key, value in (audit | row).items() if key in known})
        return report

    def get(self, identifier: str) -> Report | None:
        return self._reports.get(identifier)

    def remove(self, name: str) -> bool:
        """Forget the report of a name or developer name; tell whether there was one."""
        report = next((one for one in self._reports.values() if name in (one.developer_name, one.name)), None)
        if report is not None:
            self._forget(report)
        return report is not None

    def _forget(self, report: Report) -> None:
        """Forget a report, its record and its runs."""
        self._reports.pop(report.id, None)
        for instance in [one for one in self._instances.values() if one.report_id == report.id]:
            del self._instances[instance.id]
        sobject = self._org.schema.get("Report")
        if sobject is not None:
            self._org.store.ready(sobject)
            self._org.store.connection.execute('DELETE FROM "Report" WHERE "Id" = ?', (report.id,))

    def clear(self) -> None:
        for report in tuple(self._reports.values()):
            self._forget(report)
        self._instances.clear()

    def become(self, other: Reports) -> None:
        """Take over another org's reports; the records come with its store."""
        self._reports = dict(other._reports)

    # -- runs that clients come back to

    def keep(self, report: Report, owner_id: str, body: object, *, details: bool) -> Instance:
        """Keep the answer of a run; the oldest gives way when there are too many."""
        now = self._org.clock.now()
        self._expire(now)
        instance = Instance(
            self._org.ids.take("0LG"), report.id, owner_id, now, details, compress(orjson.dumps(body), 1)
        )
        self._instances[instance.id] = instance
        while len(self._instances) > _MOST_INSTANCES:
            del self._instances[next(iter(self._instances))]
        return instance

    def _expire(self, now: float) -> None:
        for instance in [one for one in self._instances.values() if one.requested <= now - _KEPT]:
            del self._instances[instance.id]

    def instances(self, report: Report) -> list[Instance]:
        """Return the runs of a report, the newest first; to be seen is to be complete."""
        now = self._org.clock.now()
        self._expire(now)
        for one in self._instances.values():
            if one.report_id == report.id and one.completed is None:
                self._instances[one.id] = replace(one, completed=now)
        return [one for one in reversed(self._instances.values()) if one.report_id == report.id]

    def instance(self, report: Report, identifier: str) -> Instance | None:
        return next((one for one in self.instances(report) if one.id == identifier), None)

    def drop(self, instance: Instance) -> None:
        self._instances.pop(instance.id, None)


def _developer_name(name: str) -> str:
    words = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", name)).strip("_")
    return (words if words[:1].isalpha() else f"X{words}")[:80].rstrip("_")
