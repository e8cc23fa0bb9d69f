"""The operation registry: what a request does, whatever its URL. Endpoints declare theirs beside their handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote

import orjson

from mock_server import xmltext
from mock_server.jsontext import lenient, parser_error, wrong_kind
from mock_server.org import errors
from mock_server.org.errors import ApiError

if TYPE_CHECKING:
    from mock_server.journal import Entry
    from mock_server.org.automation.inner import InnerOrg
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Change, RowResult
    from mock_server.org.schema import Schema
    from mock_server.subrequests import Series

JSON = "application/json;charset=UTF-8"

Kind = Literal["read", "write", "login", "stream"]
Replay = Literal["always", "conditional", "never"]
Rows = Literal["none", "one", "many"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a client can do. `name` is public: faults, journal, scenarios, coverage and docs speak in it.

    `path` is a template: `{name}` stands for one segment, `{name*}` at its end for all that follow, at least one.
    `replay` is the idempotency class; `rows` how many records it carries; `counted` whether it is charged against
    DailyApiRequests; `auth` whether it needs a session; `since` the API version that brought it; `query` names what its
    query string may hold; `scopes` are the OAuth scopes of which a session needs one (`full` is always enough).
    """

    name: str
    method: str
    path: str
    kind: Kind
    replay: Replay = "always"
    rows: Rows = "none"
    counted: bool = True
    auth: bool = True
    since: float = 31.0
    summary: str = ""
    query: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ("api",)


def operation_saves(operation: Operation) -> bool:
    """Tell whether an operation saves rows."""
    return operation.kind == "write" and operation.rows != "none"


@dataclass(slots=True)
class Reply:
    """What goes back. `delivery` says how much of it really leaves: reply faults change it.

    A `trickle` takes `seconds` of clock time for its body.
    """

    status: int = 200
    body: bytes = b""
    content_type: str | None = JSON
    headers: dict[str, str] = field(default_factory=dict)
    delivery: Literal["whole", "cut", "none", "trickle"] = "whole"
    seconds: float = 0.0


@dataclass(slots=True)
class Call:
    """One request on its way through the gate.

    `base_url` is how the client came in (`https://127.0.0.1:8080`). `save` and `perform` are the gate's, behind `write`
    and `run`.
    """

    operation: Operation
    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    args: dict[str, str] = field(default_factory=dict)
    suffix: str = ""
    """The form of the answer that the path itself asks for: `xml`, `json`, or nothing."""
    org: Org = None  # type: ignore[assignment]  # set by the gate before a handler that needs one runs
    session: Session = None  # type: ignore[assignment]  # likewise
    entry: Entry = None  # type: ignore[assignment]  # likewise
    save: Save = None  # type: ignore[assignment]  # likewise
    perform: Perform = None  # type: ignore[assignment]  # likewise
    reply: Reply | None = None
    """The reply on its way out, for reply faults."""
    peer: str = "127.0.0.1"
    """The address that the client connected from."""
    copy_of: int | None = None
    """The journal entry of the request that the network delivers once more with this call."""
    outer: Call | None = None
    """Of a request inside another one (composite): that one."""
    inside: Inside = None  # type: ignore[assignment]  # set by the gate, as `org` is
    parts: int = 0
    """How many requests inside this one have begun."""
    series: Series | None = None
    """The transaction that this call, or what it runs inside, is in the middle of."""
    gone: Callable[[], bool] | None = None
    """Tells whether the client has left meanwhile; None where that cannot be known."""
    _query: dict[str, str] | None = None
    _token: str | None = None

    @property
    def schema(self) -> Schema:
        """The org's schema as the caller sees it."""
        return self.org.schema_of(self.session)

    def write(
        self, changes: Sequence[Change], *, all_or_none: bool = False, work: Work | None = None
    ) -> Awaitable[list[RowResult]]:
        """Save rows, asking row faults and waiting for row locks on the way.

        Where saving them takes more than one write of the org, `work` does it: the rows are what it is about. It is
        told whether to give up on locks, raises LockHeld with nothing done, and is not run for rows that faults refuse.
        """
        # The gate's method takes the call each time: bound to it, the two would keep each other alive.
        return self.save(self, changes, all_or_none, work)

    async def run(self, code: Callable[[InnerOrg], T], name: str, *, system: bool = False) -> T:
        """Run code of the org's owner as one transaction in the caller's name, or in the system's mode.

        Its saves ask row faults and wait for row locks as `write` does: where one is held, all of it is undone and run
        again later. `name` is what a stack of triggers says below them. Raises what the code raises, with nothing done.
        """
        result: T = await self.perform(self, code, name, system)
        return result

    def present(self, token: str) -> None:
        """Take a token that came elsewhere than in the Authorization header."""
        self._token = token

    @property
    def token(self) -> str | None:
        """The access token of the Authorization header (`Bearer` or `OAuth`), None when it has none."""
        if self._token is None:
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            self._token = token.strip() if scheme.lower() in ("bearer", "oauth") else ""
        return self._token or None

    @property
    def query(self) -> dict[str, str]:
        """The query string's parameters; of a repeated one the first counts."""
        if self._query is None:
            self._query = dict(reversed(self._pairs()))
        return self._query

    def repeated(self, name: str) -> list[str]:
        """Return all values of a parameter of the query string, in their order."""
        return [value for key, value in self._pairs() if key == name]

    def _pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.raw_query, keep_blank_values=True, errors="replace") if self.raw_query else []

    def json(self) -> Any:
        """Return the parsed body, whose Content-Type says JSON or XML; one that says nothing is read as JSON.

        Raises JSON_PARSER_ERROR with Salesforce's line and column, XML_PARSER_ERROR, UNSUPPORTED_MEDIA_TYPE for a body
        that says it is something else, LOGIN_OAUTH_INVALID_TOKEN for one that says nothing.
        """
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not kind and self.body:
            # Salesforce's OAuth layer takes such a body for its own and answers in front of REST.
            raise errors.LOGIN_OAUTH_INVALID_TOKEN()
        if kind and not kind.endswith("json"):
            if kind in xmltext.KINDS:
                return xmltext.read(self.body)
            raise errors.UNSUPPORTED_MEDIA_TYPE(type=kind)
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            try:
                return lenient(self.body)
            except (ValueError, RecursionError):
                raise parser_error(self.body) from None

    def json_object(self) -> dict[str, Any]:
        """Return the parsed body, which must be a JSON object."""
        value = self.json()
        if not isinstance(value, dict):
            raise wrong_kind(self.body, value)
        return value


Handler = Callable[[Call], Awaitable[Reply]]
Admit = Callable[[Operation], None]


@dataclass(frozen=True, slots=True)
class Request:
    """A request inside another one. `target` is its path and query string.

    `inherits` tells whether it has the outer call's Sforce headers. `said` is the body as the client sent it, where
    references in it have been replaced.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/json"
    inherits: bool = False
    said: bytes | None = None


class Inside(Protocol):
    """Runs requests inside a call, as `mock_server.subrequests` explains."""

    def run(self, outer: Call, request: Request, admit: Admit, *, counted: bool = False) -> Awaitable[Reply]: ...
    def together(self, outer: Call, work: Callable[[], Awaitable[T]], stays: Callable[[T], bool]) -> Awaitable[T]: ...
    def forgo(self, outer: Call, request: Request, error: ApiError) -> None: ...
    def peek(self, outer: Call, requests: Sequence[Request]) -> list[Change]: ...


Work = Callable[[bool], "list[RowResult]"]
Save = Callable[[Call, "Sequence[Change]", bool, "Work | None"], "Awaitable[list[RowResult]]"]
Perform = Callable[[Call, "Callable[[InnerOrg], Any]", str, bool], Awaitable[Any]]
Render = Callable[[ApiError], Reply]
Finish = Callable[[Call, Reply], Reply]


class OrgFinder(Protocol):
    """Finds the orgs of a process by what a login brings."""

    def by_username(self, username: str) -> Org | None: ...
    def by_client_id(self, client_id: str) -> Org | None: ...
    def by_any_token(self, token: str) -> Org | None: ...


FindOrg = Callable[[Call, OrgFinder], "Org | None"]


Peek = Callable[[Call], "Sequence[Change]"]


def _no_rows(call: Call) -> Sequence[Change]:
    return ()


Guard = Callable[[Call], None]


def _no_guard(call: Call) -> None:
    return


@dataclass(frozen=True, slots=True)
class Route:
    operation: Operation
    handler: Handler
    render: Render
    """Writes an error in this protocol's form."""
    find_org: FindOrg | None = None
    """Finds the org of a call that has no session yet (logins)."""
    peek: Peek = _no_rows
    """Reads the rows of a call that no handler has read, as far as they can be told."""
    guard: Guard = _no_guard
    """Refuses a call before its handler runs, by raising ApiError."""
    finish: Finish | None = None
    """Gives an answer or error the form that the call asks for."""


class Routes:
    """The operations of one protocol. Use an instance as a decorator: `@routes(Operation(...))`.

    Where several operations share a method and path, as in SOAP, `choose` names the one that a call's body means.
    """

    def __init__(
        self,
        render: Render,
        find_org: FindOrg | None = None,
        choose: Callable[[Call], str] | None = None,
        peek: Peek = _no_rows,
        guard: Guard = _no_guard,
        finish: Finish | None = None,
    ) -> None:
        self.render = render
        self.find_org = find_org
        self.choose = choose
        self.peek = peek
        self.guard = guard
        self.finish = finish
        self.routes: list[Route] = []

    def __call__(self, *operations: Operation) -> Callable[[Handler], Handler]:
        """Declare a handler's operations."""

        def declare(handler: Handler) -> Handler:
            self.routes.extend(
                Route(operation, handler, self.render, self.find_org, self.peek, self.guard, self.finish)
                for operation in operations
            )
            return handler

        return declare


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
        self._known: dict[tuple[str, str], tuple[Choice, dict[str, str], str]] = {}
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
        key = (call.method, call.raw_path)
        known = self._known.get(key)
        if known is None:
            known = self._find(*key)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = known
        choice, values, call.suffix = known
        return choice.of(call), values.copy()

    def _find(self, method: str, raw_path: str) -> tuple[Choice, dict[str, str], str]:
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
