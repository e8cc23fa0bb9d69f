"""Records that every org has without anybody creating them: stages, statuses, the standard price book.

They are written when their table is first made. Rows that come with the schema (standard value sets, custom metadata)
stand as they are; for a status object without any, its picklist says which rows there are, and this module what they
mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mock_server.org.clock import Clock, stamp
from mock_server.org.ids import IdSource
from mock_server.org.records.store import Store
from mock_server.org.schema import Schema
from mock_server.org.schema.types import PicklistValue, SObject

ROBOT = "005Kd000000000BIAQ"
"""Who made them: the first user."""


@dataclass(frozen=True, slots=True)
class Statuses:
    """A table of the values of one picklist. `first` is the number in its rows' ids, below those of any record."""

    sobject: str
    field: str
    first: int
    meaning: dict[str, dict[str, Any]]
    otherwise: dict[str, Any]


def _stage(probability: int, category: str = "Pipeline", closed: int = 0, won: int = 0) -> dict[str, Any]:
    return {
        "DefaultProbability": float(probability),
        "ForecastCategoryName": category,
        "IsClosed": closed,
        "IsWon": won,
    }


STATUSES: dict[str, Statuses] = {
    "OpportunityStage": Statuses(
        "Opportunity",
        "StageName",
        100,
        {
            "Prospecting": _stage(10),
            "Qualification": _stage(10),
            "Needs Analysis": _stage(20),
            "Value Proposition": _stage(50),
            "Id. Decision Makers": _stage(60),
            "Perception Analysis": _stage(70),
            "Proposal/Price Quote": _stage(75),
            "Negotiation/Review": _stage(90),
            "Closed Won": _stage(100, "Closed", 1, 1),
            "Closed Lost": _stage(0, "Omitted", 1),
        },
        _stage(0),
    ),
    "CaseStatus": Statuses("Case", "Status", 200, {"Closed": {"IsClosed": 1}}, {"IsClosed": 0}),
    "LeadStatus": Statuses("Lead", "Status", 300, {"Closed - Converted": {"IsConverted": 1}}, {"IsConverted": 0}),
    "TaskStatus": Statuses("Task", "Status", 400, {"Completed": {"IsClosed": 1}}, {"IsClosed": 0}),
    "TaskPriority": Statuses("Task", "Priority", 450, {"High": {"IsHighPriority": 1}}, {"IsHighPriority": 0}),
    "ContractStatus": Statuses(
        "Contract",
        "Status",
        500,
        {"In Approval Process": {"StatusCode": "InApproval"}, "Activated": {"StatusCode": "Activated"}},
        {"StatusCode": "Draft"},
    ),
    "OrderStatus": Statuses(
        "Order", "Status", 550, {"Activated": {"StatusCode": "Activated"}}, {"StatusCode": "Draft"}
    ),
    "SolutionStatus": Statuses("Solution", "Status", 600, {"Reviewed": {"IsReviewed": 1}}, {"IsReviewed": 0}),
}  # fmt: skip
FORECASTS = {
    "Omitted": "Omitted", "Pipeline": "Pipeline", "Best Case": "BestCase", "Commit": "Forecast",
    "Most Likely": "MostLikely", "Closed": "Closed",
}  # fmt: skip
"""ForecastCategory by ForecastCategoryName."""
STANDARD_PRICE_BOOK = IdSource("Kd0", 900).take("01s")


def tables(schema: Schema) -> list[str]:
    """Return the objects that have rows from the beginning."""
    return [*STATUSES, "Pricebook2", *(name for name in schema.records if name not in STATUSES)]


def fill(schema: Schema, store: Store, name: str, clock: Clock) -> None:
    """Write the rows that an object has from the beginning into its empty table."""
    sobject, moment = schema.get(name), clock.now()
    if sobject is None:
        return
    statuses = STATUSES.get(sobject.name)
    given = schema.records.get(sobject.name)
    if given is not None:
        for row in given:
            _put(store, sobject, row["Id"], moment, row)
    elif statuses is not None:
        owner = schema.get(statuses.sobject)
        field = owner.field(statuses.field) if owner else None
        values = field.picklist if field else ()
        ids = IdSource("Kd0", statuses.first).take_many(sobject.key_prefix or "01J", len(values))
        for order, (value, identifier) in enumerate(zip(values, ids, strict=True), 1):
            named = {
                "MasterLabel": value.label, "ApiName": value.value, "SortOrder": order, "IsActive": int(value.active),
            }  # fmt: skip
            named["IsDefault"] = int(value.default)
            _put(store, sobject, identifier, moment, named | _meaning(statuses, value))
    elif sobject.name == "Pricebook2":
        book = {"Name": "Standard Price Book", "IsActive": 1, "IsStandard": 1}
        _put(store, sobject, STANDARD_PRICE_BOOK, moment, book)


def _meaning(statuses: Statuses, value: PicklistValue) -> dict[str, Any]:
    """Return what a status means, by column."""
    out = statuses.otherwise | statuses.meaning.get(value.value, {})
    if "ForecastCategoryName" in out:
        out["ForecastCategory"] = FORECASTS[out["ForecastCategoryName"]]
    return out


def record_types(schema: Schema, store: Store, moment: float) -> None:
    """Write a RecordType row for each record type of the schema."""
    table = schema.get("RecordType")
    assert table is not None
    for sobject in schema.own().values():
        for kind in sobject.record_types:
            row = {
                "Name": kind.label, "DeveloperName": kind.name, "SobjectType": sobject.name,
                "IsActive": int(kind.active),
            }  # fmt: skip
            _put(store, table, kind.id, moment, row)


def _put(store: Store, sobject: SObject, identifier: str, moment: float, row: dict[str, Any]) -> None:
    now = stamp(moment)
    audit = {
        "CreatedDate": now, "CreatedById": ROBOT, "LastModifiedDate": now, "LastModifiedById": ROBOT,
        "SystemModstamp": now,
    }  # fmt: skip
    whole = {**row, "Id": identifier, **audit}
    store.put(sobject, {name: value for name, value in whole.items() if name in sobject.by_name})
