"""Objects that come with another one: `X__Share`, `X__History` and `X__Feed` with a custom object, and change events.

Sources: Object Reference, "StandardObjectNameChangeEvent"; a recorded global describe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mock_server.org.schema.types import ChildRelationship, Field, PicklistValue, SObject

_SHARE_FLAGS = frozenset({"createable", "deletable", "queryable", "retrieveable", "updateable"})
_HISTORY_FLAGS = frozenset({"queryable", "replicateable", "retrieveable"})
CHANGE_FLAGS = frozenset({"retrieveable", "triggerable"})
CHANGE_LINKS = ("eventSchema",)


def name_of(sobject: str, what: str) -> str:
    """Return `Rental__Share` for `Rental__c` and `Share`."""
    return f"{sobject.removesuffix('__c')}__{what}"


def share(sobject: SObject) -> tuple[SObject, ChildRelationship]:
    levels = tuple(PicklistValue(value, label) for value, label in (("Read", "Read Only"), ("Edit", "Read/Write")))
    return _made(
        sobject,
        "Share",
        _SHARE_FLAGS,
        (
            _fixed(_id()),
            _parent(sobject, createable=True),
            replace(_user("UserOrGroupId", "User/Group ID", "Group", "User"), createable=True),
            Field(
                "AccessLevel", "Access Level", "picklist", length=40, nillable=False,
                picklist=(*levels, PicklistValue("All", "Owner")), restricted_picklist=True,
            ),
            Field(
                "RowCause", "Row Cause", "picklist", length=40, updateable=False, defaulted_on_create=True,
                picklist=(PicklistValue("Owner", "Owner"), PicklistValue("Manual", "Manual Sharing", default=True),
                          PicklistValue("Rule", "Sharing Rule")),
                default="Manual",
            ),
            _fixed(_moment("LastModifiedDate", "Last Modified Date")),
            _user("LastModifiedById", "Last Modified By ID", "User"),
            _fixed(_flag("IsDeleted", "Deleted")),
        ),
    ), ChildRelationship(name_of(sobject.name, "Share"), "ParentId", "Shares", cascade_delete=True)  # fmt: skip


def history(sobject: SObject) -> tuple[SObject, ChildRelationship]:
    def any_value(name: str, label: str) -> Field:
        return Field(name, label, "anyType", length=255, filterable=False, sortable=False, groupable=False)

    return _made(
        sobject,
        "History",
        _HISTORY_FLAGS,
        (
            _fixed(_id()),
            _fixed(_flag("IsDeleted", "Deleted")),
            _parent(sobject),
            _user("CreatedById", "Created By ID", "User"),
            _fixed(_moment("CreatedDate", "Created Date")),
            _fixed(Field("Field", "Changed Field", "picklist", length=255, restricted_picklist=True, picklist=tuple(
                PicklistValue(name, label) for name, label in (("created", "Created."), *(
                    (field.name, field.label) for field in sobject.fields if field.custom or field.name_field
                ))
            ))),
            _fixed(Field("DataType", "Datatype", "picklist", length=40)),
            _fixed(any_value("OldValue", "Old Value")),
            _fixed(any_value("NewValue", "New Value")),
        ),
    ), ChildRelationship(name_of(sobject.name, "History"), "ParentId", "Histories", cascade_delete=True)  # fmt: skip


def feed(sobject: SObject, model: SObject) -> tuple[SObject, ChildRelationship]:
    """Return the feed of an object, made like that of a standard one."""
    made = _made(
        sobject,
        "Feed",
        model.flags,
        tuple(_parent(sobject) if field.name == "ParentId" else field for field in model.fields),
    )
    return made, ChildRelationship(made.name, "ParentId", "Feeds", cascade_delete=True)


CAPTURED = frozenset(
    [
        "Account", "AccountContactRole", "Asset", "AssetWarranty", "AssignedResource", "AuthorizationFormConsent",
        "Campaign", "CampaignMember", "CampaignMemberStatus", "Case", "CommSubscriptionConsent", "Contact",
        "ContactPointAddress", "ContactPointConsent", "ContactPointEmail", "ContactPointPhone",
        "ContactPointTypeConsent", "Contract", "ContractLineItem", "EmailMessage", "EmailTemplate", "Entitlement",
        "Event", "EventRelation", "FinanceBalanceSnapshot", "FinanceTransaction", "Individual", "Lead", "ListEmail",
        "Location", "Macro", "MacroInstruction", "MaintenanceAsset", "MaintenancePlan", "Opportunity",
        "OpportunityContactRole", "OpportunityLineItem", "Order", "OrderItem", "PartyConsent", "Pricebook2",
        "PricebookEntry", "Product2", "ProductConsumed", "ProductItem", "ProductRequest", "ProductRequestLineItem",
        "ProductTransfer", "QuickText", "Quote", "QuoteLineItem", "Recommendation", "ResourceAbsence", "ReturnOrder",
        "ReturnOrderLineItem", "ServiceAppointment", "ServiceContract", "ServiceCrew", "ServiceCrewMember",
        "ServiceResource", "ServiceTerritory", "ServiceTerritoryMember", "Shipment", "Task", "TimeSheet",
        "TimeSheetEntry", "User", "WarrantyTerm", "WorkOrder", "WorkOrderLineItem", "WorkType",
    ]
)  # fmt: skip
"""Standard objects whose changes can be captured."""
_UNTOLD = frozenset(
    ["Id", "IsDeleted", "MasterRecordId", "SystemModstamp", "LastActivityDate", "LastViewedDate", "LastReferencedDate",
     "FiscalQuarter", "FiscalYear", "Fiscal", "HasOpenActivity", "HasOverdueTask", "IsPriorityRecord", "ContactPhone",
     "ContactMobile", "ContactEmail", "ContactFax"]
)  # fmt: skip
"""What follows from other records or from who looks, and what the event's header tells."""


def change_event_name(sobject: str) -> str:
    """Return `AccountChangeEvent` or `Rental__ChangeEvent`."""
    return name_of(sobject, "ChangeEvent") if sobject.endswith("__c") else f"{sobject}ChangeEvent"


def changing(name: str) -> str | None:
    """Return the object of a change event's name, None where it is the name of none."""
    if name.endswith("__ChangeEvent"):
        return f"{name.removesuffix('ChangeEvent')}c"
    base = name.removesuffix("ChangeEvent")
    return base if base in CAPTURED and base != name else None


def can_be_captured(sobject: SObject) -> bool:
    """Tell whether there are change events of an object: of some standard ones, and of all custom ones."""
    if sobject.custom and sobject.name.endswith("__c"):
        return sobject.kind in ("object", "setting")
    return sobject.name in CAPTURED


def carried_fields(sobject: SObject) -> Iterator[Field]:
    """Yield the fields that change events carry: all but those that are worked out. Roll-ups are on the record."""
    for field in sobject.fields:
        worked_out = field.formula is not None or (field.calculated and field.roll_up is None)
        if worked_out or field.type == "base64" or field.name in _UNTOLD:
            continue
        # Pictures have addresses that change without the record; what a customer calls so is his own.
        if field.custom or not field.name.endswith("PhotoUrl"):
            yield field


def change_event(sobject: SObject) -> SObject:
    """Return what a change event carries: the object's own fields, behind a replay id and a header."""
    plain: dict[str, Any] = {
        "createable": False,
        "updateable": False,
        "filterable": False,
        "sortable": False,
        "groupable": False,
    }
    told = tuple(
        replace(
            field, nillable=True, unique=False, external_id=False, id_lookup=False, default_formula=None, roll_up=None,
            lookup_filter=(), calculated=False, **plain,
        )
        for field in carried_fields(sobject)
    )  # fmt: skip
    head = (
        replace(_fixed(_id()), **plain),
        Field("ReplayId", "Replay ID", "string", length=1000, **plain),
        Field("ChangeEventHeader", "Change Event Header", "complexvalue", **plain),
    )
    name, label = change_event_name(sobject.name), change_event_label(sobject.label, custom=sobject.custom)
    return SObject(name, label, label, None, CHANGE_FLAGS, (*head, *told), custom=sobject.custom, links=CHANGE_LINKS)


def change_event_label(label: str, *, custom: bool) -> str:
    return f"Change Event: {label}" if custom else f"{label} Change Event"


def _made(sobject: SObject, what: str, flags: frozenset[str], fields: tuple[Field, ...]) -> SObject:
    label = f"{what}: {sobject.label}"
    # All shares of custom objects have one prefix; no describe names those of the others (017, 0D5).
    prefix = "02c" if what == "Share" else None
    return SObject(name_of(sobject.name, what), label, label, prefix, flags, fields, custom=True)


def _fixed(field: Field) -> Field:
    return replace(field, createable=False, updateable=False)


def _id() -> Field:
    return Field("Id", "Record ID", "id", length=18, nillable=False, defaulted_on_create=True, id_lookup=True)


def _flag(name: str, label: str) -> Field:
    return Field(name, label, "boolean", nillable=False, defaulted_on_create=True, default=False)


def _moment(name: str, label: str) -> Field:
    return Field(name, label, "datetime", nillable=False, defaulted_on_create=True, groupable=False)


def _parent(sobject: SObject, *, createable: bool = False) -> Field:
    return Field(
        "ParentId", "Parent ID", "reference", length=18, nillable=False, createable=createable, updateable=False,
        reference_to=(sobject.name,), relationship_name="Parent",
    )  # fmt: skip


def _user(name: str, label: str, *targets: str) -> Field:
    return Field(
        name, label, "reference", length=18, nillable=False, createable=False, updateable=False,
        reference_to=targets, relationship_name=name.removesuffix("Id"),
    )  # fmt: skip
