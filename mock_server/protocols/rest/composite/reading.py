"""What the bodies of composite resources must look like: read strictly, as Salesforce's own reader does."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.errors import ApiError

METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
_REFERENCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
STRICT_IDS_SINCE = 52
"""The version from which an odd reference id fails the whole request (D)."""
MOST_READ = 1000
"""Subrequests beyond those that any composite resource takes."""
_INHERITED = frozenset({"accept", "authorization", "content-type"})


@dataclass(frozen=True, slots=True)
class Subrequest:
    """One request of a composite body or graph, with its references as they stand there."""

    method: str
    url: str
    reference: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Reader:
    """Reads the values of one request's body. All methods raise JSON_PARSER_ERROR for a wrong type."""

    def __init__(self, call: Call) -> None:
        self._body = call.body
        self._text: str | None = None
        self.root = call.json_object()

    def wrong(self, key: str, text: str) -> ApiError:
        """Return the error for what stands under a key, at the first place of that key."""
        if self._text is None:
            self._text = self._body.decode(errors="replace")
        at = max(0, self._text.find(json.dumps(key)))
        before = self._text[:at]
        return errors.JSON_PARSER_ERROR(text=text, line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))

    def only(self, value: Mapping[str, Any], known: Collection[str]) -> None:
        """Refuse keys that are not known."""
        for key in value:
            if key not in known:
                raise self.wrong(key, f"Unexpected parameter encountered during deserialization: {key[:100]}")

    def boolean(self, value: Mapping[str, Any], key: str, default: bool) -> bool:
        found = value.get(key)
        if found is None:
            return default
        if not isinstance(found, bool):
            raise self._misfit(key, "boolean", found)
        return found

    def text(self, value: Mapping[str, Any], key: str, default: str | None = None) -> str:
        """Return a text that must be there, where there is no default."""
        found = value.get(key)
        if found is None:
            found = default
        if found is None:
            raise self.missing(key)
        if not isinstance(found, str):
            raise self._misfit(key, "string", found)
        return found

    def objects(self, value: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        """Return a list of objects that must be there and hold something."""
        found = value.get(key)
        if found is None:
            raise self.missing(key)
        if not isinstance(found, list):
            raise self._misfit(key, "list", found)
        if not found:
            raise self.missing(key)
        for item in found:
            if not isinstance(item, dict):
                raise self._misfit(key, "object", item)
        return found

    def missing(self, key: str) -> ApiError:
        return errors.INVALID_INPUT(text=f"The request is missing a required field: {key}")

    def _misfit(self, key: str, wanted: str, found: Any) -> ApiError:
        return self.wrong(
            key,
            f"Cannot deserialize instance of {wanted} from {_token(found)} value {shown(found)} or request may be "
            "missing a required field",
        )

    # -- subrequests

    def subrequests(self, value: Mapping[str, Any], version: int) -> list[Subrequest]:
        """Return the subrequests under `compositeRequest`, of too many the first: they are refused all the same."""
        items = self.objects(value, "compositeRequest")[:MOST_READ]
        found = [self._subrequest(item, version) for item in items]
        seen: set[str] = set()
        for one in found:
            if one.reference in seen:
                raise errors.INVALID_INPUT(text="Duplicate ReferenceId provided in the request.")
            seen.add(one.reference)
        return found

    def _subrequest(self, item: Mapping[str, Any], version: int) -> Subrequest:
        self.only(item, ("method", "url", "referenceId", "body", "httpHeaders"))
        reference = self.text(item, "referenceId")
        if version >= STRICT_IDS_SINCE and not _REFERENCE_ID.fullmatch(reference):
            raise errors.BAD_REFERENCE_ID(reference=reference[:1000])
        return Subrequest(
            self.method(item, METHODS),
            self.text(item, "url"),
            reference,
            item.get("body"),
            self._headers(item),
        )

    def method(self, item: Mapping[str, Any], allowed: Collection[str]) -> str:
        method = self.text(item, "method")
        if method not in allowed:
            raise self.wrong(
                "method", f"Cannot deserialize HTTP method from value {shown(method)}: expected {', '.join(allowed)}"
            )
        return method

    def _headers(self, item: Mapping[str, Any]) -> dict[str, str]:
        found = item.get("httpHeaders")
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise self._misfit("httpHeaders", "map", found)
        for name, value in found.items():
            if not isinstance(value, str):
                raise self._misfit(name, "string", value)
            if name.lower() in _INHERITED:
                raise errors.INVALID_INPUT(
                    text=f"The {name} header can't be specified in a subrequest: it is inherited from the request."
                )
        return found


def written(value: Any) -> bytes:
    """Return a JSON value as bytes, integers beyond 64 bits too."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()


def shown(value: Any) -> str:
    return json.dumps(value, default=str)[:100]


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "VALUE_TRUE" if value else "VALUE_FALSE"
    if isinstance(value, int | float):
        return "VALUE_NUMBER_INT" if isinstance(value, int) else "VALUE_NUMBER_FLOAT"
    if isinstance(value, str):
        return "VALUE_STRING"
    return "START_ARRAY" if isinstance(value, list) else "START_OBJECT" if isinstance(value, dict) else "VALUE_NULL"
