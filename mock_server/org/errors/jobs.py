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
BATCH_TIMEOUT = row("Timeout", 400, "Batch processing took too long", "transient", "routing", "K")
