"""The schemas of events, by the name of their type or by their ids."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.events.schemas import expanded
from mock_server.protocols.rest.describe import OBJECT, sobject_of
from mock_server.protocols.rest.replies import DATA, answer, routes, version_of

_EXPANDED_SINCE = 43
"""The version that brought the expanded form, which it prefers."""


@routes(
    Operation(
        "rest.describe.event_schema", "GET", f"{OBJECT}/eventSchema", "read", since=40.0,
        summary="Describe the messages of an event", query=("payloadFormat",),
    ),
    Operation(
        "rest.event.schema", "GET", f"{DATA}/event/eventSchema/{{schema}}", "read", since=40.0,
        summary="Describe the messages of an event by the id of its schema", query=("payloadFormat",),
    ),
)  # fmt: skip
async def read_event_schema(call: Call) -> Reply:
    codecs = call.org.events.codecs
    try:
        if "schema" in call.args:
            codec = codecs.known(call.args["schema"])
        else:
            codec = codecs.of_event(sobject_of(call).name)
    except KeyError:
        codec = None
    # Who does not see an event does not see its schema either.
    if codec is None or call.schema.get(codec.name) is None:
        raise errors.NOT_FOUND()
    return answer(dict(codec.schema) if _compact(call) else expanded(codec.schema))


def _compact(call: Call) -> bool:
    wanted = call.query.get("payloadFormat")
    old = version_of(call.args["version"]) < _EXPANDED_SINCE
    if wanted is None or old:
        return old
    if wanted.upper() not in ("EXPANDED", "COMPACT"):
        raise errors.INVALID_INPUT(text=f"payloadFormat takes EXPANDED or COMPACT, not {wanted[:80]}")
    return wanted.upper() == "COMPACT"
