"""Errors of the User Interface API and of reports; texts as clients recorded them, unless marked otherwise."""

from __future__ import annotations

from mock_server.org.errors.catalogue import row

ILLEGAL_QUERY_PARAMETER_VALUE = row(
    "ILLEGAL_QUERY_PARAMETER_VALUE", 400, "{text}", "permanent", "statement", "R",
    text="Expected '.' in all qualified names: Name is invalid",
)  # fmt: skip
UI_NUMBER_OUTSIDE_VALID_RANGE = row(
    "NUMBER_OUTSIDE_VALID_RANGE", 400, "{name} parameter must be between {low} and {high}", "permanent", "statement",
    "R", name="pageSize", low="1", high="2000",
)  # fmt: skip
POST_BODY_PARSE_ERROR = row(
    "POST_BODY_PARSE_ERROR", 400, "{text}", "permanent", "statement", "R", text="The request body is not valid"
)
NO_ACCESS_TO_OBJECT = row(
    "INSUFFICIENT_ACCESS", 403,
    "You don't have access to this record. Ask your administrator for help or to request access.", "permanent",
    "statement", "R",
)  # fmt: skip
UI_UNSUPPORTED_OBJECT = row(
    "INVALID_TYPE", 400, "Object {name} is not supported in UI API", "permanent", "statement", "K", name="Feed"
)
UI_UNSUPPORTED_LIST = row(
    "INVALID_TYPE", 400, "The related lists UI API does not currently support this entity", "permanent", "statement",
    "R",
)  # fmt: skip
NOT_A_PICKLIST = row(
    "INVALID_FIELD", 400, "Field {name} is not a picklist.", "permanent", "statement", "R", name="Name"
)
COLLISION = row(
    "CollisionDetectedException", 400,
    "This record was modified by {name} during your edit session. Make a note of the data you entered, then reload the "
    "record and enter your updates again.", "permanent", "statement", "R", name="another user",
)  # fmt: skip

# --- reports
NO_REPORTS = row(
    "FORBIDDEN", 403, "You don't have sufficient privileges to perform this operation.", "permanent", "routing", "D"
)
REPORT_LIMIT = row(
    "FORBIDDEN", 403, "You can't run more than {count} reports {way}ly every 60 minutes. Try again later.", "quota",
    "routing", "D", count="500", way="synchronous",
)  # fmt: skip
