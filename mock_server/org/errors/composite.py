"""Errors of requests that hold several requests."""

from __future__ import annotations

from mock_server.org.errors.catalogue import row

NO_REFERENCE = row(
    "PROCESSING_HALTED",
    400,
    "Invalid reference specified. No value for {path} found in {reference}",
    "permanent",
    "routing",
    "R",
    path="account.id",
    reference="account",
)
BATCH_PROCESSING_HALTED = row(
    "BATCH_PROCESSING_HALTED", 412, "Batch processing halted per request", "transient", "routing", "K"
)
BAD_REFERENCE_ID = row(
    "JSON_PARSER_ERROR",
    400,
    "Provided referenceId ('{reference}') must start with a letter or a number, and it can contain only letters, "
    "numbers and underscores ('_').",
    "permanent",
    "statement",
    "D",
    reference="new-account",
)
TOO_MANY_OPERATIONS = row(
    "LIMIT_EXCEEDED", 400, "The request can\u2019t contain more than {most} {what}.", "permanent", "routing", "R",
    most="25", what="operations",
)  # fmt: skip
NOT_IN_COMPOSITE = row(
    "INVALID_INPUT", 400, "The resource {resource} isn't supported in a composite request.", "permanent", "routing",
    "K", resource="/composite",
)  # fmt: skip
TOO_MANY_CHUNKS = row(
    "LIMIT_EXCEEDED",
    400,
    "Cannot have more than {most} chunks in a single operation. Please rearrange the data to reduce chunking.",
    "permanent",
    "statement",
    "R",
    most="10",
)
