"""Tasks and events: whether they are done, when they take place, whom they concern (Object Reference, Task, Event)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mock_server.org import errors

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row
    from mock_server.org.standard.context import Context

LONGEST = 14 * 24 * 60
"""Minutes that an event may last: two weeks."""
_DAY = 24 * 60
_FORM = "%Y-%m-%dT%H:%M:%S.%f%z"


def task(context: Context, rows: list[Row]) -> None:
    """Follow status and priority: IsClosed, CompletedDateTime, IsHighPriority."""
    for row in rows:
        values = row.values
        if "Status" in values:
            closed = context.status("TaskStatus", values["Status"])["IsClosed"]
            values["IsClosed"] = closed
            if closed != row.before.get("IsClosed", 0):
                values["CompletedDateTime"] = context.now if closed else None
        if "Priority" in values:
            values["IsHighPriority"] = context.status("TaskPriority", values["Priority"])["IsHighPriority"]
        if row.verb == "create":
            values.setdefault("TaskSubtype", "Task")
    _accounts(context, rows)


def event(context: Context, rows: list[Row]) -> None:
    """Make start, end and length agree, whichever two of them are given."""
    for row in rows:
        if row.verb == "create":
            row.values.setdefault("EventSubtype", "Event")
        if row.verb == "create" or not _TIMES.isdisjoint(row.values):
            _times(row)
    _accounts(context, rows)


_TIMES = frozenset(
    {"IsAllDayEvent", "StartDateTime", "ActivityDateTime", "ActivityDate", "EndDateTime", "DurationInMinutes"}
)


def _times(row: Row) -> None:
    values = row.values
    start = values.get("StartDateTime") or values.get("ActivityDateTime")
    other = values.get("ActivityDateTime") or start
    if start != other:
        row.fail(_misfit("StartDateTime and ActivityDateTime must match, or one of them must be null", "StartDateTime"))
        return
    if row.now("IsAllDayEvent"):
        _whole_days(row, start)
        return
    start = start or row.before.get("StartDateTime")
    end, minutes = values.get("EndDateTime"), values.get("DurationInMinutes")
    if end is None and minutes is None:
        minutes = row.before.get("DurationInMinutes")
    missing = [] if end or minutes is not None else ["DurationInMinutes"]
    if not start:
        missing.append("ActivityDateTime")
    if missing:
        row.fail(errors.REQUIRED_FIELD_MISSING(names=", ".join(missing), fields=missing))
        return
    begins = datetime.strptime(str(start), _FORM)
    if end is not None:
        lasts = int((datetime.strptime(end, _FORM) - begins).total_seconds() // 60)
        if minutes is not None and minutes != lasts:
            row.fail(_misfit("DurationInMinutes and EndDateTime must come to the same time", "DurationInMinutes"))
            return
        minutes = lasts
    _set(row, begins, int(minutes or 0))


def _whole_days(row: Row, start: str | None) -> None:
    """An all-day event ends at the midnight that begins its last day; its length counts that day."""
    values = row.values
    day = values.get("ActivityDate") or (start or row.before.get("StartDateTime") or "")[:10]
    if not day:
        row.fail(errors.REQUIRED_FIELD_MISSING(names="ActivityDate", fields=["ActivityDate"]))
        return
    begins = datetime.strptime(f"{day}T00:00:00.000+0000", _FORM)
    minutes = values.get("DurationInMinutes") or _DAY
    if values.get("EndDateTime"):
        ends = datetime.strptime(f"{values['EndDateTime'][:10]}T00:00:00.000+0000", _FORM)
        minutes = (ends - begins).days * _DAY + _DAY
    days = -(-int(minutes) // _DAY)
    _set(row, begins, days * _DAY, shown=(days - 1) * _DAY)


def _set(row: Row, begins: datetime, minutes: int, shown: int | None = None) -> None:
    if not 0 <= minutes <= LONGEST:
        row.fail(_misfit(f"Duration must be between 0 and {LONGEST} minutes: Duration", "DurationInMinutes"))
        return
    try:
        end = _text(begins + timedelta(minutes=minutes if shown is None else shown))
    except OverflowError:
        row.fail(_misfit("the event ends after the end of the calendar", "EndDateTime"))
        return
    start = _text(begins)
    row.values.update(
        StartDateTime=start, ActivityDateTime=start, ActivityDate=start[:10], EndDateTime=end, EndDate=end[:10],
        DurationInMinutes=minutes,
    )  # fmt: skip


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000".rjust(28, "0")


def _misfit(text: str, field: str) -> errors.ApiError:
    return errors.FIELD_INTEGRITY_EXCEPTION(text=text, fields=[field])


_OWN_ACCOUNT = ("Opportunity", "Contract")


def _accounts(context: Context, rows: list[Row]) -> None:
    """Find the account: the one that WhatId is or belongs to, else that of the contact."""
    concerned = [row for row in rows if "WhatId" in row.values or "WhoId" in row.values]
    whats: dict[str, set[str]] = {}
    for row in concerned:
        if what := row.now("WhatId"):
            whats.setdefault(what[:3], set()).add(what)
    accounts: dict[str, str | None] = {}
    for prefix, ids in whats.items():
        sobject = context.schema.by_prefix(prefix)
        if sobject is None:
            continue
        if sobject.name == "Account":
            accounts.update({identifier: identifier for identifier in ids})
            continue
        parents = [field.name for field in sobject.fields if field.reference_to == ("Account",)]
        if parents and (sobject.custom or sobject.name in _OWN_ACCOUNT):
            column = "AccountId" if "AccountId" in parents else parents[0]
            accounts.update({one: found[column] for one, found in context.of(sobject.name, ids, column).items()})
    people = {who for row in concerned if (who := row.now("WhoId")) and who.startswith("003")}
    contacts = context.of("Contact", people, "AccountId")
    for row in concerned:
        what, who = row.now("WhatId"), row.now("WhoId")
        row.values["AccountId"] = accounts[what] if what in accounts else contacts.get(who or "", {}).get("AccountId")
