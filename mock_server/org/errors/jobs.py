"""Errors of the Bulk APIs: of jobs, batches and their contents.

Bulk 2.0 answers them in REST's array, Bulk 1.0 as `exceptionCode` and `exceptionMessage`; so codes of 1.0 are written
as it writes them.
"""

from __future__ import annotations

from mock_server.org.errors.catalogue import row

NO_SUCH_JOB = row(
    "INVALIDJOB", 404, "Unable to find object for id: {id}", "permanent", "routing", "K", id="750000000000000AAA"
)
INVALID_JOB_STATE = row(
    "INVALIDJOBSTATE", 400, "{text}", "permanent", "routing", "R", text="Aborting already Completed Job not allowed"
)
INVALID_JOB = row("INVALIDJOB", 400, "{text}", "permanent", "routing", "K", text="Invalid job")
NO_SUCH_ENTITY = row(
    "INVALIDENTITY", 400, "{entity} is not supported by the Bulk API", "permanent", "routing", "R", entity="Nothing__c"
)
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
ANOTHER_USERS_QUERY = row("INVALIDUSER", 400, "The job was created by another user", "permanent", "routing", "K")
