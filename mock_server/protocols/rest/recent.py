"""Recent items: what was queried FOR VIEW or FOR REFERENCE."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.protocols.rest.replies import DATA, answer, base_of, routes

MOST = 200


@routes(Operation("rest.recent", "GET", f"{DATA}/recent", "read", rows="many", summary="List recent items"))
async def recent(call: Call) -> Reply:
    """Answer with the records last viewed or referred to, the newest first: their type, url, id and name."""
    limit = call.query.get("limit", str(MOST))
    if not limit.isdecimal() or len(limit) > 9:
        raise errors.INVALID_INPUT(text="limit takes a whole number")
    base = base_of(call)
    newest = "LastViewedDate DESC NULLS LAST, LastReferencedDate DESC NULLS LAST"
    most = min(int(limit), MOST)
    soql = f"SELECT Id, Name, Type FROM RecentlyViewed ORDER BY {newest} LIMIT {most}"  # noqa: S608  # a number
    found = call.org.query(call.session, soql, base=base).records
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
