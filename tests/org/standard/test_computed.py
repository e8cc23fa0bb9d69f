"""Fields of standard objects that follow from others, and the records that every org has."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.org.records.changes import Change
from tests.org.rollups.conftest import Desk, desk_of, summary

DEAL = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-11-15"}


@pytest.fixture
def desk() -> Desk:
    return desk_of({})


def refusal(desk: Desk, sobject: str, **values: Any) -> tuple[str, str]:
    (result,) = desk.write(Change("create", sobject, values))
    return result.errors[0].code, result.errors[0].message


# -- opportunities


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("Prospecting", (10.0, "Pipeline", "Pipeline", False, False)),
        ("Needs Analysis", (20.0, "Pipeline", "Pipeline", False, False)),
        ("negotiation/review", (90.0, "Pipeline", "Pipeline", False, False)),
        ("Closed Won", (100.0, "Closed", "Closed", True, True)),
        ("Closed Lost", (0.0, "Omitted", "Omitted", True, False)),
        ("A stage of their own", (0.0, "Pipeline", "Pipeline", False, False)),
    ],
)
def test_the_stage_decides(desk: Desk, stage: str, expected: tuple[Any, ...]) -> None:
    fields = ("Probability", "ForecastCategory", "ForecastCategoryName", "IsClosed", "IsWon")
    (created,) = desk.make("Opportunity", {**DEAL, "StageName": stage})
    assert desk.read("Opportunity", created, *fields) == expected
    (changed,) = desk.make("Opportunity", DEAL)
    desk.change("Opportunity", changed, StageName=stage)
    assert desk.read("Opportunity", changed, *fields) == expected


@pytest.mark.parametrize("missing", ["Name", "StageName", "CloseDate"])
def test_an_opportunity_needs_three_fields(desk: Desk, missing: str) -> None:
    values = {name: value for name, value in DEAL.items() if name != missing}
    expected = ("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{missing}]")
    assert refusal(desk, "Opportunity", **values) == expected


def test_a_given_probability_stays_until_the_stage_changes(desk: Desk) -> None:
    given = {**DEAL, "probability": 35, "Amount": 1000, "ForecastCategoryName": "Best Case"}
    (deal,) = desk.make("Opportunity", given)
    fields = ("Probability", "ExpectedRevenue", "ForecastCategory")
    assert desk.read("Opportunity", deal, *fields) == (35.0, 350.0, "BestCase")
    desk.change("Opportunity", deal, Amount=2000.555)
    assert desk.read("Opportunity", deal, *fields) == (35.0, 700.2, "BestCase")
    desk.change("Opportunity", deal, StageName="Prospecting")
    assert desk.read("Opportunity", deal, *fields) == (35.0, 700.2, "BestCase")
    desk.org.clock.advance(5)
    desk.change("Opportunity", deal, StageName="Closed Won")
    assert desk.read("Opportunity", deal, *fields) == (100.0, 2000.56, "Closed")
    moved, changed = desk.read("Opportunity", deal, "LastStageChangeDate", "LastModifiedDate")
    assert moved == changed
    desk.change("Opportunity", deal, Amount=None)
    assert desk.read("Opportunity", deal, *fields) == (100.0, None, "Closed")


@pytest.mark.parametrize(
    ("start", "day", "expected"),
    [
        (1, "2026-01-01", (2026, 1, "2026 1")),
        (1, "2026-12-31", (2026, 4, "2026 4")),
        (4, "2026-03-31", (2026, 4, "2026 4")),
        (4, "2026-04-01", (2027, 1, "2027 1")),
    ],
)
def test_the_close_date_decides_the_fiscal_period(desk: Desk, start: int, day: str, expected: tuple[Any, ...]) -> None:
    desk.org.store.connection.execute('UPDATE "Organization" SET "FiscalYearStartMonth" = ?', (start,))
    (deal,) = desk.make("Opportunity", {**DEAL, "CloseDate": day})
    assert desk.read("Opportunity", deal, "FiscalYear", "FiscalQuarter", "Fiscal") == expected


def test_a_close_date_that_is_pushed_out_is_counted(desk: Desk) -> None:
    (deal,) = desk.make("Opportunity", DEAL)
    for day in ("2026-11-30", "2026-12-01", "2026-10-01", "2027-01-01"):
        desk.change("Opportunity", deal, CloseDate=day)
    assert desk.read("Opportunity", deal, "PushCount") == (2,)


# -- products and prices


class Shop:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        (self.standard,) = [row["Id"] for row in desk.rows("SELECT Id FROM Pricebook2 WHERE IsStandard = true")]
        (self.product,) = desk.make("Product2", {"Name": "Bolt", "ProductCode": "B-1", "IsActive": True})
        (self.entry,) = desk.make("PricebookEntry", self.price(UnitPrice=2.5))

    def price(self, **values: Any) -> dict[str, Any]:
        return {"Pricebook2Id": self.standard, "Product2Id": self.product, "IsActive": True, **values}


def test_a_price_is_named_after_its_product(desk: Desk) -> None:
    shop = Shop(desk)
    assert desk.read("PricebookEntry", shop.entry, "Name", "ProductCode", "UnitPrice") == ("Bolt", "B-1", 2.5)
    code, message = refusal(desk, "PricebookEntry", **shop.price(UnitPrice=3))
    assert (code, message) == ("DUPLICATE_VALUE", "This price definition already exists in this price book")


def test_a_custom_price_needs_a_standard_price(desk: Desk) -> None:
    shop = Shop(desk)
    book, product = desk.make("Pricebook2", {"Name": "Friends"})[0], desk.make("Product2", {"Name": "Nut"})[0]
    code, message = refusal(desk, "PricebookEntry", Pricebook2Id=book, Product2Id=product, UnitPrice=1)
    assert (code, message) == ("STANDARD_PRICE_NOT_DEFINED", "Before creating a custom price, create a standard price.")
    (entry,) = desk.make("PricebookEntry", shop.price(Pricebook2Id=book, UnitPrice=9, UseStandardPrice=True))
    assert desk.read("PricebookEntry", entry, "UnitPrice") == (2.5,)


def test_lines_price_themselves_and_their_opportunity(desk: Desk) -> None:
    shop = Shop(desk)
    (deal,) = desk.make("Opportunity", {**DEAL, "Amount": 7})
    line = {"OpportunityId": deal, "PricebookEntryId": shop.entry}
    one, two, three = desk.make(
        "OpportunityLineItem",
        {**line, "Quantity": 4},
        {**line, "Quantity": 2, "UnitPrice": 10},
        {"OpportunityId": deal, "Product2Id": shop.product, "Quantity": 3, "TotalPrice": 9},
    )
    fields = ("Quantity", "UnitPrice", "TotalPrice", "ListPrice", "Name", "Product2Id")
    names = (2.5, "Deal Bolt", shop.product)
    assert desk.read("OpportunityLineItem", one, *fields) == (4.0, 2.5, 10.0, *names)
    assert desk.read("OpportunityLineItem", two, *fields) == (2.0, 10.0, 20.0, *names)
    assert desk.read("OpportunityLineItem", three, *fields) == (3.0, 3.0, 9.0, *names)
    totals = ("Amount", "ExpectedRevenue", "HasOpportunityLineItem", "TotalOpportunityQuantity")
    assert desk.read("Opportunity", deal, *totals) == (39.0, 3.9, True, 9.0)
    desk.change("Opportunity", deal, Amount=1, Description="a given Amount is passed over")
    assert desk.read("Opportunity", deal, *totals) == (39.0, 3.9, True, 9.0)
    desk.change("OpportunityLineItem", one, Quantity=1)
    assert desk.read("Opportunity", deal, *totals) == (31.5, 3.15, True, 6.0)
    desk.drop("OpportunityLineItem", one, two, three)
    assert desk.read("Opportunity", deal, "HasOpportunityLineItem") == (False,)
    desk.change("Opportunity", deal, Amount=1)
    assert desk.read("Opportunity", deal, "Amount", "ExpectedRevenue") == (1.0, 0.1)


def test_a_line_says_one_price_and_stays_in_its_price_book(desk: Desk) -> None:
    shop = Shop(desk)
    (book,) = desk.make("Pricebook2", {"Name": "Friends"})
    deal, other = desk.make("Opportunity", DEAL, {**DEAL, "Pricebook2Id": book})
    line = {"OpportunityId": deal, "PricebookEntryId": shop.entry, "Quantity": 1}
    code, message = refusal(desk, "OpportunityLineItem", **line, UnitPrice=1, TotalPrice=1)
    assert code == "FIELD_INTEGRITY_EXCEPTION" and "only one of unit price or total price" in message
    code, message = refusal(desk, "OpportunityLineItem", **{**line, "OpportunityId": other})
    assert code == "FIELD_INTEGRITY_EXCEPTION" and "different pricebook" in message
    code, message = refusal(desk, "OpportunityLineItem", OpportunityId=deal, Quantity=1)
    assert (code, message) == ("REQUIRED_FIELD_MISSING", "Required fields are missing: [PricebookEntryId]")


def test_a_declared_roll_up_over_opportunities_follows_their_lines() -> None:
    won = summary("sum", "Opportunity.AccountId", "Amount", ("StageName", "equals", "Closed Won"))
    desk = desk_of({}, {"Account": {"Won__c": won}})
    shop = Shop(desk)
    (account,) = desk.make("Account", {"Name": "A"})
    (deal,) = desk.make("Opportunity", {**DEAL, "AccountId": account, "StageName": "Closed Won"})
    desk.make("OpportunityLineItem", {"OpportunityId": deal, "PricebookEntryId": shop.entry, "Quantity": 8})
    assert desk.read("Account", account, "Won__c") == (20.0,)
    desk.change("Opportunity", deal, StageName="Closed Lost")
    assert desk.read("Account", account, "Won__c") == (0.0,)


def test_orders_and_quotes_add_up(desk: Desk) -> None:
    shop = Shop(desk)
    (account,) = desk.make("Account", {"Name": "A"})
    (order,) = desk.make("Order", {"AccountId": account, "EffectiveDate": "2026-01-01", "Pricebook2Id": shop.standard})
    assert desk.read("Order", order, "Status", "StatusCode", "TotalAmount") == ("Draft", "Draft", 0.0)
    desk.make("OrderItem", {"OrderId": order, "PricebookEntryId": shop.entry, "Quantity": 2, "UnitPrice": 5})
    assert desk.read("Order", order, "TotalAmount", "OrderNumber") == (10.0, "00000001")
    (deal,) = desk.make("Opportunity", {**DEAL, "AccountId": account})
    quote, _ = desk.make("Quote", {"Name": "Q", "OpportunityId": deal, "Tax": 3}, {"Name": "R", "OpportunityId": deal})
    line = {"QuoteId": quote, "PricebookEntryId": shop.entry, "Product2Id": shop.product}
    desk.make("QuoteLineItem", {**line, "Quantity": 2, "UnitPrice": 50, "Discount": 10})
    fields = ("QuoteNumber", "AccountId", "LineItemCount", "Subtotal", "TotalPrice", "GrandTotal")
    assert desk.read("Quote", quote, *fields) == ("00000001", account, 1, 100.0, 90.0, 93.0)


@pytest.mark.parametrize(
    ("start", "term", "end"),
    [
        ("2026-01-01", 12, "2026-12-31"),
        ("2026-01-31", 1, "2026-02-27"),
        ("2024-02-29", 12, "2025-02-27"),
        ("2026-03-10", None, None),
        ("4000-12-31", 12, "4001-12-30"),
    ],
)
def test_a_contract_ends_the_day_before_its_term(desk: Desk, start: str, term: int | None, end: str | None) -> None:
    (account,) = desk.make("Account", {"Name": "A"})
    (contract,) = desk.make("Contract", {"AccountId": account, "StartDate": start, "ContractTerm": term})
    expected = ("Draft", "Draft", "00000001", end)
    assert desk.read("Contract", contract, "Status", "StatusCode", "ContractNumber", "EndDate") == expected


def test_campaigns_count_their_members_and_opportunities(desk: Desk) -> None:
    (campaign,) = desk.make("Campaign", {"Name": "C"})
    (account,) = desk.make("Account", {"Name": "Acme"})
    (contact,) = desk.make("Contact", {"LastName": "Curie", "FirstName": "Marie", "AccountId": account})
    (lead,) = desk.make("Lead", {"LastName": "Bohr", "Company": "Copenhagen"})
    first, second = desk.make(
        "CampaignMember",
        {"CampaignId": campaign, "ContactId": contact, "Status": "Responded"},
        {"CampaignId": campaign, "LeadId": lead},
    )
    fields = ("Type", "Name", "CompanyOrAccount", "HasResponded", "Status")
    assert desk.read("CampaignMember", first, *fields) == ("Contact", "Marie Curie", "Acme", True, "Responded")
    assert desk.read("CampaignMember", second, *fields) == ("Lead", "Bohr", "Copenhagen", False, "Sent")
    desk.make("Opportunity", {**DEAL, "CampaignId": campaign, "Amount": 5, "StageName": "Closed Won"})
    desk.make("Opportunity", {**DEAL, "CampaignId": campaign, "Amount": 6})
    counts = ("NumberOfLeads", "NumberOfContacts", "NumberOfResponses", "NumberOfOpportunities")
    money = ("NumberOfWonOpportunities", "AmountAllOpportunities", "AmountWonOpportunities")
    assert desk.read("Campaign", campaign, *counts, *money) == (1, 1, 1, 2, 1, 11.0, 5.0)
    assert refusal(desk, "CampaignMember", CampaignId=campaign)[0] == "REQUIRED_FIELD_MISSING"


# -- service


def test_a_case_closes_and_opens_with_its_status(desk: Desk) -> None:
    (account,) = desk.make("Account", {"Name": "A"})
    (contact,) = desk.make("Contact", {"LastName": "C", "AccountId": account, "Email": "c@x.org"})
    (case,) = desk.make("Case", {"Subject": "S", "ContactId": contact})
    fields = ("CaseNumber", "Status", "Priority", "IsClosed", "ClosedDate", "AccountId", "ContactEmail")
    assert desk.read("Case", case, *fields) == ("00000001", "New", "Medium", False, None, account, "c@x.org")
    desk.change("Case", case, Status="Closed")
    closed, when, saved = desk.read("Case", case, "IsClosed", "ClosedDate", "LastModifiedDate")
    assert closed and when == saved
    desk.org.clock.advance(60)
    desk.change("Case", case, Status="Closed", Subject="T")
    assert desk.read("Case", case, "ClosedDate") == (when,)
    desk.change("Case", case, Status="Working", ContactId=None)
    assert desk.read("Case", case, "IsClosed", "ClosedDate", "ContactEmail") == (False, None, None)


def test_a_new_lead_is_open_and_a_new_user_may_come_in(desk: Desk) -> None:
    (lead,) = desk.make("Lead", {"LastName": "L", "Company": "C", "FirstName": "F"})
    expected = ("Open - Not Contacted", False, "F L")
    assert desk.read("Lead", lead, "Status", "IsConverted", "Name") == expected


@pytest.mark.parametrize(("values", "bounced"), [({}, False), ({"EmailBouncedReason": "full"}, True)])
def test_a_contact_whose_mail_came_back(desk: Desk, values: dict[str, Any], bounced: bool) -> None:
    (contact,) = desk.make("Contact", {"LastName": "C", **values})
    assert desk.read("Contact", contact, "IsEmailBounced") == (bounced,)


# -- activities


def test_a_task_is_done_and_urgent_as_its_status_and_priority_say(desk: Desk) -> None:
    (task,) = desk.make("Task", {"Subject": "Call", "Priority": "High"})
    fields = ("Status", "IsClosed", "IsHighPriority", "CompletedDateTime", "TaskSubtype")
    assert desk.read("Task", task, *fields) == ("Not Started", False, True, None, "Task")
    desk.change("Task", task, Status="Completed", Priority="Low")
    closed, high, completed = desk.read("Task", task, "IsClosed", "IsHighPriority", "CompletedDateTime")
    assert (closed, high) == (True, False) and completed
    desk.change("Task", task, Status="In Progress")
    assert desk.read("Task", task, "IsClosed", "CompletedDateTime") == (False, None)


def test_an_activity_finds_its_account_and_dates_whom_it_concerns(desk: Desk) -> None:
    one, two = desk.make("Account", {"Name": "1"}, {"Name": "2"})
    (contact,) = desk.make("Contact", {"LastName": "C", "AccountId": one})
    (deal,) = desk.make("Opportunity", {**DEAL, "AccountId": two})
    by_contact, by_deal, by_account, none = desk.make(
        "Task",
        {"WhoId": contact, "ActivityDate": "2026-03-01", "Status": "Completed"},
        {"WhoId": contact, "WhatId": deal, "ActivityDate": "2026-03-02", "Status": "Completed"},
        {"WhatId": two, "ActivityDate": "2026-03-03"},
        {"Subject": "alone"},
    )
    accounts = [desk.read("Task", task, "AccountId")[0] for task in (by_contact, by_deal, by_account, none)]
    assert accounts == [one, two, two, None]
    start = "2026-02-01T10:00:00Z"
    (event,) = desk.make("Event", {"WhatId": one, "StartDateTime": start, "DurationInMinutes": 30})
    records = {"Account": one, "Contact": contact, "Opportunity": deal}
    saved = [desk.read(name, identifier, "SystemModstamp") for name, identifier in records.items()]
    dates = [desk.read(name, identifier, "LastActivityDate")[0] for name, identifier in records.items()]
    assert dates == ["2026-03-01", "2026-03-02", "2026-03-02"]
    assert desk.read("Account", two, "LastActivityDate") == ("2026-03-02",)
    desk.org.clock.advance(60)
    desk.change("Task", by_account, Status="Completed")
    assert desk.read("Account", two, "LastActivityDate") == ("2026-03-03",)
    desk.drop("Task", by_contact, by_account)
    desk.change("Task", by_deal, WhoId=None)
    assert desk.read("Account", two, "LastActivityDate") == ("2026-03-02",)
    assert desk.read("Contact", contact, "LastActivityDate") == (None,)
    assert desk.read("Account", one, "LastActivityDate") == ("2026-02-01",)
    desk.drop("Event", event)
    assert desk.read("Account", one, "LastActivityDate") == (None,)
    assert [desk.read(name, identifier, "SystemModstamp") for name, identifier in records.items()] == saved


@pytest.mark.parametrize(
    ("given", "start", "end", "minutes", "day"),
    [
        ({"StartDateTime": "2026-03-01T23:30:00Z", "DurationInMinutes": 60}, "01T23:30", "02T00:30", 60, "01"),
        ({"ActivityDateTime": "2026-03-01T10:00:00Z", "DurationInMinutes": 0}, "01T10:00", "01T10:00", 0, "01"),
        (
            {"StartDateTime": "2026-03-01T10:00:00+01:00", "EndDateTime": "2026-03-01T11:00:00Z"},
            "01T09:00", "01T11:00", 120, "01",
        ),
        ({"IsAllDayEvent": True, "ActivityDate": "2026-03-05"}, "05T00:00", "05T00:00", 1440, "05"),
        (
            {"IsAllDayEvent": True, "StartDateTime": "2026-03-05T00:00:00Z", "EndDateTime": "2026-03-07T00:00:00Z"},
            "05T00:00", "07T00:00", 4320, "05",
        ),
    ],
)  # fmt: skip
def test_start_end_and_length_of_an_event_agree(
    desk: Desk, given: dict[str, Any], start: str, end: str, minutes: int, day: str
) -> None:
    (event,) = desk.make("Event", given)
    fields = ("StartDateTime", "ActivityDateTime", "EndDateTime", "DurationInMinutes", "ActivityDate", "EndDate")
    begins, ends = f"2026-03-{start}:00.000+0000", f"2026-03-{end}:00.000+0000"
    assert desk.read("Event", event, *fields) == (begins, begins, ends, minutes, f"2026-03-{day}", ends[:10])


def test_an_event_that_moves_keeps_its_length(desk: Desk) -> None:
    (event,) = desk.make("Event", {"StartDateTime": "2026-03-01T10:00:00Z", "DurationInMinutes": 45})
    desk.change("Event", event, StartDateTime="2026-03-02T10:00:00Z")
    fields = ("EndDateTime", "DurationInMinutes", "ActivityDate")
    assert desk.read("Event", event, *fields) == ("2026-03-02T10:45:00.000+0000", 45, "2026-03-02")
    desk.change("Event", event, EndDateTime="2026-03-02T12:00:00Z")
    assert desk.read("Event", event, "DurationInMinutes") == (120,)


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ({}, "REQUIRED_FIELD_MISSING", "[DurationInMinutes, ActivityDateTime]"),
        ({"DurationInMinutes": 5}, "REQUIRED_FIELD_MISSING", "[ActivityDateTime]"),
        ({"StartDateTime": "2026-03-01T10:00:00Z"}, "REQUIRED_FIELD_MISSING", "[DurationInMinutes]"),
        ({"IsAllDayEvent": True}, "REQUIRED_FIELD_MISSING", "[ActivityDate]"),
        (
            {"StartDateTime": "2026-03-01T10:00:00Z", "EndDateTime": "2026-03-01T09:00:00Z"},
            "FIELD_INTEGRITY_EXCEPTION", "Duration must be between",
        ),
        (
            {"StartDateTime": "2026-03-01T10:00:00Z", "DurationInMinutes": 20161},
            "FIELD_INTEGRITY_EXCEPTION", "Duration must be between",
        ),
        (
            {
                "StartDateTime": "2026-03-01T10:00:00Z", "EndDateTime": "2026-03-01T11:00:00Z", "DurationInMinutes": 5,
            },
            "FIELD_INTEGRITY_EXCEPTION", "the same time",
        ),
        (
            {
                "StartDateTime": "2026-03-01T10:00:00Z", "ActivityDateTime": "2026-03-01T11:00:00Z",
                "DurationInMinutes": 5,
            },
            "FIELD_INTEGRITY_EXCEPTION", "must match",
        ),
    ],
)  # fmt: skip
def test_an_event_whose_times_do_not_make_sense(desk: Desk, given: dict[str, Any], code: str, text: str) -> None:
    found, message = refusal(desk, "Event", **given)
    assert found == code
    assert text in message


# -- records that are there from the beginning


@pytest.mark.parametrize(
    ("soql", "expected"),
    [
        ("SELECT MasterLabel FROM OpportunityStage WHERE IsWon = true", ["Closed Won"]),
        ("SELECT MasterLabel FROM OpportunityStage WHERE DefaultProbability > 74 AND IsClosed = false ORDER BY SortOrder",
         ["Proposal/Price Quote", "Negotiation/Review"]),
        ("SELECT MasterLabel FROM CaseStatus WHERE IsClosed = true", ["Closed"]),
        ("SELECT MasterLabel FROM CaseStatus WHERE IsDefault = true", ["New"]),
        ("SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true", ["Closed - Converted"]),
        ("SELECT MasterLabel FROM TaskStatus WHERE IsClosed = true", ["Completed"]),
        ("SELECT MasterLabel FROM TaskPriority WHERE IsHighPriority = true", ["High"]),
        ("SELECT MasterLabel FROM ContractStatus WHERE StatusCode = 'Activated'", ["Activated"]),
        ("SELECT MasterLabel FROM OrderStatus ORDER BY SortOrder", ["Draft", "Activated"]),
        ("SELECT Name MasterLabel FROM Pricebook2", ["Standard Price Book"]),
    ],
)  # fmt: skip
def test_status_tables_answer_queries(desk: Desk, soql: str, expected: list[str]) -> None:
    if "Pricebook2" in soql:
        assert [row["Name"] for row in desk.rows("SELECT Name FROM Pricebook2")] == expected
    else:
        assert [row["MasterLabel"] for row in desk.rows(soql)] == expected


def test_no_two_of_them_share_an_id(desk: Desk) -> None:
    tables = ("OpportunityStage", "CaseStatus", "LeadStatus", "TaskStatus", "TaskPriority", "ContractStatus")
    ids = [row["Id"] for table in tables for row in desk.rows(f"SELECT Id FROM {table}")]
    assert len(set(ids)) == len(ids)
    (account,) = desk.make("Account", {"Name": "A"})
    assert account[3:] not in {identifier[3:] for identifier in ids}
