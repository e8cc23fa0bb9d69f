"""WHERE: from conditions to SQL, with SOQL's two-valued logic, types and messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.query import dates, functions
from mock_server.org.query.context import failure
from mock_server.org.query.grammar import unexpected
from mock_server.org.query.literals import pattern_of, text_of
from mock_server.org.query.scope import Bound, Moment, Parameter, Scope
from mock_server.org.query.syntax import Call, Comparison, Condition, Expression, Not, Path, Query, Value
from mock_server.org.schema import durable
from mock_server.org.schema.types import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field, caseless, fold

_WIDE = 500
"""Values beyond which a list travels as one JSON parameter instead of one parameter each."""
_LONGEST_PATTERN = 1000
_ZONED = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$", re.IGNORECASE)
_CURRENCY = re.compile(r"[A-Za-z]{3}\d+(\.\d+)?")
_PAGING = re.compile(r"'(?:\\.|[^'\\])*'|\b(?P<word>ORDER(?=\s+BY\b)|LIMIT(?=\s+\d)|OFFSET(?=\s+\d))", re.IGNORECASE)
"""Texts, and the first words of the clauses that no semi-join has."""
MOST_SEMI_JOINS = 2
_NOT_INNER = frozenset({"ActivityHistory", "Attachment", "Event", "EventRelation", "Note", "OpenActivity", "Task"})
"""Objects that a semi-join cannot select from (SOQL and SOSL Reference, "Comparison Operators")."""
_SQL_OPERATORS = {"=": "=", "!=": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}


class Filters:
    """Turns the conditions of one SELECT into SQL."""

    def __init__(self, scope: Scope, bind: Callable[[Scope, Expression], Bound] = functions.bind) -> None:
        self._scope = scope
        self._bind = bind
        self._negated = False

    def sql(self, condition: Condition, *, top: bool = True, whole: bool = True) -> str:
        """Return SQL for a condition. A comparison with null is false, and its NOT true: SOQL knows no third value.

        `top`: nothing but ANDs are around it; `whole`: nothing is.
        """
        if isinstance(condition, Comparison):
            return self._comparison(condition, top=top)
        if isinstance(condition, Not):
            return self._not(lambda: self.sql(condition.condition, top=False, whole=False))
        if whole and condition.word == "OR" and any(map(_is_semi_join, condition.parts)):
            text = "Semi join sub-selects are not allowed with the 'OR' operator"
            raise errors.MALFORMED_QUERY(text=text)
        inner = top and condition.word == "AND"
        return balanced([self.sql(part, top=inner, whole=False) for part in condition.parts], condition.word)

    def _not(self, write: Callable[[], str]) -> str:
        before, self._negated = self._negated, True
        try:
            return f"NOT ({write()})"
        finally:
            self._negated = before

    def _two_valued(self, test: str) -> str:
        # Only under a NOT does it matter that SQL's NULL is not false; elsewhere the wrapping would hide an index.
        return f"IFNULL({test}, 0)" if self._negated else test

    def _comparison(self, comparison: Comparison, *, top: bool) -> str:
        bound = self._bind(self._scope, comparison.path)
        field, value, operator = bound.field, comparison.value, comparison.operator
        if field.type in ("address", "location"):
            raise errors.INVALID_FIELD(text="Address fields can only be filtered using Distance expressions")
        if isinstance(comparison.path, Call):
            _refuse_call(self._scope, comparison, comparison.path)
        if not field.filterable or not field.valued:
            raise self._scope.fail(comparison.path.at, f"field '{field.name}' can not be filtered in a query call")
        if isinstance(value, Query):
            if not top:
                raise errors.MALFORMED_QUERY(
                    text="Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested "
                    "WHERE expressions."
                )
            return self._semi_join(comparison, bound, value)
        if operator in ("INCLUDES", "EXCLUDES"):
            return self._includes(comparison, bound)
        if isinstance(value, tuple):
            return self._list(comparison, bound, value)
        if operator == "LIKE":
            return self._like(comparison, bound, value)
        return self._compare(comparison, bound, operator, value)

    # -- one value

    def _compare(self, comparison: Comparison, bound: Bound, operator: str, value: Value) -> str:
        days = self._days(bound.field, value)
        if days is not None:
            return self._in_days(bound, operator, days)
        stored = self._stored(comparison, bound.field, value)
        if stored is None:
            if operator == "=":
                return f"{bound.sql} IS NULL"
            return f"{bound.sql} IS NOT NULL" if operator == "!=" else "0"
        if bound.field.type == "boolean" and operator not in ("=", "!="):
            raise self._misused(comparison, bound.field)
        left, mark = self._sides(bound, stored, whole=operator in ("=", "!="))
        test = f"{left} {_SQL_OPERATORS[operator]} {mark}"
        return f"({test} OR {bound.sql} IS NULL)" if operator == "!=" else self._two_valued(test)

    def _sides(self, bound: Bound, stored: Parameter, *, whole: bool) -> tuple[str, str]:
        """Return the SQL of a field's value and of a parameter, in a form in which they compare as SOQL does.

        `whole`: they are compared for being equal, not for which comes first.
        """
        field, add = bound.field, self._scope.add
        if field.type not in TEXT_TYPES or field.case_sensitive or not isinstance(stored, str):
            return bound.sql, add(stored)
        if field.folded and bound.table:
            return bound.folded(), add(fold(stored))
        if whole and stored.isascii():
            # SQLite folds ASCII itself, without a call into Python for each row.
            return f"{bound.sql} COLLATE NOCASE", add(stored)
        return f"sf_fold({bound.sql})", add(fold(stored))

    def _like(self, comparison: Comparison, bound: Bound, value: Value) -> str:
        field = bound.field
        if value.kind == "null":
            return f"{bound.sql} IS NULL"
        if field.type not in TEXT_TYPES:
            raise self._misused(comparison, field)
        if value.kind != "string":
            raise self._mismatch(comparison, field)
        pattern = pattern_of(value.text)
        if len(pattern.encode()) > _LONGEST_PATTERN:
            raise errors.QUERY_TOO_COMPLICATED()
        if pattern.isascii():
            return self._two_valued(f"{bound.sql} LIKE {self._scope.add(pattern)} ESCAPE '\\'")
        return self._two_valued(f"sf_caseless({bound.sql}) LIKE {self._scope.add(caseless(pattern))} ESCAPE '\\'")

    def _misused(self, comparison: Comparison, field: Field) -> Exception:
        kind = "id" if field.type in ID_TYPES else kind_name(field)
        return self._scope.fail(comparison.path.at, f"invalid operator on {kind} field")

    # -- several values

    def _list(self, comparison: Comparison, bound: Bound, values: Sequence[Value]) -> str:
        if comparison.operator == "NOT IN":
            return self._not(lambda: self._in(comparison, bound, values))
        return self._in(comparison, bound, values)

    def _in(self, comparison: Comparison, bound: Bound, values: Sequence[Value]) -> str:
        tests: list[str] = []
        stored: list[Any] = []
        null = False
        for value in values:
            days = self._days(bound.field, value)
            if days is not None:
                tests.append(self._in_days(bound, "=", days))
                continue
            one = self._stored(comparison, bound.field, value)
            null = null or one is None
            if one is not None:
                stored.append(one)
        if stored:
            tests.append(self._any_of(bound, stored))
        if null:
            tests.append(f"{bound.sql} IS NULL")
        return balanced(tests, "OR")

    def _any_of(self, bound: Bound, stored: list[Any]) -> str:
        field = bound.field
        left = bound.sql
        if field.type in TEXT_TYPES and not field.case_sensitive:
            if (field.folded and bound.table) or not all(isinstance(one, str) and one.isascii() for one in stored):
                left, stored = bound.folded(), [fold(one) for one in stored]
            else:
                left = f"{bound.sql} COLLATE NOCASE"
        if len(stored) <= _WIDE:
            marks = ",".join(self._scope.add(one) for one in stored)
            return self._two_valued(f"{left} IN ({marks})")
        many = self._scope.add(orjson.dumps(stored).decode())
        return self._two_valued(f"{left} IN (SELECT value FROM json_each({many}))")

    def _includes(self, comparison: Comparison, bound: Bound) -> str:
        if comparison.operator == "EXCLUDES":
            return self._not(lambda: self._holds(comparison, bound))
        return self._holds(comparison, bound)

    def _holds(self, comparison: Comparison, bound: Bound) -> str:
        values = comparison.value
        if bound.field.type != "multipicklist" or not isinstance(values, tuple):
            raise self._scope.fail(
                comparison.path.at,
                f"includes or excludes operator only valid on multipicklist field: {bound.field.name}",
            )
        tests = []
        for value in values:
            if value.kind != "string":
                raise self._mismatch(comparison, bound.field)
            wanted = [part for part in text_of(value.text).split(";") if part]
            each = [
                f"instr(sf_caseless(';' || {bound.sql} || ';'), {self._scope.add(f';{caseless(part)};')}) > 0"
                for part in wanted
            ]
            tests.append(self._two_valued(balanced(each, "AND")) if each else f"{bound.sql} IS NULL")
        return balanced(tests, "OR")

    # -- semi-joins

    def _semi_join(self, comparison: Comparison, bound: Bound, query: Query) -> str:
        scope = self._scope
        if bound.field.type not in ID_TYPES:
            raise scope.fail(
                comparison.path.at,
                "The left operand field in the where expression for outer query should be an id field: "
                f"'{bound.field.name}'",
            )
        source = scope.schema.get(source_name(query))
        if source is None:
            raise unsupported(scope.soql, query.source.at, source_name(query))
        if scope.prefix != "t":
            raise errors.MALFORMED_QUERY(text="Nesting of semi join sub-selects is not supported")
        # The texts of these three are from recall.
        if scope.semi_joins == MOST_SEMI_JOINS:
            raise errors.MALFORMED_QUERY(text=f"Maximum {MOST_SEMI_JOINS} semi join sub-selects are allowed.")
        scope.semi_joins += 1
        if source is scope.sobject:
            raise errors.MALFORMED_QUERY(text="The inner and outer selects should not be on the same object type")
        if source.name in _NOT_INNER:
            text = f"Entity '{source.name}' is not supported for semi join inner selects"
            raise failure(errors.MALFORMED_QUERY, scope.soql, query.source.at, text)
        if query.order or query.limit is not None or query.offset:
            word = next((found for found in _PAGING.finditer(scope.soql, query.at) if found["word"]), None)
            # A comment may stand between a word and what tells it from a name: then the subquery is pointed at.
            raise unexpected(scope.soql, word.start() if word else query.at, word["word"] if word else "SELECT")
        inner = Scope(
            scope.schema, scope.ready, scope.soql, source,
            alias=query.alias, prefix=scope.nested_prefix(), all_rows=scope.all_rows, others=query.others,
        )  # fmt: skip
        (item, *more) = query.items
        if more or not isinstance(item, Path) or query.group or query.having:
            raise errors.MALFORMED_QUERY(text="Semi join sub-selects must select exactly one field")
        chosen = inner.find(item)
        if chosen.field.type not in ID_TYPES:
            raise scope.fail(
                item.at, f"The selected field '{chosen.field.name}' in the subquery must be an id or reference field"
            )
        where = inner.seen()
        if query.where is not None:
            where.append(Filters(inner).sql(query.where))
        where.append(f"{chosen.sql} IS NOT NULL")
        scope.parameters.extend(inner.parameters)
        found = f"{bound.sql} IN (SELECT {chosen.sql} FROM {inner.source()} WHERE {' AND '.join(where)})"
        return f"NOT (IFNULL({found}, 0))" if comparison.operator == "NOT IN" else self._two_valued(found)

    # -- literals

    def _days(self, field: Field, value: Value) -> tuple[Moment, Moment] | None:
        """Return the bounds of a date literal such as TODAY, in the field's stored form."""
        if value.kind not in ("name", "range") or field.type not in ("date", "datetime"):
            return None
        word = value.text
        if dates.span(word, date(2000, 1, 1)) is None:
            raise unexpected(self._scope.soql, value.at, word)
        form = _day if field.type == "date" else _midnight
        return (
            Moment(lambda now: form(_span(word, now)[0], now.zone)),
            Moment(lambda now: form(_span(word, now)[1], now.zone)),
        )

    def _in_days(self, bound: Bound, operator: str, days: tuple[Moment, Moment]) -> str:
        first, after = days
        left, add = bound.sql, self._scope.add
        if operator in ("=", "!="):
            test = f"{left} >= {add(first)} AND {left} < {add(after)}"
            return self._two_valued(f"({test})") if operator == "=" else f"NOT (IFNULL({test}, 0))"
        bounds = {"<": ("<", first), "<=": ("<", after), ">": (">=", after), ">=": (">=", first)}
        sign, edge = bounds[operator]
        return self._two_valued(f"{left} {sign} {add(edge)}")

    def _stored(self, comparison: Comparison, field: Field, value: Value) -> Any:
        """Return a literal in the field's stored form, None for null. Raises when its type does not fit."""
        kind = value.kind
        if kind == "null":
            return None
        if kind in ("name", "range") and not (field.type in NUMBER_TYPES and _CURRENCY.fullmatch(value.text)):
            raise unexpected(self._scope.soql, value.at, value.text)
        if field.type in ID_TYPES:
            return self._id(comparison, field, value)
        if field.type in TEXT_TYPES or field.type == "base64":
            if kind != "string":
                raise self._mismatch(comparison, field)
            return text_of(value.text) or None
        if field.type == "boolean" and kind == "boolean":
            return int(value.text == "true")
        if field.type in NUMBER_TYPES and kind in ("number", "name"):
            return self._number(field, value)
        if field.type == "date" and kind == "date":
            return self._date(value)
        if field.type == "datetime" and kind == "datetime":
            return self._datetime(value)
        if field.type == "time" and kind == "time":
            clock, _, rest = value.text.upper().rstrip("Z").partition(".")
            return f"{clock}.{rest[:3]:0<3}Z"
        raise self._mismatch(comparison, field)

    def _id(self, comparison: Comparison, field: Field, value: Value) -> str | None:
        if value.kind != "string":
            raise self._mismatch(comparison, field)
        text = text_of(value.text)
        if text == "":
            return None
        if field.durable:
            return durable.meant(self._scope.schema.whole.described, text)
        identifier = to_18(text)
        if identifier is None:
            raise failure(
                errors.INVALID_QUERY_FILTER_OPERATOR, self._scope.soql, comparison.path.at, f"invalid ID field: {text}"
            )
        return identifier

    @staticmethod
    def _number(field: Field, value: Value) -> float | int:
        text = value.text[3:] if value.kind == "name" else value.text
        number = float(text)
        if field.type in ("int", "long") and number.is_integer() and abs(number) < 2**62:
            return int(number)
        return number

    def _date(self, value: Value) -> str:
        try:
            return date.fromisoformat(value.text).isoformat()
        except ValueError:
            raise self._bad_date(value) from None

    def _datetime(self, value: Value) -> str:
        if not _ZONED.search(value.text):
            raise unexpected(self._scope.soql, value.at, value.text)
        try:
            moment = datetime.fromisoformat(value.text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._bad_date(value) from None
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000".rjust(28, "0")

    def _bad_date(self, value: Value) -> Exception:
        return failure(errors.MALFORMED_QUERY, self._scope.soql, value.at, f"Invalid date: {value.text}")

    def _mismatch(self, comparison: Comparison, field: Field) -> Exception:
        text = field.type in TEXT_TYPES or field.type in ID_TYPES
        should = "should be" if text else "should not be"
        return self._scope.fail(
            comparison.path.at,
            f"value of filter criterion for field '{field.name}' must be of type {kind_name(field)} and {should} "
            "enclosed in quotes",
        )


def _refuse_call(scope: Scope, comparison: Comparison, call: Call) -> None:
    """Refuse what a function's value cannot be compared with. Raises MALFORMED_QUERY."""
    name = call.name.lower()
    if name == "format":
        raise unexpected(scope.soql, call.at + len(call.name), "(")
    if name == "distance" and comparison.operator not in ("<", ">"):
        text = "DISTANCE can only be compared by < and >"
        raise failure(errors.MALFORMED_QUERY, scope.soql, call.at, text)


def kind_name(field: Field) -> str:
    """Return a field's type as messages name it."""
    if field.type in TEXT_TYPES or field.type in ID_TYPES:
        return "string"
    return {"currency": "double", "percent": "double", "datetime": "dateTime"}.get(field.type, field.type)


def source_name(query: Query) -> str:
    return ".".join(query.source.parts)


def unsupported(soql: str, at: int, name: str) -> Exception:
    return failure(
        errors.INVALID_TYPE,
        soql,
        at,
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the "
        "'__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
    )


def balanced(tests: list[str], word: str) -> str:
    """Join tests as a balanced tree: SQLite limits how deep an expression may be."""
    if not tests:
        return "0"
    while len(tests) > 1:
        pairs = [
            f"({tests[index]} {word} {tests[index + 1]})" if index + 1 < len(tests) else tests[index]
            for index in range(0, len(tests), 2)
        ]
        tests = pairs
    return tests[0]


def _is_semi_join(condition: Condition) -> bool:
    return isinstance(condition, Comparison) and isinstance(condition.value, Query)


def _span(word: str, now: dates.Calendar) -> tuple[date, date]:
    return dates.span(word, now.today, now.fiscal_month) or (now.today, now.today)


def _day(day: date, _: ZoneInfo) -> str:
    return day.isoformat()


def _midnight(day: date, zone: ZoneInfo) -> str:
    """Return the moment, in UTC, at which a day begins in a time zone."""
    try:
        moment = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return f"{day.isoformat()}T00:00:00.000+0000"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000+0000".rjust(28, "0")
