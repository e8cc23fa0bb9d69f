"""The one catalogue of Salesforce errors: code, HTTP status, message template and class.

Sources: R recorded against a real org, D vendor documentation, K recall. Texts are templates for `str.format`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

ErrorClass = Literal["transient", "permanent", "session", "quota", "ambiguous"]
# How REST orders an error's keys: routing errors say errorCode first, statement errors message first,
# and errors of a save carry a `fields` list.
Shape = Literal["routing", "statement", "save"]


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """One row of the catalogue. `defaults` fill the template where a fault raises the error out of nowhere."""

    code: str
    status: int
    message: str
    kind: ErrorClass
    shape: Shape
    source: str
    defaults: tuple[tuple[str, str], ...] = ()

    def __call__(self, *, fields: Sequence[str] | None = None, status: int | None = None, **values: object) -> ApiError:
        """Return an error to raise or to put into a row result."""
        text = self.message.format(**values) if values else self.message
        if fields is None and self.shape == "save":
            fields = ()
        return ApiError(self, text, None if fields is None else tuple(fields), status or self.status)

    def sample(self) -> ApiError:
        """Return the error with the template's own defaults, for faults."""
        values: dict[str, object] = dict(self.defaults)
        return self(fields=None, status=None, **values)


class ApiError(Exception):
    """A Salesforce error on its way to a client; each protocol writes it in its own form."""

    def __init__(self, spec: ErrorSpec, message: str, fields: tuple[str, ...] | None, status: int) -> None:
        super().__init__(message)
        self.spec = spec
        self.message = message
        self.fields = fields
        self.status = status
        self.extra: dict[str, Any] = {}

    @property
    def code(self) -> str:
        return self.spec.code


def _row(
    code: str, status: int, message: str, kind: ErrorClass, shape: Shape, source: str, **defaults: str
) -> ErrorSpec:
    spec = ErrorSpec(code, status, message, kind, shape, source, tuple(defaults.items()))
    CATALOGUE.append(spec)
    return spec


# In order: the first row of a code is the one a fault uses when it names the code alone.
CATALOGUE: list[ErrorSpec] = []

# --- sessions and access
INVALID_SESSION_ID = _row("INVALID_SESSION_ID", 401, "Session expired or invalid", "session", "statement", "R")
NO_API_SCOPE = _row(
    "INVALID_SESSION_ID", 403, "This session is not valid for use with the REST API", "session", "statement", "R"
)
INVALID_AUTH_HEADER = _row("INVALID_AUTH_HEADER", 401, "INVALID_HEADER_TYPE", "session", "statement", "K")
API_DISABLED_FOR_ORG = _row(
    "API_DISABLED_FOR_ORG", 403, "The REST API is not enabled for this Organization.", "permanent", "statement", "R"
)
API_CURRENTLY_DISABLED = _row(
    "API_CURRENTLY_DISABLED", 403, "API is disabled for this User", "permanent", "statement", "K"
)
FORBIDDEN = _row("FORBIDDEN", 403, "You do not have access to this resource", "permanent", "routing", "K")
INSUFFICIENT_ACCESS_OR_READONLY = _row(
    "INSUFFICIENT_ACCESS_OR_READONLY", 403, "insufficient access rights on object id", "permanent", "save", "R"
)
INSUFFICIENT_ACCESS = _row(
    "INSUFFICIENT_ACCESS", 403, "You do not have permission to view this record.", "permanent", "statement", "D"
)
INVALID_NEW_PASSWORD = _row(
    "INVALID_NEW_PASSWORD", 400, "{text}", "permanent", "statement", "D",
    text="Your password must be at least 8 characters long.",
)  # fmt: skip
INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY = _row(
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    400,
    "insufficient access rights on cross-reference id: {id}",
    "permanent",
    "save",
    "R",
    id="001000000000001",
)

# --- logging in (OAuth's codes are in lower case; the SOAP API answers every error with status 500)
INVALID_LOGIN = _row(
    "INVALID_LOGIN",
    500,
    "Invalid username, password, security token; or user locked out.",
    "permanent",
    "statement",
    "R",
)
LOGIN_MUST_USE_SECURITY_TOKEN = _row(
    "LOGIN_MUST_USE_SECURITY_TOKEN",
    500,
    "Invalid username, password, security token; or user locked out. Are you at a new location? When accessing "
    "Salesforce--either via a desktop client or the API--from outside of your company’s trusted networks, you must add "
    "a security token to your password to log in. To get your new security token, log in to Salesforce. From your "
    "personal settings, enter Reset My Security Token in the Quick Find box, then select Reset My Security Token.",
    "permanent",
    "statement",
    "R",
)
ILLEGAL_SESSION = _row(
    "INVALID_SESSION_ID",
    500,
    "Invalid Session ID found in SessionHeader: Illegal Session",
    "session",
    "statement",
    "R",
)
SOAP_LOGIN_RETIRED = _row(
    "INVALID_OPERATION",
    500,
    "The SOAP Login operation is not available in the API version specified ({version}). Refer to the documentation "
    "for supported versions.",
    "permanent",
    "statement",
    "R",
    version="65.0",
)
AUTHENTICATION_FAILURE = _row("invalid_grant", 400, "authentication failure", "permanent", "routing", "R")
EXPIRED_REFRESH_TOKEN = _row("invalid_grant", 400, "expired access/refresh token", "permanent", "routing", "R")
EXPIRED_ASSERTION = _row("invalid_grant", 400, "expired authorization code", "permanent", "routing", "R")
INVALID_ASSERTION = _row("invalid_grant", 400, "invalid assertion", "permanent", "routing", "R")
INVALID_AUDIENCE = _row("invalid_grant", 400, "audience is invalid", "permanent", "routing", "D")
UNAPPROVED_CONSUMER = _row("invalid_grant", 400, "user hasn't approved this consumer", "permanent", "routing", "R")
WRONG_LOGIN_DOMAIN = _row("invalid_grant", 400, "request not supported on this domain", "permanent", "routing", "R")
INVALID_CLIENT_ID = _row("invalid_client_id", 400, "client identifier invalid", "permanent", "routing", "R")
INVALID_CLIENT = _row("invalid_client", 400, "invalid client credentials", "permanent", "routing", "R")
INACTIVE_USER = _row("inactive_user", 400, "user is inactive", "permanent", "routing", "D")
LOGIN_RATE_EXCEEDED = _row("rate_limit_exceeded", 400, "login rate exceeded", "quota", "routing", "D")
UNSUPPORTED_GRANT_TYPE = _row("unsupported_grant_type", 400, "grant type not supported", "permanent", "routing", "R")
UNSUPPORTED_TOKEN_TYPE = _row(
    "unsupported_token_type", 400, "this token type is not supported", "permanent", "routing", "R"
)
OAUTH_REQUEST_REFUSED = _row("invalid_request", 400, "{text}", "permanent", "routing", "K", text="must use HTTP POST")
OAUTH_SERVER_ERROR = _row("server_error", 400, "retry your request", "transient", "routing", "D")
UNKNOWN_ERROR = _row("unknown_error", 400, "retry your request", "transient", "routing", "R")

# --- routing
NOT_FOUND = _row("NOT_FOUND", 404, "The requested resource does not exist", "permanent", "routing", "R")
NO_SUCH_EXTERNAL_ID_FIELD = _row(
    "NOT_FOUND",
    404,
    "Provided external ID field does not exist or is not accessible: {segment}",
    "permanent",
    "routing",
    "R",
)
METHOD_NOT_ALLOWED = _row(
    "METHOD_NOT_ALLOWED",
    405,
    "HTTP Method '{method}' not allowed. Allowed are {allowed}",
    "permanent",
    "routing",
    "R",
    method="POST",
    allowed="HEAD,GET",
)
UNSUPPORTED_MEDIA_TYPE = _row(
    "UNSUPPORTED_MEDIA_TYPE", 415, "Content type {type} not supported", "permanent", "routing", "K", type="text/plain"
)
UNSUPPORTED_API_VERSION = _row(
    "UNSUPPORTED_API_VERSION", 410, "API version {version} is retired", "permanent", "routing", "K", version="30.0"
)
TOO_NEW = _row(
    "UNSUPPORTED_API_VERSION", 400, "{text}", "permanent", "statement", "R",
    text="The SOQL FIELDS function is not supported in this version of the API",
)  # fmt: skip
INVALID_API_VERSION = _row(
    "UNSUPPORTED_API_VERSION", 500, "Invalid Api version specified on URL", "permanent", "routing", "R"
)
REQUEST_ENTITY_TOO_LARGE = _row(
    "REQUEST_ENTITY_TOO_LARGE", 413, "The request body is larger than 50 MB", "permanent", "routing", "K"
)

# --- outages and time-outs
UNKNOWN_EXCEPTION = _row(
    "UNKNOWN_EXCEPTION",
    500,
    "An unexpected error occurred. Please include this ErrorId if you contact support: {id}",
    "ambiguous",
    "routing",
    "R",
    id="1452464078-314667 (-1173371248)",
)
SERVER_UNAVAILABLE = _row("SERVER_UNAVAILABLE", 503, "Server too busy", "transient", "routing", "R")
REQUEST_RUNNING_TOO_LONG = _row(
    "REQUEST_RUNNING_TOO_LONG",
    400,
    "Your request was running for too long, and has been stopped.",
    "transient",
    "statement",
    "R",
)
QUERY_TIMEOUT = _row(
    "QUERY_TIMEOUT", 400, "Your query request was running for too long.", "transient", "statement", "R"
)
QUERY_TOO_COMPLICATED = _row(
    "QUERY_TOO_COMPLICATED",
    400,
    "Query is either selecting too many fields or the filter conditions are too complicated.",
    "permanent",
    "statement",
    "R",
)

# --- limits
REQUEST_LIMIT_EXCEEDED = _row("REQUEST_LIMIT_EXCEEDED", 403, "TotalRequests Limit exceeded.", "quota", "statement", "R")
CONCURRENT_LIMIT_EXCEEDED = _row(
    "REQUEST_LIMIT_EXCEEDED",
    403,
    "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    "quota",
    "statement",
    "R",
)
STORAGE_LIMIT_EXCEEDED = _row("STORAGE_LIMIT_EXCEEDED", 400, "storage limit exceeded", "quota", "save", "R")
LIMIT_EXCEEDED = _row("LIMIT_EXCEEDED", 400, "limit exceeded", "quota", "save", "D")

# --- request bodies
JSON_PARSER_ERROR = _row(
    "JSON_PARSER_ERROR", 400, "{text} at [line:{line}, column:{column}]", "permanent", "statement", "R",
    text="Unexpected character ('}' (code 125)): expected a value", line="1", column="1",
)  # fmt: skip
RECORDS_REQUIRED = _row("REQUIRED_FIELD_MISSING", 400, "At least 1 record is required", "permanent", "statement", "R")
EXCEEDED_ID_LIMIT = _row(
    "EXCEEDED_ID_LIMIT",
    400,
    "record limit reached. cannot submit more than {limit} records into this call",
    "permanent",
    "statement",
    "R",
    limit="200",
)
INVALID_BATCH_SIZE = _row("INVALID_BATCH_SIZE", 400, "{text}", "permanent", "statement", "K", text="batch size invalid")

AGGREGATE_TOO_LARGE = _row(
    "EXCEEDED_ID_LIMIT",
    400,
    "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
    "permanent",
    "statement",
    "R",
)
# --- statements (the texts of SOQL errors come with a context block in front; see query.context)
MALFORMED_QUERY = _row(
    "MALFORMED_QUERY", 400, "{text}", "permanent", "statement", "R", text="unexpected token: '<EOF>'"
)
MALFORMED_SEARCH = _row(
    "MALFORMED_SEARCH", 400, "{text}", "permanent", "statement", "R",
    text="No search term found. The search term must be enclosed in braces.",
)  # fmt: skip
EXTERNAL_UNSUPPORTED = _row(
    "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION", 400, "{text}", "permanent", "statement", "R",
    text="This query is not supported on the OutgoingEmail object.",
)  # fmt: skip
INVALID_QUERY_LOCATOR = _row("INVALID_QUERY_LOCATOR", 400, "invalid query locator", "permanent", "statement", "R")
INVALID_QUERY_FILTER_OPERATOR = _row(
    "INVALID_QUERY_FILTER_OPERATOR", 400, "{text}", "permanent", "statement", "R", text="invalid ID field: x"
)
INVALID_FIELD = _row(
    "INVALID_FIELD",
    400,
    "{text}",
    "permanent",
    "statement",
    "R",
    text="No such column 'X__c' on sobject of type Account",
)
NO_SUCH_COLUMN = _row(
    "INVALID_FIELD", 400, "No such column '{field}' on sobject of type {sobject}", "permanent", "statement", "R"
)
FOREIGN_KEY_NOT_FOUND = _row(
    "INVALID_FIELD",
    400,
    "Foreign key external ID: {value} not found for field {field} in entity {sobject}",
    "permanent",
    "save",
    "R",
)
TWO_PARENTS = _row(
    "INVALID_FIELD", 400, "Cannot specify both an external ID reference {relationship} and a salesforce id, {field}",
    "permanent", "save", "K",
)  # fmt: skip
TWO_PARENT_KEYS = _row(
    "INVALID_FIELD", 400, "More than 1 field provided in an external foreign key reference in entity: {sobject}",
    "permanent", "save", "K",
)  # fmt: skip
NO_PARENT_KEY = _row(
    "INVALID_FIELD", 400, "No field provided in an external foreign key reference in entity: {sobject}", "permanent",
    "save", "K",
)  # fmt: skip
NO_PARENT_INDEX = _row(
    "INVALID_FIELD", 400, "{field} is not an External ID or indexed field for {sobject}", "permanent", "save", "K"
)
WRONG_PARENT_TYPE = _row(
    "INVALID_FIELD", 400, "The type {type} is not one that {field} may refer to", "permanent", "save", "K"
)
INVALID_TYPE = _row(
    "INVALID_TYPE", 400, "{text}", "permanent", "statement", "R", text="sObject type 'X' is not supported."
)
INVALID_TYPE_FOR_OPERATION = _row(
    "INVALID_TYPE_FOR_OPERATION", 400, "entity type {sobject} does not support {operation}", "permanent", "statement", "R",
    sobject="Account", operation="query",
)  # fmt: skip
NUMBER_OUTSIDE_VALID_RANGE = _row(
    "NUMBER_OUTSIDE_VALID_RANGE", 400, "{label}: value outside of valid range on numeric field: {value}", "permanent", "save", "K",
    label="Amount", value="1e99",
)  # fmt: skip
OFFSET_OUT_OF_RANGE = _row(
    "NUMBER_OUTSIDE_VALID_RANGE", 400, "Maximum SOQL offset allowed is 2000", "permanent", "statement", "K"
)

# --- saving a row
REQUIRED_FIELD_MISSING = _row(
    "REQUIRED_FIELD_MISSING", 400, "Required fields are missing: [{names}]", "permanent", "save", "R", names="Name"
)
MISSING_ARGUMENT = _row("MISSING_ARGUMENT", 400, "Id not specified in an update call", "permanent", "save", "R")
MISSING_ARGUMENT_NAMED = _row(
    "MISSING_ARGUMENT", 400, "The {name} parameter is required", "permanent", "statement", "K", name="q"
)
MALFORMED_ID = _row("MALFORMED_ID", 400, "malformed id {value}", "permanent", "save", "R", value="123")
WRONG_ID_TYPE = _row("MALFORMED_ID", 400, "{label}: id value of incorrect type: {value}", "permanent", "save", "K")
INVALID_CROSS_REFERENCE_KEY = _row(
    "INVALID_CROSS_REFERENCE_KEY", 400, "invalid cross reference id", "permanent", "save", "R"
)
KEY_NOT_SPECIFIED = _row(
    "MISSING_ARGUMENT", 400, "{field} not specified", "permanent", "save", "K", field="External_Id__c"
)
ID_IN_INSERT = _row(
    "INVALID_FIELD_FOR_INSERT_UPDATE", 400, "cannot specify Id in an insert call", "permanent", "save", "K"
)
INVALID_FIELD_FOR_INSERT_UPDATE = _row(
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    400,
    "Unable to create/update fields: {names}. Please check the security settings of this field and verify that it is "
    "read/write for your profile or permission set.",
    "permanent",
    "save",
    "R",
    names="CreatedDate",
)
CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY = _row(
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    400,
    "entity type cannot be {verb}: {label}",
    "permanent",
    "save",
    "R",
    verb="inserted",
    label="Account",
)
APEX_FAILURE = _row(
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
    400,
    "{text}",
    "permanent",
    "save",
    "R",
    text="ContactTrigger: System.LimitException: Too many SOQL queries: 101",
)
FIELD_CUSTOM_VALIDATION_EXCEPTION = _row(
    "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    400,
    "{text}",
    "permanent",
    "save",
    "R",
    text="A validation rule refused the record",
)
FIELD_FILTER_VALIDATION_EXCEPTION = _row(
    "FIELD_FILTER_VALIDATION_EXCEPTION",
    400,
    "{text}",
    "permanent",
    "save",
    "K",
    text="Value does not exist or does not match filter criteria.",
)
FIELD_INTEGRITY_EXCEPTION = _row(
    "FIELD_INTEGRITY_EXCEPTION", 400, "{text}", "permanent", "save", "R", text="field integrity exception"
)
STRING_TOO_LONG = _row(
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
INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST = _row(
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    400,
    "{label}: bad value for restricted picklist field: {value}",
    "permanent",
    "save",
    "R",
    label="Type",
    value="X",
)
INVALID_EMAIL_ADDRESS = _row(
    "INVALID_EMAIL_ADDRESS", 400, "{label}: invalid email address: {value}", "permanent", "save", "K",
    label="Email", value="x",
)  # fmt: skip
DUPLICATE_VALUE = _row(
    "DUPLICATE_VALUE",
    400,
    "duplicate value found: {field} duplicates value on record with id: {id}",
    "permanent",
    "save",
    "R",
    field="<unknown>",
    id="<unknown>",
)
PRICE_DEFINED = _row(
    "DUPLICATE_VALUE", 400, "This price definition already exists in this price book", "permanent", "save", "K"
)
STANDARD_PRICE_NOT_DEFINED = _row(
    "STANDARD_PRICE_NOT_DEFINED", 400, "Before creating a custom price, create a standard price.", "permanent", "save", "R"
)  # fmt: skip
DUPLICATE_EXTERNAL_ID_SPECIFIED = _row(
    "DUPLICATE_VALUE", 400, "Duplicate external id specified: {value}", "permanent", "save", "R"
)
DUPLICATE_ASSIGNMENT = _row(
    "DUPLICATE_VALUE",
    400,
    # The two blanks are recorded.
    "Duplicate PermissionSetAssignment.  Assignee: {assignee}; Permission Set: {set}",
    "permanent",
    "save",
    "R",
)
DUPLICATE_USERNAME = _row(
    "DUPLICATE_USERNAME",
    400,
    "Duplicate Username. The username already exists in this or another Salesforce organization. Usernames must be "
    "unique across all Salesforce organizations. To resolve, use a different username (it doesn't need to match the "
    "user's email address).",
    "permanent",
    "save",
    "K",
)
TRANSFER_REQUIRES_READ = _row(
    "TRANSFER_REQUIRES_READ", 400, "The new owner must have read permission", "permanent", "save", "K"
)
INACTIVE_OWNER_OR_USER = _row(
    "INACTIVE_OWNER_OR_USER",
    400,
    "operation performed with inactive user [{id}] as owner of {label}",
    "permanent",
    "save",
    "K",
    id="005000000000001",
    label="account",
)
DUPLICATE_ID_SPECIFIED = _row("DUPLICATE_VALUE", 400, "Duplicate id specified: {id}", "permanent", "save", "D")
DUPLICATE_EXTERNAL_ID = _row(
    "DUPLICATE_EXTERNAL_ID",
    300,
    "{field}: more than one record found for external id field: [{ids}]",
    "permanent",
    "save",
    "K",
    field="External_Id__c",
    ids="001000000000001, 001000000000002",
)
DUPLICATES_DETECTED = _row("DUPLICATES_DETECTED", 400, "Use one of these records?", "permanent", "save", "R")
UNABLE_TO_LOCK_ROW = _row(
    "UNABLE_TO_LOCK_ROW", 400, "unable to obtain exclusive access to this record or {count} records: {ids}", "transient", "save", "R",
    count="1", ids="001000000000001AAA",
)  # fmt: skip
ENTITY_IS_DELETED = _row("ENTITY_IS_DELETED", 404, "entity is deleted", "permanent", "save", "R")
ENTITY_IS_LOCKED = _row("ENTITY_IS_LOCKED", 400, "the entity is locked for editing", "permanent", "save", "K")
DELETE_FAILED = _row(
    "DELETE_FAILED", 400, "{text}", "permanent", "save", "R",
    text="Your attempt to delete Acme could not be completed because it is associated with the following cases.: 00001001\n",
)  # fmt: skip
MISSING_PARAMETER = _row(
    "MISSING_ARGUMENT", 400, "The parameter {name} is required", "permanent", "statement", "K", name="start"
)
INVALID_REPLICATION_DATE = _row(
    "INVALID_REPLICATION_DATE", 400, "{text}", "permanent", "statement", "R",
    text="startDate before org replication enabled date",
)  # fmt: skip
CANNOT_UPDATE_CONVERTED_LEAD = _row(
    "CANNOT_UPDATE_CONVERTED_LEAD", 400, "cannot reference converted lead", "permanent", "save", "K"
)
INVALID_STATUS = _row("INVALID_STATUS", 400, "invalid convertedStatus: {value}", "permanent", "save", "R", value="Open")
UNDELETE_FAILED = _row(
    "UNDELETE_FAILED", 400, "{text}", "permanent", "save", "R", text="Entity is not in the recycle bin"
)
ALL_OR_NONE_OPERATION_ROLLED_BACK = _row(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    400,
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
    "transient",
    "save",
    "R",
)
PROCESSING_HALTED = _row(
    "PROCESSING_HALTED",
    400,
    "The transaction was rolled back since another operation in the same transaction failed.",
    "transient",
    "routing",
    "R",
)
INVALID_INPUT = _row("INVALID_INPUT", 400, "{text}", "permanent", "statement", "R", text="invalid input")

BY_CODE: dict[str, ErrorSpec] = {spec.code: spec for spec in reversed(CATALOGUE)}
"""The default row of each code."""
