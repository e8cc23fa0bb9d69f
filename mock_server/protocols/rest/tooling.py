"""The Tooling API: queries over the schema and what an org's developers left in it; Apex is not run.

Envelopes are recorded ones (Tooling API, "REST Resources").
"""

from __future__ import annotations

from typing import Any

from mock_server.journal import Page as PageNote
from mock_server.jsontext import misfit_error
from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.events import managed
from mock_server.org.ids import to_18
from mock_server.org.query import Page
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.records.values import Misfit
from mock_server.org.schema import Schema
from mock_server.org.schema import describe as forms
from mock_server.org.schema.types import SObject
from mock_server.org.tooling import NOT_RUN
from mock_server.protocols.rest.query import columns_wanted, page_size
from mock_server.protocols.rest.records import done
from mock_server.protocols.rest.replies import DATA, answer, data_url, errors_answer, fields_of, routes, version_of

TOOLING = f"{DATA}/tooling"
OBJECT = f"{TOOLING}/sobjects/{{sobject}}"
BY_ID = f"{OBJECT}/{{id}}"


def _base(call: Call) -> str:
    return data_url(call, "tooling", "sobjects")


def _schema(call: Call) -> Schema:
    return call.org.tooling_of(call.session)


@routes(Operation("rest.tooling.resources", "GET", TOOLING, "read", summary="List the resources of the Tooling API"))
async def resources(call: Call) -> Reply:
    names = dict.fromkeys(
        route.operation.path.removeprefix(f"{TOOLING}/").split("/")[0]
        for route in routes.routes
        if route.operation.path.startswith(f"{TOOLING}/")
    )
    return answer({name: data_url(call, "tooling", name) for name in sorted(names)})


# -- queries


@routes(
    Operation(
        "rest.tooling.query", "GET", f"{TOOLING}/query", "read", rows="many", query=("q", "explain", "columns"),
        summary="Query the schema and the objects of developers",
    )
)  # fmt: skip
async def query(call: Call) -> Reply:
    soql, version = call.query.get("q"), version_of(call.args["version"])
    explained = call.query.get("explain")
    if soql is None and explained is not None:
        call.entry.query = explained[:1000]
        plans = call.org.explain(call.session, explained, version=version, tooling=True)
        return answer({"plans": plans, "sourceQuery": explained})
    if soql is None:
        raise errors.MALFORMED_QUERY(text="SOQL statements cannot be empty or null")
    call.entry.query = soql[:1000]
    if columns_wanted(call):
        return answer(call.org.columns(call.session, soql, version=version, tooling=True))
    page = await call.org.query_aside(
        call.session, soql, size=page_size(call), base=_base(call), version=version, tooling=True
    )
    return _page(call, page)


@routes(
    Operation(
        "rest.tooling.more", "GET", f"{TOOLING}/query/{{locator}}", "read", rows="many",
        summary="Read the next page of a query of the Tooling API",
    )
)  # fmt: skip
async def more(call: Call) -> Reply:
    return _page(call, call.org.more(call.session, call.args["locator"], size=page_size(call), base=_base(call)))


@routes(
    Operation(
        "rest.tooling.search", "GET", f"{TOOLING}/search", "read", rows="many", query=("q",),
        summary="Search the objects of developers by SOSL",
    )
)  # fmt: skip
async def search(call: Call) -> Reply:
    text = call.query.get("q", "")
    call.entry.query = text[:1000]
    found = await call.org.search_aside(call.session, text, base=_base(call), tooling=True)
    return answer({"searchRecords": found.records})


def _page(call: Call, page: Page) -> Reply:
    call.entry.page = PageNote(page.total, len(page.records), page.cursor)
    body: dict[str, Any] = {"size": len(page.records), "totalSize": page.total, "done": page.cursor is None}
    if page.cursor is not None:
        body["nextRecordsUrl"] = data_url(call, "tooling", "query", page.cursor)
    body["queryLocator"] = page.cursor
    # Recorded: without records no type is named.
    body["entityTypeName"] = page.records[0]["attributes"]["type"] if page.records else None
    body["records"] = page.records
    return answer(body)


# -- objects


@routes(
    Operation(
        "rest.tooling.describe_global", "GET", f"{TOOLING}/sobjects", "read",
        summary="Describe the objects of the Tooling API",
    )
)  # fmt: skip
async def describe_global(call: Call) -> Reply:
    schema = _schema(call)
    rows = [_at_home(forms.summary(one, call.args["version"])) for one in schema.own().values()]
    return answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": rows})


def _at_home(body: dict[str, Any]) -> dict[str, Any]:
    """Return a describe whose links lead to the Tooling API; of layouts and list views it has none."""
    urls = {
        name: url.replace("/sobjects/", "/tooling/sobjects/", 1)
        for name, url in body["urls"].items()
        if name in ("rowTemplate", "describe", "sobject")
    }
    return {**body, "urls": urls}


def _sobject(call: Call) -> SObject:
    found = _schema(call).get(call.args["sobject"])
    if found is None:
        raise errors.NOT_FOUND()
    return found


@routes(
    Operation("rest.tooling.summary", "GET", OBJECT, "read", summary="Describe an object of the Tooling API in short")
)
async def summary(call: Call) -> Reply:
    return answer({"objectDescribe": _at_home(forms.summary(_sobject(call), call.args["version"])), "recentItems": []})


@routes(
    Operation(
        "rest.tooling.describe", "GET", f"{OBJECT}/describe", "read", summary="Describe an object of the Tooling API"
    )
)
async def describe(call: Call) -> Reply:
    return answer(_at_home(forms.describe(_sobject(call), call.args["version"])))


@routes(
    Operation(
        "rest.tooling.read", "GET", BY_ID, "read", rows="one", query=("fields",),
        summary="Read a record of the Tooling API",
    )
)  # fmt: skip
async def read(call: Call) -> Reply:
    sobject = _sobject(call)
    # What has a durable id alone is read by it.
    identifier = call.args["id"] if sobject.anonymous else _id(call)
    (record,) = call.org.read(call.session, sobject.name, [identifier], fields_of(call), base=_base(call), tooling=True)
    if record is None:
        raise errors.NOT_FOUND()
    return answer(record)


@routes(
    Operation(
        "rest.tooling.create", "POST", OBJECT, "write", "never", "one", summary="Create a record of the Tooling API"
    )
)
async def create(call: Call) -> Reply:
    sobject = _sobject(call)
    (result,) = await _save(call, Change("create", sobject.name, call.json_object(), tooling=True))
    if not result.success:
        return errors_answer(result.errors)
    # Recorded: the lists of warnings and infos come behind the errors.
    reply = answer({"id": result.id, "success": True, "errors": [], "warnings": [], "infos": []}, 201)
    reply.headers["Location"] = f"{_base(call)}/{sobject.name}/{result.id}"
    return reply


@routes(
    Operation(
        "rest.tooling.update", "PATCH", BY_ID, "write", "conditional", "one",
        summary="Change a record of the Tooling API",
    )
)  # fmt: skip
async def update(call: Call) -> Reply:
    sobject = _sobject(call)
    return await _done(call, Change("update", sobject.name, call.json_object(), id=_id(call), tooling=True))


@routes(
    Operation(
        "rest.tooling.delete", "DELETE", BY_ID, "write", "always", "one", summary="Delete a record of the Tooling API"
    )
)
async def delete(call: Call) -> Reply:
    sobject = _sobject(call)
    # Nothing of the Tooling API goes to the recycle bin.
    return await _done(call, Change("hard_delete", sobject.name, id=_id(call), tooling=True))


def _id(call: Call) -> str:
    identifier = to_18(call.args["id"])
    if identifier is None:
        raise errors.NO_SUCH_EXTERNAL_ID_FIELD(segment=call.args["id"])
    return identifier


async def _save(call: Call, change: Change) -> list[RowResult]:
    try:
        return await call.write([managed.whole(call.org, change)])
    except Misfit as misfit:
        raise misfit_error(call.body, misfit) from None


async def _done(call: Call, change: Change) -> Reply:
    return done(await _save(call, change))


# -- Apex: there is none, and none is run


@routes(
    Operation(
        "rest.tooling.run_tests", "POST", f"{TOOLING}/runTestsSynchronous", "read", "never",
        summary="Say that no Apex tests are run",
    ),
    Operation("rest.tooling.run_tests", "GET", f"{TOOLING}/runTestsSynchronous", "read", "never"),
    Operation("rest.tooling.run_tests", "POST", f"{TOOLING}/runTestsAsynchronous", "read", "never"),
)  # fmt: skip
async def run_tests(call: Call) -> Reply:
    raise errors.INVALID_INPUT(text=NOT_RUN)


@routes(
    Operation(
        "rest.tooling.completions", "GET", f"{TOOLING}/completions", "read", query=("type",),
        summary="List what editors may complete: nothing, since no Apex is here",
    )
)  # fmt: skip
async def completions(call: Call) -> Reply:
    kind = call.query.get("type")
    if not kind:
        raise errors.MISSING_PARAMETER(name="type")
    if kind.lower() not in ("apex", "visualforce"):
        raise errors.INVALID_INPUT(text=f"Invalid completion type: {kind[:100]}")
    return answer({"publicDeclarations": {}})


@routes(
    Operation(
        "rest.tooling.execute_anonymous", "GET", f"{TOOLING}/executeAnonymous", "read", query=("anonymousBody",),
        summary="Say that Apex is not run",
    )
)  # fmt: skip
async def execute_anonymous(call: Call) -> Reply:
    if "anonymousBody" not in call.query:
        raise errors.MISSING_PARAMETER(name="anonymousBody")
    return answer(
        {
            "line": 1,
            "column": 1,
            "compiled": False,
            "success": False,
            "compileProblem": NOT_RUN,
            "exceptionStackTrace": None,
            "exceptionMessage": None,
        }
    )
