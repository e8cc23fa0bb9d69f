"""What can be asked for in bulk: which objects, and which SOQL.

Documented: no GROUP BY, OFFSET or TYPEOF, no aggregate functions, no compound fields, no parents with their children
("Create a Query Job", "Bulk Query"). Texts marked R were recorded by clients, those marked K are from recall.
"""

from __future__ import annotations

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.jobs.model import Api
from mock_server.org.query.grouping import is_grouped
from mock_server.org.query.plan import Plan
from mock_server.org.query.syntax import Query, TypeOf
from mock_server.org.schema.types import COMPOUND_TYPES, SObject

UNSUPPORTED = frozenset({
    "AcceptedEventRelation", "AssetTokenEvent", "AttachedContentDocument", "AttachedContentNote", "Attachment",
    "CaseStatus", "CaseTeamMember", "CaseTeamRole", "CaseTeamTemplate", "CaseTeamTemplateMember",
    "CaseTeamTemplateRecord", "CombinedAttachment", "ContentBody", "ContentFolderItem", "ContractStatus",
    "DeclinedEventRelation", "EventWhoRelation", "FieldSecurityClassification", "FolderedContentDocument",
    "KnowledgeArticle", "KnowledgeArticleVersion", "KnowledgeArticleVersionHistory", "KnowledgeArticleViewStat",
    "KnowledgeArticleVoteStat", "LookedUpFromActivity", "Name", "NoteAndAttachment", "OpenActivity", "OrderStatus",
    "OwnedContentDocument", "PartnerRole", "ProcessInstanceHistory", "QuoteTemplateRichTextData", "RecentlyViewed",
    "ServiceAppointmentStatus", "ShiftStatus", "SolutionStatus", "TaskPriority", "TaskStatus", "TaskWhoRelation",
    "UndecidedEventRelation", "UserRecordAccess", "WorkOrderLineItemStatus", "WorkOrderStatus",
})  # fmt: skip
"""Objects that the Bulk APIs do not have, as extraction tools have learned them."""
CHUNKABLE = frozenset({
    "Account", "AccountContactRelation", "AccountTeamMember", "AiVisitSummary", "Asset", "AssignedResource", "Campaign",
    "CampaignMember", "CandidateAnswer", "Case", "CaseArticle", "CaseComment", "Claim", "ClaimParticipant", "Contact",
    "ContentDistribution", "ContentDocument", "ContentNote", "ContentVersion", "Contract", "ContractLineItem",
    "CustomerProperty", "EinsteinAnswerFeedback", "EmailMessage", "EngagementScore", "Entitlement", "EntityMilestone",
    "Event", "EventRelation", "FeedItem", "Individual", "InsurancePolicy", "InsurancePolicyAsset",
    "InsurancePolicyParticipant", "Lead", "LeadInsight", "LiveAgentSession", "LiveChatTranscript", "LoginGeo",
    "LoginHistory", "LoyaltyLedger", "LoyaltyMemberCurrency", "LoyaltyMemberTier", "LoyaltyPartnerProduct",
    "LoyaltyProgramMember", "LoyaltyProgramPartner", "MessagingSession", "Note", "ObjectTerritory2Association",
    "Opportunity", "OpportunityContactRole", "OpportunityHistory", "OpportunityLineItem", "OpportunitySplit",
    "OpportunityTeamMember", "Order", "OrderItem", "PersonTraining", "Pricebook2", "PricebookEntry", "Product2",
    "ProductConsumed", "ProductRequired", "QuickText", "Quote", "QuoteLineItem", "ReplyText", "ScoreIntelligence",
    "ServiceAppointment", "ServiceContract", "Task", "TermDocumentFrequency", "TransactionJournal", "User", "UserRole",
    "VoiceCall", "Voucher", "WorkOrder", "WorkOrderLineItem", "WorkStep",
})  # fmt: skip
"""Standard objects that can be chunked ("PK Chunking Header"); custom objects, shares and histories can be, too."""
_AGGREGATE = "Aggregate Relationships not supported in Bulk Query"  # R, for an aggregate function


def supported(sobject: SObject) -> bool:
    """Tell whether the Bulk APIs have an object. What is worked out from the schema they have not."""
    return sobject.name not in UNSUPPORTED and not sobject.derived


def refusal(plan: Plan, api: Api, content_type: str = "CSV") -> ApiError | None:
    """Return the error of a query that an API does not run in bulk, though it is sound; None for one that it runs."""
    if not supported(plan.sobject):
        return errors.NO_SUCH_ENTITY(entity=plan.sobject.name)
    assert plan.query is not None
    text = _clauses(plan.query, plan, " V2" if api == "query" else "", content_type)
    if text is not None:
        return errors.BULK_QUERY(text=text) if api == "query" else errors.BULK_FEATURE(text=text)
    if any(not one.sql or one.field.type in COMPOUND_TYPES for one in plan.chosen):
        text = "Selecting compound data not supported in Bulk Query"  # R
        return errors.BULK_QUERY(text=text) if api == "query" else errors.BULK_FUNCTIONALITY(text=text)
    blob = next((one for one in plan.chosen if one.field.type == "base64"), None)
    if blob is None or content_type != "CSV":
        return None
    if api == "query":
        return errors.BULK_QUERY(text="Blob field not supported in Bulk V2 Query with CSV content type")  # R
    return errors.BULK_FEATURE(text=f"Cannot serialize value for '{blob.name}' in CSV format")  # R


def _clauses(query: Query, plan: Plan, version: str, content_type: str) -> str | None:
    if plan.count or is_grouped(query):
        return _AGGREGATE
    if any(isinstance(item, Query) for item in query.items):
        return f"Aggregate Relationships not supported in Bulk{version} Query with {content_type} content type"  # R
    for found, clause in (
        # R: records of JSON may differ in what they hold, lines of CSV may not.
        (content_type == "CSV" and any(isinstance(item, TypeOf) for item in query.items), "TYPEOF"),
        (query.offset > 0, "OFFSET"),
        (bool(query.purposes), "FOR"),
    ):
        if found:
            return f"{clause} clause not supported in Bulk Query"  # K
    return None
