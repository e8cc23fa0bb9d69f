"""From a method and path to an operation: the registry of all that a server does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import unquote

from mock_server.operations import Call, Operation, Route, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError


@dataclass(frozen=True, slots=True)
class Choice:
    """The routes of one method and path: a single one, or several that `choose` tells apart by operation name."""

    routes: dict[str, Route]
    choose: Callable[[Call], str] | None

    def of(self, call: Call) -> Route:
        if self.choose is None:
            return next(iter(self.routes.values()))
        return self.routes[self.choose(call)]


_REMEMBERED = 1024
"""Requests whose route is remembered: integrations send the same few paths again and again."""
_METHODS = ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE")
"""In the order in which Salesforce lists what is allowed."""
GRPC = "GRPC"
"""Stands for the method of operations of gRPC."""
_Known = tuple[Choice, dict[str, str], str]


FORMS = frozenset({"json", "xml"})
"""What a path may end with to choose the form of its answer."""
_DATA = "/services/data/"


class _Node:
    __slots__ = ("literals", "methods", "parameter", "tail")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.tail: _Node | None = None
        self.methods: dict[str, tuple[Choice, tuple[str, ...]]] = {}


class Registry:
    """Every operation of the server, and the way from a method and path to one."""

    def __init__(self, protocols: Iterable[Routes]) -> None:
        self._root = _Node()
        self._known: dict[tuple[str, str], _Known] = {}
        self._upload_methods: set[str] = set()
        self.routes: list[Route] = []
        self.by_name: dict[str, Operation] = {}
        for protocol in protocols:
            for route in protocol.routes:
                self._add(route, protocol.choose)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.by_name.values())

    def _add(self, route: Route, choose: Callable[[Call], str] | None) -> None:
        operation = route.operation
        self.by_name.setdefault(operation.name, operation)
        self.routes.append(route)
        if operation.outgoing:
            return
        if operation.upload:
            self._upload_methods.add(operation.method)
        node, names = self._root, []
        for segment in filter(None, operation.path.split("/")):
            if segment.endswith("*}"):
                names.append(segment.strip("{*}"))
                node.tail = node.tail or _Node()
                node = node.tail
            elif segment.startswith("{"):
                names.append(segment.strip("{}"))
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment.lower(), _Node())
        known = node.methods.setdefault(operation.method, (Choice({}, choose), tuple(names)))[0]
        if known.routes and known.choose is None:
            raise ValueError(f"{operation.method} {operation.path} is declared twice")
        known.routes[operation.name] = route

    def match(self, call: Call) -> tuple[Route, dict[str, str]]:
        """Find the route for a call and the values in its path. Repeated and trailing slashes collapse.

        Raises NOT_FOUND for an unknown path, METHOD_NOT_ALLOWED with the allowed list for a known one.
        """
        choice, values, call.suffix = self._remembered(call.method, call.raw_path)
        return choice.of(call), values.copy()

    def is_upload(self, method: str, raw_path: str) -> bool:
        """Tell whether the body of a request is to be taken as a file, before it is read."""
        if method not in self._upload_methods:
            return False
        try:
            choice, *_ = self._remembered(method, raw_path)
        except ApiError:
            return False
        return any(route.operation.upload for route in choice.routes.values())

    def streams(self, path: str) -> bool | None:
        """Tell whether a method of gRPC is one of streams, by its path; None where there is no such method.

        Unlike paths of HTTP those of gRPC are taken to the letter.
        """
        try:
            choice, *_ = self._remembered(GRPC, path)
        except ApiError:
            return None
        named = [route.operation for route in choice.routes.values() if route.operation.path == path]
        return any(operation.streams for operation in named) if named else None

    def _remembered(self, method: str, raw_path: str) -> _Known:
        key = (method, raw_path)
        known = self._known.get(key)
        if known is None:
            known = self._find(method, raw_path)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = known
        return known

    def _find(self, method: str, raw_path: str) -> _Known:
        stem, _, suffix = raw_path.rpartition(".")
        if suffix in FORMS and stem.startswith(_DATA) and "/" in stem[len(_DATA) :]:
            try:
                choice, values = self._named(method, stem)
            except ApiError:
                pass
            else:
                # The key of a record may well end so.
                if "value" not in values:
                    return choice, values, suffix
        return *self._named(method, raw_path), ""

    def _named(self, method: str, raw_path: str) -> tuple[Choice, dict[str, str]]:
        segments = [segment for segment in raw_path.split("/") if segment]
        values: list[str] = []
        node = self._walk(self._root, segments, 0, values)
        if node is None:
            raise errors.NOT_FOUND()
        found = node.methods.get(method)
        if found is None and method == "HEAD":
            found = node.methods.get("GET")
        if found is None:
            allowed = {*node.methods, *(["HEAD"] if "GET" in node.methods else [])}
            refusal = errors.METHOD_NOT_ALLOWED(
                method=method[:40], allowed=",".join(name for name in _METHODS if name in allowed)
            )
            refusal.extra["allowed"] = [name for name in _METHODS if name in allowed]
            raise refusal
        choice, names = found
        return choice, dict(zip(names, values, strict=True))

    def _walk(self, node: _Node, segments: list[str], at: int, values: list[str]) -> _Node | None:
        rest: tuple[_Node, int, int] | None = None
        for place in range(at, len(segments)):
            segment = segments[place]
            if node.tail is not None:
                rest = node.tail, len(values), place
            literal = node.literals.get(segment) or node.literals.get(segment.lower())
            if literal is None:
                if node.parameter is None:
                    return _rest(rest, segments, values)
                node = node.parameter
                values.append(unquote(segment) if "%" in segment else segment)
            elif node.parameter is None:
                node = literal
            else:
                # Both a word and a parameter fit: the word first, and back when it leads nowhere.
                mark = len(values)
                found = self._walk(literal, segments, place + 1, values)
                if found is not None:
                    return found
                del values[mark:]
                node = node.parameter
                values.append(unquote(segment) if "%" in segment else segment)
        return node if node.methods else _rest(rest, segments, values)

    def matching(self, glob: str) -> list[Operation]:
        """Return the operations that a fault's or property's glob names; `*` spans dots."""
        return [operation for operation in self if fnmatchcase(operation.name, glob)]


def _rest(rest: tuple[_Node, int, int] | None, segments: list[str], values: list[str]) -> _Node | None:
    """Take all that follows a place as one value, as it was sent: an escaped slash in it is none of its slashes."""
    if rest is None:
        return None
    node, mark, place = rest
    values[mark:] = ["/".join(segments[place:])]
    return node
