"""What the describe of a few objects leads to: schemas of events, suggested articles, series of events."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.schema.event_schema import event_schema
from mock_server.protocols.rest.describe import OBJECT, sobject_of
from mock_server.protocols.rest.replies import DATA, answer, routes, version_of

_COMPACT_SINCE = 43
"""The version that brought the expanded form, which it prefers."""
_SUGGESTING = ("Case", "WorkOrder", "WorkOrderLineItem")


@routes(
    Operation(
        "rest.describe.event_schema", "GET", f"{OBJECT}/eventSchema", "read", since=40.0,
        summary="Describe the messages of a platform event", query=("payloadFormat",),
    )
)  # fmt: skip
async def read_event_schema(call: Call) -> Reply:
    sobject = sobject_of(call)
    if sobject.kind != "event":
        raise errors.NOT_FOUND()
    wanted = call.query.get("payloadFormat")
    old = version_of(call.args["version"]) < _COMPACT_SINCE
    if wanted is None or old:
        compact = old
    elif wanted.upper() in ("EXPANDED", "COMPACT"):
        compact = wanted.upper() == "COMPACT"
    else:
        raise errors.INVALID_INPUT(text=f"payloadFormat takes EXPANDED or COMPACT, not {wanted[:80]}")
    return answer(event_schema(sobject, compact=compact))


def _suggesting() -> list[Operation]:
    paths = [
        path
        for name in _SUGGESTING
        for path in (f"{DATA}/sobjects/{name}/suggestedArticles", f"{DATA}/sobjects/{name}/{{id}}/suggestedArticles")
    ]
    return [
        Operation(
            "rest.articles.suggested", "GET", path, "read", summary="Suggest articles for a case or work order",
            query=("language", "subject", "description", "articleTypes", "categories", "topics"),
        )
        for path in paths
    ]  # fmt: skip


@routes(*_suggesting())
async def suggested_articles(call: Call) -> Reply:
    """Answer that there are none: this org has no Knowledge, and so no articles."""
    sobject = call.schema.get(call.operation.path.split("/")[5])
    if sobject is None:
        raise errors.NOT_FOUND()
    if "id" in call.args:
        check_record(call, sobject.name)
    return answer([])


@routes(
    Operation(
        "rest.event.series.delete", "DELETE", f"{DATA}/sobjects/Event/{{id}}/fromThisEventOnwards", "write", "always",
        since=46.0, summary="Delete the events of a series from one on",
    )
)  # fmt: skip
async def delete_series(call: Call) -> Reply:
    """Refuse: a series is made by Lightning Experience alone, and an event of this org belongs to none."""
    check_record(call, "Event")
    raise errors.INVALID_INPUT(text="The event isn't part of a series")


def check_record(call: Call, name: str) -> str | None:
    """Return the name of the record in the path. Raises NOT_FOUND."""
    identifier = to_18(call.args["id"])
    sobject = call.schema.get(name)
    if identifier is None or sobject is None:
        raise errors.NOT_FOUND()
    shown = sobject.name_field.name if sobject.name_field else "Id"
    (record,) = call.org.read(call.session, name, [identifier], [shown], base="")
    if record is None:
        raise errors.NOT_FOUND()
    text = record[shown]
    return None if text is None else str(text)
