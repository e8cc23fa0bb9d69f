"""convertLead(): a lead becomes an account, a contact and an opportunity, in one transaction.

Sources: SOAP API Developer Guide, "convertLead()"; Salesforce help, "Lead Conversion Field Mapping".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.ids import to_18
from mock_server.org.records.changes import CHUNK, Change
from mock_server.org.records.leads import converted_statuses

if TYPE_CHECKING:
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org

_ADDRESS = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy")
FIELD_MAP: dict[str, dict[str, str]] = {
    "Account": {
        "Company": "Name", "Phone": "Phone", "Fax": "Fax", "Website": "Website", "Industry": "Industry",
        "AnnualRevenue": "AnnualRevenue", "NumberOfEmployees": "NumberOfEmployees", "Rating": "Rating",
        "LeadSource": "AccountSource", **{part: f"Billing{part}" for part in _ADDRESS},
    },
    "Contact": {
        "Salutation": "Salutation", "FirstName": "FirstName", "LastName": "LastName", "Title": "Title",
        "Email": "Email", "Phone": "Phone", "MobilePhone": "MobilePhone", "Fax": "Fax", "LeadSource": "LeadSource",
        "Description": "Description", "IndividualId": "IndividualId",
        **{part: f"Mailing{part}" for part in _ADDRESS},
    },
    "Opportunity": {"LeadSource": "LeadSource"},
}  # fmt: skip
"""The lead's fields, and where each of them goes, by object."""
_QUEUE = "00G"


@dataclass(frozen=True, slots=True)
class LeadConvert:
    """What is asked for. Accounts and contacts that are named are used, the others are made."""

    lead_id: str
    converted_status: str | None
    account_id: str | None = None
    contact_id: str | None = None
    opportunity_id: str | None = None
    owner_id: str | None = None
    opportunity_name: str | None = None
    do_not_create_opportunity: bool = False
    overwrite_lead_source: bool = False


@dataclass(frozen=True, slots=True)
class LeadConverted:
    """What came of it."""

    lead_id: str | None
    account_id: str | None = None
    contact_id: str | None = None
    opportunity_id: str | None = None
    errors: tuple[ApiError, ...] = ()

    @property
    def success(self) -> bool:
        return not self.errors


class _Refused(Exception):
    def __init__(self, *why: ApiError) -> None:
        super().__init__(why[0].message)
        self.why = why


class Conversion:
    """One lead on its way."""

    def __init__(self, org: Org, who: Session, asked: LeadConvert, *, exchange: int, give_up: bool) -> None:
        self._org = org
        self._who = who
        self._asked = asked
        self._exchange = exchange
        self._give_up = give_up

    def run(self) -> LeadConverted:
        """Convert the lead, or leave everything as it was and say why. Raises LockHeld, with nothing done."""
        try:
            with self._org.transaction():
                return self._convert()
        except _Refused as refused:
            return LeadConverted(to_18(self._asked.lead_id), errors=refused.why)

    def _convert(self) -> LeadConverted:
        asked = self._asked
        lead = self._record("Lead", asked.lead_id)
        if lead["IsConverted"]:
            raise _Refused(errors.CANNOT_UPDATE_CONVERTED_LEAD())
        status = self._status()
        self._check_wishes()
        owner = self._owner(lead)
        account = self._account(lead, owner)
        contact = self._contact(lead, owner, account)
        opportunity = self._opportunity(lead, owner, account)
        # The day of the org, whose time zone is GMT.
        today = datetime.fromtimestamp(self._org.clock.now(), UTC).date()
        derived = {
            "Status": status, "IsConverted": 1, "ConvertedDate": today.isoformat(), "ConvertedAccountId": account,
            "ConvertedContactId": contact, "ConvertedOpportunityId": opportunity,
        }  # fmt: skip
        self._save(Change("update", "Lead", {}, id=lead["Id"], derived=derived))
        if opportunity is not None and not asked.opportunity_id:
            role = {"OpportunityId": opportunity, "ContactId": contact, "IsPrimary": True}
            self._create("OpportunityContactRole", role)
        self._move_activities(lead["Id"], contact)
        return LeadConverted(lead["Id"], account, contact, opportunity)

    # -- what is asked for

    def _status(self) -> str:
        wanted = self._asked.converted_status or ""
        found = next((one for one in converted_statuses(self._org) if one.casefold() == wanted.casefold()), None)
        if found is None:
            raise _Refused(errors.INVALID_STATUS(value=wanted))
        return found

    def _check_wishes(self) -> None:
        asked = self._asked
        if asked.contact_id and not asked.account_id:
            raise _Refused(errors.REQUIRED_FIELD_MISSING(names="accountId", fields=["accountId"]))
        if asked.do_not_create_opportunity and asked.opportunity_name:
            raise _Refused(
                errors.FIELD_INTEGRITY_EXCEPTION(
                    text="opportunityName must be blank when doNotCreateOpportunity is true", fields=["opportunityName"]
                )
            )

    def _owner(self, lead: Mapping[str, Any]) -> str:
        owner = self._asked.owner_id or lead["OwnerId"]
        if str(owner).startswith(_QUEUE):
            raise _Refused(
                errors.FIELD_INTEGRITY_EXCEPTION(
                    text="Converted objects can only be owned by users. If the lead is not owned by a user, you must "
                    "specify a user for the Owner field.",
                    fields=["OwnerId"],
                )
            )
        return str(owner)

    # -- what becomes of it

    def _account(self, lead: Mapping[str, Any], owner: str) -> str:
        if not self._asked.account_id:
            return self._create("Account", self._mapped("Account", lead) | {"OwnerId": owner})
        return self._fill("Account", self._record("Account", self._asked.account_id), lead)

    def _contact(self, lead: Mapping[str, Any], owner: str, account: str) -> str:
        if not self._asked.contact_id:
            return self._create("Contact", self._mapped("Contact", lead) | {"AccountId": account, "OwnerId": owner})
        contact = self._record("Contact", self._asked.contact_id)
        if contact["AccountId"] not in (None, account):
            # "The contact must be associated with the specified account."
            raise _Refused(errors.INVALID_CROSS_REFERENCE_KEY())
        more = {} if contact["AccountId"] else {"AccountId": account}
        if self._asked.overwrite_lead_source and lead["LeadSource"]:
            more["LeadSource"] = lead["LeadSource"]
        return self._fill("Contact", contact, lead, more)

    def _opportunity(self, lead: Mapping[str, Any], owner: str, account: str) -> str | None:
        if self._asked.opportunity_id:
            return str(self._record("Opportunity", self._asked.opportunity_id)["Id"])
        if self._asked.do_not_create_opportunity:
            return None
        sobject = self._org.schema.get("Opportunity")
        assert sobject is not None
        stages = [entry for entry in sobject.by_name["StageName"].picklist if entry.active]
        stage = next((entry for entry in stages if entry.default), stages[0] if stages else None)
        return self._create(
            "Opportunity",
            self._mapped("Opportunity", lead)
            | {
                "Name": (self._asked.opportunity_name or lead["Company"] or "")[:120],
                "AccountId": account,
                "OwnerId": owner,
                "StageName": stage.value if stage else "Prospecting",
                "CloseDate": _end_of_quarter(datetime.fromtimestamp(self._org.clock.now(), UTC).date()).isoformat(),
            },
        )

    def _move_activities(self, lead: str, contact: str) -> None:
        """Give the lead's open and closed activities, and its places in campaigns, to the contact."""
        for name, reference, values in (
            ("Task", "WhoId", {"WhoId": contact}),
            ("Event", "WhoId", {"WhoId": contact}),
            ("CampaignMember", "LeadId", {"ContactId": contact}),
        ):
            sobject = self._org.schema.get(name)
            if sobject is None or not self._org.store.exists(sobject):
                continue
            self._org.store.ready(sobject)
            ids = [
                identifier
                for identifier, deleted in self._org.store.lookup(sobject, reference, [lead], "Id", "IsDeleted")
                if not deleted
            ]
            for start in range(0, len(ids), CHUNK):
                rows = [Change("update", name, dict(values), id=one) for one in ids[start : start + CHUNK]]
                self._write(rows)

    # -- records

    def _mapped(self, name: str, lead: Mapping[str, Any]) -> dict[str, Any]:
        # What the user may not write stays behind.
        sobject = self._org.schema_of(self._who).get(name)
        if sobject is None:
            return {}
        pairs = FIELD_MAP[name] | dict(self._org.lead_map.get(name, {}))
        return {
            target: lead[source]
            for source, target in pairs.items()
            if lead.get(source) is not None and target in sobject.by_name and sobject.by_name[target].createable
        }

    def _fill(
        self, name: str, record: Mapping[str, Any], lead: Mapping[str, Any], more: Mapping[str, Any] | None = None
    ) -> str:
        """Put what the lead knows into the empty fields of a record; nothing that is there is overwritten."""
        values = {key: value for key, value in self._mapped(name, lead).items() if record.get(key) is None}
        values |= more or {}
        if values:
            self._save(Change("update", name, values, id=record["Id"]))
        return str(record["Id"])

    def _record(self, name: str, given: str) -> dict[str, Any]:
        sobject = self._org.schema.get(name)
        assert sobject is not None
        identifier = to_18(given)
        if identifier is None:
            raise _Refused(errors.MALFORMED_ID(value=given))
        self._org.store.ready(sobject)
        found = self._org.store.records(sobject, [identifier]).get(identifier)
        if found is None:
            raise _Refused(errors.INVALID_CROSS_REFERENCE_KEY())
        if found["IsDeleted"]:
            raise _Refused(errors.ENTITY_IS_DELETED())
        return found

    def _create(self, name: str, values: dict[str, Any]) -> str:
        return self._save(Change("create", name, values))

    def _save(self, change: Change) -> str:
        return self._write([change])[0]

    def _write(self, changes: Sequence[Change]) -> list[str]:
        results = self._org.write(self._who, changes, all_or_none=True, exchange=self._exchange, give_up=self._give_up)
        failed = [error for result in results for error in result.errors]
        if failed:
            raise _Refused(*failed)
        return [str(result.id) for result in results]


def convert(org: Org, who: Session, asked: LeadConvert, *, exchange: int = 0, give_up: bool = False) -> LeadConverted:
    """Convert one lead; see `Conversion.run`."""
    return Conversion(org, who, asked, exchange=exchange, give_up=give_up).run()


def _end_of_quarter(day: date) -> date:
    """Return the last day of a day's quarter; fiscal years begin in January."""
    month = (day.month - 1) // 3 * 3 + 3
    following = date(day.year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=1)
