"""Errors of the Pub/Sub API. Their codes go out as the trailer `error-code`; the HTTP status stands for gRPC's own.

Source of codes and of what each is about: Pub/Sub API guide, "Handle Errors". Of some the texts and statuses have been
recorded (R); else the status follows what the code says.
"""

from __future__ import annotations

from mock_server.org.errors.catalogue import ErrorClass, ErrorSpec, row

_PREFIX = "sfdc.platform.eventbus.grpc."


def _row(suffix: str, status: int, message: str, kind: ErrorClass, source: str = "K", **defaults: str) -> ErrorSpec:
    return row(_PREFIX + suffix, status, message, kind, "routing", source, **defaults)


SERVICE_UNAVAILABLE = _row("service.unavailable", 503, "The service is unavailable. Try again later.", "transient", "R")
SERVICE_AUTH_ERROR = _row(
    "service.auth.error",
    401,
    "An authentication exception occurred. Provide valid authentication via metadata headers.",
    "session",
    "R",
)
SERVICE_AUTH_HEADERS_INVALID = _row(
    "service.auth.headers.invalid",
    401,
    "The authentication header {header} is invalid or blank. Provide valid values for the metadata headers "
    "accesstoken, instanceurl and tenantid.",
    "permanent",
    header="tenantid",
)
SERVICE_AUTH_REFRESH_INVALID = _row(
    "service.auth.refresh.invalid",
    401,
    "The authentication refresh token is invalid. Provide a valid token.",
    "session",
)
STREAM_LIMIT_TRIGGERED = _row(
    "service.protection.stream.limit.triggered",
    429,
    "Too many requests were sent on this stream. Reduce the rate of requests.",
    "quota",
)
PROTECTION_TRIGGERED = _row(
    "service.protection.triggered",
    429,
    "Too many connections or requests. Reduce the load and try again.",
    "quota",
)
TENANT_LICENSE = _row("service.tenant.license", 403, "The org isn't licensed for the Pub/Sub API.", "permanent")
CONCURRENT_CLIENTS_EXCEEDED = _row(
    "concurrent.client.limit.exceeded",
    429,
    "The maximum number of concurrent clients across all topics has been exceeded.",
    "quota",
    "D",
)

TOPIC_NOT_FOUND = _row(
    "topic.not.found",
    404,
    "The topic information for org CORE/prod/{org} and topic {topic} not found. Ensure the topic name is correct and "
    "that the topic exists.",
    "permanent",
    "R",
    org="00D000000000001AAA",
    topic="/event/None__e",
)
TOPIC_META_PERMISSION = _row(
    "topic.meta.permission",
    403,
    "An error occurred while getting the metadata for org CORE/prod/{org} and topic {topic}. Ensure the credentials "
    "and topic name are correct.",
    "permanent",
    "R",
    org="00D000000000001AAA",
    topic="/event/None__e",
)
TOPIC_API_UNAVAILABLE = _row(
    "topic.api.unavailable", 503, "The topic information is unavailable. Try again later.", "transient"
)
TOPIC_EMPTY = _row("topic.validation.empty", 400, "The topic name is blank. Provide a topic name.", "permanent")
SCHEMA_META_PERMISSION = _row(
    "schema.meta.permission",
    403,
    "An error occurred while getting the schema {schema}. Ensure the credentials and the schema ID are correct.",
    "permanent",
    schema="AAAAAAAAAAAAAAAAAAAAAA",
)
SCHEMA_NOT_FOUND = _row(
    "schema.meta.permission",
    404,
    "An error occurred while getting the schema {schema}. Ensure the credentials and the schema ID are correct.",
    "permanent",
    schema="AAAAAAAAAAAAAAAAAAAAAA",
)
SCHEMA_API_UNAVAILABLE = _row(
    "schema.api.unavailable", 503, "The schema information is unavailable. Try again later.", "transient"
)
SCHEMA_EMPTY = _row(
    "schema.validation.failed", 400, "Schema validation failed. The schema ID can't be blank.", "permanent", "R"
)
SCHEMA_UNREADABLE = _row(
    "schema.validation.failed",
    400,
    "The request can't be read as {form}.",
    "permanent",
    form="eventbus.v1.SchemaRequest",
)

REPLAY_CORRUPTED = _row(
    "subscription.fetch.replayid.corrupted",
    400,
    "The Replay ID validation failed. Ensure that the Replay ID is valid.",
    "permanent",
    "R",
)
REPLAY_MISSING = _row(
    "subscription.fetch.replayid.validation.failed",
    400,
    "The Replay ID validation failed. Ensure that a replay ID is provided with the CUSTOM replay preset.",
    "permanent",
    "D",
)
REQUESTED_EVENTS_INVALID = _row(
    "subscription.fetch.requested.events.invalid",
    400,
    "The number of requested events must be greater than 0.",
    "permanent",
    "D",
)
FETCH_TOPIC_MISMATCH = _row(
    "subscription.fetch.topic.mismatch",
    400,
    "The topic name {topic} is another one than in the first fetch request of this stream, {first}.",
    "permanent",
    "D",
    topic="/event/Other__e",
    first="/event/None__e",
)
FETCH_OVERFLOW = _row(
    "subscription.fetch.overflow",
    429,
    "More events are requested than can be outstanding. Process the events before requesting more.",
    "permanent",
)
REPLAY_REPEATED = _row(
    "subscription.fetch.replay.repeated",
    500,
    "An event of a lower replay ID than the one before was received. Restart the subscription.",
    "transient",
)
FETCH_INVALID = _row(
    "subscription.fetch.request.invalid", 400, "The fetch request isn't valid: {why}.", "permanent", why="it is empty"
)
CANNOT_SUBSCRIBE = _row(
    "subscription.topic.cannot.subscribe",
    403,
    "The user can't subscribe to the topic {topic}. Ensure that the user has read access to its events.",
    "permanent",
    topic="/event/None__e",
)
SUBSCRIPTION_INTERNAL = _row(
    "subscription.internal.error", 500, "An internal error occurred. Restart the subscription.", "transient"
)
DELIVERY_LIMIT = _row(
    "subscription.limit.exceeded", 429, "You have exceeded the event delivery limit for your org.", "quota", "D"
)

SWEEPER_TIMEOUT = _row(
    "publish.stream.sweeper.timeout",
    504,
    "No publish request was sent within the last {seconds} seconds. Closing the stream.",
    "transient",
    seconds="70",
)
PUBLISH_REFRESH_INVALID = _row(
    "publish.auth.refresh.invalid",
    400,
    "The first publish request of a stream can't have an authentication refresh token.",
    "permanent",
    "D",
)
EVENT_COUNT_INVALID = _row(
    "publish.event.count.invalid", 400, "The publish request contains no events.", "permanent", "D"
)
PUBLISH_TOPIC_MISMATCH = _row(
    "publish.topic.mismatch",
    400,
    "The topic name {topic} is another one than in the first publish request of this stream, {first}.",
    "permanent",
    "D",
    topic="/event/Other__e",
    first="/event/None__e",
)
PUBLISH_TOPIC_EMPTY = _row(
    "publish.topic.validation.empty", 400, "The topic name is blank. Provide a topic name.", "permanent", "D"
)

MANAGED_ACTIVE = _row(
    "managed.subscription.already.active",
    409,
    "An active managed subscription with the same ID already exists. If a previous subscription with the same ID was "
    "stopped, there can be a delay before it expires. Try subscribing again later.",
    "transient",
    "R",
)
MANAGED_STOPPED = _row(
    "managed.subscription.config.stopped",
    412,
    "The state of the managed subscription is STOP. Change it to RUN to subscribe.",
    "permanent",
)
MANAGED_DELETED = _row(
    "managed.subscription.config.deleted", 404, "The managed subscription has been deleted.", "permanent"
)
MANAGED_NAME_NOT_FOUND = _row(
    "managed.subscription.developer.name.not.found",
    404,
    "There is no managed subscription of the developer name {name}.",
    "permanent",
    name="None",
)
MANAGED_ID_NOT_FOUND = _row(
    "managed.subscription.subscription.id.not.found",
    404,
    "There is no managed subscription of the ID {id}.",
    "permanent",
    id="18x000000000001AAA",
)
MANAGED_ID_INVALID = _row(
    "managed.subscription.subscription.id.invalid",
    400,
    "The ID of a managed subscription has 15 or 18 characters.",
    "permanent",
    "D",
)
MANAGED_ID_OR_NAME = _row(
    "managed.subscription.id.or.developer.name.empty",
    400,
    "Provide either the subscription ID or the developer name of the managed subscription.",
    "permanent",
    "D",
)
MANAGED_EVENTS_INVALID = _row(
    "managed.subscription.fetch.request.events.invalid",
    400,
    "The number of requested events must be greater than 0.",
    "permanent",
    "D",
)
MANAGED_FETCH_INVALID = _row(
    "managed.subscription.fetch.request.invalid",
    400,
    "The fetch request asks for no events, and brings neither a commit nor an authentication refresh token.",
    "permanent",
    "D",
)
MANAGED_UNREADABLE = _row(
    "managed.subscription.fetch.request.invalid",
    400,
    "The fetch request isn't valid: it can't be read as {form}.",
    "permanent",
    form="eventbus.v1.ManagedFetchRequest",
)
MANAGED_COMMIT_RESTRICTED = _row(
    "managed.subscription.fetch.request.commit.request.restricted",
    400,
    "The first fetch request of a stream can't have a commit replay request.",
    "permanent",
    "D",
)
MANAGED_REFRESH_RESTRICTED = _row(
    "managed.subscription.fetch.request.auth.request.restricted",
    400,
    "The first fetch request of a stream can't have an authentication refresh token.",
    "permanent",
    "D",
)
MANAGED_NO_COMMIT = row(
    "DEADLINE_EXCEEDED",
    504,
    "No CommitReplayRequests sent in the last {seconds} seconds. Closing managed subscription.",
    "transient",
    "routing",
    "R",
    seconds="1800",
)
STREAM_STARVED = row(
    "DEADLINE_EXCEEDED",
    504,
    "No FetchRequest sent in the last {seconds} seconds. Closing subscription.",
    "transient",
    "routing",
    "K",
    seconds="60",
)
UNREADABLE_REQUEST = row(
    # Of topics and publishing the service has no code for it: gRPC itself refuses the message.
    "INVALID_ARGUMENT", 400, "The request can't be read as {form}.", "permanent", "routing", "K",
    form="eventbus.v1.TopicRequest",
)  # fmt: skip
UPSTREAM_RESET = row(
    "UNAVAILABLE",
    503,
    "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
    "permanent",
    "routing",
    "D",
)
