"""Reports and dashboards: list, describe, run at once or later (Reports and Dashboards REST API Developer Guide).

Few clients run reports, and their modules are many: the handlers import them late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.protocols.rest.replies import DATA, answer, base_of, data_url, empty, routes

if TYPE_CHECKING:
    from mock_server.org.reports import Report

_ANALYTICS = f"{DATA}/analytics"
_REPORTS = f"{_ANALYTICS}/reports"
_REPORT = f"{_REPORTS}/{{report}}"
_MOST_LISTED = 200


def _base(call: Call) -> str:
    return data_url(call, "analytics")


@routes(Operation("rest.analytics.resources", "GET", _ANALYTICS, "read", summary="List the resources of analytics"))
async def resources(call: Call) -> Reply:
    return answer({name: f"{_base(call)}/{name}" for name in ("dashboards", "reportTypes", "reports")})


@routes(Operation("rest.analytics.dashboards", "GET", f"{_ANALYTICS}/dashboards", "read", summary="List dashboards"))
async def dashboards(call: Call) -> Reply:
    # A dashboard is a page that somebody drew; nobody did.
    return answer([])


@routes(Operation("rest.analytics.list", "GET", _REPORTS, "read", rows="many", summary="List the reports"))
async def list_reports(call: Call) -> Reply:
    soql = f"SELECT Id, Name FROM Report ORDER BY Name, Id LIMIT {_MOST_LISTED}"  # noqa: S608  # a number
    _may_run(call)
    found = call.org.query(call.session, soql, base=base_of(call)).records
    return answer(
        [
            {
                "describeUrl": f"{_base(call)}/reports/{row['Id']}/describe",
                "id": row["Id"],
                "instancesUrl": f"{_base(call)}/reports/{row['Id']}/instances",
                "name": row["Name"],
                "url": f"{_base(call)}/reports/{row['Id']}",
            }
            for row in found
            if call.org.reports.get(row["Id"]) is not None
        ]
    )


def _may_run(call: Call) -> None:
    if not call.org.may(call.session, "RunReports", "ViewAllData", "ModifyAllData"):
        raise errors.NO_REPORTS()


def _report(call: Call) -> Report:
    """Return the report that the path names. Raises FORBIDDEN, NOT_FOUND."""
    _may_run(call)
    found = call.org.reports.get(to_18(call.args["report"]) or "")
    if found is None:
        raise errors.NOT_FOUND()
    return found


@routes(
    Operation(
        "rest.analytics.run", "GET", _REPORT, "read", rows="many", query=("includeDetails",),
        summary="Run a report, with filters and groups of one's own in a body",
    ),
    Operation("rest.analytics.run", "POST", _REPORT, "read", rows="many", query=("includeDetails",)),
)  # fmt: skip
async def run(call: Call) -> Reply:
    report = _report(call)
    _charge(call, "HourlySyncReportRuns", 500)
    call.entry.query = report.soql[:1000]
    return answer(_run(call, report)[0])


def _run(call: Call, report: Report) -> tuple[dict[str, Any], bool]:
    """Return the answer of a run, and whether it has details."""
    from mock_server.protocols.rest import report_bodies as bodies
    from mock_server.protocols.rest import report_requests as requests

    wanted = requests.read(call, report)
    return bodies.run(call, report, wanted), wanted.details


def _charge(call: Call, name: str, usual: int) -> None:
    """Count a run against its hourly limit. Raises REPORT_LIMIT."""
    ledger = call.org.limits.ledger(name)
    if ledger.remaining <= 0:
        kind = "synchronous" if usual == 500 else "asynchronous"
        raise errors.REPORT_LIMIT(count=ledger.maximum, way=kind)
    ledger.charge()


@routes(Operation("rest.analytics.describe", "GET", f"{_REPORT}/describe", "read", summary="Describe a report"))
async def describe(call: Call) -> Reply:
    from mock_server.protocols.rest import report_bodies as bodies

    return answer(bodies.describe(call, _report(call)))


# -- runs to come back to

_INSTANCES = f"{_REPORT}/instances"
_INSTANCE = f"{_INSTANCES}/{{instance}}"


@routes(
    Operation(
        "rest.analytics.instances.start", "POST", _INSTANCES, "read", query=("includeDetails",),
        summary="Run a report to come back to",
    )
)  # fmt: skip
async def start(call: Call) -> Reply:
    from mock_server.protocols.rest import report_bodies as bodies

    report = _report(call)
    _charge(call, "HourlyAsyncReportRuns", 1200)
    call.entry.query = report.soql[:1000]
    body, details = _run(call, report)
    instance = call.org.reports.keep(report, call.session.user_id, body, details=details)
    return answer(bodies.instance(call, instance))


@routes(
    Operation("rest.analytics.instances.list", "GET", _INSTANCES, "read", summary="List the runs of a report"),
)
async def instances(call: Call) -> Reply:
    from mock_server.protocols.rest import report_bodies as bodies

    return answer([bodies.instance(call, one) for one in call.org.reports.instances(_report(call))])


@routes(Operation("rest.analytics.instances.read", "GET", _INSTANCE, "read", summary="Read the result of a run"))
async def read(call: Call) -> Reply:
    from mock_server.protocols.rest import report_bodies as bodies

    report = _report(call)
    instance = call.org.reports.instance(report, to_18(call.args["instance"]) or "")
    if instance is None:
        raise errors.NOT_FOUND()
    body: Mapping[str, Any] = instance.body
    return answer({**body, "attributes": bodies.instance_attributes(report, instance)})


@routes(Operation("rest.analytics.instances.delete", "DELETE", _INSTANCE, "write", summary="Forget a run"))
async def delete(call: Call) -> Reply:
    report = _report(call)
    instance = call.org.reports.instance(report, to_18(call.args["instance"]) or "")
    if instance is None:
        raise errors.NOT_FOUND()
    call.org.reports.drop(instance)
    return empty()


# -- what reports may be of

_TYPES = f"{_ANALYTICS}/reportTypes"


@routes(Operation("rest.analytics.types.list", "GET", _TYPES, "read", summary="List what reports may be of"))
async def types(call: Call) -> Reply:
    from mock_server.protocols.rest import report_bodies as bodies

    kinds = {"Standard Reports": False, "Other Reports": True}
    out = []
    for label, custom in kinds.items():
        found = [
            {
                "describeUrl": f"{_base(call)}/reportTypes/{bodies.type_of(one)}",
                "label": one.label_plural,
                "type": bodies.type_of(one),
            }
            for name in call.schema.names()
            if (one := call.schema.get(name)) is not None and one.custom is custom and bodies.reportable(one)
        ]
        if found:
            out.append({"label": label, "reportTypes": found})
    return answer(out)


@routes(
    Operation(
        "rest.analytics.types.describe", "GET", f"{_TYPES}/{{type}}", "read", summary="Describe what reports may show"
    )
)
async def type_described(call: Call) -> Reply:
    from mock_server.protocols.rest import report_bodies as bodies

    for name in call.schema.names():
        sobject = call.schema.get(name)
        if sobject is not None and bodies.reportable(sobject) and bodies.type_of(sobject) == call.args["type"]:
            return answer(bodies.describe_type(call, sobject))
    raise errors.NOT_FOUND()
