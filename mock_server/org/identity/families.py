"""How access to each object is decided: by its own permissions, by its parent's, or by a permission of the system.

Sources: the Object Reference's "Special Access Rules" and the help pages on object permissions; where they are silent,
a standard object that nobody lists is read by everyone and written by those who may customize the application.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from mock_server.org.schema.types import SObject


@dataclass(frozen=True, slots=True)
class Family:
    """Whose permissions count.

    `parents` are the references that lead to the record which decides; without any, and with `own`, the object has
    permissions of its own. Else `reading` (None for everyone) and `writing` name permissions of the system: one of
    them is enough.
    """

    own: bool = False
    parents: tuple[str, ...] = ()
    reading: tuple[str, ...] | None = None
    writing: tuple[str, ...] = ()


OWN = Family(own=True)
EVERYONE = Family(writing=("CustomizeApplication", "ModifyAllData"))

_OWN = frozenset(
    [
        "Account", "Asset", "AssetRelationship", "Campaign", "Case", "Contact", "ContactPointAddress",
        "ContactPointEmail", "ContactPointPhone", "ContactPointTypeConsent", "Contract", "DataUsePurpose", "Document",
        "Entitlement", "Idea", "Individual", "Lead", "Location", "Macro", "OperatingHours", "Opportunity", "Order",
        "Payment", "Pricebook2", "Product2", "PushTopic", "QuickText", "Quote", "ServiceAppointment", "ServiceContract",
        "ServiceResource", "ServiceTerritory", "Solution", "StreamingChannel", "WorkOrder", "WorkType",
        "AlternativePaymentMethod", "AuthorizationForm", "AuthorizationFormConsent", "AuthorizationFormDataUse",
        "AuthorizationFormText", "BusinessBrand", "CardPaymentMethod", "CommSubscription",
        "CommSubscriptionChannelType", "CommSubscriptionConsent", "CommSubscriptionTiming", "ConsumptionSchedule",
        "ContactPointConsent", "ContactRequest", "Customer", "DandBCompany", "DataUseLegalBasis", "DigitalWallet",
        "EngagementChannelType", "FinanceTransaction", "Image", "LegalEntity", "LocationGroup", "MessagingEndUser",
        "MessagingSession", "PartyConsent", "PaymentAuthAdjustment", "PaymentAuthorization", "PaymentGateway",
        "PaymentGroup", "PaymentLineInvoice", "ProcessException", "Recommendation", "Refund", "RefundLinePayment",
        "Scorecard", "Seller",
    ]
)  # fmt: skip
"""Standard objects that profiles and permission sets give access to by name."""

_PARENTS: dict[str, tuple[str, ...]] = {
    "AccountContactRelation": ("AccountId",),
    "AccountContactRole": ("AccountId",),
    "AccountPartner": ("AccountFromId",),
    "AccountTeamMember": ("AccountId",),
    "Attachment": ("ParentId",),
    "CampaignMember": ("CampaignId",),
    "CampaignMemberStatus": ("CampaignId",),
    "CaseComment": ("ParentId",),
    "CaseContactRole": ("CasesId",),
    "CaseSolution": ("CaseId",),
    "CaseTeamMember": ("ParentId",),
    "ContractContactRole": ("ContractId",),
    "ContractLineItem": ("ServiceContractId",),
    "ContentDocumentLink": ("LinkedEntityId",),
    "EmailMessage": ("ParentId", "RelatedToId"),
    "EntitlementContact": ("EntitlementId",),
    "EventRelation": ("EventId",),
    "FeedComment": ("ParentId",),
    "FeedItem": ("ParentId",),
    "Note": ("ParentId",),
    "OpportunityCompetitor": ("OpportunityId",),
    "OpportunityContactRole": ("OpportunityId",),
    "OpportunityLineItem": ("OpportunityId",),
    "OpportunityLineItemSchedule": ("OpportunityLineItemId",),
    "OpportunityPartner": ("OpportunityId",),
    "OpportunitySplit": ("OpportunityId",),
    "OpportunityTeamMember": ("OpportunityId",),
    "OrderItem": ("OrderId",),
    "PricebookEntry": ("Pricebook2Id",),
    "QuoteLineItem": ("QuoteId",),
    "TaskRelation": ("TaskId",),
    "TopicAssignment": ("EntityId",),
    "WorkOrderLineItem": ("WorkOrderId",),
}
"""Objects without permissions of their own: who reads the parent reads them, who edits it writes them."""

_SETUP_READERS = ("ViewSetup", "AssignPermissionSets", "ManageUsers", "ManageProfilesPermissionsets", "ViewAllData")
_PERMISSION_ADMINS = ("ManageProfilesPermissionsets",)
_USER_ADMINS = ("ManageUsers", "ManageInternalUsers")
_SETUP: dict[str, Family] = {
    # Everyone changes some of their own user's fields: see `sight` and `sharing`.
    "User": Family(writing=_USER_ADMINS),
    "Profile": Family(writing=_PERMISSION_ADMINS),
    "PermissionSet": Family(reading=_SETUP_READERS, writing=_PERMISSION_ADMINS),
    "PermissionSetGroup": Family(reading=_SETUP_READERS, writing=_PERMISSION_ADMINS),
    "PermissionSetGroupComponent": Family(reading=_SETUP_READERS, writing=_PERMISSION_ADMINS),
    "MutingPermissionSet": Family(reading=_SETUP_READERS, writing=_PERMISSION_ADMINS),
    "PermissionSetAssignment": Family(reading=_SETUP_READERS, writing=("AssignPermissionSets", *_USER_ADMINS)),
    "PermissionSetLicenseAssign": Family(reading=_SETUP_READERS, writing=("AssignPermissionSets", *_USER_ADMINS)),
    "ObjectPermissions": Family(reading=_SETUP_READERS, writing=_PERMISSION_ADMINS),
    "FieldPermissions": Family(reading=_SETUP_READERS, writing=_PERMISSION_ADMINS),
    "SetupEntityAccess": Family(reading=_SETUP_READERS, writing=_PERMISSION_ADMINS),
    "UserLogin": Family(reading=("FreezeUsers", *_USER_ADMINS), writing=("FreezeUsers", *_USER_ADMINS)),
    "Group": Family(writing=_USER_ADMINS),
    "GroupMember": Family(writing=_USER_ADMINS),
    "QueueSobject": Family(writing=("CustomizeApplication", *_USER_ADMINS)),
    "UserRole": Family(writing=("ManageRoles",)),
    "LoginHistory": Family(reading=(*_USER_ADMINS, "MonitorLoginHistory")),
    "LoginIp": Family(reading=_USER_ADMINS),
    "AuthSession": Family(reading=_USER_ADMINS, writing=_USER_ADMINS),
    "OauthToken": Family(reading=_USER_ADMINS),
    "SetupAuditTrail": Family(reading=("ViewSetup",)),
    # Everyone has activities; whose, the rows say: see `sharing`.
    "Task": Family(parents=("WhoId", "WhatId"), writing=("EditTask",)),
    "Event": Family(parents=("WhoId", "WhatId"), writing=("EditEvent",)),
    "TenantSecret": Family(reading=("ManageEncryptionKeys",), writing=("ManageEncryptionKeys",)),
    "ApexClass": Family(reading=("ViewSetup", "AuthorApex"), writing=("AuthorApex",)),
    "ApexTrigger": Family(reading=("ViewSetup", "AuthorApex"), writing=("AuthorApex",)),
}

# Words that end the name of what hangs on another object, and the field that leads to it there.
_HANGING = ("Share", "History", "Feed", "ChangeEvent")


@cache
def hung_on(name: str) -> tuple[str, str] | None:
    """Return the object that a share, history or feed belongs to, and the suffix; None for any other name."""
    for word in _HANGING:
        if name.endswith(f"__{word}"):
            return f"{name.removesuffix(word)}c", word
        if name.endswith(word) and name != word and "__" not in name:
            return name.removesuffix(word), word
    return None


def parent_reference(sobject: SObject) -> str | None:
    """Return the field of a share, history or feed that leads to its record."""
    hung = hung_on(sobject.name)
    if hung is None:
        return None
    wanted = (f"{hung[0]}Id", "ParentId")
    return next((name for name in wanted if name in sobject.by_name), None)


def family_of(sobject: SObject) -> Family:
    """Return how access to an object is decided."""
    name = sobject.name
    if name in _OWN:
        return OWN
    known = _SETUP.get(name)
    if known is not None:
        return known
    reference = parent_reference(sobject)
    if reference is not None:
        return Family(parents=(reference,))
    parents = tuple(one for one in _PARENTS.get(name, ()) if one in sobject.by_name)
    if parents:
        return Family(parents=parents)
    if not sobject.custom:
        return EVERYONE
    if sobject.kind in ("setting", "metadata"):
        return Family(
            own=True, reading=("ViewAllCustomSettings", "CustomizeApplication"), writing=("CustomizeApplication",)
        )
    return OWN


def has_own_permissions(sobject: SObject) -> bool:
    """Tell whether profiles and permission sets give access to an object by name."""
    return family_of(sobject).own


def is_plain(name: str) -> bool:
    """Tell by the name of a bundled object whether everyone reads it, and those who customize write it."""
    return name not in _OWN and name not in _SETUP and name not in _PARENTS and hung_on(name) is None


def may_be_parent(name: str) -> bool:
    """Tell by its name whether an object can decide over notes, files and activities that hang on it."""
    return name in _OWN or name.endswith("__c")
