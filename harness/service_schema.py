"""The grammar of `service`, `events` and `effects` as JSON Schema."""

from __future__ import annotations

from harness.service_reading import BY, CHANGES, READY_WORDS, SIGNALS
from mock_server.faults.shapes import DURATION, TEXT, Shape, count, mapping
from mock_server.seeding.files import MOST_ROWS

_NAME: Shape = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,99}$"}


def service_shape() -> Shape:
    line, url = mapping({"line": TEXT}, required=("line",)), mapping({"url": TEXT}, required=("url",))
    ready: Shape = {"anyOf": [{"enum": list(READY_WORDS)}, line, url]}
    keys: dict[str, Shape] = {"ready": ready, "grace": DURATION, "quiet": DURATION}
    text = "the subject runs until it is ended: when it is ready, how long it may take to stop, when it is at rest"
    return {"anyOf": [{"type": "boolean"}, mapping(keys)], "description": text}


def events_shape(fields: Shape) -> Shape:
    """Return the shape of the steps; `fields` is what a field may hold."""
    plain = [_change(verb, fields) for verb in CHANGES]
    plain.append(mapping({"advance": DURATION}, required=("advance",)))
    plain.append(mapping({"wait": _wait()}, required=("wait",)))
    keys: dict[str, Shape] = {"by": {"enum": list(SIGNALS)}, "down": DURATION}
    keys["meanwhile"] = {"type": "array", "items": {"anyOf": plain}}
    restart: Shape = {"anyOf": [{"enum": [*SIGNALS, None]}, mapping(keys)]}
    return {
        "type": "array",
        "items": {"anyOf": [*plain, mapping({"restart": restart}, required=("restart",))]},
        "description": "what happens in the org while the service runs, in order",
    }


def _wait() -> Shape:
    until = mapping({"until": {"enum": ["quiet"]}}, required=("until",))
    return {
        "anyOf": [DURATION, {"enum": ["quiet", None]}, until, mapping({"seconds": DURATION}, required=("seconds",))]
    }


def _change(verb: str, fields: Shape) -> Shape:
    shapes: dict[str, Shape] = {
        "sobject": _NAME,
        "count": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS},
        "fields": fields,
        "key": _NAME,
        "every": DURATION,
        "by": {"enum": list(BY)},
        "where": {**TEXT, "description": "a SOQL condition"},
    }
    step = mapping({key: shapes[key] for key in CHANGES[verb]}, required=("sobject",))
    return mapping({verb: step}, required=(verb,))


def effects_shape() -> Shape:
    status: Shape = {"type": "integer", "minimum": 100, "maximum": 599}
    sink = mapping({"slow": DURATION, "status": status, "times": count(1), "at": {"enum": ["before", "after"]}})
    return mapping(
        {"sink": {"anyOf": [{"type": "boolean"}, sink]}, "sobject": _NAME, "key": _NAME},
        description="where it is seen, besides the effects file, that an event was handled",
    )
