"""The query of a PushTopic: which records it is about, and what its events tell of them.

What is refused, and in which words: Streaming API guide, "Unsupported PushTopic Queries", "NotifyForFields Set to ...".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query.grammar import parse
from mock_server.org.query.syntax import Call, Comparison, Condition, Junction, Not, Path, Query, TypeOf, Value
from mock_server.org.records.table_sql import person_name

if TYPE_CHECKING:
    from mock_server.org.query.plan import Plan
    from mock_server.org.schema import Schema
    from mock_server.org.schema.types import SObject

SUPPORTED = frozenset({
    "Account", "Campaign", "Case", "Contact", "ContractLineItem", "Entitlement", "Lead", "LiveChatTranscript",
    "MessagingSession", "Opportunity", "Quote", "QuoteLineItem", "ServiceAppointment", "ServiceContract", "Task",
    "UserServicePresence", "WorkOrder", "WorkOrderLineItem",
})  # fmt: skip
"""The standard objects that topics may be about, beside all custom objects ("Supported PushTopic Queries")."""
SYSTEM = frozenset({
    "Id", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "LastActivityDate",
    "LastViewedDate", "LastReferencedDate", "IsDeleted",
})  # fmt: skip
"""Fields that the system fills: their changes trigger no notification (the same page)."""
_NAME_PARTS = ("FirstName", "MiddleName", "LastName", "Suffix", "Salutation")
_NO_RECORD = "000000000000000AAA"


@dataclass(frozen=True, slots=True)
class TopicQuery:
    """`selected` and `asked` are the exact names of the fields in SELECT and WHERE. `plan` reads those of some records
    that meet the condition; their ids, as JSON, are its parameter at the place `at`."""

    sobject: SObject
    selected: tuple[str, ...]
    asked: frozenset[str]
    plan: Plan
    at: int

    def watched(self, notify: str) -> frozenset[str] | None:
        """Return the columns whose changes a topic tells of; None for any."""
        if notify == "All":
            return None
        names = {"Select": frozenset(self.selected), "Where": self.asked}.get(notify)
        return frozenset(_columns(self.sobject, (frozenset(self.selected) | self.asked) if names is None else names))


def refuse(text: str) -> ApiError:
    return errors.TOPIC_QUERY(text=text, fields=("Query",))


def read(soql: str, notify: str, schema: Schema, ready: Callable[[SObject], None], version: int) -> TopicQuery:
    """Read the query of a topic that notifies for such fields. Raises ApiError."""
    from mock_server.org.query.binder import Binder

    query = parse(soql)
    _check_clauses(query)
    items = [_name(query, item) for item in query.items]
    asked = [_name(query, comparison.path) for comparison in _comparisons(query.where)]
    # What the binder says of unknown objects and fields is what a query would be told.
    bound = Binder(schema, ready, version).bind(soql, query, all_rows=True)
    sobject = bound.sobject
    if not (sobject.name in SUPPORTED or (sobject.name.endswith("__c") and sobject.kind == "object")):
        raise refuse(f"entity type {sobject.name} is not supported")
    selected = tuple(sobject.field(name).name for name in items)  # type: ignore[union-attr]  # bound above
    if "Id" not in selected:
        raise refuse("Id must be included in the SELECT clause")
    for name in asked:
        field = sobject.field(name)
        assert field is not None
        if field.calculated:
            raise refuse(f"formula field '{field.name}' is not supported in the WHERE clause")
        if field.type == "textarea":
            raise refuse(f"field '{field.name}' can not be filtered in query call")
    fields = frozenset(field.name for name in asked if (field := sobject.field(name)) is not None)
    _check_fields(selected, fields, notify)
    one = Comparison(Path(("Id",), 0), "=", Value("string", _NO_RECORD, 0))
    single = replace(query, where=one if query.where is None else Junction("AND", (query.where, one)))
    plan = Binder(schema, ready, version).bind(soql, single, all_rows=True)
    # The one that was added comes last.
    at = max(place for place, value in enumerate(plan.parameters) if value == _NO_RECORD)
    head, _, tail = plan.sql.rpartition('"Id" = ?')
    some = replace(plan, sql=f'{head}"Id" IN (SELECT value FROM json_each(?)){tail}')  # noqa: S608  # of the binder's own
    return TopicQuery(sobject, selected, fields, some, at)


def _check_clauses(query: Query) -> None:
    if query.group is not None or query.having is not None:
        raise refuse("Aggregate queries are not supported")
    for item in query.items:
        if isinstance(item, TypeOf):
            raise refuse("'TYPEOF' clause is not allowed")
        if isinstance(item, Query):
            raise refuse("relationships are not supported")
        if not isinstance(item, Path):
            raise refuse("Aggregate queries are not supported")
    if query.order:
        raise refuse("'ORDER BY' clause is not allowed")
    if query.limit is not None:
        raise refuse("'LIMIT' is not allowed")
    if query.offset:
        raise refuse("'OFFSET' clause is not allowed")
    if query.others:
        raise refuse("relationships are not supported")
    for given, name in (
        (query.purposes, "FOR"), (query.all_rows, "ALL ROWS"), (query.scope, "USING SCOPE"),
        (query.mode or query.categories, "WITH"),
    ):  # fmt: skip
        if given:
            raise refuse(f"'{name}' clause is not allowed")
    for comparison in _comparisons(query.where):
        if isinstance(comparison.value, Query):
            raise refuse("semi/anti join sub-selects are not supported")
        if isinstance(comparison.path, Call):
            raise refuse("Aggregate queries are not supported")


def _check_fields(selected: tuple[str, ...], asked: frozenset[str], notify: str) -> None:
    """Refuse what no change of a field could ever trigger."""
    told, tested = len(selected) > 1, bool(asked - {"Id"})
    if notify == "Select" and not told:
        raise refuse("The SELECT clause must have at least one field other than Id")
    if notify == "Where" and not tested:
        raise refuse("The WHERE clause must have at least one field other than Id")
    if notify == "Referenced" and not (told or tested):
        raise refuse("The SELECT or WHERE clause must have at least one field other than Id")


def _comparisons(condition: Condition | None) -> Iterator[Comparison]:
    if isinstance(condition, Comparison):
        yield condition
    elif isinstance(condition, Not):
        raise refuse("'NOT' is not supported")
    elif condition is not None:
        for part in condition.parts:
            yield from _comparisons(part)


def _name(query: Query, item: object) -> str:
    assert isinstance(item, Path)
    # The object's own name, or its alias, may stand before the field's.
    parts = item.parts
    own = {query.source.parts[-1].lower(), (query.alias or "").lower()}
    if len(parts) == 2 and parts[0].lower() in own:
        return parts[1]
    if len(parts) > 1:
        raise refuse("relationships are not supported")
    return parts[0]


def _columns(sobject: SObject, names: frozenset[str]) -> Iterator[str]:
    """Yield the columns in which a change of some fields shows: those of a person's name only as a whole."""
    parts: tuple[str, ...] = ()
    whole = sobject.by_name.get("Name")
    if whole is not None and person_name(sobject, whole):
        parts = _NAME_PARTS
    for name in names - SYSTEM:
        if name == "Name" and parts:
            yield from parts
        elif name not in parts and sobject.by_name[name].roll_up is None:
            yield name
