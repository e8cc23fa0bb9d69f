"""Errors of Bulk API 1.0, by its own codes (the AsyncExceptionCode of its client library); all have status 400."""

from __future__ import annotations

from mock_server.org.errors.catalogue import ErrorClass, ErrorSpec, row


def _row(code: str, message: str, kind: ErrorClass, source: str, **defaults: str) -> ErrorSpec:
    return row(code, 400, message, kind, "routing", source, **defaults)


INVALID_SESSION = _row("InvalidSessionId", "Invalid session id", "session", "R")
INVALID_URL = _row(
    "InvalidUrl",
    "Failed to parse URL. Was expecting '{expected}' but found:{found}",
    "permanent",
    "R",
    expected="job",
    found="jobs",
)
INVALID_VERSION = _row("InvalidVersion", "API version {version} is not supported", "permanent", "K", version="99.0")
CLASSIC_JOB = _row("InvalidJob", "{text}", "permanent", "R", text="CreatedById cannot be specified")
NO_CLASSIC_JOB = _row("InvalidJob", "Unable to find job with id: {id}", "permanent", "K", id="750000000000000AAA")
NO_CLASSIC_OBJECT = _row("InvalidJob", "Unable to find object: {entity}", "permanent", "K", entity="Nothing__c")
CLASSIC_JOB_STATE = _row("InvalidJobState", "{text}", "permanent", "R", text="Closing already aborted Job not allowed")
UNSUPPORTED_ENTITY = _row(
    "InvalidEntity", "Entity '{entity}' is not supported by the Bulk API.", "permanent", "R", entity="LoginEvent"
)
ANOTHER_USERS_JOB = _row("InvalidUser", "The job was created by another user", "permanent", "K")
FEATURE_NOT_ENABLED = _row("FeatureNotEnabled", "{text}", "permanent", "K", text="Async API not enabled")
"""The user may not do what is asked for."""
HARD_DELETE_NOT_ENABLED = _row(
    "FeatureNotEnabled",
    "hardDelete operation requires special user profile permission, please contact your system administrator",
    "permanent",
    "K",
)
INVALID_XML = _row("InvalidXml", "{text}", "permanent", "K", text="Failed to parse XML")
CLIENT_INPUT_ERROR = _row(
    "ClientInputError", "{text}", "permanent", "R", text="Failed to read request. Exceeded max size limit of 10000000"
)
UNSUPPORTED_CONTENT = _row("UnsupportedContentType", "{text}", "permanent", "K", text="Unsupported content type")
EXCEEDED_QUOTA = _row("ExceededQuota", "{name} Limit exceeded.", "quota", "R", name="ApiBatchItems")
CLASSIC_SERVER_ERROR = row("InternalServerError", 500, "An unexpected error occurred", "ambiguous", "routing", "D")
