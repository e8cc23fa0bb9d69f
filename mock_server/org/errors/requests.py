"""Errors of requests before their meaning is asked: paths, bodies, limits, outages."""

from __future__ import annotations

from mock_server.org.errors.catalogue import row

NOT_FOUND = row("NOT_FOUND", 404, "The requested resource does not exist", "permanent", "routing", "R")
NO_APEX_REST = row("NOT_FOUND", 404, "Could not find a match for URL", "permanent", "routing", "R")
APEX_ERROR = row(
    "APEX_ERROR", 500, "{text}", "ambiguous", "routing", "K",
    text="System.NullPointerException: Attempt to de-reference a null object\n\nClass.OrderService.doPost: line 12, column 1",
)  # fmt: skip
NO_SUCH_EXTERNAL_ID_FIELD = row(
    "NOT_FOUND",
    404,
    "Provided external ID field does not exist or is not accessible: {segment}",
    "permanent",
    "routing",
    "R",
)
METHOD_NOT_ALLOWED = row(
    "METHOD_NOT_ALLOWED",
    405,
    "HTTP Method '{method}' not allowed. Allowed are {allowed}",
    "permanent",
    "routing",
    "R",
    method="POST",
    allowed="HEAD,GET",
)
UNSUPPORTED_MEDIA_TYPE = row(
    "UNSUPPORTED_MEDIA_TYPE", 415, "Content type {type} not supported", "permanent", "routing", "K", type="text/plain"
)
# Recorded: the edge answers without a body.
NOT_ACCEPTABLE = row("NOT_ACCEPTABLE", 406, "", "permanent", "routing", "R")
PRECONDITION_FAILED = row("PRECONDITION_FAILED", 412, "Precondition Failed", "permanent", "routing", "D")
INVALID_HEADER = row(
    "INVALID_HEADER", 400, "Invalid value for header {name}", "permanent", "routing", "D", name="If-Match"
)
CORS_REFUSED = row(
    "FORBIDDEN", 403, "The origin {origin} isn't in the CORS allowlist", "permanent", "routing", "D",
    origin="https://example.com",
)  # fmt: skip
LOGIN_OAUTH_INVALID_TOKEN = row("LOGIN_OAUTH_INVALID_TOKEN", 401, "Failed: Invalid Token", "permanent", "routing", "R")
UNSUPPORTED_API_VERSION = row(
    "UNSUPPORTED_API_VERSION", 410, "API version {version} is retired", "permanent", "routing", "K", version="30.0"
)
TOO_NEW = row(
    "UNSUPPORTED_API_VERSION", 400, "{text}", "permanent", "statement", "R",
    text="The SOQL FIELDS function is not supported in this version of the API",
)  # fmt: skip
INVALID_API_VERSION = row(
    "UNSUPPORTED_API_VERSION", 500, "Invalid Api version specified on URL", "permanent", "routing", "R"
)
REQUEST_ENTITY_TOO_LARGE = row(
    "REQUEST_ENTITY_TOO_LARGE", 413, "The request body is larger than {most} MB", "permanent", "routing", "K", most="50"
)

# --- outages and time-outs
UNKNOWN_EXCEPTION = row(
    "UNKNOWN_EXCEPTION",
    500,
    "An unexpected error occurred. Please include this ErrorId if you contact support: {id}",
    "ambiguous",
    "routing",
    "R",
    id="1452464078-314667 (-1173371248)",
)
SERVER_UNAVAILABLE = row("SERVER_UNAVAILABLE", 503, "Server too busy", "transient", "routing", "R")
REQUEST_RUNNING_TOO_LONG = row(
    "REQUEST_RUNNING_TOO_LONG",
    400,
    "Your request was running for too long, and has been stopped.",
    "transient",
    "statement",
    "R",
)
QUERY_TIMEOUT = row("QUERY_TIMEOUT", 400, "Your query request was running for too long.", "transient", "statement", "R")
QUERY_TOO_COMPLICATED = row(
    "QUERY_TOO_COMPLICATED",
    400,
    "Query is either selecting too many fields or the filter conditions are too complicated.",
    "permanent",
    "statement",
    "R",
)

# --- limits
REQUEST_LIMIT_EXCEEDED = row("REQUEST_LIMIT_EXCEEDED", 403, "TotalRequests Limit exceeded.", "quota", "statement", "R")
CONCURRENT_LIMIT_EXCEEDED = row(
    "REQUEST_LIMIT_EXCEEDED",
    403,
    "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    "quota",
    "statement",
    "R",
)
STORAGE_LIMIT_EXCEEDED = row("STORAGE_LIMIT_EXCEEDED", 400, "storage limit exceeded", "quota", "save", "R")
LIMIT_EXCEEDED = row("LIMIT_EXCEEDED", 400, "limit exceeded", "quota", "save", "D")
EVENTS_EXCEEDED = row(
    "LIMIT_EXCEEDED", 400, "You have exceeded the hourly event publishing limit for your org.", "quota", "save", "K"
)
EVENT_TOO_LARGE = row(
    "LIMIT_EXCEEDED", 400, "The event message is larger than the maximum size of 1 MB.", "permanent", "save", "K"
)

# --- request bodies
JSON_PARSER_ERROR = row(
    "JSON_PARSER_ERROR", 400, "{text} at [line:{line}, column:{column}]", "permanent", "statement", "R",
    text="Unexpected character ('}' (code 125)): expected a value", line="1", column="1",
)  # fmt: skip
XML_PARSER_ERROR = row(
    "XML_PARSER_ERROR", 400, "{text} at [row,col {{unknown-source}}]: [{line},1]", "permanent", "statement", "K",
    text="Unexpected EOF in prolog", line="1",
)  # fmt: skip
INVALID_MULTIPART_REQUEST = row(
    "INVALID_MULTIPART_REQUEST", 400, "{text}", "permanent", "statement", "R",
    text="Multipart message must include a non-binary part",
)  # fmt: skip
RECORDS_REQUIRED = row("REQUIRED_FIELD_MISSING", 400, "At least 1 record is required", "permanent", "statement", "R")
EXCEEDED_ID_LIMIT = row(
    "EXCEEDED_ID_LIMIT",
    400,
    "record limit reached. cannot submit more than {limit} records into this call",
    "permanent",
    "statement",
    "R",
    limit="200",
)
INVALID_BATCH_SIZE = row("INVALID_BATCH_SIZE", 400, "{text}", "permanent", "statement", "K", text="batch size invalid")

NO_QUERY_MORE = row(
    "EXCEEDED_ID_LIMIT",
    400,
    "{sobject} does not support queryMore(), use LIMIT to restrict the results to a single batch",
    "permanent",
    "statement",
    "R",
    sobject="EntityDefinition",
)
MORE_THAN_ONE_ROW = row(
    "MALFORMED_QUERY",
    400,
    "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more than one "
    "row for retrieval. Result size: {count}",
    "permanent",
    "statement",
    "K",
    count="2",
)
AGGREGATE_TOO_LARGE = row(
    "EXCEEDED_ID_LIMIT",
    400,
    "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
    "permanent",
    "statement",
    "R",
)

# --- invocable actions
NO_ACTION_INPUTS = row("INVALID_API_INPUT", 400, "The request needs a list of inputs", "permanent", "statement", "K")
TOO_MANY_INPUTS = row(
    "LIMIT_EXCEEDED", 400, "The number of inputs must not exceed {limit}", "permanent", "statement", "K", limit="200"
)
