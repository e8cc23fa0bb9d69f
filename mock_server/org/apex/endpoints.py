"""Apex REST: the endpoints of an org, how a URL finds one, and what their code is called with.

Sources: Apex Developer Guide, "RestResource Annotation" and "Exposing Apex Classes as REST Web Services".
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mock_server.org import errors
from mock_server.org.automation.hooks import HookError
from mock_server.org.registered import Registered

if TYPE_CHECKING:
    from mock_server.org.automation.inner import InnerOrg

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PARAMETER = re.compile(r"\{([A-Za-z_]\w*)\}", re.ASCII)
_WORD = re.compile(r"[A-Za-z_]\w{0,254}", re.ASCII)
_FORM = "segments of which {name} stands for any one, and a * at the end for all the rest"


@dataclass(slots=True)
class Response:
    """What an endpoint answers. A text is a JSON text unless the headers name another content type."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What an endpoint's code is called with. `path` has the values of its `{parameters}`, and of a `*` at its end.

    `org` queries and saves within one transaction and spends its budget, as a trigger's does.
    """

    method: str
    uri: str
    """The path below `/services/apexrest`."""
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes
    org: InnerOrg
    user_id: str
    username: str
    decode: Callable[[], Any] = field(repr=False)

    def json(self) -> Any:
        """Return the parsed body, None for an empty one. An unreadable one is answered with JSON_PARSER_ERROR."""
        return self.decode() if self.content.strip() else None

    @property
    def body(self) -> Any:
        """The parsed body, or its text where its content type is not JSON."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind and not kind.endswith("json"):
            return self.content.decode("utf-8", "replace")
        return self.json()

    @staticmethod
    def answer(body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """Return an answer with a status and headers of its own."""
        return Response(body, status, headers or {})


Work = Callable[[Request], object]
"""Returns a Response, or its body. None is an empty answer."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The methods of one Apex class at one URL."""

    name: str
    """The class, as error texts name it."""
    path: str
    """As in `urlMapping`: `/orders/{number}`, `/orders/*`."""
    methods: tuple[str, ...]
    work: Work = field(repr=False)
    namespace: str | None = None
    profiles: tuple[str, ...] = ()
    permission_sets: tuple[str, ...] = ()
    system: bool = False
    """Whether its code may do what the caller may not."""
    declared: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """As it was written; None for code."""

    @property
    def segments(self) -> tuple[str, ...]:
        return (*([self.namespace] if self.namespace else []), *[one for one in self.path.split("/") if one])

    @property
    def restricted(self) -> bool:
        return bool(self.profiles or self.permission_sets)


def parameters(path: str) -> tuple[str, ...]:
    """Return the names of the values in a path; what a `*` takes is called `rest`."""
    return (*_PARAMETER.findall(path), *(["rest"] if path.endswith("*") else []))


class Endpoints(Registered[Endpoint]):
    """The Apex REST endpoints of one org."""

    def check(self, endpoint: Endpoint) -> None:
        """Raise HookError for an endpoint that can never be called, or is there already."""
        check_path(endpoint.path)
        if not endpoint.methods:
            raise HookError("an endpoint needs a method", "method", METHODS)
        for method in endpoint.methods:
            if method not in METHODS:
                raise HookError(f"there is no method {method!r}", "method", METHODS, str(method))
        if not callable(endpoint.work):
            raise HookError(f"an endpoint must be a function, not {endpoint.work!r:.60}", "work")
        if inspect.iscoroutinefunction(endpoint.work):
            raise HookError("an endpoint cannot be async: a transaction runs from end to end without a pause", "work")
        for word in (endpoint.name, endpoint.namespace):
            if word is not None and not _WORD.fullmatch(word):
                raise HookError(f"{word!r:.60} is no name of Apex", "class" if word == endpoint.name else "namespace")
        for other in self._all:
            both = set(other.methods) & set(endpoint.methods)
            if both and _shape(other.segments) == _shape(endpoint.segments):
                raise HookError(f"{sorted(both)[0]} {endpoint.path} is there already, of {other.name}", "path")

    def find(self, method: str, raw: str) -> tuple[Endpoint, dict[str, str]]:
        """Return the endpoint of a URL below `/services/apexrest`, still escaped, and the values in it.

        An exact word goes before a parameter, both before a `*`. Raises NOT_FOUND and METHOD_NOT_ALLOWED.
        """
        given = [one for one in raw.split("/") if one]
        matches = [(rank, place) for place, one in enumerate(self._all) if (rank := _fit(one.segments, given))]
        if not matches:
            raise errors.NO_APEX_REST()
        best = min(matches)[0]
        here = [self._all[place] for rank, place in matches if rank == best]
        found = next((one for one in here if method in one.methods), None)
        if found is None:
            allowed = {name for one in here for name in one.methods}
            names = ",".join(name for name in METHODS if name in allowed)
            raise errors.METHOD_NOT_ALLOWED(method=method, allowed=names)
        return found, _values(found.segments, given)


def check_path(path: str) -> None:
    """Raise HookError for what is no path of an endpoint."""
    if not path.startswith("/") or path.strip("/") == "" or len(path) > 255:
        raise HookError(f"a path begins with / and has up to 255 characters, not {path!r:.60}", "path")
    segments = path.strip("/").split("/")
    for number, segment in enumerate(segments):
        if segment == "*" and number == len(segments) - 1:
            continue
        if not segment or "*" in segment or (set("{}") & set(segment) and not _PARAMETER.fullmatch(segment)):
            raise HookError(f"a path is made of {_FORM}, not {path!r:.60}", "path")
        if any(letter in segment for letter in "?#%\\") or not segment.isprintable():
            raise HookError(f"{segment!r:.60} cannot stand in a path", "path")
    names = parameters(path)
    if len(set(names)) < len(names):
        raise HookError(f"a name stands twice in {path!r:.60}", "path")


def _shape(segments: Sequence[str]) -> tuple[str, ...]:
    return tuple("{}" if _PARAMETER.fullmatch(one) else one for one in segments)


def _fit(segments: Sequence[str], given: Sequence[str]) -> tuple[int, ...] | None:
    """Return how well segments fit, the smaller the better; None where they do not."""
    open_end = bool(segments) and segments[-1] == "*"
    fixed = segments[:-1] if open_end else segments
    if len(given) < len(fixed) or (not open_end and len(given) > len(fixed)):
        return None
    rank = []
    for segment, value in zip(fixed, given, strict=False):
        if _PARAMETER.fullmatch(segment):
            rank.append(1)
        elif segment == (unquote(value) if "%" in value else value):
            rank.append(0)
        else:
            return None
    return (*rank, 2) if open_end else tuple(rank) or None


def _values(segments: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    out = {}
    for number, segment in enumerate(segments):
        parameter = _PARAMETER.fullmatch(segment)
        if parameter:
            out[parameter[1]] = unquote(given[number])
        elif segment == "*":
            out["rest"] = "/".join(unquote(one) for one in given[number:])
    return out


def named_after(path: str) -> str:
    """Return a class name for the endpoint of a path: `/orders/{number}` is `Orders`."""
    words = [re.sub(r"\W", "_", one, flags=re.ASCII) for one in path.split("/") if one and one[0] not in "{*"]
    title = "".join(word[:1].upper() + word[1:] for word in words)
    return title if _WORD.fullmatch(title) else "RestResource"


def methods_of(given: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.upper() for one in ([given] if isinstance(given, str) else given)))
