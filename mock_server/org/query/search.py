"""The one search path: SOSL text -> tree -> full-text index and bound queries -> records, object by object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from mock_server.org import errors
from mock_server.org.query import sosl, terms
from mock_server.org.query.binder import Binder
from mock_server.org.query.filters import source_name, unsupported
from mock_server.org.query.fulltext import FullText, column_of
from mock_server.org.query.queries import Queries
from mock_server.org.query.sosl import MOST_ROWS, Search, Target
from mock_server.org.query.syntax import Comparison, Junction, Path, Query, Value
from mock_server.org.records.store import Store
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject


@dataclass(frozen=True, slots=True)
class Found:
    """The records that a search found; with the labels of their fields where it asked for them."""

    records: list[dict[str, Any]]
    labels: list[dict[str, Any]] | None = None


class Searches:
    """Runs searches on one org's store."""

    def __init__(self, schema: Schema, store: Store, queries: Queries) -> None:
        self._schema = schema
        self._store = store
        self._queries = queries
        self._index = FullText(store)

    def run(
        self, text: str, *, user_id: str, base: str, time_zone: Callable[[], str] = str, schema: Schema | None = None
    ) -> Found:
        """Run a SOSL search. Raises ApiError with Salesforce's message. `schema` is what the user sees."""
        with sosl.malformed(text):
            return self.find(text, sosl.parse(text), user_id=user_id, base=base, time_zone=time_zone, schema=schema)

    def find(
        self,
        text: str,
        search: Search,
        *,
        user_id: str,
        base: str,
        time_zone: Callable[[], str] = str,
        schema: Schema | None = None,
    ) -> Found:
        """Run a search that is parsed already. `text` is what errors show."""
        seen = schema or self._schema
        records: list[dict[str, Any]] = []
        left = MOST_ROWS if search.limit is None else min(search.limit, MOST_ROWS)
        targets = self._targets(seen, text, search)
        for sobject, target in targets:
            query = _narrowed(target, left - len(records))
            hits = None
            if search.words is not None:
                hits = self._index.join(sobject, search.group, search.words)
            # Bound even where nothing is found: mistakes are told all the same.
            join, match = hits or _NOTHING
            plan = Binder(seen, self._store.ready).bind_found(text, query, join, match)
            if hits is not None and not search.nothing:
                records += self._queries.records(plan, user_id=user_id, base=base, time_zone=time_zone)
        return Found(records, [_labels(sobject, target) for sobject, target in targets] if search.metadata else None)

    def steps(self, text: str, search: Search, schema: Schema | None = None) -> Iterator[None]:
        """Bring the indexes of what a search spans up to date, in steps between which others may be served."""
        for sobject, _ in self._targets(schema or self._schema, text, search):
            yield from self._index.steps(sobject)

    def _targets(self, schema: Schema, text: str, search: Search) -> list[tuple[SObject, Target]]:
        return [(_object(schema, text, target), target) for target in search.targets] or [*self._everything(schema)]

    def _everything(self, schema: Schema) -> Iterator[tuple[SObject, Target]]:
        """Yield all objects that may have something to find."""
        tables = set(self._store.used())
        for name in sorted(tables, key=str.lower):
            sobject = schema.get(name)
            if sobject is not None and sobject.is_("searchable") and sobject.is_("queryable"):
                yield sobject, Target(Query((Path(("Id",), 0),), Path((name,), 0)))


def _object(schema: Schema, text: str, target: Target) -> SObject:
    name = source_name(target.query)
    sobject = schema.get(name)
    if sobject is None:
        raise unsupported(text, target.query.source.at, name)
    if not sobject.is_("searchable"):
        raise errors.INVALID_TYPE_FOR_OPERATION(sobject=sobject.name, operation="search")
    return sobject


_NOTHING = ('JOIN (SELECT NULL AS "Id", 0 AS place WHERE ? IS NULL) hit ON hit."Id" = t0."Id"', "")


def _narrowed(target: Target, left: int) -> Query:
    """Return a target's query within what is left of the overall limit."""
    query = target.query
    if target.recent:
        recent = Comparison(Path(("LastViewedDate",), query.source.at), "!=", Value("null", "null", query.source.at))
        where = recent if query.where is None else Junction("AND", (recent, query.where))
        query = replace(query, where=where)
    return replace(query, limit=left if query.limit is None else min(left, query.limit))


def _labels(sobject: SObject, target: Target) -> dict[str, Any]:
    named = [sobject.field(item.parts[0]) for item in target.query.items if isinstance(item, Path)]
    fields = [{"name": field.name, "label": field.label} for field in named if field is not None]
    return {"entityName": sobject.name, "fieldMetadata": fields}


def plain_search(
    text: str,
    *,
    group: str = "ALL",
    targets: tuple[Target, ...] = (),
    limit: int | None = None,
    metadata: bool = False,
) -> Search:
    """Return a search for a text that is no SOSL. Raises MALFORMED_SEARCH where it is too short."""
    return Search(terms.parse(text, terms.plain(text), text), group, targets, limit, metadata)


def name_field(sobject: SObject) -> str | None:
    """Return the name of the field that names an object's records."""
    return sobject.name_field.name if sobject.name_field else None


def is_searched(sobject: SObject) -> bool:
    """Tell whether an object has any field that searches look into."""
    return sobject.is_("searchable") and any(column_of(field) for field in sobject.fields)
