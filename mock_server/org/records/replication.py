"""getUpdated() and getDeleted(): what changed and what went within a span of time.

Sources: SOAP API Developer Guide, "getUpdated()", "getDeleted()", "Data Replication"; REST API, "sObject Get Updated".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.clock import stamp
from mock_server.org.records.recycling import LIFE
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema.types import SObject

if TYPE_CHECKING:
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org

REACH = 30 * 86_400.0
"""Seconds that a span may reach back."""
MOST_IDS = 600_000
_MINUTE = 60
# The form of dateTime in XML Schema; a plus that was not percent-encoded arrives as a space.
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+\- ]\d\d:?\d\d)?")


@dataclass(frozen=True, slots=True)
class Updated:
    ids: list[str]
    latest: str
    """The latest date covered, as JSON writes it."""


@dataclass(frozen=True, slots=True)
class Deleted:
    records: list[tuple[str, str]]
    """Id and time of deletion."""
    earliest: str
    latest: str


def read_moment(text: str) -> float | None:
    """Return the seconds since 1970 of a dateTime, None for what is none. Without a zone it is UTC."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    zone = (found[2] or "Z").replace(" ", "+")
    try:
        # Python before 3.12 reads fractions of up to six digits.
        day, _, fraction = found[1].partition(".")
        moment = datetime.fromisoformat(f"{day}{'.' + fraction[:6].ljust(6, '0') if fraction else ''}{zone}")
        return moment.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def updated(org: Org, who: Session, sobject: SObject, start: float, end: float) -> Updated:
    """Return the live records of an object that were created or changed within a span.

    Raises INVALID_REPLICATION_DATE, EXCEEDED_ID_LIMIT, and INVALID_TYPE_FOR_OPERATION for what cannot be replicated.
    """
    _check(sobject, "getUpdated")
    start, end = _span(org, start, end)
    column = next((name for name in ("SystemModstamp", "LastModifiedDate") if name in sobject.by_name), None)
    if column is None:
        raise errors.INVALID_TYPE_FOR_OPERATION(sobject=sobject.name, operation="getUpdated")
    org.store.ready(sobject)
    rows = org.store.connection.execute(
        f'SELECT "Id" FROM {quoted(sobject.name)} WHERE {quoted(column)} >= ? AND {quoted(column)} <= ? '  # noqa: S608
        f'AND "IsDeleted" = 0 ORDER BY {quoted(column)}, "Id" LIMIT ?',
        (stamp(start), stamp(end), MOST_IDS + 1),
    )
    ids = [row[0] for row in rows]
    if len(ids) > MOST_IDS:
        raise errors.EXCEEDED_ID_LIMIT(limit=MOST_IDS)
    seen = org.reached(who, sobject, ids)
    return Updated([one for one in ids if one in seen], _covered(org, end))


def deleted(org: Org, who: Session, sobject: SObject, start: float, end: float) -> Deleted:
    """Return the records of an object that were deleted within a span, whether or not they are still in the bin.

    Raises as `updated` does, also where records that were deleted within the span are known no more.
    """
    _check(sobject, "getDeleted")
    start, end = _span(org, start, end)
    org.bin.expire()
    now = org.clock.now()
    purged = org.bin.purged(sobject.name)
    earliest = _minute(now - LIFE) if purged is None else _minute(purged) + _MINUTE
    if purged is not None and start < earliest:
        raise errors.INVALID_REPLICATION_DATE(text="startDate before earliestDateAvailable")
    records = org.bin.deleted(sobject.name, start, end)
    if len(records) > MOST_IDS:
        raise errors.EXCEEDED_ID_LIMIT(limit=MOST_IDS)
    seen = org.reached(who, sobject, [identifier for identifier, _ in records])
    records = [record for record in records if record[0] in seen]
    return Deleted(records, stamp(earliest), _covered(org, end))


def _check(sobject: SObject, operation: str) -> None:
    if not sobject.is_("replicateable"):
        raise errors.INVALID_TYPE_FOR_OPERATION(sobject=sobject.name, operation=operation)


def _span(org: Org, start: float, end: float) -> tuple[float, float]:
    """Return a span without its seconds, which "the API ignores". An org of the mock has always been there."""
    start, end = _minute(start), _minute(end)
    if end - start < _MINUTE:
        raise errors.INVALID_REPLICATION_DATE(text="endDate must be at least one minute greater than startDate")
    if start < _minute(org.clock.now() - REACH):
        raise errors.INVALID_REPLICATION_DATE(text="startDate cannot be more than 30 days ago")
    return start, end


def _covered(org: Org, end: float) -> str:
    """Return what to begin with next time: never a moment that is still to come, or a change in it would be missed."""
    return stamp(min(end, _minute(org.clock.now())))


def _minute(moment: float) -> float:
    return moment // _MINUTE * _MINUTE
