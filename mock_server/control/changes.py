"""What somebody else does in an org while clients work: changes of records, and how much has happened so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, get_args

from mock_server.control.call import ControlCall, Refused, answer, routes, spelt
from mock_server.control.records import check_names, holds, make_tables
from mock_server.faults.reader import shown
from mock_server.operations import Reply
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import CHUNK, Change, Committed, RowResult
from mock_server.org.records.values import Misfit

_VERBS: tuple[Committed, ...] = get_args(Committed)
_IDLE = frozenset({"cometd.connect"})
"""Operations that clients repeat for ever although nothing happens."""
_STREAMS = ("cometd.connect", "pubsub.")
"""Operations that may be under way for as long as their client lives."""


@routes.of_org("changes.make", "POST", "changes", "Change records in the name of a user, past limits and faults")
async def change(call: ControlCall) -> Reply:
    org = call.org
    with call.reading("verb", "sobject", "records", "as", "allOrNone", what="a change") as body:
        verb, name, user, rows = body.text("verb"), body.text("sobject"), body.text("as"), body.data.get("records")
        if verb not in _VERBS:
            body.refuse("verb", f"verb must be one of {', '.join(_VERBS)}, not {shown(verb)}", _VERBS, verb)
        if name is None or org.schema.get(name) is None:
            body.refuse("sobject", f"this org has no object {name}", org.schema.names(), name)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            body.refuse("records", f"records must be a list of objects, not {shown(rows)}")
        together = body.data.get("allOrNone", True)
        if not isinstance(together, bool):
            body.refuse("allOrNone", f"allOrNone must be true or false, not {shown(together)}")
    assert name is not None
    changes = list(_changes(verb, name, rows or []))  # type: ignore[arg-type]  # one of the verbs
    make_tables(org, name)
    if verb in ("create", "update"):
        check_names(org, name, [one.values for one in changes], ())
    # Metered, unlike seeding: what a save sets going (an outbound message, a trigger) is what it is made for.
    with speaker(org, user) as who:
        if together:
            with org.transaction():
                results = save(org, who, changes)
                _demand(results)
        else:
            results = save(org, who, changes)
    return answer([_told(result) for result in results])


def _changes(verb: Committed, sobject: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    for place, row in enumerate(rows):
        values = {key: value for key, value in row.items() if key.lower() != "id"}
        identifier = next((value for key, value in row.items() if key.lower() == "id"), None)
        if verb == "create":
            yield Change("create", sobject, values)
            continue
        if not isinstance(identifier, str) or len(identifier) not in (15, 18):
            raise Refused(400, f"{verb} needs the id of each record: Id", spelt(("records", place, "Id")))
        yield Change(verb, sobject, values if verb == "update" else {}, identifier)


@contextmanager
def speaker(org: Org, username: str | None) -> Iterator[Session]:
    """Give a session of a user; of the first one, an administrator, where none is named."""
    user = org.directory.default_user if username is None else org.directory.user(username)
    if user is None:
        known = [one.username for one in org.directory.users.values()]
        raise Refused(400, f"this org has no user {username}", "as", known, username or "")
    app = org.directory.default_app
    session = org.sessions.open(user, app, app.scopes)
    try:
        yield session
    finally:
        org.sessions.expire(session.token)


def save(org: Org, who: Session, changes: Sequence[Change], at: str = "records") -> list[RowResult]:
    """Save rows, each for itself. Raises Refused, its path below `at`, for a value of a wrong type."""
    results: list[RowResult] = []
    for start in range(0, len(changes), CHUNK):
        chunk = changes[start : start + CHUNK]
        try:
            results += org.write(who, chunk, all_or_none=False, give_up=True)
        except Misfit as misfit:
            place = next((at for at, one in enumerate(chunk, start) if holds(one.values, misfit)), None)
            path = (at, *(() if place is None else (place,)), misfit.field.name)
            raise Refused(400, misfit.text, spelt(path)) from None
    return results


def _demand(results: Sequence[RowResult]) -> None:
    for place, result in enumerate(results):
        if not result.success:
            error = result.errors[0]
            raise Refused(400, f"{error.code}: {error.message}", spelt(("records", place)))


def _told(result: RowResult) -> dict[str, Any]:
    errors = [f"{error.code}: {error.message}" for error in result.errors]
    return {"id": result.id, "success": result.success, "errors": errors}


@routes.of_org("activity.read", "GET", "activity", "Tell how much has happened so far, and what is under way")
async def activity(call: ControlCall) -> Reply:
    journal = call.world.journal_of(call.org)
    news = [entry for entry in journal.since(call.since()) if entry.operation not in _IDLE]
    streams = [entry.operation.startswith(_STREAMS) for entry in journal if entry.end is None]
    return answer(
        {
            "last": journal.count,
            "requests": len(news),
            "under_way": streams.count(False),
            "held": streams.count(True),
            "notes": journal.notes,
            "commits": call.org.log.last,
        }
    )
