"""Errors of logging in. OAuth has its codes in lower case; the SOAP API answers every error with status 500."""

from __future__ import annotations

from mock_server.org.errors.catalogue import row

INVALID_LOGIN = row(
    "INVALID_LOGIN",
    500,
    "Invalid username, password, security token; or user locked out.",
    "permanent",
    "statement",
    "R",
)
LOGIN_MUST_USE_SECURITY_TOKEN = row(
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
LOGIN_DURING_RESTRICTED_DOMAIN = row(
    "LOGIN_DURING_RESTRICTED_DOMAIN", 500, "cannot log in from current domain", "permanent", "statement", "R"
)
LOGIN_DURING_RESTRICTED_TIME = row(
    "LOGIN_DURING_RESTRICTED_TIME", 500, "cannot log in during restricted time", "permanent", "statement", "R"
)
ILLEGAL_SESSION = row(
    "INVALID_SESSION_ID",
    500,
    "Invalid Session ID found in SessionHeader: Illegal Session",
    "session",
    "statement",
    "R",
)
SOAP_LOGIN_RETIRED = row(
    "INVALID_OPERATION",
    500,
    "The SOAP Login operation is not available in the API version specified ({version}). Refer to the documentation "
    "for supported versions.",
    "permanent",
    "statement",
    "R",
    version="65.0",
)
AUTHENTICATION_FAILURE = row("invalid_grant", 400, "authentication failure", "permanent", "routing", "R")
EXPIRED_REFRESH_TOKEN = row("invalid_grant", 400, "expired access/refresh token", "permanent", "routing", "R")
EXPIRED_ASSERTION = row("invalid_grant", 400, "expired authorization code", "permanent", "routing", "R")
INVALID_ASSERTION = row("invalid_grant", 400, "invalid assertion", "permanent", "routing", "R")
INVALID_AUDIENCE = row("invalid_grant", 400, "audience is invalid", "permanent", "routing", "D")
UNAPPROVED_CONSUMER = row("invalid_grant", 400, "user hasn't approved this consumer", "permanent", "routing", "R")
WRONG_LOGIN_DOMAIN = row("invalid_grant", 400, "request not supported on this domain", "permanent", "routing", "R")
INVALID_CLIENT_ID = row("invalid_client_id", 400, "client identifier invalid", "permanent", "routing", "R")
INVALID_CLIENT = row("invalid_client", 400, "invalid client credentials", "permanent", "routing", "R")
NOT_ADMIN_APPROVED = row(
    "invalid_app_access", 400, "user is not admin approved to access this app", "permanent", "routing", "K"
)
NO_CLIENT_CREDENTIALS_USER = row(
    "invalid_grant", 400, "no client credentials user enabled", "permanent", "routing", "R"
)
GRANT_NOT_ALLOWED = row("unauthorized_client", 400, "this app may not use this grant type", "permanent", "routing", "K")
IP_RESTRICTED = row("invalid_grant", 400, "ip restricted", "permanent", "routing", "R")
RESTRICTED_HOURS = row("invalid_grant", 400, "invalid login hours", "permanent", "routing", "K")
# Help lists a code inactive_user besides; what clients have recorded is this (restforce#303), whatever the grant.
INACTIVE_USER = row("invalid_grant", 400, "inactive user", "permanent", "routing", "R")
LOGIN_RATE_EXCEEDED = row("rate_limit_exceeded", 400, "login rate exceeded", "quota", "routing", "D")
UNSUPPORTED_GRANT_TYPE = row("unsupported_grant_type", 400, "grant type not supported", "permanent", "routing", "R")
UNSUPPORTED_TOKEN_TYPE = row(
    "unsupported_token_type", 400, "this token type is not supported", "permanent", "routing", "R"
)
OAUTH_REQUEST_REFUSED = row("invalid_request", 400, "{text}", "permanent", "routing", "K", text="must use HTTP POST")
OAUTH_SERVER_ERROR = row("server_error", 400, "retry your request", "transient", "routing", "D")
UNKNOWN_ERROR = row("unknown_error", 400, "retry your request", "transient", "routing", "R")

STRANGE_FORM = row(
    "invalid_request", 403, "This form was not sent by one of this server's own pages.", "permanent", "routing", "K"
)
INVALID_CODE = row("invalid_grant", 400, "invalid authorization code", "permanent", "routing", "R")
EXPIRED_CODE = row("invalid_grant", 400, "expired authorization code", "permanent", "routing", "R")
UNEXPECTED_VERIFIER = row("invalid_grant", 400, "unexpected code verifier", "permanent", "routing", "R")
INVALID_VERIFIER = row("invalid_grant", 400, "invalid code verifier", "permanent", "routing", "R")
REDIRECT_MISMATCH = row(
    "redirect_uri_mismatch", 400, "redirect_uri must match configuration", "permanent", "routing", "R"
)
REDIRECT_MISSING = row("redirect_uri_missing", 400, "redirect_uri not provided", "permanent", "routing", "K")
DEVICE_PENDING = row("authorization_pending", 400, "authorization pending", "transient", "routing", "D")
DEVICE_TOO_FAST = row("slow_down", 400, "polling too quickly for the token endpoint", "transient", "routing", "R")
DEVICE_DENIED = row("access_denied", 400, "end-user denied authorization", "permanent", "routing", "D")
DEVICE_CODE_EXPIRED = row("invalid_grant", 400, "expired device code", "permanent", "routing", "K")
DEVICE_CODE_UNKNOWN = row("invalid_grant", 400, "token exchange failed", "permanent", "routing", "R")
DEVICE_FLOW_OFF = row("invalid_grant", 400, "device flow is not enabled for the app", "permanent", "routing", "R")
SUBJECT_TOKEN_MISSING = row("invalid_request", 400, "missing subject token", "permanent", "routing", "K")
SUBJECT_TOKEN_TYPE = row("invalid_request", 400, "invalid subject token type", "permanent", "routing", "K")
SUBJECT_TOKEN_INVALID = row("invalid_grant", 400, "invalid subject token", "permanent", "routing", "K")
TOKEN_HANDLER_UNKNOWN = row("invalid_request", 400, "invalid token handler", "permanent", "routing", "K")
SCOPE_NOT_ALLOWED = row("invalid_scope", 400, "the requested scope is not allowed", "permanent", "routing", "R")
