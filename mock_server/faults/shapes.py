"""The grammar of a fault rule as JSON Schema, put together from what the effects declare: for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mock_server.routing import Registry

Shape = dict[str, Any]

DURATION: Shape = {
    "description": "80ms, 2s, 5m, 1h30m, or a number of seconds",
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$"},
    ],
}
AT: Shape = {"enum": ["before", "after"], "description": "before: nothing happened; after: the work was done"}
TEXT: Shape = {"type": "string", "minLength": 1}


def mapping(properties: Shape, *, required: tuple[str, ...] = (), description: str = "") -> Shape:
    """Return the shape of a mapping that has these keys and no others. A key without a value is as good as absent."""
    shape: Shape = {
        "type": "object",
        "properties": {name: optional(inner) for name, inner in properties.items()},
        "additionalProperties": False,
    }
    if required:
        shape["required"] = list(required)
        shape["properties"] |= {name: properties[name] for name in required}
    return shape | ({"description": description} if description else {})


def optional(shape: Shape) -> Shape:
    return {"anyOf": [shape, {"type": "null"}]}


def count(least: int) -> Shape:
    return {"type": "integer", "minimum": least}


SHARE: Shape = {"type": "number", "minimum": 0, "maximum": 1}
_WHERE = mapping(
    {
        "sobject": TEXT,
        "channel": {"type": "string", "minLength": 1, "description": "/event/Order__e, /data/*, /topic/New, /u/News"},
        "user": TEXT,
        "client": TEXT,
        "header": {"type": "object"},
        "body": {"type": "object"},
    },
    description="which requests: by object, channel of events, username, User-Agent, header (globs), keys of the body",
)
_RECORDS = mapping(
    {
        "first": count(1),
        "last": count(1),
        "every": count(1),
        "fraction": SHARE,
        "keys": {"type": "array", "items": {"type": ["string", "number"]}},
        "where": TEXT,
    },
    description="which rows of a request; a choice sticks to the key",
)
_WHEN = mapping(
    {
        "skip": count(0),
        "times": count(1),
        "per": {"enum": ["key", "call"]},
        "between": {"type": "array", "items": DURATION, "minItems": 2, "maxItems": 2},
        "chance": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "phase": TEXT,
    },
    description="after how many matches, how often, between which times, with which chance, in which phase",
)


def rule(operations: Registry) -> Shape:
    """Return the shape of a fault rule: of the operations there are, and one effect."""
    from mock_server.faults.effects import EFFECTS

    names = sorted(operations.by_name)
    globs = sorted({f"{name.rpartition('.')[0]}.*" for name in names} | {"*"})
    operation = {"anyOf": [{"enum": [*globs, *names]}, {"type": "string", "pattern": r"[*?\[]"}]}
    keys: Shape = {
        "name": {"type": "string", "maxLength": 200, "description": "shown in reports and verdicts"},
        "on": {
            "description": "the operations it strikes: a name, a glob, or a list of them",
            "anyOf": [operation, {"type": "array", "items": operation, "minItems": 1}],
        },
        "where": _WHERE,
        "records": _RECORDS,
        "when": _WHEN,
    }
    for effect in EFFECTS:
        keys |= {name: shape for name, shape in effect.shapes().items() if name not in keys}
    whole = mapping(keys, required=("on",), description="a fault rule: where, when, and one effect")
    # A name alone makes an editor offer it; an effect without a value is none.
    one = [{"required": [effect.key], "properties": {effect.key: {"not": {"type": "null"}}}} for effect in EFFECTS]
    return whole | {"oneOf": one}
