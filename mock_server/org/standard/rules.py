"""The table of rules: which standard objects have fields that follow from others, and what sets them going."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_server.org.standard import activities, channels, sales, service, streaming, subscriptions

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row
    from mock_server.org.standard.context import Context


@dataclass(frozen=True, slots=True)
class Rule:
    """What is computed for one object. A save that sets none of `reads` needs it only as a create, if `on_create`."""

    follow: Callable[[Context, list[Row]], None]
    reads: frozenset[str]
    on_create: bool = True
    looks_back: bool = True
    """Whether an update needs the stored record."""
    renewed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Fields that follow anew from another one, whatever was given, once that is set behind the user's back."""

    def compute_again(self, context: Context, changed: list[tuple[Row, frozenset[str]]]) -> None:
        """Follow what workflow rules have set in rows, each with the names of those fields."""
        for row, names in changed:
            for name, followers in self.renewed:
                if name in names:
                    for follower in followers:
                        if follower not in names:
                            row.values.pop(follower, None)
        concerned = self.concerns([row for row, _ in changed])
        if concerned:
            self.follow(context, concerned)

    def concerns(self, rows: list[Row]) -> list[Row]:
        """Return those of some rows, all of this object and no deletes, that save what fields follow from."""
        return [
            row for row in rows if (self.on_create and row.verb == "create") or not self.reads.isdisjoint(row.values)
        ]


def _rule(
    compute: Callable[[Context, list[Row]], None],
    *reads: str,
    on_create: bool = True,
    renewed: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> Rule:
    return Rule(compute, frozenset(reads), on_create, on_create and bool(reads), renewed)


RULES: dict[str, Rule] = {
    "Opportunity": _rule(
        sales.opportunity, "StageName", "Probability", "ForecastCategoryName", "Amount", "CloseDate",
        renewed=(("StageName", ("Probability", "ForecastCategoryName")),),
    ),
    "OpportunityLineItem": _rule(sales.opportunity_line, "Quantity", "UnitPrice", "TotalPrice"),
    "PricebookEntry": _rule(sales.price),
    "Order": _rule(sales.order, "Status"),
    "OrderItem": _rule(sales.order_line, "Quantity", "UnitPrice"),
    "Quote": _rule(sales.quote, "OpportunityId", "TotalPrice", "Tax", "ShippingHandling"),
    "QuoteLineItem": _rule(sales.quote_line, "Quantity", "UnitPrice", "Discount"),
    "Contract": _rule(sales.contract, "Status", "StartDate", "ContractTerm"),
    "Campaign": _rule(sales.campaign),
    "CampaignMember": _rule(sales.campaign_member, "Status"),
    "Case": _rule(service.case, "Status", "ContactId"),
    "Contact": _rule(service.contact, "EmailBouncedDate", "EmailBouncedReason", on_create=False),
    "PushTopic": _rule(
        streaming.topic, "Name", "Query", "ApiVersion", "IsActive", "NotifyForFields", "NotifyForOperationCreate",
        "NotifyForOperationUpdate",
    ),
    "PlatformEventChannel": _rule(channels.channel, "FullName", "Metadata"),
    "PlatformEventChannelMember": _rule(channels.member, "FullName", "Metadata"),
    "ManagedEventSubscription": _rule(
        subscriptions.subscription, "DeveloperName", "TopicName", "DefaultReplay", "ErrorRecoveryReplay", "State",
    ),
    "StreamingChannel": _rule(streaming.channel, "Name"),
    "Task": _rule(activities.task, "Status", "Priority", "WhatId", "WhoId"),
    "Event": _rule(
        activities.event, "IsAllDayEvent", "StartDateTime", "ActivityDateTime", "ActivityDate", "EndDateTime",
        "DurationInMinutes", "WhatId", "WhoId",
    ),
}  # fmt: skip
