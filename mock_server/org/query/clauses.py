"""WHERE with what stands for it, ORDER BY, LIMIT: the clauses behind the FROM of a statement."""

from __future__ import annotations

from mock_server.org import errors
from mock_server.org.query import functions
from mock_server.org.query.context import failure
from mock_server.org.query.filters import Filters
from mock_server.org.query.grouping import is_grouped
from mock_server.org.query.plan import ME
from mock_server.org.query.scope import Scope
from mock_server.org.query.syntax import Call, Path, Query
from mock_server.org.schema.types import TEXT_TYPES

MOST_OFFSET = 2000


def tail(scope: Scope, query: Query, *, order: bool = True) -> str:
    """Return all of them. Their parameters are added to the scope in this order."""
    out = where(scope, query)
    if order:
        out += f" ORDER BY {order_by(scope, query)}"
    return out + limit(scope, query)


def limit(scope: Scope, query: Query) -> str:
    """Return LIMIT and OFFSET. Raises NUMBER_OUTSIDE_VALID_RANGE."""
    if query.offset > MOST_OFFSET:
        raise errors.OFFSET_OUT_OF_RANGE()
    if query.limit is None and not query.offset:
        return ""
    return f" LIMIT {scope.add(-1 if query.limit is None else query.limit)} OFFSET {scope.add(query.offset)}"


def where(scope: Scope, query: Query, extra: str | None = None) -> str:
    """Return WHERE: what the user may see, the scope, an `extra` test, the category, the query's own conditions."""
    tests = scope.seen()
    if query.scope is not None and _only_own(scope, query.scope):
        tests.append(f'{scope.table}."OwnerId" = {scope.add(ME)}')
    if extra is not None:
        tests.append(extra)
    if query.categories:
        tests.append(_in_category(scope, query.categories[0]))
    if query.where is not None:
        tests.append(Filters(scope).sql(query.where))
    return f" WHERE {' AND '.join(tests)}" if tests else ""


def order_by(scope: Scope, query: Query) -> str:
    """Return what stands behind ORDER BY; it always ends with the Id."""
    terms = []
    for key in query.order:
        bound = functions.bind(scope, key.path)
        field = bound.field
        if isinstance(key.path, Path) and (not field.sortable or not field.valued):
            raise scope.fail(key.path.at, f"field '{field.name}' can not be sorted in a query call")
        sql = bound.folded() if field.type in TEXT_TYPES else bound.sql
        place = functions.place_in_picklist(field, bound.sql) if isinstance(key.path, Path) else None
        way, edge = ("DESC" if key.descending else "ASC"), ("LAST" if key.nulls_last else "FIRST")
        terms += [f"{value} {way} NULLS {edge}" for value in (place, sql) if value is not None]
    # Equal keys keep the order of creation, so that every run pages alike.
    return ", ".join([*terms, f'{scope.table}."Id"'])


def check_lockable(query: Query, all_rows: bool) -> None:
    """Refuse FOR UPDATE where no rows can be locked (SOQL and SOSL Reference, FOR UPDATE; Apex, "Locking Statements").

    The rules are documented, their texts are not.
    """
    what = None
    if query.order:
        what = "ORDER BY"
    elif all_rows:
        what = "ALL ROWS"
    elif is_grouped(query) or any(isinstance(item, Call) and item.name.lower() == "count" for item in query.items):
        what = "aggregate functions"
    if what is not None:
        raise errors.MALFORMED_QUERY(text=f"FOR UPDATE cannot be used with {what}")


def _in_category(scope: Scope, group: Path) -> str:
    """Return the test of WITH DATA CATEGORY: no record is in a category, since an org has none to begin with.

    Raises MALFORMED_QUERY for objects that categories do not apply to.
    """
    name = scope.sobject.name
    if name not in ("KnowledgeArticleVersion", "Question") and not name.endswith("__kav"):
        text = f"WITH DATA CATEGORY does not apply to {name}"
        raise failure(errors.MALFORMED_QUERY, scope.soql, group.at, text)
    return "0"


def _only_own(scope: Scope, name: Path) -> bool:
    """Tell whether USING SCOPE narrows a query to the user's own records. Raises MALFORMED_QUERY for no such scope."""
    word = ".".join(name.parts).lower()
    known = {known.lower() for known, _ in scope.sobject.scopes} | {"everything"}
    owned = "OwnerId" in scope.sobject.by_name
    if word not in known | ({"mine"} if owned else set()):
        # The text is from recall.
        text = f"'{'.'.join(name.parts)}' is not a scope of {scope.sobject.name}"
        raise failure(errors.MALFORMED_QUERY, scope.soql, name.at, text)
    # Teams, territories and queues do not exist in the org: nobody shares a record by them, so only one's own is left.
    return owned and word != "everything"
