"""What a client changes of a report for one run: its columns, groups, totals, filters, order and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mock_server.jsontext import wrong_kind
from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.reports import Definition, Report
from mock_server.org.reports.columns import NUMBERS, PERIODS, TOTALS, Column, Group, Total, column_of
from mock_server.org.reports.definition import MOST_COLUMNS, MOST_GROUPS
from mock_server.org.reports.filters import conditions, period


@dataclass(frozen=True)
class Wanted:
    """A report's definition for one run. `given` is the metadata that the client sent."""

    definition: Definition
    details: bool
    given: Mapping[str, Any] = field(default_factory=dict)


def read(call: Call, report: Report) -> Wanted:
    """Read the body and the parameters of a run. Raises INVALID_INPUT and the like."""
    given: Mapping[str, Any] = {}
    if call.method == "POST" and call.body.strip():
        body = call.json_object()
        metadata = body.get("reportMetadata")
        if metadata is not None and not isinstance(metadata, dict):
            raise wrong_kind(call.body, metadata)
        given = metadata or {}
    definition = _changed(call, report.definition, given)
    asked = call.query.get("includeDetails")
    if asked is None:
        own = given.get("hasDetailRows")
        details = own if isinstance(own, bool) else definition.tabular
    else:
        details = asked.strip().lower() == "true"
    return Wanted(definition, details, given)


def _changed(call: Call, saved: Definition, given: Mapping[str, Any]) -> Definition:
    sobject = call.schema.get(saved.sobject)
    if sobject is None:
        raise errors.NO_REPORTS()

    def column(name: str) -> Column:
        found = column_of(call.schema, sobject, name)
        if found is None:
            raise errors.INVALID_INPUT(text=f"The column {name[:100]} is invalid or not available to you.")
        return found

    changed = saved
    if given.get("detailColumns") is not None:
        names = _texts(given["detailColumns"], "detailColumns")
        if len(names) > MOST_COLUMNS:
            raise errors.INVALID_INPUT(text=f"A report has at most {MOST_COLUMNS} columns")
        changed = replace(changed, columns=tuple(column(name) for name in names))
    if given.get("groupingsDown") is not None:
        changed = replace(changed, groups=tuple(_group(one, column) for one in _groups(given["groupingsDown"])))
        if changed.groups and not saved.groups:
            # The order and the number of rows of a list mean nothing to groups.
            changed = replace(changed, order="", limit=None)
    if given.get("groupingsAcross"):
        raise errors.INVALID_INPUT(text="Groupings across are for matrix reports, and this org has none")
    if given.get("aggregates") is not None:
        totals = [_total(name, column) for name in _texts(given["aggregates"], "aggregates")]
        changed = replace(changed, totals=tuple(dict.fromkeys([*totals, Total()])))
    where = [f"({saved.where})"] if saved.where else []
    filters = given.get("reportFilters")
    if filters:
        if not isinstance(filters, list) or not all(isinstance(one, dict) for one in filters):
            raise errors.INVALID_INPUT(text="reportFilters takes a list of filters")
        logic = given.get("reportBooleanFilter")
        if logic is not None and not isinstance(logic, str):
            raise errors.INVALID_INPUT(text="reportBooleanFilter takes a text")
        where.append(conditions(filters, logic, column))
    span = given.get("standardDateFilter")
    if isinstance(span, dict):
        where += [one for one in (period(span, column),) if one]
    changed = replace(changed, where=" AND ".join(where))
    return _ordered(changed, given, column)


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise errors.INVALID_INPUT(text=f"{name} takes a list of names")
    return value


def _groups(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise errors.INVALID_INPUT(text="groupingsDown takes a list of groupings")
    if len(value) > MOST_GROUPS:
        raise errors.INVALID_INPUT(text=f"A report has at most {MOST_GROUPS} levels of groups")
    return value


def _group(given: Mapping[str, Any], column: Any) -> Group:
    name, span = given.get("name"), given.get("dateGranularity")
    if not isinstance(name, str):
        raise errors.INVALID_INPUT(text="A grouping must have a name")
    found: Column = column(name)
    if span in (None, "None"):
        span = None
    elif span not in PERIODS or found.field.type not in ("date", "datetime"):
        raise errors.INVALID_INPUT(text=f"The date granularity {str(span)[:40]} is invalid for {found.name}")
    if not found.field.groupable and span is None:
        raise errors.INVALID_INPUT(text=f"The column {found.name} can't be grouped by")
    by_total = given.get("sortAggregate")
    descending = str(given.get("sortOrder") or "Asc").lower() == "desc"
    return Group(found, span, descending, by_total if isinstance(by_total, str) else None)


def _total(name: str, column: Any) -> Total:
    if name == "RowCount":
        return Total()
    letter, mark, path = name.partition("!")
    if not mark or letter not in TOTALS:
        raise errors.INVALID_INPUT(text=f"The aggregate {name[:100]} is invalid")
    found: Column = column(path)
    if letter in "sa" and found.field.type not in NUMBERS:
        raise errors.INVALID_INPUT(text=f"The aggregate {name[:100]} needs a number")
    return Total(letter, found)


def _ordered(definition: Definition, given: Mapping[str, Any], column: Any) -> Definition:
    order = given.get("sortBy")
    if order:
        if not isinstance(order, list) or not all(isinstance(one, dict) for one in order):
            raise errors.INVALID_INPUT(text="sortBy takes a list of columns")
        if len(order) > 1:
            raise errors.INVALID_INPUT(text="A report can only be sorted by one column.")
        name = order[0].get("sortColumn")
        if not isinstance(name, str) or not name:
            raise errors.INVALID_INPUT(text="The sort column name can't be null.")
        found: Column = column(name)
        if found.path not in {one.path for one in definition.columns}:
            raise errors.INVALID_INPUT(text="The sort column name must be from a selected column.")
        way = "DESC NULLS LAST" if str(order[0].get("sortOrder") or "Asc").lower() == "desc" else "ASC"
        definition = replace(definition, order=f"{found.path} {way}")
    top = given.get("topRows")
    if isinstance(top, dict):
        limit = top.get("rowLimit")
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= 100:
            raise errors.INVALID_INPUT(text="The row limit must be from 1 to 100")
        if definition.tabular:
            definition = replace(definition, limit=limit)
    return definition
