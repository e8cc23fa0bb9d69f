"""What the reports API answers: fact maps, groupings, metadata (Reports and Dashboards REST API Developer Guide)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from mock_server.operations import Call
from mock_server.org.reports import Definition, Instance, Report
from mock_server.org.reports.columns import Column, column_of
from mock_server.org.reports.filters import OPERATORS
from mock_server.org.reports.running import Cell, Node, flat
from mock_server.org.reports.running import run as run_report
from mock_server.org.schema.types import SObject
from mock_server.org.zones import zone_of
from mock_server.protocols.rest.replies import base_of, data_url
from mock_server.protocols.rest.report_requests import Wanted

_TYPES = {
    "Account": "AccountList", "Contact": "ContactList", "Lead": "LeadList", "Case": "CaseList",
    "Opportunity": "Opportunity", "Campaign": "CampaignList", "Activity": "Activity",
}  # fmt: skip
_WORDS = {
    "equals": "equals", "notEqual": "not equal to", "lessThan": "less than", "greaterThan": "greater than",
    "lessOrEqual": "less or equal", "greaterOrEqual": "greater or equal", "contains": "contains",
    "notContain": "does not contain", "startsWith": "starts with", "includes": "includes", "excludes": "excludes",
}  # fmt: skip
_ORDERED = OPERATORS[:6]
_FILTERS = {
    "boolean": ("equals", "notEqual"), "multipicklist": ("equals", "notEqual", "includes", "excludes"),
    "currency": _ORDERED, "date": _ORDERED, "datetime": _ORDERED, "double": _ORDERED, "int": _ORDERED,
    "percent": _ORDERED, "time": _ORDERED,
}  # fmt: skip
"""The operators of each type; those of a text for the others."""
_TEXT = OPERATORS[:9]


def type_of(sobject: SObject) -> str:
    """Return what reports of an object are called."""
    return _TYPES.get(sobject.name) or (f"CustomEntity${sobject.name}" if sobject.custom else sobject.name)


def reportable(sobject: SObject) -> bool:
    return sobject.is_("queryable") and sobject.is_("layoutable")


# -- a run


def run(call: Call, report: Report, wanted: Wanted) -> dict[str, Any]:
    """Run a report and return its answer. Raises ApiError."""
    base = base_of(call)
    zone = zone_of(call.org.directory.time_zone(call.session.user_id))
    definition = wanted.definition

    def query(soql: str) -> list[dict[str, Any]]:
        return call.org.query(call.session, soql, base=base, size=2001).records

    result = run_report(definition, query, zone, details=wanted.details)
    facts = {f"{key}!T": _fact(node, wanted.details) for key, node in flat(result.root)}
    return {
        "attributes": _attributes(call, report),
        "allData": result.complete,
        "factMap": facts,
        "groupingsAcross": {"groupings": []},
        "groupingsDown": {"groupings": _groupings(result.root.children, "")},
        "hasDetailRows": wanted.details,
        "picklistColors": {},
        "reportExtendedMetadata": _extended(definition),
        "reportMetadata": metadata(call, report, wanted),
    }


def _attributes(call: Call, report: Report) -> dict[str, Any]:
    url = data_url(call, "analytics", "reports", report.id)
    return {
        "describeUrl": f"{url}/describe",
        "instancesUrl": f"{url}/instances",
        "reportId": report.id,
        "reportName": report.name,
        "type": "Report",
    }


def _fact(node: Node, details: bool) -> dict[str, Any]:
    out: dict[str, Any] = {"aggregates": [_shown(one) for one in node.totals]}
    if details:
        out["rows"] = [{"dataCells": [_shown(one) for one in row]} for row in node.rows]
    return out


def _shown(cell: Cell) -> dict[str, Any]:
    return {"label": cell[0], "value": cell[1]}


def _groupings(nodes: Iterable[Node], before: str) -> list[dict[str, Any]]:
    return [
        {
            "groupings": _groupings(node.children, f"{before}{place}_"),
            "key": f"{before}{place}",
            "label": node.label,
            "value": node.value,
        }
        for place, node in enumerate(nodes)
    ]


def _extended(definition: Definition) -> dict[str, Any]:
    return {
        "aggregateColumnInfo": {
            one.name: {
                "acrossGroupingContext": None,
                "dataType": one.type,
                "downGroupingContext": None,
                "label": one.label,
            }
            for one in definition.totals
        },
        "detailColumnInfo": {one.name: _column(one) for one in definition.columns},
        "groupingColumnInfo": {
            group.column.name: {**_column(group.column), "groupingLevel": level}
            for level, group in enumerate(definition.groups)
        },
    }


def _column(column: Column) -> dict[str, Any]:
    return {"dataType": _kind(column), "label": column.label}


def _kind(column: Column) -> str:
    return "string" if column.field.type in ("id", "reference") else column.field.type


def metadata(call: Call, report: Report, wanted: Wanted) -> dict[str, Any]:
    """Return the metadata of a report as a run had it."""
    definition, given = wanted.definition, wanted.given
    sobject = call.schema.get(definition.sobject)
    filters = given.get("reportFilters") or []
    order = given.get("sortBy") or []
    span = given.get("standardDateFilter")
    blank = {"column": None, "durationValue": "CUSTOM", "endDate": None, "startDate": None}
    return {
        "aggregates": [one.name for one in definition.totals],
        "chart": None,
        "crossFilters": [],
        "currency": None,
        "description": report.description,
        "detailColumns": [one.name for one in definition.columns],
        "developerName": report.developer_name,
        "division": None,
        "folderId": report.folder_id,
        "groupingsAcross": [],
        "groupingsDown": [
            {
                "dateGranularity": group.period or "None",
                "name": group.column.name,
                "sortAggregate": group.by_total,
                "sortOrder": "Desc" if group.descending else "Asc",
            }
            for group in definition.groups
        ],
        "hasDetailRows": wanted.details,
        "hasRecordCount": True,
        "historicalSnapshotDates": [],
        "id": report.id,
        "name": report.name,
        "reportBooleanFilter": given.get("reportBooleanFilter") if filters else None,
        "reportFilters": filters,
        "reportFormat": "TABULAR" if definition.tabular else "SUMMARY",
        "reportType": {
            "label": sobject.label_plural if sobject else definition.sobject,
            "type": type_of(sobject) if sobject else definition.sobject,
        },
        "scope": "organization",
        "showGrandTotal": True,
        "showSubtotals": True,
        "sortBy": order,
        "standardDateFilter": {**blank, **span} if isinstance(span, dict) else blank,
        "standardFilters": None,
        "supportsRoleHierarchy": False,
        "userOrHierarchyFilterId": None,
    }


# -- describe


def describe(call: Call, report: Report) -> dict[str, Any]:
    sobject = call.schema.get(report.definition.sobject)
    wanted = Wanted(report.definition, report.definition.tabular)
    return {
        "attributes": _attributes(call, report),
        "reportExtendedMetadata": _extended(report.definition),
        "reportMetadata": metadata(call, report, wanted),
        "reportTypeMetadata": _type(call, sobject) if sobject else None,
    }


def describe_type(call: Call, sobject: SObject) -> dict[str, Any]:
    return {
        "attributes": {"type": "ReportType"},
        "reportMetadata": {
            "detailColumns": [],
            "reportFormat": "TABULAR",
            "reportType": {"label": sobject.label_plural, "type": type_of(sobject)},
        },
        "reportTypeMetadata": _type(call, sobject),
    }


def _type(call: Call, sobject: SObject) -> dict[str, Any]:
    columns = [column_of(call.schema, sobject, field.name) for field in sobject.fields]
    found = {
        one.name: {
            **_column(one),
            "filterValues": [
                {"label": entry.label, "name": entry.value} for entry in one.field.picklist if entry.active
            ],
            "filterable": one.field.filterable,
            "isLookup": one.field.type == "reference",
            "uniqueCountable": one.field.groupable,
        }
        for one in columns
        if one is not None
    }
    kinds = sorted({_kind(one) for one in columns if one is not None})
    return {
        "categories": [{"columns": found, "label": f"{sobject.label} Information"}],
        "dataTypeFilterOperatorMap": {
            kind: [{"label": _WORDS[name], "name": name} for name in _FILTERS.get(kind, _TEXT)] for kind in kinds
        },
        "divisionInfo": None,
        "scopeInfo": {
            "defaultValue": "organization",
            "values": [{"allowsDivision": False, "label": f"All {sobject.label_plural}", "value": "organization"}],
        },
    }


# -- runs to come back to


def instance(call: Call, one: Instance) -> dict[str, Any]:
    url = data_url(call, "analytics", "reports", one.report_id, "instances", one.id)
    return {
        "completionDate": _moment(one.completed),
        "hasDetailRows": one.details,
        "id": one.id,
        "ownerId": one.owner_id,
        "queryable": False,
        "requestDate": _moment(one.requested),
        "status": "New" if one.completed is None else "Success",
        "url": url,
    }


def instance_attributes(report: Report, one: Instance) -> dict[str, Any]:
    return {
        "completionDate": _moment(one.completed),
        "id": one.id,
        "ownerId": one.owner_id,
        "queryable": False,
        "reportId": report.id,
        "reportName": report.name,
        "requestDate": _moment(one.requested),
        "status": "Success",
        "type": "ReportInstance",
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
