"""Versions, resources and limits."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.records.tally import record_counts
from mock_server.org.versions import OLDEST
from mock_server.protocols.instance import identity_url
from mock_server.protocols.rest.replies import DATA, answer, routes, unversioned, words

_ORDER = (
    "tooling", "metadata", "eclair", "folders", "prechatForms", "contact-tracing", "jsonxform", "chatter", "payments",
    "tabs", "appMenu", "quickActions", "queryAll", "commerce", "wave", "iot", "analytics", "search",
    "smartdatadiscovery", "identity", "composite", "parameterizedSearch", "fingerprint", "theme", "nouns", "domino",
    "event", "serviceTemplates", "recent", "connect", "licensing", "limits", "process", "dedupe", "jobs", "query",
    "match", "ai", "localizedvalue", "mobile", "emailConnect", "consent", "tokenizer", "compactLayouts",
    "knowledgeManagement", "sobjects", "actions", "support",
)  # fmt: skip
"""The order in which a recorded answer lists the resources."""
_SEASONS = ("Summer", "Winter", "Spring")


@unversioned(
    Operation(
        "rest.versions", "GET", "/services/data", "read", auth=False, counted=False, summary="List the API versions"
    )
)
async def versions(call: Call) -> Reply:
    return answer(
        [
            {"label": label(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
            for number in range(OLDEST, call.org.latest + 1)
        ]
    )


def label(number: int) -> str:
    """Return a version's release name: 31 is Summer '14, and three releases follow a year."""
    season = _SEASONS[(number - 31) % 3]
    year = 14 + (number - 31 + 2) // 3
    return f"{season} '{year}"


@routes(Operation("rest.resources", "GET", DATA, "read", summary="List the resources of a version"))
async def resources(call: Call) -> Reply:
    version = call.args["version"]
    found = {
        route.operation.path.removeprefix(f"{DATA}/")
        for route in routes.routes
        if route.operation.method == "GET" and route.operation.since <= float(version[1:])
    }
    names = [name for name in _ORDER if name in found or name == "identity"]
    names += sorted(name for name in found if name.isalnum() and name not in _ORDER)
    body = {name: f"/services/data/{version}/{name}" for name in names}
    return answer(body | {"identity": identity_url(call, call.session.user_id)})


@routes(Operation("rest.limits", "GET", f"{DATA}/limits", "read", summary="Read the org's limits"))
async def limits(call: Call) -> Reply:
    return answer(call.org.limits.body())


@routes(
    Operation(
        "rest.record_count", "GET", f"{DATA}/limits/recordCount", "read", since=40.0,
        summary="Count the records of objects", query=("sObjects",),
    )
)  # fmt: skip
async def record_count(call: Call) -> Reply:
    if not call.org.may(call.session, "ViewSetup"):
        raise errors.INSUFFICIENT_ACCESS()
    given = call.query.get("sObjects")
    names = None if given is None else words(given)
    counts = record_counts(call.org, names)
    return answer({"sObjects": [{"count": count, "name": name} for name, count in counts.items()]})
