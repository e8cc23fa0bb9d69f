"""Standard value sets: which fields each one fills, and which objects keep its values as records.

Source: Metadata API Developer Guide, "StandardValueSet Names and Standard Picklist Fields".
"""

from __future__ import annotations

STANDARD_VALUE_SETS: dict[str, tuple[tuple[str, str], ...]] = {
    "AccountContactMultiRoles": (("AccountContactRelation", "Roles"),),
    "AccountContactRole": (("AccountContactRole", "Role"),),
    "AccountOwnership": (("Account", "Ownership"),),
    "AccountRating": (("Account", "Rating"), ("Lead", "Rating")),
    "AccountType": (("Account", "Type"),),
    "AssetStatus": (("Asset", "Status"),),
    "CampaignMemberStatus": (("CampaignMember", "Status"),),
    "CampaignStatus": (("Campaign", "Status"),),
    "CampaignType": (("Campaign", "Type"),),
    "CaseContactRole": (("CaseContactRole", "Role"),),
    "CaseOrigin": (("Case", "Origin"),),
    "CasePriority": (("Case", "Priority"),),
    "CaseReason": (("Case", "Reason"),),
    "CaseStatus": (("Case", "Status"),),
    "CaseType": (("Case", "Type"),),
    "ContactRole": (("OpportunityContactRole", "Role"), ("ContractContactRole", "Role")),
    "ContractContactRole": (("ContractContactRole", "Role"),),
    "ContractStatus": (("Contract", "Status"),),
    "EntitlementType": (("Entitlement", "Type"),),
    "EventSubject": (("Event", "Subject"),),
    "EventType": (("Event", "Type"),),
    "Industry": (("Account", "Industry"), ("Lead", "Industry")),
    "LeadSource": (
        ("Lead", "LeadSource"), ("Contact", "LeadSource"), ("Opportunity", "LeadSource"), ("Account", "AccountSource"),
    ),
    "LeadStatus": (("Lead", "Status"),),
    "OpportunityCompetitor": (("OpportunityCompetitor", "CompetitorName"),),
    "OpportunityStage": (("Opportunity", "StageName"),),
    "OpportunityType": (("Opportunity", "Type"),),
    "OrderStatus": (("Order", "Status"),),
    "OrderType": (("Order", "Type"),),
    "PartnerRole": (("Partner", "Role"), ("AccountPartner", "Role"), ("OpportunityPartner", "Role")),
    "Product2Family": (("Product2", "Family"),),
    "QuoteStatus": (("Quote", "Status"),),
    "SalesTeamRole": (
        ("OpportunityTeamMember", "TeamMemberRole"), ("AccountTeamMember", "TeamMemberRole"),
        ("UserAccountTeamMember", "TeamMemberRole"), ("UserTeamMember", "TeamMemberRole"),
    ),
    "Salutation": (("Contact", "Salutation"), ("Lead", "Salutation")),
    "ServiceContractApprovalStatus": (("ServiceContract", "ApprovalStatus"),),
    "SolutionStatus": (("Solution", "Status"),),
    "TaskPriority": (("Task", "Priority"),),
    "TaskStatus": (("Task", "Status"),),
    "TaskSubject": (("Task", "Subject"),),
    "TaskType": (("Task", "Type"),),
    "WorkOrderPriority": (("WorkOrder", "Priority"),),
    "WorkOrderStatus": (("WorkOrder", "Status"),),
}  # fmt: skip

STATUS_OBJECTS: dict[str, str] = {
    "CaseStatus": "CaseStatus",
    "ContractStatus": "ContractStatus",
    "LeadStatus": "LeadStatus",
    "OpportunityStage": "OpportunityStage",
    "OrderStatus": "OrderStatus",
    "PartnerRole": "PartnerRole",
    "SolutionStatus": "SolutionStatus",
    "TaskPriority": "TaskPriority",
    "TaskStatus": "TaskStatus",
}
"""The objects whose records are the values of a set."""
