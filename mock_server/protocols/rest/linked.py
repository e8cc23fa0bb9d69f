"""What the describe of a few objects leads to: suggested articles, series of events."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.protocols.rest.replies import DATA, answer, routes

_SUGGESTING = ("Case", "WorkOrder", "WorkOrderLineItem")


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
