"""SOQL queries and their pages."""

from __future__ import annotations

import re
from typing import Any

from mock_server.journal import Page as PageNote
from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.query import Page
from mock_server.org.reflection import list_views
from mock_server.protocols.rest.list_views import soql_of
from mock_server.protocols.rest.replies import DATA, answer, base_of, data_url, routes, version_of

_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d{1,9})", re.IGNORECASE)
_LIST_VIEW = re.compile(r"00B[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?")
SMALLEST_PAGE, LARGEST_PAGE = 200, 2000


@routes(
    Operation(
        "rest.query.run", "GET", f"{DATA}/query", "read", rows="many", query=("q", "explain", "columns"),
        summary="Run a query",
    )
)  # fmt: skip
async def run(call: Call) -> Reply:
    return await _run(call, all_rows=False)


@routes(
    Operation(
        "rest.query.all",
        "GET",
        f"{DATA}/queryAll",
        "read",
        rows="many",
        summary="Run a query over deleted rows too",
        query=("q", "explain", "columns"),
    )
)
async def run_all(call: Call) -> Reply:
    return await _run(call, all_rows=True)


@routes(
    Operation("rest.query.more", "GET", f"{DATA}/query/{{locator}}", "read", rows="many", summary="Read the next page"),
    Operation("rest.query.more", "GET", f"{DATA}/queryAll/{{locator}}", "read", rows="many"),
)
async def more(call: Call) -> Reply:
    return page_answer(
        call, call.org.more(call.session, call.args["locator"], size=page_size(call), base=base_of(call))
    )


async def _run(call: Call, *, all_rows: bool) -> Reply:
    soql = call.query.get("q")
    if soql is None and "explain" in call.query:
        return _explain(call, call.query["explain"])
    if soql is None:
        raise errors.MALFORMED_QUERY(text="SOQL statements cannot be empty or null")
    call.entry.query = soql[:1000]
    if columns_wanted(call):
        return answer(call.org.columns(call.session, soql, version=version_of(call.args["version"])))
    page = await call.org.query_aside(
        call.session,
        soql,
        all_rows=all_rows,
        size=page_size(call),
        base=base_of(call),
        version=version_of(call.args["version"]),
    )
    return page_answer(call, page)


def columns_wanted(call: Call) -> bool:
    """Tell whether a client asks for what the columns of a query are, in place of its records."""
    return call.query.get("columns", "").lower() == "true"


def _explain(call: Call, asked: str) -> Reply:
    """Answer with the plans of a query, or of the one behind a list view, in place of its records."""
    soql = asked
    if _LIST_VIEW.fullmatch(asked):
        found = list_views.find(call.schema, asked)
        if found is None:
            raise errors.NOT_FOUND()
        soql = soql_of(*found)
    call.entry.query = soql[:1000]
    plans = call.org.explain(call.session, soql, version=version_of(call.args["version"]))
    return answer({"plans": plans, "sourceQuery": soql})


def page_size(call: Call) -> int:
    """Return how many records the call wants in a page (Sforce-Query-Options)."""
    options = call.headers.get("Sforce-Query-Options")
    wanted = _BATCH_SIZE.search(options) if options else None
    return min(max(int(wanted[1]), SMALLEST_PAGE), LARGEST_PAGE) if wanted else LARGEST_PAGE


def page_answer(call: Call, page: Page) -> Reply:
    """Answer with a page of records, and where the next one is."""
    call.entry.page = PageNote(page.total, len(page.records), page.cursor)
    body: dict[str, Any] = {"totalSize": page.total, "done": page.cursor is None}
    if page.cursor is not None:
        body["nextRecordsUrl"] = data_url(call, "query", page.cursor)
    body["records"] = page.records
    return answer(body)
