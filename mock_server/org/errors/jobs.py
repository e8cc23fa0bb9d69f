"""Errors of the Bulk APIs: of jobs, batches and their contents.

Bulk 2.0 answers them in REST's array, Bulk 1.0 as `exceptionCode` and `exceptionMessage`; so codes of 1.0 are written
as it writes them.
"""

from __future__ import annotations

from mock_server.org.errors.catalogue import row

# R simple-salesforce#699, of a job's id that is none for the resource.
NO_SUCH_JOB = row("NOT_FOUND", 404, "The requested resource does not exist", "permanent", "routing", "R")
INVALID_JOB_STATE = row(
    "INVALIDJOBSTATE", 400, "{text}", "permanent", "routing", "R", text="Aborting already Completed Job not allowed"
)
INVALID_JOB = row(
    "INVALIDJOB", 400, "InvalidJob : {text}", "permanent", "routing", "R", text="Unable to find object: X"
)
NO_SUCH_ENTITY = row(
    "INVALIDENTITY", 400, "{entity} is not supported by the Bulk API", "permanent", "routing", "R", entity="Nothing__c"
)

# --- ingest jobs of Bulk 2.0: their creation, and their content
NO_JOB_OBJECT = row(
    "INVALIDJOB", 400, "InvalidJob : Unable to find object: {entity}", "permanent", "routing", "R", entity="Nothing__c"
)
NO_JOB_ACCESS = row(
    "INVALIDJOB", 400, "InvalidJob : No {what} access for object:{entity}", "permanent", "routing", "R",
    what="delete", entity="Report",
)  # fmt: skip
EXTERNAL_ID_BLANK = row(
    "INVALIDJOB",
    400,
    "InvalidJob : External ID was blank for {entity}. An External ID must be specified for upsert.",
    "permanent",
    "routing",
    "R",
    entity="Contact",
)
NO_EXTERNAL_ID = row(
    "INVALIDJOB",
    400,
    "InvalidJob : Field name provided, {field} does not match an External ID for {entity}",
    "permanent",
    "routing",
    "R",
    field="Name",
    entity="Contact",
)
JOB_PROPERTY = row(
    "API_ERROR", 400, "Invalid value: '{value}' supplied for property: '{name}'", "permanent", "routing", "R",
    value="", name="operation",
)  # fmt: skip
HARD_DELETE_REFUSED = row(
    "FEATURENOTENABLED",
    400,
    "FeatureNotEnabled : hardDelete operation requires special user profile permission, please contact your system "
    "administrator",
    "permanent",
    "routing",
    "R",
)
SECOND_CONTENT = row(
    "INVALIDJOB",
    400,
    # As it is spelled.
    "Found multipe contents for job: <{id}>, please 'Close' / 'Abort' / 'Delete' the current Job then create a new "
    "Job and make sure you only do 'PUT' once on a given Job.",
    "permanent",
    "routing",
    "R",
    id="750000000000000",
)
ANOTHER_USERS_INGEST = row("INVALIDUSER", 400, "The job was created by another user", "permanent", "routing", "K")
"""The code is documented (Bulk API 2.0, "Errors")."""
LINE_ENDING = row(
    "ClientInputError",
    400,
    "LineEnding is invalid on user data. Current LineEnding setting is {setting}",
    "permanent",
    "routing",
    "R",
    setting="LF",
)
RAGGED_ROW = row(
    "INVALID_FIELD", 400, "The row has {cells} values, and the header has {columns} columns", "permanent", "save", "K",
    cells="3", columns="2",
)  # fmt: skip
INVALID_BATCH = row("InvalidBatch", 400, "{text}", "permanent", "routing", "R", text="Records not processed")
TOO_MANY_LOCK_FAILURES = row(
    "TooManyLockFailure",
    400,
    "Too many lock failure {count} Trying again later.",
    "transient",
    "routing",
    "K",
    count="200",
)
