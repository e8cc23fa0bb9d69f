"""An org's records, what was committed, and what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mock_server.control.call import ControlCall, Path, Refused, answer, done, routes, spelt
from mock_server.control.client import ControlError
from mock_server.faults.reader import shown
from mock_server.journal import Entry
from mock_server.operations import Reply
from mock_server.org.events import managed
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, Commit
from mock_server.org.records.pipeline import CHUNK
from mock_server.org.records.values import Misfit
from mock_server.org.schema.types import SObject

_BASE = "/services/data/v68.0/sobjects"
_DELIVERED: dict[str | None, bool | None] = {
    "answered": True, "lost": False, "reset": False, "cut": False, "abandoned": False,
}  # fmt: skip


@contextmanager
def _agent(org: Org) -> Iterator[Session]:
    """Give a session for the control plane's own work."""
    app = org.directory.default_app
    session = org.sessions.open(org.directory.default_user, app, app.scopes)
    try:
        yield session
    finally:
        org.sessions.expire(session.token)


@routes.of_org("records.seed", "POST", "records", "Save records; all of them, or none")
async def seed(call: ControlCall) -> Reply:
    with call.reading("sobject", "records", what="seeding") as body:
        name, rows = body.text("sobject"), body.data.get("records")
        schema = call.org.schema
        if name is None and "sobject" not in body:
            body.refuse("sobject", "seeding needs the name of the object: sobject")
        elif name is not None and object_of(call.org, name) is None:
            body.refuse("sobject", f"this org has no object {name}", schema.names(), name)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            body.refuse("records", f"records must be a list of objects, not {shown(rows)}")
    return answer([{"id": identifier} for identifier in save(call.org, name or "", rows or [])], 201)


def object_of(org: Org, name: str) -> SObject | None:
    """Return an object of the org, or of its Tooling API alone, by its name."""
    found = org.schema.get(name)
    if found is None:
        from mock_server.org.tooling import objects

        found = objects.load(name) if name in objects.names() else None
    return found


def save(org: Org, sobject: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Save records and the children that they hold (`"Contacts": {"records": [...]}`), all or none.

    Returns the ids of the records themselves. Raises Refused.
    """
    with _agent(org) as who, org.automation.unmetered(), org.transaction():
        return _save(org, who, sobject, rows, ())


def seeding(org: Org) -> Callable[[str, Sequence[Mapping[str, Any]]], list[str]]:
    """Return a function that saves records into an org as the control plane does; it raises ControlError."""

    def put(sobject: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        try:
            if object_of(org, sobject) is None:
                raise Refused(400, f"this org has no object {sobject}", "sobject", org.schema.names(), sobject)
            return save(org, sobject, [dict(row) for row in rows])
        except Refused as refused:
            raise ControlError(
                refused.status, refused.message, refused.path, refused.allowed, refused.nearest
            ) from None

    return put


def _save(org: Org, who: Session, sobject: str, rows: Sequence[dict[str, Any]], at: Path) -> list[str]:
    ids: list[str] = []
    make_tables(org, sobject)
    # What the Tooling API alone has is written as it writes it.
    tooling = org.schema.get(sobject) is None
    check_names(org, sobject, rows, at)
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        held = [_children_in(row) for row in chunk]
        plain = [
            {name: value for name, value in row.items() if name not in inner} if inner else row
            for row, inner in zip(chunk, held, strict=True)
        ]
        try:
            results = org.write(
                who,
                [managed.whole(org, Change("create", sobject, row, tooling=tooling)) for row in plain],
                all_or_none=False,
                give_up=True,
            )
        except Misfit as misfit:
            # A Misfit ends the whole request, as on the platform, without saying which row held the value.
            number = next((n for n, row in enumerate(plain, start) if holds(row, misfit)), None)
            path = (*at, "records", *(() if number is None else (number,)), misfit.field.name)
            raise Refused(400, misfit.text, spelt(path)) from None
        for place, (result, inner) in enumerate(zip(results, held, strict=True), start):
            where = (*at, "records", place)
            if not result.success or result.id is None:
                error = result.errors[0]
                raise Refused(400, f"{error.code}: {error.message}", spelt(where))
            ids.append(result.id)
            for name in inner:
                _save_children(org, who, sobject, result.id, name, rows[place][name]["records"], (*where, name))
    return ids


def check_names(org: Org, sobject: str, rows: Sequence[Mapping[str, Any]], at: Path) -> None:
    """Refuse the first name that is no field or relationship of an object. Raises Refused with the nearest one."""
    found = object_of(org, sobject)
    assert found is not None
    known = {"attributes"}
    for place, row in enumerate(rows):
        for name in row.keys() - known:
            value = row[name]
            reference = found.parent(name) if isinstance(value, dict) else None
            where = (*at, "records", place, name)
            if reference is not None:
                targets = [one for one in map(org.schema.get, reference.reference_to) if one is not None]
                for inner in value.keys() - {"attributes"}:
                    if not any(target.field(inner) for target in targets):
                        fields = [field.name for target in targets for field in target.fields]
                        raise _no_column(inner, targets[0].name if targets else "", fields, where)
            elif found.field(name) is not None:
                known.add(name)
            elif not isinstance(value, dict):
                raise _no_column(name, found.name, [one.name for one in found.fields], where)
            elif not isinstance(value.get("records"), list):
                parents = [one.relationship_name for one in found.fields if one.relationship_name]
                raise _no_column(name, found.name, parents, where)


def _no_column(name: str, sobject: str, known: list[str], at: Path) -> Refused:
    return Refused(400, f"INVALID_FIELD: No such column '{name}' on sobject of type {sobject}", spelt(at), known, name)


def holds(row: Mapping[str, Any], misfit: Misfit) -> bool:
    """Tell whether a row has the value that did not fit."""
    return any(name.lower() == misfit.field.name.lower() and value == misfit.value for name, value in row.items())


def _children_in(row: Mapping[str, Any]) -> list[str]:
    """Return the names of the relationships under which a record holds children."""
    return [name for name, value in row.items() if isinstance(value, dict) and isinstance(value.get("records"), list)]


def _save_children(org: Org, who: Session, parent: str, identifier: str, name: str, rows: Any, at: Path) -> None:
    above = org.schema.get(parent)
    assert above is not None
    relationship = above.child(name)
    if relationship is None:
        known = sorted(child.name for child in above.children if child.name)
        raise Refused(400, f"{above.name} has no children called {name}", spelt(at), known, name)
    if not all(isinstance(row, dict) for row in rows):
        raise Refused(400, "records must be a list of objects", spelt(at))
    _save(org, who, relationship.child, [{**row, relationship.field: identifier} for row in rows], at)


def make_tables(org: Org, name: str) -> None:
    """Make the tables a save may touch before its transaction: one made inside would vanish with a roll-back."""
    sobject = object_of(org, name)
    assert sobject is not None
    names = {target for field in sobject.fields for target in field.reference_to}
    for table in (sobject, *map(org.schema.get, sorted(names))):
        if table is not None and table.kind != "event":
            org.store.ready(table)


@routes.of_org("records.read", "GET", "records", "Run a query")
async def read(call: ControlCall) -> Reply:
    soql = call.query.get("q")
    if not soql:
        raise Refused(400, "a query is needed: ?q=SELECT ...", "q")
    with _agent(call.org) as who:
        page = call.org.query(who, soql, base=_BASE)
        records = list(page.records)
        cursor = page.cursor
        while cursor is not None:
            page = call.org.more(who, cursor, base=_BASE)
            records += page.records
            cursor = page.cursor
    return answer({"totalSize": page.total, "records": records})


@routes.of_org("commits.read", "GET", "commits", "List the committed changes after a number")
async def commits(call: ControlCall) -> Reply:
    entries = {entry.number: entry for entry in call.world.journal_of(call.org)}
    found = [_commit(commit, entries) for commit in call.org.commits(call.since())]
    return answer({"commits": found, "last": call.org.log.last})


def _commit(commit: Commit, entries: Mapping[int, Entry]) -> dict[str, Any]:
    entry = entries.get(commit.exchange)
    return {
        "number": commit.number,
        "transaction": commit.transaction,
        "verb": commit.verb,
        "sobject": commit.sobject,
        "id": commit.id,
        "at": commit.at,
        "exchange": commit.exchange,
        "values": commit.values,
        # Unknown while the reply is on its way, and for exchanges that a bounded journal has dropped.
        "delivered": _DELIVERED.get(entry.outcome) if entry else None,
    }


@routes.of_org("journal.read", "GET", "journal", "List the exchanges after a number")
async def journal(call: ControlCall) -> Reply:
    kept = call.world.journal_of(call.org)
    return answer(
        {"entries": [entry.as_json(call.org.redactor) for entry in kept.since(call.since())], "last": kept.count}
    )


@routes.of_org("journal.clear", "DELETE", "journal", "Forget the exchanges")
async def clear_journal(call: ControlCall) -> Reply:
    call.world.journal_of(call.org).clear()
    return done()
