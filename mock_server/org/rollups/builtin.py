"""Totals that standard objects keep without anybody declaring a roll-up summary, and the dates of last activities."""

from __future__ import annotations

from collections.abc import Iterable

from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import quoted
from mock_server.org.rollups.plans import Feed, Total
from mock_server.org.schema import Schema

_Totals = tuple[tuple[str, str, str], ...]
"""Field of the master, operation, SQL over the details. `kept`: without details the field stays as it is."""

BUILTIN: dict[str, tuple[tuple[str, str, _Totals], ...]] = {
    "OpportunityLineItem": (
        (
            "Opportunity",
            "OpportunityId",
            (
                ("Amount", "kept", 'SUM("TotalPrice")'),
                ("TotalOpportunityQuantity", "kept", 'SUM("Quantity")'),
                ("HasOpportunityLineItem", "sum", "COUNT(*) > 0"),
            ),
        ),
    ),
    "OrderItem": (("Order", "OrderId", (("TotalAmount", "sum", 'TOTAL("TotalPrice")'),)),),
    "QuoteLineItem": (
        (
            "Quote",
            "QuoteId",
            (
                ("LineItemCount", "count", "COUNT(*)"),
                ("Subtotal", "sum", 'TOTAL("Subtotal")'),
                ("TotalPrice", "sum", 'TOTAL("TotalPrice")'),
            ),
        ),
    ),
    "CampaignMember": (
        (
            "Campaign",
            "CampaignId",
            (
                ("NumberOfLeads", "count", 'COUNT("LeadId")'),
                ("NumberOfContacts", "count", 'COUNT("ContactId")'),
                ("NumberOfResponses", "count", 'TOTAL("HasResponded")'),
            ),
        ),
    ),
    "Opportunity": (
        (
            "Campaign",
            "CampaignId",
            (
                ("NumberOfOpportunities", "count", "COUNT(*)"),
                ("NumberOfWonOpportunities", "count", 'TOTAL("IsWon")'),
                ("AmountAllOpportunities", "sum", 'TOTAL("Amount")'),
                ("AmountWonOpportunities", "sum", 'TOTAL("Amount") FILTER (WHERE "IsWon" = 1)'),
            ),
        ),
    ),
}
"""By detail: the masters, the reference to them, and their totals (Object Reference)."""
_READS = {
    "OpportunityLineItem": ("TotalPrice", "Quantity"),
    "OrderItem": ("TotalPrice",),
    "QuoteLineItem": ("Subtotal", "TotalPrice"),
    "CampaignMember": ("LeadId", "ContactId", "HasResponded"),
    "Opportunity": ("Amount", "IsWon"),
}
ACTIVITIES = ("Task", "Event")
CONCERNED = ("WhoId", "WhatId", "AccountId")
"""What an activity refers to: each such record has the date of its last activity."""


def feeds_of(schema: Schema, detail: str) -> tuple[Feed, ...]:
    """Return the feeds that a standard object has by itself."""
    out = []
    for master, reference, totals in BUILTIN.get(detail, ()):
        child, parent = schema.get(detail), schema.get(master)
        assert child is not None
        assert parent is not None
        known = [(parent.field(name), operation, sql) for name, operation, sql in totals]
        made = [Total(field, operation, sql, (), field.scale, steady=False) for field, operation, sql in known if field]
        reads = frozenset({reference, *_READS[detail]})
        out.append(Feed(parent, child, reference, tuple(made), reads, always=False))
    return tuple(out)


def date_activities(schema: Schema, store: Store, ids: Iterable[str]) -> None:
    """Bring LastActivityDate of records up to date: the day of the last event or of the last task that is closed.

    That is no save of the records: nothing else about them changes.
    """
    by_prefix: dict[str, list[str]] = {}
    for identifier in ids:
        by_prefix.setdefault(identifier[:3], []).append(identifier)
    for name in ACTIVITIES:
        sobject = schema.get(name)
        assert sobject is not None
        store.ready(sobject)
    for prefix, some in by_prefix.items():
        sobject = schema.by_prefix(prefix)
        if sobject is None or "LastActivityDate" not in sobject.by_name:
            continue
        column = {"Contact": "WhoId", "Lead": "WhoId", "Account": "AccountId"}.get(sobject.name, "WhatId")
        latest = (
            f'SELECT MAX("ActivityDate") AS day FROM "Task" WHERE "{column}" = ?1 AND "IsClosed" = 1 '  # noqa: S608
            f'AND "IsDeleted" = 0 UNION ALL SELECT MAX("ActivityDate") FROM "Event" WHERE "{column}" = ?1 '
            'AND "IsDeleted" = 0'
        )
        table = quoted(sobject.name)
        sql = f'UPDATE {table} SET "LastActivityDate" = (SELECT MAX(day) FROM ({latest})) WHERE "Id" = ?1'  # noqa: S608
        store.execute_many(sql, [(identifier,) for identifier in some])
