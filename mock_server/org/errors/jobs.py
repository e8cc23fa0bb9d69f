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
ANOTHER_USERS_BULK_JOB = row("INVALIDUSER", 400, "The job was created by another user", "permanent", "routing", "K")
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
EXCEEDED_BULK_QUOTA = row("EXCEEDEDQUOTA", 400, "{name} Limit exceeded.", "quota", "routing", "D", name="ApiBatchItems")
BATCH_TIMEOUT = row("Timeout", 400, "Batch processing took too long", "transient", "routing", "K")

# Queries in bulk. Texts of API_ERROR and of the limits: recorded by clients of Bulk 2.0; the others by those of 1.0.
BULK_QUERY = row(
    "API_ERROR", 400, "{text}", "permanent", "routing", "R", text="Selecting compound data not supported in Bulk Query"
)
BULK_FUNCTIONALITY = row(
    "FUNCTIONALITY_NOT_ENABLED", 400, "{text}", "permanent", "routing", "R",
    text="Selecting compound data not supported in Bulk Query",
)  # fmt: skip
BULK_FEATURE = row(
    "FeatureNotEnabled", 400, "{text}", "permanent", "routing", "R",
    text="Aggregate Relationships not supported in Bulk Query with CSV content type",
)  # fmt: skip
TOO_MANY_QUERY_JOBS = row(
    "LIMIT_EXCEEDED", 400, "Max bulk v2 query jobs ({most}) per 24 hrs has been reached ({count})", "quota", "routing",
    "R", most="10000", count="10001",
)  # fmt: skip
TOO_LARGE_QUERY_RESULTS = row(
    "LIMIT_EXCEEDED", 400, "Max bulk v2 query result size stored ({most}) kb per 24 hrs has been exceeded", "quota",
    "routing", "R", most="1000000000",
)  # fmt: skip
WRONG_VALUE = row(
    "API_ERROR", 400, "Value does not match expected type at [line:{line}, column:{column}]", "permanent", "routing",
    "R", line="1", column="22",
)  # fmt: skip
NOT_TERMINATED = row(
    "API_ERROR", 400, "Error encountered when deleting the job because the job is not terminated", "permanent",
    "routing", "D",
)  # fmt: skip
ANOTHER_VERSION = row(
    "API_ERROR", 409, "The job was created with API version {version}", "permanent", "routing", "K", version="60.0"
)
"""The status is documented."""
