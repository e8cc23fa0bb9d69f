"""`meanwhile: {insert, update, delete}`: somebody else changes records just before a request is served.

    meanwhile:
      insert: {sobject: Contact, count: 3, values: {LastName: Aaronson}}
      update: {query: SELECT Id FROM Contact ORDER BY Id LIMIT 5, values: {LastName: Zuse}}
      delete: SELECT Id FROM Contact ORDER BY Id LIMIT 5

It happens between two pages of a query, or two polls of a job, as it does to everybody who is not alone in an org.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from mock_server.documents import Problem, nearest
from mock_server.faults.effects.effect import Effect, Point
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import TEXT, Shape, count, mapping
from mock_server.org.chance import Random
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change
from mock_server.org.records.values import Misfit

if TYPE_CHECKING:
    from mock_server.faults.where import Where
    from mock_server.operations import Call, Operation, Reply
    from mock_server.org.org import Org

KEYS = ("insert", "update", "delete")
_CHUNK = 200
_MOST = 2000
"""Records that one strike changes at most, of each kind."""
_BASE = "/services/data/v60.0/sobjects"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Insertion:
    sobject: str
    count: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """Records chosen by a query, and what becomes of them; None where they are deleted."""

    query: str
    sobject: str
    values: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Meanwhile(Effect):
    """The changes are an administrator's, of no exchange, in this order: insert, update, delete."""

    key: ClassVar[str] = "meanwhile"
    points: ClassVar[frozenset[Point]] = frozenset({"before"})
    inside: ClassVar[bool] = False

    insert: Insertion | None
    choices: tuple[tuple[str, Choice], ...]

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        given = reader.mapping("meanwhile")
        if given is None:
            return None
        before = len(reader.problems)
        given.only(KEYS, "meanwhile")
        if not any(key in given for key in KEYS):
            given.refuse((), f"meanwhile needs what happens: one or more of {', '.join(KEYS)}", KEYS)
        found = cls(_insertion(given), tuple(_choices(given)))
        return found if len(reader.problems) == before else None

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        insert = mapping({"sobject": TEXT, "count": count(1), "values": {"type": "object"}}, required=("sobject",))
        update = mapping({"query": TEXT, "values": {"type": "object"}}, required=("query", "values"))
        return {"meanwhile": mapping({"insert": insert, "update": update, "delete": TEXT})}

    def point(self, operation: Operation) -> Point:
        return "before"

    def misfits(self, org: Org, where: Where) -> Iterator[Problem]:
        if self.insert is not None:
            at = ("meanwhile", "insert")
            yield from _unknown(org, self.insert.sobject, self.insert.values, (*at, "sobject"), (*at, "values"))
        for verb, choice in self.choices:
            at = ("meanwhile", verb)
            place = at if choice.values is None else (*at, "query")
            problems = list(_unknown(org, choice.sobject, choice.values or {}, place, (*at, "values")))
            yield from problems or _unbound(org, choice.query, place)

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        org = call.org
        app = org.directory.default_app
        who = org.sessions.open(org.directory.default_user, app, app.scopes)
        try:
            with org.automation.unmetered():
                for changes in self._changes(org, who):
                    _save(org, who, changes)
        finally:
            org.sessions.expire(who.token)
        return None

    def _changes(self, org: Org, who: Any) -> Iterator[list[Change]]:
        if self.insert is not None:
            insert = self.insert
            yield [Change("create", insert.sobject, dict(insert.values)) for _ in range(insert.count)]
        for verb, choice in self.choices:
            found = org.query(who, choice.query, size=_MOST, base=_BASE).records
            yield [
                Change("delete", choice.sobject, id=record["Id"])
                if verb == "delete"
                else Change("update", choice.sobject, dict(choice.values or {}), record["Id"])
                for record in found
            ]


def _insertion(given: Reader) -> Insertion | None:
    part = given.mapping("insert")
    if part is None:
        return None
    part.only(("sobject", "count", "values"), "insert")
    sobject, values = part.text("sobject"), part.mapping("values")
    number = part.count("count", 1, _MOST)
    if "sobject" not in part:
        part.refuse("sobject", "an insert needs the name of the object: sobject")
    return None if sobject is None else Insertion(sobject, number or 1, {} if values is None else dict(values.data))


def _choices(given: Reader) -> Iterator[tuple[str, Choice]]:
    part = given.mapping("update")
    if part is not None:
        part.only(("query", "values"), "update")
        query, values = part.text("query"), part.mapping("values")
        for key in ("query", "values"):
            if key not in part:
                part.refuse(key, f"an update needs {key}")
        sobject = None if query is None else _object_of(part, "query", query)
        if query is not None and sobject is not None and values is not None:
            yield "update", Choice(query, sobject, dict(values.data))
    query = given.text("delete")
    sobject = None if query is None else _object_of(given, "delete", query)
    if query is not None and sobject is not None:
        yield "delete", Choice(query, sobject, None)


def _object_of(reader: Reader, key: str, soql: str) -> str | None:
    """Return the object that a query is about, None where it cannot choose records."""
    from mock_server.org.query.grammar import parse
    from mock_server.org.query.syntax import Path

    try:
        query = parse(soql)
    except ApiError as error:
        reader.refuse(key, f"no SOQL: {error.message.rpartition(chr(10))[2]}")
        return None
    named = {".".join(item.parts).lower() for item in query.items if isinstance(item, Path)}
    if "id" not in named or query.group is not None:
        reader.refuse(key, "the query must name the records: SELECT Id FROM ...")
        return None
    return query.source.parts[-1]


Steps = tuple[str, ...]


def _unknown(org: Org, name: str, values: Mapping[str, Any], at: Steps, beside: Steps) -> Iterator[Problem]:
    sobject = org.schema.get(name)
    if sobject is None:
        names = org.schema.names()
        yield Problem(at, f"this org has no object {name}", names, nearest(name, names))
        return
    for field in values:
        if sobject.field(field) is None:
            fields = tuple(one.name for one in sobject.fields)
            yield Problem((*beside, field), f"{sobject.name} has no field {field}", fields, nearest(field, fields))


def _unbound(org: Org, soql: str, at: Steps) -> Iterator[Problem]:
    try:
        org.queries.columns(soql)
    except ApiError as error:
        yield Problem(at, f"{error.code}: {error.message.rpartition(chr(10))[2]}")


def _save(org: Org, who: Any, changes: Sequence[Change]) -> None:
    """Save what can be saved. What is refused (a validation rule, a held lock) is told in the server's log."""
    for start in range(0, len(changes), _CHUNK):
        chunk = changes[start : start + _CHUNK]
        try:
            results = org.write(who, chunk, all_or_none=False, give_up=True)
        except Misfit as misfit:
            log.warning("meanwhile: %s", misfit.text)
            continue
        refused = [result.errors[0] for result in results if not result.success]
        if refused:
            log.warning("meanwhile: %d rows refused: %s: %s", len(refused), refused[0].code, refused[0].message)
