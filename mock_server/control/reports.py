"""An org's reports: saved queries can be declared here while it runs."""

from __future__ import annotations

from mock_server import reports
from mock_server.control.call import ControlCall, Refused, answer, done, raise_first, routes, spelt
from mock_server.documents import Problem
from mock_server.operations import Reply
from mock_server.org.reports import ReportError


@routes.of_org("reports.list", "GET", "reports", "List the reports")
async def list_reports(call: ControlCall) -> Reply:
    return answer([reports.as_json(report) for report in call.org.reports])


@routes.of_org("reports.add", "POST", "reports", "Add one report, or a list of them: all, or none")
async def add(call: ControlCall) -> Reply:
    given = call.any_json()
    problems: list[Problem] = []
    found = reports.read(given if isinstance(given, list) else [given], ("reports",), problems)
    raise_first(problems)
    checked = []
    for place, declared in enumerate(found):
        try:
            checked.append(declared.check(call.org.reports))
        except ReportError as error:
            raise refusal(error, ("reports", place)) from None
    added = [reports.as_json(call.org.reports.add(report)) for report in checked]
    return answer(added if isinstance(given, list) else added[0], 201)


def refusal(error: ReportError, path: tuple[str | int, ...]) -> Refused:
    return Refused(400, str(error), spelt((*path, error.key)), error.allowed, error.like or "")


@routes.of_org("reports.clear", "DELETE", "reports", "Remove all reports")
async def clear(call: ControlCall) -> Reply:
    call.org.reports.clear()
    return done()


@routes.of_org("reports.remove", "DELETE", "reports/{name}", "Remove a report, by its developer name")
async def remove(call: ControlCall) -> Reply:
    name, known = call.args["name"], call.org.reports
    report = known.named(name)
    if report is None:
        names = sorted(one.developer_name for one in known)
        raise Refused(404, f"there is no report {name}", "name", names, name)
    known.remove(report)
    return done()
