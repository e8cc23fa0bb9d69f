"""Recent items: what was queried FOR VIEW or FOR REFERENCE, or used by a request that asks for it (Sforce-Mru)."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.schema.types import SObject
from mock_server.protocols.rest.replies import DATA, answer, base_of, routes

MOST = 200


def note(call: Call, sobject: SObject, identifier: str | None) -> None:
    """Put a record among the recent items where the request asks for that: `Sforce-Mru: updateMru=true`."""
    asked = call.headers.get("Sforce-Mru")
    if asked is None or identifier is None or asked.replace(" ", "").lower() != "updatemru=true":
        return
    if sobject.is_("queryable"):
        soql = f"SELECT Id FROM {sobject.name} WHERE Id = '{identifier}' FOR VIEW"  # noqa: S608  # an id
        call.org.query(call.session, soql, base="")


@routes(Operation("rest.recent", "GET", f"{DATA}/recent", "read", rows="many", summary="List recent items"))
async def recent(call: Call) -> Reply:
    """Answer with the records last viewed or referred to, the newest first: their type, url, id and name."""
    limit = call.query.get("limit", str(MOST))
    if not limit.isdecimal() or len(limit) > 9:
        raise errors.INVALID_INPUT(text="limit takes a whole number")
    base = base_of(call)
    newest = "LastViewedDate DESC NULLS LAST, LastReferencedDate DESC NULLS LAST"
    soql = f"SELECT Id, Name, Type FROM RecentlyViewed ORDER BY {newest} LIMIT {MOST}"  # noqa: S608  # a number
    there = [
        row
        for row in call.org.query(call.session, soql, base=base).records
        if not call.org.is_deleted(call.session, row["Type"], row["Id"])
    ]
    found = there[: int(limit)]
    return answer(
        [
            {
                "attributes": {"type": row["Type"], "url": f"{base}/{row['Type']}/{row['Id']}"},
                "Id": row["Id"],
                "Name": row["Name"],
            }
            for row in found
        ]
    )
