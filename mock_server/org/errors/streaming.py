"""Errors of topics and streaming channels, as records and as what one pushes to."""

from __future__ import annotations

from mock_server.org.errors.catalogue import row

TOPIC_QUERY = row("INVALID_FIELD", 400, "{text}", "permanent", "save", "D", text="Aggregate queries are not supported")
TOPIC_VERSION = row("INVALID_FIELD", 400, "Invalid ApiVersion", "permanent", "save", "R")  # forcedotcom/EMP-Connector#1
TOO_MANY_TOPICS = row(
    "LIMIT_EXCEEDED", 400, "The maximum number of active PushTopics ({most}) has been reached", "quota", "save", "K",
    most="40",
)  # fmt: skip
CHANNEL_NAME = row(
    "FIELD_INTEGRITY_EXCEPTION", 400, "{text}", "permanent", "save", "K",
    text="Streaming Channel Name must start with /u/",
)  # fmt: skip
CHANNEL_TAKEN = row(  # its code is recorded (SalesforceFoundation/salesforce-streaming-client), its text is not
    "DUPLICATE_DEVELOPER_NAME", 400, "This Streaming Channel Name already exists or has been previously used. Please "
    "choose a different name.", "permanent", "save", "K",
)  # fmt: skip
TOO_MANY_CHANNELS = row(
    "LIMIT_EXCEEDED", 400, "The maximum number of streaming channels ({most}) has been reached", "quota", "save", "K",
    most="200",
)  # fmt: skip
TOO_MANY_CAPTURED = row(
    "LIMIT_EXCEEDED", 400, "The maximum number of entities selected for Change Data Capture ({most}) has been reached",
    "quota", "save", "K", most="5",
)  # fmt: skip
PUSH_TOO_LONG = row(
    "INVALID_INPUT", 400, "The payload cannot exceed {most} characters", "permanent", "statement", "K", most="3000"
)
