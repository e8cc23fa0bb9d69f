"""Errors of saving a row."""

from __future__ import annotations

from mock_server.org.errors.catalogue import row

REQUIRED_FIELD_MISSING = row(
    "REQUIRED_FIELD_MISSING", 400, "Required fields are missing: [{names}]", "permanent", "save", "R", names="Name"
)
MISSING_ARGUMENT = row("MISSING_ARGUMENT", 400, "Id not specified in an update call", "permanent", "save", "R")
MISSING_ARGUMENT_NAMED = row(
    "MISSING_ARGUMENT", 400, "The {name} parameter is required", "permanent", "statement", "K", name="q"
)
CELL_NOT_READ = row(
    "INVALID_FIELD", 400, "Failed to deserialize field at col {column}. Due to, {why}", "permanent", "save", "R",
    column="0", why="'2018-09-28' is not a valid value for the type xsd:dateTime",
)  # fmt: skip
MALFORMED_ID = row("MALFORMED_ID", 400, "malformed id {value}", "permanent", "save", "R", value="123")
WRONG_ID_TYPE = row("MALFORMED_ID", 400, "{label}: id value of incorrect type: {value}", "permanent", "save", "K")
INVALID_CROSS_REFERENCE_KEY = row(
    "INVALID_CROSS_REFERENCE_KEY", 400, "invalid cross reference id", "permanent", "save", "R"
)
KEY_NOT_SPECIFIED = row(
    "MISSING_ARGUMENT", 400, "{field} not specified", "permanent", "save", "K", field="External_Id__c"
)
ID_IN_INSERT = row(
    "INVALID_FIELD_FOR_INSERT_UPDATE", 400, "cannot specify Id in an insert call", "permanent", "save", "K"
)
INVALID_FIELD_FOR_INSERT_UPDATE = row(
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    400,
    "Unable to create/update fields: {names}. Please check the security settings of this field and verify that it is "
    "read/write for your profile or permission set.",
    "permanent",
    "save",
    "R",
    names="CreatedDate",
)
CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY = row(
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    400,
    "entity type cannot be {verb}: {label}",
    "permanent",
    "save",
    "R",
    verb="inserted",
    label="Account",
)
APEX_FAILURE = row(
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    400,
    "{text}",
    "permanent",
    "save",
    "R",
    text="ContactTrigger: System.LimitException: Too many SOQL queries: 101",
)
FIELD_CUSTOM_VALIDATION_EXCEPTION = row(
    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    400,
    "{text}",
    "permanent",
    "save",
    "R",
    text="A validation rule refused the record",
)
FIELD_FILTER_VALIDATION_EXCEPTION = row(
    "FIELD_FILTER_VALIDATION_EXCEPTION",
    400,
    "{text}",
    "permanent",
    "save",
    "K",
    text="Value does not exist or does not match filter criteria.",
)
FIELD_INTEGRITY_EXCEPTION = row(
    "FIELD_INTEGRITY_EXCEPTION", 400, "{text}", "permanent", "save", "R", text="field integrity exception"
)
STRING_TOO_LONG = row(
    "STRING_TOO_LONG",
    400,
    "{label}: data value too large: {value} (max length={length})",
    "permanent",
    "save",
    "R",
    label="Name",
    value="...",
    length="255",
)
INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST = row(
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    400,
    "{label}: bad value for restricted picklist field: {value}",
    "permanent",
    "save",
    "R",
    label="Type",
    value="X",
)
INVALID_EMAIL_ADDRESS = row(
    "INVALID_EMAIL_ADDRESS", 400, "{label}: invalid email address: {value}", "permanent", "save", "K",
    label="Email", value="x",
)  # fmt: skip
DUPLICATE_VALUE = row(
    "DUPLICATE_VALUE",
    400,
    "duplicate value found: {field} duplicates value on record with id: {id}",
    "permanent",
    "save",
    "R",
    field="<unknown>",
    id="<unknown>",
)
PRICE_DEFINED = row(
    "DUPLICATE_VALUE", 400, "This price definition already exists in this price book", "permanent", "save", "K"
)
STANDARD_PRICE_NOT_DEFINED = row(
    "STANDARD_PRICE_NOT_DEFINED", 400, "Before creating a custom price, create a standard price.", "permanent", "save", "R"
)  # fmt: skip
DUPLICATE_EXTERNAL_ID_SPECIFIED = row(
    "DUPLICATE_VALUE", 400, "Duplicate external id specified: {value}", "permanent", "save", "R"
)
DUPLICATE_ASSIGNMENT = row(
    "DUPLICATE_VALUE",
    400,
    # The two blanks are recorded.
    "Duplicate PermissionSetAssignment.  Assignee: {assignee}; Permission Set: {set}",
    "permanent",
    "save",
    "R",
)
DUPLICATE_USERNAME = row(
    "DUPLICATE_USERNAME",
    400,
    "Duplicate Username. The username already exists in this or another Salesforce organization. Usernames must be "
    "unique across all Salesforce organizations. To resolve, use a different username (it doesn't need to match the "
    "user's email address).",
    "permanent",
    "save",
    "K",
)
TRANSFER_REQUIRES_READ = row(
    "TRANSFER_REQUIRES_READ", 400, "The new owner must have read permission", "permanent", "save", "K"
)
INACTIVE_OWNER_OR_USER = row(
    "INACTIVE_OWNER_OR_USER",
    400,
    "operation performed with inactive user [{id}] as owner of {label}",
    "permanent",
    "save",
    "K",
    id="005000000000001",
    label="account",
)
DUPLICATE_ID_SPECIFIED = row("DUPLICATE_VALUE", 400, "Duplicate id specified: {id}", "permanent", "save", "D")
DUPLICATE_EXTERNAL_ID = row(
    "DUPLICATE_EXTERNAL_ID",
    300,
    "{field}: more than one record found for external id field: [{ids}]",
    "permanent",
    "save",
    "K",
    field="External_Id__c",
    ids="001000000000001, 001000000000002",
)
DUPLICATES_DETECTED = row("DUPLICATES_DETECTED", 400, "Use one of these records?", "permanent", "save", "R")
UNABLE_TO_LOCK_ROW = row(
    "UNABLE_TO_LOCK_ROW", 400, "unable to obtain exclusive access to this record or {count} records: {ids}", "transient", "save", "R",
    count="1", ids="001000000000001AAA",
)  # fmt: skip
ENTITY_IS_DELETED = row("ENTITY_IS_DELETED", 404, "entity is deleted", "permanent", "save", "R")
ENTITY_IS_LOCKED = row("ENTITY_IS_LOCKED", 400, "the entity is locked for editing", "permanent", "save", "K")
NO_APPLICABLE_PROCESS = row(
    "NO_APPLICABLE_PROCESS", 400, "No applicable approval process was found.", "permanent", "save", "K"
)
ALREADY_IN_PROCESS = row(
    "ALREADY_IN_PROCESS", 400, "Cannot submit object already in process.", "permanent", "save", "K"
)
PROCESS_FIELD_MISSING = row(
    "REQUIRED_FIELD_MISSING", 400, "missing required field: [{name}]", "permanent", "save", "K", name="contextId"
)
DELETE_FAILED = row(
    "DELETE_FAILED", 400, "{text}", "permanent", "save", "R",
    text="Your attempt to delete Acme could not be completed because it is associated with the following cases.: 00001001\n",
)  # fmt: skip
MISSING_PARAMETER = row(
    "MISSING_ARGUMENT", 400, "The parameter {name} is required", "permanent", "statement", "K", name="start"
)
INVALID_REPLICATION_DATE = row(
    "INVALID_REPLICATION_DATE", 400, "{text}", "permanent", "statement", "R",
    text="startDate before org replication enabled date",
)  # fmt: skip
CANNOT_UPDATE_CONVERTED_LEAD = row(
    "CANNOT_UPDATE_CONVERTED_LEAD", 400, "cannot reference converted lead", "permanent", "save", "K"
)
INVALID_STATUS = row("INVALID_STATUS", 400, "invalid convertedStatus: {value}", "permanent", "save", "R", value="Open")
UNDELETE_FAILED = row(
    "UNDELETE_FAILED", 400, "{text}", "permanent", "save", "R", text="Entity is not in the recycle bin"
)
ALL_OR_NONE_OPERATION_ROLLED_BACK = row(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    400,
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
    "transient",
    "save",
    "R",
)
PROCESSING_HALTED = row(
    "PROCESSING_HALTED",
    400,
    "The transaction was rolled back since another operation in the same transaction failed.",
    "transient",
    "routing",
    "R",
)
INVALID_INPUT = row("INVALID_INPUT", 400, "{text}", "permanent", "statement", "R", text="invalid input")
