"""The grammar of a scenario file as JSON Schema, put together from what the reader itself goes by: for editors."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from harness.properties import Property, registry
from harness.scenario_reading import MOST_ATTEMPTS
from harness.service_schema import effects_shape, events_shape, service_shape
from mock_server import automation, declarations, tuning
from mock_server.faults.shapes import DURATION, SHARE, TEXT, Shape, count, mapping, optional, rule
from mock_server.seeding.files import MOST_ROWS
from mock_server.seeding.reading import PICKS, WAYS

ID = "https://sfmock.invalid/scenario.schema.json"
_API_NAME: Shape = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,99}$"}
RIGHTS = ("read", "create", "edit", "delete", "viewAll", "modifyAll")
_PLAIN: Shape = {"type": ["string", "number", "boolean", "null"]}
_PATH: Shape = {"type": "string", "pattern": r"^\$", "description": "a path into a letter: $.payload, $.errors[0].code"}
_WEIGHTS: Shape = {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 1}
_LOCALE: Shape = {"type": "string", "pattern": "^[a-z]{2,3}_[A-Z]{2}$"}
_WHOLE: Shape = {"type": "integer"}


def _way(way: str, shape: Shape) -> Shape:
    """Return the shape of a field that says what it holds in one of the ways of `reading.WAYS`."""
    keys: dict[str, Shape] = {
        "weights": _WEIGHTS,
        "null": SHARE,
        "start": _WHOLE,
        "step": _WHOLE,
        "pick": {"enum": list(PICKS)},
    }
    return mapping({way: shape, **{key: keys[key] for key in WAYS[way] if key != way}}, required=(way,))


_FIELD: Shape = {
    "anyOf": [
        {"type": "string", "description": "a Faker provider: last_name, email, company"},
        {
            "type": "object",
            "required": ["provider"],
            "properties": {"provider": TEXT, "locale": _LOCALE, "unique": {"type": "boolean"}, "null": SHARE},
            "description": "a Faker provider with its arguments",
        },
        _way("value", _PLAIN),
        _way(
            "values",
            {
                "anyOf": [
                    {"type": "array", "items": _PLAIN, "minItems": 1},
                    {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}, "minProperties": 1},
                ]
            },
        ),
        _way("sequence", {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^[^{}]*\{0{1,12}\}[^{}]*$"}]}),
        _way("between", {"type": "array", "items": {"type": ["number", "string"]}, "minItems": 2, "maxItems": 2}),
        _way("ref", TEXT),
    ]
}
_FIELDS: Shape = {"type": "object", "additionalProperties": _FIELD}


def scenario_schema() -> Shape:
    """Return the schema: operations, effects, error codes and properties are those of this version."""
    from mock_server import api

    fault = rule(api.operations())
    names = sorted(registry())
    faults: Shape = {"type": "array", "items": {"$ref": "#/$defs/fault"}}
    whole = mapping(
        {
            "title": {**TEXT, "description": "one line"},
            "story": {**TEXT, "description": "why this happens to people"},
            "org": _org(),
            "inputs": {"type": "array", "items": {"anyOf": [_made(), _given()]}},
            "service": service_shape(),
            "events": events_shape(_FIELDS),
            "effects": effects_shape(),
            "policy": _policy(),
            "faults": faults,
            "phases": {
                "type": "array",
                "items": mapping({"name": TEXT, "lasts": DURATION, "faults": faults}, required=("name",)),
                "description": "a timeline: one phase after the other; the last has no lasts",
            },
            "time": {"enum": ["real", "virtual"]},
            "deadline": {**DURATION, "description": "how long the subject may take"},
            "dead_letters": mapping(
                dict.fromkeys(("record", "key", "error", "code", "message", "attempts", "failed_at"), _PATH),
                description="where the parts of a letter stand",
            ),
            "skip": {
                "type": "array",
                "items": {
                    "anyOf": [
                        {"enum": names},
                        mapping({"property": {"enum": names}, "reason": TEXT}, required=("property",)),
                    ]
                },
                "description": "properties that do not count, with the reason",
            },
            "expect": mapping(
                {name: _claim(claim) for name, claim in sorted(registry().items())},
                description="properties that must have been exercised, with their parameters",
            ),
        },
        required=("title",),
        description="a scenario of sfmock",
    )
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": ID, **whole, "$defs": {"fault": fault}}


def _org() -> Shape:
    records = mapping({"count": count(1), "locale": _LOCALE, "fields": _FIELDS, "file": TEXT})
    files = {"type": "array", "items": TEXT}
    return mapping(
        {
            "schema": {
                "anyOf": [TEXT, files],
                "description": "SFDX projects, folders or zips of metadata, saved describes, YAML of objects and "
                "fields; later ones count over earlier ones",
            },
            "fields": {"type": "object", "additionalProperties": {"type": "object"}},
            "objects": {"type": "object", "additionalProperties": {"type": "object"}},
            "records": {"anyOf": [{"type": "object", "additionalProperties": records}, files]},
            "limits": tuning.limits_shape(),
            "settings": tuning.shape(),
            "users": {
                "type": "array",
                "items": mapping(_user(), required=("username",)),
                "description": "further users, each with what he may do",
            },
            "as": {
                "anyOf": [TEXT, mapping(_user())],
                "description": "the user whose credentials the subject gets: a username, or what he may do",
            },
            "apps": {
                "type": "array",
                "items": mapping(_app(), required=("clientId",)),
                "description": "further connected apps, each with its policies",
            },
            "security": mapping(_security(), description="how long sessions last, from where one logs in"),
            "automation": {
                "type": "array",
                "items": automation.shape(),
                "description": "triggers, known by what they cost",
            },
            **{kind: {"type": "array", "items": declarations.kind(kind).shape()} for kind in declarations.KINDS},
        },
        description="the org before the start",
    )


def _user() -> dict[str, Shape]:
    rights: Shape = {"anyOf": [TEXT, {"type": "array", "items": {"enum": [*RIGHTS, "all"]}}]}
    word: Shape = {"enum": ["none", "read", "edit"]}
    texts = ("username", "password", "securityToken", "profile", "firstName", "lastName", "email", "timeZone", "locale",
             "language")  # fmt: skip
    return {
        **dict.fromkeys(texts, TEXT),
        "active": {"type": "boolean"},
        "trustedNetwork": {"type": "boolean"},
        "sessionTimeout": DURATION,
        "loginIpRanges": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
        "loginHours": {"type": "object", "additionalProperties": TEXT},
        "permissionSets": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
        "objects": {"type": "object", "additionalProperties": rights},
        "fields": {
            "type": "object",
            "additionalProperties": {"anyOf": [word, {"type": "object", "additionalProperties": word}]},
        },
        "system": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
        "customPermissions": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
    }


def _app() -> dict[str, Shape]:
    texts: Shape = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
    flag: Shape = {"type": "boolean"}
    return {
        **dict.fromkeys(("name", "clientId", "clientSecret", "certificate", "runAs"), TEXT),
        **dict.fromkeys(("callbacks", "scopes", "grants", "approved", "consented"), texts),
        **dict.fromkeys(("adminApproved", "pkce", "secretNeeded", "rotate", "introspects"), flag),
        **dict.fromkeys(("refreshLifetime", "sessionTimeout"), DURATION),
        "relaxIp": {"enum": [True, False, "refresh"]},
        "refreshPolicy": {"enum": ["until_revoked", "immediate", "expires", "inactive"]},
    }


def _security() -> dict[str, Shape]:
    return {
        "sessionTimeout": DURATION,
        "passwordLife": DURATION,
        "lockout": {"anyOf": [DURATION, {"const": "forever"}]},
        "loginAttempts": {"anyOf": [count(1), {"const": "none"}]},
        "trustedNetworks": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
    }


def _made() -> Shape:
    rows = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}
    keys = {"sobject": _API_NAME, "key": _API_NAME, "count": rows, "fields": _FIELDS}
    return mapping(keys, required=("sobject", "key", "count"), description="inputs that are made up")


def _given() -> Shape:
    keys = {"sobject": _API_NAME, "key": _API_NAME, "file": TEXT}
    return mapping(keys, required=("sobject", "key", "file"), description="inputs of a CSV or JSON Lines file")


def _policy() -> Shape:
    return mapping(
        {
            "attempts": {"type": "integer", "minimum": 1, "maximum": MOST_ATTEMPTS},
            "base": DURATION,
            "factor": {"type": "number", "minimum": 1, "maximum": 1000},
            "cap": DURATION,
            "jitter": SHARE,
            "timeout": DURATION,
        },
        description="what the subject claims about its retries",
    )


def _claim(claim: Property[Any]) -> Shape:
    keys = {
        spec.name: _parameter(str(spec.type))
        for spec in fields(claim.parameters)  # type: ignore[arg-type]  # always a dataclass
    }
    return optional(mapping(keys)) | {"description": claim.rule}


def _parameter(kind: str) -> Shape:
    if "str" in kind:
        return {"type": "array", "items": TEXT}
    return {"type": "integer" if "float" not in kind else "number", "minimum": 0}
