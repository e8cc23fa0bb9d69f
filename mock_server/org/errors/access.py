"""Errors of sessions and of what a user may do."""

from __future__ import annotations

from mock_server.org.errors.catalogue import row

INVALID_SESSION_ID = row("INVALID_SESSION_ID", 401, "Session expired or invalid", "session", "statement", "R")
# The same answer, of which the identity services know more.
NO_TOKEN = row("INVALID_SESSION_ID", 401, "Session expired or invalid", "session", "statement", "R")
BARRED_SESSION = row("INVALID_SESSION_ID", 401, "Session expired or invalid", "session", "statement", "R")
# 401, as two clients' logs show it.
NO_API_SCOPE = row(
    "INVALID_SESSION_ID", 401, "This session is not valid for use with the REST API", "session", "statement", "R"
)
NO_API_SCOPE_IN_SOAP = row(
    "INVALID_SESSION_ID", 500, "This session is not valid for use with the API", "session", "statement", "R"
)
EXPIRED_PASSWORD = row(
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
    403,
    "The users password has expired, you must call SetPassword before attempting any other API operations",
    "permanent",
    "statement",
    "R",
)
WRONG_HOST = row(
    "URL_NOT_RESET", 403, "Destination URL not reset. The URL returned from login must be set", "permanent", "routing",
    "R",
)  # fmt: skip
INVALID_AUTH_HEADER = row("INVALID_AUTH_HEADER", 401, "INVALID_HEADER_TYPE", "session", "statement", "K")
API_DISABLED_FOR_ORG = row(
    "API_DISABLED_FOR_ORG", 403, "The REST API is not enabled for this Organization.", "permanent", "statement", "R"
)
API_CURRENTLY_DISABLED = row(
    "API_CURRENTLY_DISABLED", 403, "API is disabled for this User", "permanent", "statement", "K"
)
FORBIDDEN = row("FORBIDDEN", 403, "You do not have access to this resource", "permanent", "routing", "K")
NO_APEX_ACCESS = row(
    "FORBIDDEN", 403, "You do not have access to the Apex class named: {name}", "permanent", "routing", "R",
    name="OrderService",
)  # fmt: skip
INSUFFICIENT_ACCESS_OR_READONLY = row(
    "INSUFFICIENT_ACCESS_OR_READONLY", 403, "insufficient access rights on object id", "permanent", "save", "R"
)
INSUFFICIENT_ACCESS = row(
    "INSUFFICIENT_ACCESS", 403, "You do not have permission to view this record.", "permanent", "statement", "D"
)
INVALID_NEW_PASSWORD = row(
    "INVALID_NEW_PASSWORD", 400, "{text}", "permanent", "statement", "D",
    text="Your password must be at least 8 characters long.",
)  # fmt: skip
INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY = row(
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    400,
    "insufficient access rights on cross-reference id: {id}",
    "permanent",
    "save",
    "R",
    id="001000000000001",
)
