"""Errors of queries and searches; the texts of SOQL errors come with a context block in front, see `query.context`."""

from __future__ import annotations

from mock_server.org.errors.catalogue import row

MALFORMED_QUERY = row("MALFORMED_QUERY", 400, "{text}", "permanent", "statement", "R", text="unexpected token: '<EOF>'")
MALFORMED_SEARCH = row(
    "MALFORMED_SEARCH", 400, "{text}", "permanent", "statement", "R",
    text="No search term found. The search term must be enclosed in braces.",
)  # fmt: skip
EXTERNAL_UNSUPPORTED = row(
    "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION", 400, "{text}", "permanent", "statement", "R",
    text="This query is not supported on the OutgoingEmail object.",
)  # fmt: skip
INVALID_QUERY_LOCATOR = row("INVALID_QUERY_LOCATOR", 400, "invalid query locator", "permanent", "statement", "R")
INVALID_QUERY_FILTER_OPERATOR = row(
    "INVALID_QUERY_FILTER_OPERATOR", 400, "{text}", "permanent", "statement", "R", text="invalid ID field: x"
)
INVALID_FIELD = row(
    "INVALID_FIELD",
    400,
    "{text}",
    "permanent",
    "statement",
    "R",
    text="No such column 'X__c' on sobject of type Account",
)
NO_SUCH_COLUMN = row(
    "INVALID_FIELD", 400, "No such column '{field}' on sobject of type {sobject}", "permanent", "statement", "R"
)
FOREIGN_KEY_NOT_FOUND = row(
    "INVALID_FIELD",
    400,
    "Foreign key external ID: {value} not found for field {field} in entity {sobject}",
    "permanent",
    "save",
    "R",
)
TWO_PARENTS = row(
    "INVALID_FIELD", 400, "Cannot specify both an external ID reference {relationship} and a salesforce id, {field}",
    "permanent", "save", "K",
)  # fmt: skip
TWO_PARENT_KEYS = row(
    "INVALID_FIELD", 400, "More than 1 field provided in an external foreign key reference in entity: {sobject}",
    "permanent", "save", "K",
)  # fmt: skip
NO_PARENT_KEY = row(
    "INVALID_FIELD", 400, "No field provided in an external foreign key reference in entity: {sobject}", "permanent",
    "save", "K",
)  # fmt: skip
NO_PARENT_INDEX = row(
    "INVALID_FIELD", 400, "{field} is not an External ID or indexed field for {sobject}", "permanent", "save", "K"
)
WRONG_PARENT_TYPE = row(
    "INVALID_FIELD", 400, "The type {type} is not one that {field} may refer to", "permanent", "save", "K"
)
INVALID_TYPE = row(
    "INVALID_TYPE", 400, "{text}", "permanent", "statement", "R", text="sObject type 'X' is not supported."
)
INVALID_TYPE_FOR_OPERATION = row(
    "INVALID_TYPE_FOR_OPERATION", 400, "entity type {sobject} does not support {operation}", "permanent", "statement", "R",
    sobject="Account", operation="query",
)  # fmt: skip
NUMBER_OUTSIDE_VALID_RANGE = row(
    "NUMBER_OUTSIDE_VALID_RANGE", 400, "{label}: value outside of valid range on numeric field: {value}", "permanent", "save", "K",
    label="Amount", value="1e99",
)  # fmt: skip
OFFSET_OUT_OF_RANGE = row(
    "NUMBER_OUTSIDE_VALID_RANGE", 400, "Maximum SOQL offset allowed is 2000", "permanent", "statement", "K"
)
