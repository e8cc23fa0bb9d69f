"""Values with places to fill in: `{path.number}`, `{body.items[0].sku}`; in JSON, in text and in SOQL.

A text that is nothing but one place stands for the value itself, whatever its type; in a longer one it is written out.
`{{` and `}}` are braces.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mock_server.org.automation.execution import ApexError
from mock_server.org.query.literals import escaped

Scope = Mapping[str, Any]
"""What places may begin with, and what that is."""

_TOKENS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\{|\}")
_PLACE = re.compile(r"([A-Za-z_]\w*)((?:\.[\w-]+|\[\d{1,6}\])*)(?::([a-z]+))?", re.ASCII)
_STEP = re.compile(r"\.([\w-]+)|\[(\d+)\]", re.ASCII)


class TemplateError(ValueError):
    """A template that can never be filled; `allowed` and `like` are for naming the nearest right word."""

    def __init__(self, message: str, allowed: Iterable[str] = (), like: str | None = None) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)
        self.like = like
        self.path: tuple[str | int, ...] = ()
        """The way to the text, from the value that was read."""


class TypeMismatch(ApexError):
    """A value that is not what it is taken for."""

    kind = "System.TypeException"


def _number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"[+-]?\d{0,30}\.?\d{1,30}([eE][+-]?\d{1,2})?", text, re.ASCII):
        return float(text)
    raise TypeMismatch(f"Invalid decimal: {text[:100]}")


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else str(value).strip().lower() == "true"


@dataclass(frozen=True, slots=True)
class Bare:
    """Text that SOQL takes as it is: a date, a time."""

    text: str


def _moment(pattern: str, what: str) -> Callable[[Any], Any]:
    form = re.compile(pattern, re.ASCII)

    def read(value: Any) -> Any:
        text = str(value).strip()
        if not form.fullmatch(text):
            raise TypeMismatch(f"Invalid {what}: {text[:100]}")
        return Bare(text)

    return read


@dataclass(frozen=True, slots=True)
class Place:
    """One place to fill in: what it begins with, the way from there, and the form it is taken in."""

    root: str
    steps: tuple[str | int, ...] = ()
    form: str | None = None

    def value(self, scope: Scope) -> Any:
        """Return what stands there, None for what does not. Raises ApexError for a value of another form."""
        found: Any = scope.get(self.root)
        for step in self.steps:
            if isinstance(step, int):
                found = found[step] if isinstance(found, list) and step < len(found) else None
            elif isinstance(found, Mapping):
                found = found[step] if step in found else _anyhow(found, step)
            else:
                found = None
        return found if self.form is None or found is None else FORMS[self.form](found)


def _anyhow(found: Mapping[str, Any], name: str) -> Any:
    folded = name.lower()
    return next((value for key, value in found.items() if isinstance(key, str) and key.lower() == folded), None)


def place(text: str, roots: Sequence[str]) -> Place:
    """Read what stands between braces. Raises TemplateError."""
    match = _PLACE.fullmatch(text.strip())
    if match is None:
        raise TemplateError(f"{{{text[:60]}}} names no value; write it like {{path.id}} or {{body.items[0].name}}")
    if match[1] not in roots:
        raise TemplateError(f"there is no {match[1]} to take a value from", roots, match[1])
    if match[3] is not None and match[3] not in FORMS:
        raise TemplateError(f"there is no form {match[3]}", FORMS, match[3])
    steps = tuple(name if name else int(number) for name, number in _STEP.findall(match[2]))
    return Place(match[1], steps, match[3])


@dataclass(frozen=True, slots=True)
class Text:
    """Text with places."""

    parts: tuple[str | Place, ...]

    @classmethod
    def read(cls, text: str, roots: Sequence[str]) -> Text:
        """Raise TemplateError for a place that is none, and for a brace alone."""
        parts: list[str | Place] = []
        end = 0
        for token in _TOKENS.finditer(text):
            parts.append(text[end : token.start()])
            end = token.end()
            if token[0] in ("{{", "}}"):
                parts.append(token[0][0])
            elif token[1] is None:
                raise TemplateError(f"a {token[0]} alone; a brace of the text itself is written {token[0] * 2}")
            else:
                parts.append(place(token[1], roots))
        parts.append(text[end:])
        return cls(tuple(part for part in parts if part != ""))

    @property
    def places(self) -> Iterator[Place]:
        return (part for part in self.parts if isinstance(part, Place))

    def value(self, scope: Scope) -> Any:
        """Return the value of a place that stands alone, else the text with its places written out."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Place):
            found = self.parts[0].value(scope)
            return found.text if isinstance(found, Bare) else found
        return self.text(scope)

    def text(self, scope: Scope) -> str:
        return "".join(part if isinstance(part, str) else written(part.value(scope)) for part in self.parts)

    def soql(self, scope: Scope) -> str:
        """Return the text as SOQL: a value is a literal of its own, or inside quotes a part of that one, escaped."""
        out: list[str] = []
        quoted = False
        for part in self.parts:
            if isinstance(part, str):
                out.append(part)
                quoted = _ends_quoted(part, quoted)
            else:
                value = part.value(scope)
                out.append(escaped(written(value)) if quoted else _literal(value))
        return "".join(out)


def _ends_quoted(text: str, quoted: bool) -> bool:
    skip = False
    for letter in text:
        if skip:
            skip = False
        elif letter == "\\" and quoted:
            skip = True
        elif letter == "'":
            quoted = not quoted
    return quoted


def _literal(value: Any) -> str:
    if isinstance(value, Bare):
        return value.text
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        # An id is never null, so no row is found by an empty list of them.
        return f"({', '.join(_literal(one) for one in value) or 'null'})"
    return f"'{escaped(written(value))}'"


def written(value: Any) -> str:
    """Return a value as it stands in a longer text."""
    if isinstance(value, Bare):
        return value.text
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, default=str).decode()


FORMS: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "boolean": _boolean,
    "text": written,
    "date": _moment(r"\d{4}-\d\d-\d\d", "date"),
    "datetime": _moment(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)", "date/time"),
}
"""What `{query.limit:number}` makes of a value, by the word behind the colon."""

Template = Any
"""A JSON value whose texts are `Text` where they have places."""


def read(value: Any, roots: Sequence[str]) -> Template:
    """Turn the texts of a JSON value into templates. Raises TemplateError; `path` of it leads to the text."""
    if isinstance(value, str):
        text = Text.read(value, roots)
        return text if any(text.places) or "{{" in value or "}}" in value else value
    if isinstance(value, Mapping):
        return {str(key): _below(str(key), inner, roots) for key, inner in value.items()}
    if isinstance(value, list):
        return [_below(number, inner, roots) for number, inner in enumerate(value)]
    return value


def _below(step: str | int, value: Any, roots: Sequence[str]) -> Template:
    try:
        return read(value, roots)
    except TemplateError as error:
        error.path = (step, *error.path)
        raise


def places(template: Template, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Place]]:
    """Yield all places of a template, each with the way to the text that has it."""
    if isinstance(template, Text):
        yield from ((path, one) for one in template.places)
    elif isinstance(template, dict | list):
        for key, inner in template.items() if isinstance(template, dict) else enumerate(template):
            yield from places(inner, (*path, key))


def fill(template: Template, scope: Scope) -> Any:
    """Return the JSON value that a template stands for. Raises ApexError."""
    if isinstance(template, Text):
        return template.value(scope)
    if isinstance(template, dict):
        return {key: fill(inner, scope) for key, inner in template.items()}
    if isinstance(template, list):
        return [fill(inner, scope) for inner in template]
    return template
