"""Recent items: what was queried FOR VIEW or FOR REFERENCE, and what calls with `Sforce-Mru` read or saved."""

from __future__ import annotations

import re
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.schema.types import SObject
from mock_server.protocols.rest.replies import DATA, answer, base_of, routes

MOST = 200
_UPDATE = re.compile(r"\bupdateMru\s*=\s*true\b", re.IGNORECASE)


@routes(
    Operation(
        "rest.recent", "GET", f"{DATA}/recent", "read", rows="many", summary="List recent items", query=("limit",)
    )
)
async def recent(call: Call) -> Reply:
    """Answer with the records last viewed or referred to, the newest first: their type, url, id and name."""
    limit = call.query.get("limit", str(MOST))
    if not limit.isdecimal() or len(limit) > 9:
        raise errors.INVALID_INPUT(text="limit takes a whole number")
    return answer(recent_items(call, min(int(limit), MOST)))


def recent_items(call: Call, most: int, sobject: str | None = None) -> list[dict[str, Any]]:
    """Return the newest items, of one object where its name is given, as answers list them."""
    base = base_of(call)
    newest = "LastViewedDate DESC NULLS LAST, LastReferencedDate DESC NULLS LAST"
    of_type = f"WHERE Type = '{sobject}' " if sobject else ""
    soql = f"SELECT Id, Name, Type FROM RecentlyViewed {of_type}ORDER BY {newest} LIMIT {MOST}"  # noqa: S608  # names
    found = call.org.query(call.session, soql, base=base).records
    # What is deleted is no longer among them.
    there = [row for row in found if not call.org.is_deleted(call.session, row["Type"], row["Id"])]
    return [
        {
            "attributes": {"type": row["Type"], "url": f"{base}/{row['Type']}/{row['Id']}"},
            "Id": row["Id"],
            "Name": row["Name"],
        }
        for row in there[:most]
    ]


def note_use(call: Call, sobject: SObject, identifier: str | None) -> None:
    """Put a record that a call read or saved into the recent items, where it asks for that (Sforce-Mru)."""
    wish = call.headers.get("Sforce-Mru")
    if wish is not None and identifier and _UPDATE.search(wish):
        call.org.queries.note_viewed(sobject, [identifier])
