"""SOAP calls about the life of records: undelete, emptyRecycleBin, merge, convertLead, getUpdated, getDeleted.

Elements in the order of the partner WSDL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mock_server.operations import Call, Handler, Kind, Operation, Reply, Routes, Rows
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records import merging, replication
from mock_server.org.records.changes import Change, RowResult, Verb
from mock_server.org.records.conversion import LeadConvert, LeadConverted, convert
from mock_server.org.records.resolving import unsupported_type
from mock_server.org.records.values import Misfit
from mock_server.org.schema.types import SObject
from mock_server.protocols.ids import rows_by_id
from mock_server.protocols.soap.envelope import CLIENT_FAULT
from mock_server.protocols.soap.replies import Api
from mock_server.protocols.soap.tree import Node, read_tree
from mock_server.xmltext import escaped

MOST_ROWS = 200
MOST_LEADS = 100


def _id(name: str, identifier: str | None) -> str:
    return f"<{name}>{escaped(identifier)}</{name}>" if identifier else f'<{name} xsi:nil="true"/>'


def _errors(failed: Sequence[ApiError]) -> str:
    out = []
    for error in failed:
        fields = "".join(f"<fields>{escaped(name)}</fields>" for name in error.fields or ())
        out.append(
            f"<errors>{fields}<message>{escaped(error.message)}</message><statusCode>{error.code}</statusCode></errors>"
        )
    return "".join(out)


def _flag(value: bool) -> str:
    return f"<success>{'true' if value else 'false'}</success>"


def _within(count: int, most: int) -> None:
    if count > most:
        raise errors.EXCEEDED_ID_LIMIT(limit=most)


def _read(call: Call) -> tuple[Node, Node]:
    """Return the operation's element and that of the header, which may say how the client calls itself."""
    asked, header = read_tree(call.body)
    client = next((node.text.strip() for one in header.all("CallOptions") for node in one.all("client")), "")
    if client:
        call.entry.caller = call.org.redactor.hide(client)
    return asked, header


async def _by_ids(call: Call, api: Api, verb: Verb) -> Reply:
    asked, header = _read(call)
    ids = [node.text.strip() for node in asked.all("ids")]
    _within(len(ids), MOST_ROWS)
    all_or_none = any(one.flag("allOrNone") for one in header.all("AllOrNoneHeader"))
    results = await call.write(rows_by_id(call.schema, verb, ids), all_or_none=all_or_none)
    items = "".join(f"<result>{_errors(one.errors)}{_id('id', one.id)}{_flag(one.success)}</result>" for one in results)
    return _answer(call, api, asked, items)


def _answer(call: Call, api: Api, asked: Node, items: str) -> Reply:
    return api.answer(f"<{asked.name}Response>{items}</{asked.name}Response>", call.org.limits.calls)


# -- merge


async def _merge(call: Call, api: Api) -> Reply:
    asked, _ = _read(call)
    requests = list(asked.all("request"))
    misplaced = next((node.name for node in asked.children if node.name != "request"), None)
    if misplaced is not None:
        # A client that calls the element otherwise (jsforce: mergeRequests) would take silence for a merge.
        raise CLIENT_FAULT(text=f"Element {{urn:partner.soap.sforce.com}}{misplaced} invalid at this location")
    _within(len(requests), MOST_ROWS)
    items = [await _merge_one(call, request) for request in requests]
    return _answer(call, api, asked, "".join(items))


async def _merge_one(call: Call, request: Node) -> str:
    master = next(request.all("masterRecord"), Node("masterRecord"))
    name = master.first("type") or master.kind
    losers = [node.text.strip() for node in request.all("recordToMergeIds") if node.text.strip()]
    rows = merging.changes(call.org, name, master.first("Id"), _values(master), losers[:MOST_ROWS])
    if call.schema.get(name) is None:
        rows[0].refusal = unsupported_type(name)
    mark = call.org.log.last
    try:
        results = await call.write(rows, all_or_none=True)
    except Misfit as misfit:
        raise CLIENT_FAULT(text=misfit.text) from None
    merged = merging.outcome(call.org, results, mark)
    ids = "".join(f"<mergedRecordIds>{one}</mergedRecordIds>" for one in merged.merged)
    related = "".join(f"<updatedRelatedIds>{one}</updatedRelatedIds>" for one in merged.related)
    return f"<result>{_errors(merged.errors)}{_id('id', merged.id)}{ids}{_flag(not merged.errors)}{related}</result>"


def _values(record: Node) -> dict[str, str | None]:
    """Return the fields of a record that are given; those of `fieldsToNull` are emptied."""
    values: dict[str, str | None] = {
        node.name: None if node.nil else node.text
        for node in record.children
        if node.name not in ("type", "Id", "fieldsToNull")
    }
    return values | {node.text.strip(): None for node in record.all("fieldsToNull") if node.text.strip()}


# -- convertLead


async def _convert(call: Call, api: Api) -> Reply:
    asked, _ = _read(call)
    wanted = [_lead_convert(node) for node in asked.all("leadConverts")]
    _within(len(wanted), MOST_LEADS)
    items = []
    for one in wanted:
        done: list[LeadConverted] = []
        (result,) = await call.write([Change("update", "Lead", id=one.lead_id)], work=_work(call, one, done))
        # A fault may refuse the row before it is tried, or speak of failure after it is done.
        came = done[0] if done and result.success else LeadConverted(None, errors=result.errors)
        items.append(
            f"<result>{_id('accountId', came.account_id)}{_id('contactId', came.contact_id)}{_errors(came.errors)}"
            f"{_id('leadId', came.lead_id or one.lead_id)}{_id('opportunityId', came.opportunity_id)}"
            f"{_flag(came.success)}</result>"
        )
    return _answer(call, api, asked, "".join(items))


def _work(call: Call, asked: LeadConvert, done: list[LeadConverted]) -> Callable[[bool], list[RowResult]]:
    def work(give_up: bool) -> list[RowResult]:
        came = convert(call.org, call.session, asked, exchange=call.entry.number, give_up=give_up)
        done[:] = [came]
        return [RowResult(came.lead_id if came.success else None, came.success, False, came.errors)]

    return work


def _lead_convert(node: Node) -> LeadConvert:
    return LeadConvert(
        lead_id=node.first("leadId") or "",
        converted_status=node.first("convertedStatus"),
        account_id=node.first("accountId"),
        contact_id=node.first("contactId"),
        opportunity_id=node.first("opportunityId"),
        owner_id=node.first("ownerId"),
        opportunity_name=node.first("opportunityName"),
        do_not_create_opportunity=node.flag("doNotCreateOpportunity"),
        overwrite_lead_source=node.flag("overwriteLeadSource"),
    )


# -- replication


def _span(call: Call) -> tuple[Node, SObject, float, float]:
    asked, _ = _read(call)
    # The WSDL has a capital O; the first clients had none.
    name = asked.first("sObjectType") or asked.first("sobjectType") or ""
    sobject = call.schema.get(name)
    if sobject is None:
        raise unsupported_type(name)
    moments = []
    for part in ("startDate", "endDate"):
        text = asked.first(part) or ""
        moment = replication.read_moment(text)
        if moment is None:
            raise CLIENT_FAULT(text=f"'{text}' is not a valid value for the type xsd:dateTime")
        moments.append(moment)
    return asked, sobject, moments[0], moments[1]


async def _updated(call: Call, api: Api) -> Reply:
    asked, sobject, start, end = _span(call)
    found = replication.updated(call.org, call.session, sobject, start, end)
    ids = "".join(f"<ids>{one}</ids>" for one in found.ids)
    latest = _moment(found.latest)
    return _answer(call, api, asked, f"<result>{ids}<latestDateCovered>{latest}</latestDateCovered></result>")


async def _deleted(call: Call, api: Api) -> Reply:
    asked, sobject, start, end = _span(call)
    found = replication.deleted(call.org, call.session, sobject, start, end)
    records = "".join(
        f"<deletedRecords><deletedDate>{_moment(at)}</deletedDate><id>{one}</id></deletedRecords>"
        for one, at in found.records
    )
    return _answer(
        call,
        api,
        asked,
        f"<result>{records}<earliestDateAvailable>{_moment(found.earliest)}</earliestDateAvailable>"
        f"<latestDateCovered>{_moment(found.latest)}</latestDateCovered></result>",
    )


def _moment(text: str) -> str:
    """Return a moment as XML writes it."""
    return text.replace("+0000", "Z")


_HANDLERS: tuple[tuple[str, Callable[..., object], Kind, Rows, str], ...] = (
    ("undelete", partial(_by_ids, verb="undelete"), "write", "many", "Bring records back from the recycle bin"),
    ("emptyRecycleBin", partial(_by_ids, verb="erase"), "write", "many", "Erase records of the recycle bin"),
    ("merge", _merge, "write", "many", "Merge records into one"),
    ("convertLead", _convert, "write", "many", "Convert leads"),
    ("getUpdated", _updated, "read", "none", "List what changed within a span of time"),
    ("getDeleted", _deleted, "read", "none", "List what was deleted within a span of time"),
)


def declare(api: Api, posts: Routes) -> None:
    """Declare the operations of one API beside its login, with which they share their paths."""
    for name, handle, kind, rows, summary in _HANDLERS:
        declared = [
            Operation(
                f"soap.{name}", "POST", path, kind, "never" if name in ("merge", "convertLead") else "always", rows,
                summary=summary,
            )
            for path in api.paths
        ]  # fmt: skip
        posts(*declared)(_bound(handle, api))


def _bound(handle: Callable[..., object], api: Api) -> Handler:
    async def run(call: Call) -> Reply:
        reply = await handle(call, api)  # type: ignore[misc]  # the handlers above
        assert isinstance(reply, Reply)
        return reply

    return run
