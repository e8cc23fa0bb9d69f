"""Opportunities, products and prices, orders, quotes, contracts and campaigns: the fields that follow from others.

Sources: the pages of these objects in Salesforce's Object Reference; texts of errors as clients report them.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.standard.reference import FORECASTS, STANDARD_PRICE_BOOK

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row
    from mock_server.org.standard.context import Context


def opportunity(context: Context, rows: list[Row]) -> None:
    """Follow the stage: Probability, forecast category, IsClosed, IsWon; the money and the fiscal period.

    A Probability or ForecastCategoryName that is given stays; a stage that changes sets both anew. Amount is what the
    line items come to: for an opportunity that has some, a given one is passed over in silence.
    """
    for row in rows:
        values = row.values
        creating = row.verb == "create"
        if "Amount" in values and row.before.get("HasOpportunityLineItem") and not row.summed:
            del values["Amount"]
        staged = values.get("StageName")
        if staged is not None and (creating or staged != row.before.get("StageName")):
            stage = context.status("OpportunityStage", staged)
            if values.get("Probability") is None:
                values["Probability"] = stage["DefaultProbability"]
            if values.get("ForecastCategoryName") is None:
                values["ForecastCategoryName"] = stage["ForecastCategoryName"]
            values["IsClosed"], values["IsWon"] = stage["IsClosed"], stage["IsWon"]
            if not creating:
                values["LastStageChangeDate"] = context.now
        if "ForecastCategoryName" in values:
            values["ForecastCategory"] = FORECASTS.get(values["ForecastCategoryName"] or "", "Omitted")
        if creating or "Amount" in values or "Probability" in values:
            amount, probability = row.now("Amount"), row.now("Probability")
            known = amount is not None and probability is not None
            values["ExpectedRevenue"] = round(amount * probability / 100, 2) if known else None
        closes = values.get("CloseDate")
        if closes is not None:
            values["FiscalYear"], values["FiscalQuarter"] = fiscal(closes, context.fiscal_start)
            values["Fiscal"] = f"{values['FiscalYear']} {values['FiscalQuarter']}"
            before = row.before.get("CloseDate")
            if before is not None and closes[:7] > before[:7]:
                values["PushCount"] = (row.before.get("PushCount") or 0) + 1


def fiscal(day: str, start: int) -> tuple[int, int]:
    """Return fiscal year and quarter of a day; a year that does not begin in January is named after its end."""
    year, month = int(day[:4]), int(day[5:7])
    since = (month - start) % 12
    if start > 1 and month >= start:
        year += 1
    return year, since // 3 + 1


def opportunity_line(context: Context, rows: list[Row]) -> None:
    """Price a line: UnitPrice or TotalPrice leads to the other, and the list price stands for both."""
    _find_entries(context, rows)
    entries = context.of(
        "PricebookEntry", (row.now("PricebookEntryId") for row in rows), "Pricebook2Id", "Product2Id", "UnitPrice"
    )
    products = context.of("Product2", (entry["Product2Id"] for entry in entries.values()), "Name", "ProductCode")
    deals = context.of("Opportunity", (row.now("OpportunityId") for row in rows), "Name", "Pricebook2Id")
    for row in rows:
        values = row.values
        entry = entries.get(row.now("PricebookEntryId") or "")
        deal = deals.get(row.now("OpportunityId") or "", {})
        if row.verb == "create":
            if entry is None:
                row.fail(errors.REQUIRED_FIELD_MISSING(names="PricebookEntryId", fields=["PricebookEntryId"]))
                continue
            book = deal.get("Pricebook2Id")
            if book is not None and book != entry["Pricebook2Id"]:
                text = (
                    "field integrity exception: PricebookEntryId (pricebook entry is in a different pricebook than the "
                    "one assigned to the opportunity)"
                )
                row.fail(errors.FIELD_INTEGRITY_EXCEPTION(text=text, fields=["PricebookEntryId"]))
                continue
            product = products.get(entry["Product2Id"], {})
            values["Product2Id"], values["ListPrice"] = entry["Product2Id"], entry["UnitPrice"]
            values["Name"] = f"{deal.get('Name', '')} {product.get('Name', '')}".strip()[:376] or None
            values["ProductCode"] = product.get("ProductCode")
        if values.get("UnitPrice") is not None and values.get("TotalPrice") is not None:
            text = "field integrity exception: unknown (only one of unit price or total price may be specified)"
            row.fail(errors.FIELD_INTEGRITY_EXCEPTION(text=text))
            continue
        _price(row)


def _price(row: Row) -> None:
    values, quantity = row.values, row.now("Quantity")
    if values.get("TotalPrice") is not None and quantity:
        values["UnitPrice"] = round(values["TotalPrice"] / quantity, 2)
        return
    if row.now("UnitPrice") is None:
        values["UnitPrice"] = row.now("ListPrice")
    price = row.now("UnitPrice")
    values["TotalPrice"] = None if price is None or quantity is None else round(price * quantity, 2)


def _find_entries(context: Context, rows: list[Row]) -> None:
    """Find the price of lines that name their product only, in their opportunity's price book or the standard one."""
    named = [row for row in rows if row.values.get("Product2Id") and not row.values.get("PricebookEntryId")]
    if not named:
        return
    deals = context.of("Opportunity", (row.values.get("OpportunityId") for row in named), "Pricebook2Id")
    entries = {
        (book, product): one
        for one, book, product in context.rows("PricebookEntry", "Id", "Pricebook2Id", "Product2Id")
    }
    for row in named:
        book = deals.get(row.values.get("OpportunityId") or "", {}).get("Pricebook2Id") or STANDARD_PRICE_BOOK
        found = entries.get((book, row.values["Product2Id"]))
        if found is not None:
            row.values["PricebookEntryId"] = found


def order_line(context: Context, rows: list[Row]) -> None:
    """Price an order product: its list price stands for a UnitPrice that is not given."""
    entries = context.of("PricebookEntry", (row.now("PricebookEntryId") for row in rows), "Product2Id", "UnitPrice")
    for row in rows:
        entry = entries.get(row.now("PricebookEntryId") or "")
        if row.verb == "create" and entry is not None:
            row.values["Product2Id"] = entry["Product2Id"]
            row.values.setdefault("ListPrice", entry["UnitPrice"])
        _price(row)


def quote_line(context: Context, rows: list[Row]) -> None:
    """Price a quote line: Subtotal before its discount, TotalPrice after it."""
    entries = context.of("PricebookEntry", (row.now("PricebookEntryId") for row in rows), "UnitPrice")
    for row in rows:
        entry = entries.get(row.now("PricebookEntryId") or "")
        if row.verb == "create" and entry is not None:
            row.values["ListPrice"] = entry["UnitPrice"]
        price, quantity = row.now("UnitPrice"), row.now("Quantity")
        if price is not None and quantity is not None:
            row.values["Subtotal"] = round(price * quantity, 2)
            row.values["TotalPrice"] = round(price * quantity * (1 - (row.now("Discount") or 0) / 100), 2)


def quote(context: Context, rows: list[Row]) -> None:
    """Take the account from the opportunity; add tax and shipping to what the lines come to."""
    deals = context.of("Opportunity", (row.values.get("OpportunityId") for row in rows), "AccountId")
    for row in rows:
        if row.values.get("OpportunityId"):
            row.values["AccountId"] = deals.get(row.values["OpportunityId"], {}).get("AccountId")
        if row.verb == "create":
            row.values.update(Subtotal=0.0, TotalPrice=0.0, LineItemCount=0)
        parts = [row.now(name) or 0 for name in ("TotalPrice", "Tax", "ShippingHandling")]
        row.values["GrandTotal"] = round(sum(parts), 2)


def order(context: Context, rows: list[Row]) -> None:
    """Follow the status: StatusCode."""
    for row in rows:
        if row.verb == "create":
            row.values["TotalAmount"] = 0.0
        if "Status" in row.values:
            row.values["StatusCode"] = context.status("OrderStatus", row.values["Status"])["StatusCode"]


def contract(context: Context, rows: list[Row]) -> None:
    """Follow the status: StatusCode; the term: EndDate, the day before the contract has run its months."""
    for row in rows:
        if "Status" in row.values:
            row.values["StatusCode"] = context.status("ContractStatus", row.values["Status"])["StatusCode"]
        if "StartDate" in row.values or "ContractTerm" in row.values:
            start, term = row.now("StartDate"), row.now("ContractTerm")
            row.values["EndDate"] = _after(start, term) if start and term is not None else None


def _after(start: str, months: int) -> str | None:
    """Return the last day of so many months from a day; None where the calendar ends."""
    first = date.fromisoformat(start)
    index = first.year * 12 + first.month - 1 + months
    if not date.min.year <= index // 12 <= date.max.year:
        return None
    year, month = index // 12, index % 12 + 1
    day = date(year, month, min(first.day, monthrange(year, month)[1]))
    return day.isoformat() if day == date.min else (day - timedelta(days=1)).isoformat()


def price(context: Context, rows: list[Row]) -> None:
    """Name a price after its product; a custom price needs a standard one, and a product has one price a book."""
    products = context.of("Product2", (row.now("Product2Id") for row in rows), "Name", "ProductCode")
    known: dict[tuple[Any, Any], Any] = {}
    if any(row.verb == "create" for row in rows):
        found = context.rows("PricebookEntry", "Pricebook2Id", "Product2Id", "UnitPrice")
        known = {(book, product): amount for book, product, amount in found}
    for row in rows:
        if row.verb != "create":
            continue
        values = row.values
        book, product = values.get("Pricebook2Id"), values.get("Product2Id")
        standard = known.get((STANDARD_PRICE_BOOK, product))
        if (book, product) in known:
            row.fail(errors.PRICE_DEFINED())
            continue
        if book != STANDARD_PRICE_BOOK and standard is None:
            row.fail(errors.STANDARD_PRICE_NOT_DEFINED())
            continue
        if values.get("UseStandardPrice") and standard is not None:
            values["UnitPrice"] = standard
        values["Name"] = products.get(product or "", {}).get("Name")
        values["ProductCode"] = products.get(product or "", {}).get("ProductCode")
        known[book, product] = values.get("UnitPrice")


_COUNTS = (
    "NumberOfLeads", "NumberOfConvertedLeads", "NumberOfContacts", "NumberOfResponses", "NumberOfOpportunities",
    "NumberOfWonOpportunities",
)  # fmt: skip


def campaign(context: Context, rows: list[Row]) -> None:
    """Begin with nobody and nothing; what joins is counted later."""
    for row in rows:
        if row.verb == "create":
            row.values.update(dict.fromkeys(_COUNTS, 0), AmountAllOpportunities=0.0, AmountWonOpportunities=0.0)


_COPIED = ("Salutation", "FirstName", "LastName", "Title", "Phone", "MobilePhone", "Email", "LeadSource")


def campaign_member(context: Context, rows: list[Row]) -> None:
    """Copy who the member is; tell whether its status counts as a response."""
    leads = context.of("Lead", (row.now("LeadId") for row in rows), *_COPIED, "Company")
    contacts = context.of("Contact", (row.now("ContactId") for row in rows), *_COPIED, "AccountId")
    accounts = context.of("Account", (one["AccountId"] for one in contacts.values()), "Name")
    statuses = {
        (campaign_id, (label or "").lower()): responded
        for campaign_id, label, responded in context.rows("CampaignMemberStatus", "CampaignId", "Label", "HasResponded")
    }
    for row in rows:
        values = row.values
        contact_id, lead_id = row.now("ContactId"), row.now("LeadId")
        if row.verb == "create":
            who = contacts.get(contact_id or "") or leads.get(lead_id or "")
            if who is None:
                row.fail(errors.REQUIRED_FIELD_MISSING(names="LeadId, ContactId", fields=["LeadId", "ContactId"]))
                continue
            values.update({name: who[name] for name in _COPIED})
            values["Type"] = "Contact" if contact_id else "Lead"
            values["LeadOrContactId"] = contact_id or lead_id
            employer = accounts.get(who.get("AccountId") or "", {}).get("Name")
            values["CompanyOrAccount"] = employer if contact_id else who.get("Company")
        if "Status" in values:
            status = (values["Status"] or "").lower()
            responded = int(statuses.get((row.now("CampaignId"), status), status == "responded"))
            values["HasResponded"] = responded
            if responded and not row.before.get("FirstRespondedDate"):
                values["FirstRespondedDate"] = context.today
