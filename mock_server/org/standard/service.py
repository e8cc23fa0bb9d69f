"""Cases and contacts: the fields that follow from others (Object Reference)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row
    from mock_server.org.standard.context import Context


_REACHED = {"ContactEmail": "Email", "ContactPhone": "Phone", "ContactMobile": "MobilePhone", "ContactFax": "Fax"}


def case(context: Context, rows: list[Row]) -> None:
    """Follow the status: IsClosed, ClosedDate. A case of a contact belongs to the contact's account, unless told."""
    contacts = context.of("Contact", (row.values.get("ContactId") for row in rows), "AccountId", *_REACHED.values())
    for row in rows:
        values = row.values
        if "Status" in values:
            closed = context.status("CaseStatus", values["Status"])["IsClosed"]
            if closed != row.before.get("IsClosed", 0) or row.verb == "create":
                values["IsClosed"] = closed
                values["ClosedDate"] = context.now if closed else None
        if "ContactId" in values:
            contact = contacts.get(values["ContactId"] or "", {})
            for name, source in _REACHED.items():
                values[name] = contact.get(source)
            if contact and row.now("AccountId") is None:
                values["AccountId"] = contact["AccountId"]


def contact(_: Context, rows: list[Row]) -> None:
    """Tell whether mail to the contact bounced."""
    for row in rows:
        bounced = row.values.get("EmailBouncedDate") or row.values.get("EmailBouncedReason")
        row.values["IsEmailBounced"] = int(bool(bounced))
