"""References to the answers of earlier subrequests: `@{account.id}`, `@{found.records[0].Owner.Name}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import orjson

from mock_server.org import errors
from mock_server.org.errors import ApiError

_REFERENCE = re.compile(r"@\{([^{}]*)\}")
_ENCODED = re.compile(r"(?:@|%40)%7[Bb]([^{}]*?)%7[Dd]")
"""A reference in a url that was percent-encoded as a whole: so aiosalesforce writes ids and queries."""
_HEAD = re.compile(r"[^.\[]*")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d{1,9})\]")
NULLS_SINCE = 52
"""The version from which a reference to a record's empty field is null, and no mistake (D)."""
_ABSENT = object()
MOST_SAID = 10_000_000
"""Characters that the references of a request may stand for together: a short one may repeat a long value."""
_EACH = 200
"""Characters that a reference counts at least."""


class Answered(NamedTuple):
    """The answer of a subrequest that others may refer to. `row` tells whether it is a record that was read."""

    body: bytes
    row: bool


class Answers:
    """The answers so far, by reference id. `version` is that of the composite request."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._answered: dict[str, Answered] = {}
        self._parsed: dict[str, Any] = {}
        self._left = MOST_SAID

    def add(self, reference: str, answered: Answered) -> None:
        self._answered[reference] = answered

    def resolve(self, value: Any) -> Any:
        """Return a JSON value with its references replaced. A text that is one reference becomes what it refers to.

        Raises PROCESSING_HALTED for a reference without a value.
        """
        if isinstance(value, str):
            return self._text(value) if "@{" in value else value
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        return value

    def _text(self, text: str) -> Any:
        whole = _REFERENCE.fullmatch(text)
        if whole is not None:
            return self._value(whole[1])
        return _REFERENCE.sub(lambda found: _written(self._value(found[1])), text)

    def text(self, text: str) -> str:
        """Return a text with its references replaced. Raises PROCESSING_HALTED."""
        return _REFERENCE.sub(lambda found: _written(self._value(found[1])), text)

    def url(self, url: str) -> str:
        """Return a url with its references replaced, encoded as a url demands. Raises PROCESSING_HALTED."""
        if "%7" in url:
            url = _ENCODED.sub(lambda found: f"@{{{unquote(found[1])}}}", url)
        return _REFERENCE.sub(lambda found: quote(_written(self._value(found[1])), safe="/"), url)

    def _value(self, said: str) -> Any:
        """Return what a reference stands for: a text, number or boolean."""
        head = _head(said)
        answered = self._answered.get(head)
        value = self._body(head) if answered else _ABSENT
        for step in _steps(said, len(head)):
            if value is _ABSENT:
                break
            value = _into(value, step)
        self._left -= len(value) + _EACH if isinstance(value, str) else _EACH
        if self._left < 0:
            raise errors.REQUEST_ENTITY_TOO_LARGE(most=50)
        if value is None and answered and answered.row and len(said) > len(head) and self._version >= NULLS_SINCE:
            return None
        if isinstance(value, str | bool | int | float):
            return value
        raise no_value(said, head)

    def _body(self, reference: str) -> Any:
        if reference not in self._parsed:
            try:
                self._parsed[reference] = orjson.loads(self._answered[reference].body)
            except orjson.JSONDecodeError:
                self._parsed[reference] = _ABSENT
        return self._parsed[reference]


def named(value: Any) -> Iterator[str]:
    """Yield the reference ids that a JSON value refers to."""
    if isinstance(value, str):
        if "@{" in value:
            yield from (_head(found[1]) for found in _REFERENCE.finditer(value))
    elif isinstance(value, dict):
        for item in value.values():
            yield from named(item)
    elif isinstance(value, list):
        for item in value:
            yield from named(item)


def no_value(said: str, head: str) -> ApiError:
    # What is quoted back is cut: a reference can be as long as a body.
    return errors.NO_REFERENCE(path=said[:1000], reference=head[:1000])


def _head(said: str) -> str:
    found = _HEAD.match(said)
    return found[0] if found else ""


def _steps(said: str, at: int) -> Iterator[str | int | None]:
    """Yield the names and places that lead to a value; None where the text cannot be read."""
    while at < len(said):
        step = _STEP.match(said, at)
        if step is None:
            yield None
            return
        yield step[1] if step[1] is not None else int(step[2])
        at = step.end()


def _into(value: Any, step: str | int | None) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else _ABSENT
    if isinstance(value, Mapping) and step is not None:
        return value.get(step, _ABSENT)
    return _ABSENT


def _written(value: Any) -> str:
    """Return a value as it stands within a text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
