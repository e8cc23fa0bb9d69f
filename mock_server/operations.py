"""Operations: what a request does, whatever its URL. Endpoints declare theirs beside their handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, TypeVar
from urllib.parse import parse_qsl

import orjson

from mock_server import xmltext
from mock_server.jsontext import check_depth, lenient, parser_error, wrong_kind
from mock_server.org import errors
from mock_server.org.errors import ApiError

if TYPE_CHECKING:
    from mock_server.deliveries import Feed
    from mock_server.journal import Entry, Journal
    from mock_server.org.automation.inner import InnerOrg
    from mock_server.org.events import Channel
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
    query string may hold; `scopes` are the OAuth scopes of which a session needs one (`full` is always enough);
    `token_parameter` is the parameter of its query string that may bring the access token instead of the header.
    `token_header` is the header that brings it in the place of Authorization.
    One that is `outgoing` is a request of the org's own to somebody else: no request to the server means it.
    The body of an `upload` may be large: it is never held in memory, and comes as `Call.upload`. `gives` is the type of
    the answers that have one whatever the client accepts (`*/*`: that of what is asked for).
    What `streams` has messages both ways for as long as either side likes, as `Call.stream`.
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
    token_parameter: str = ""
    token_header: str = ""
    upload: bool = False
    gives: str = ""
    outgoing: bool = False
    streams: bool = False


def operation_saves(operation: Operation) -> bool:
    """Tell whether an operation saves rows."""
    return operation.kind == "write" and operation.rows != "none"


@dataclass(slots=True)
class Reply:
    """What goes back. `delivery` says how much of it really leaves: reply faults change it.

    A `trickle` takes `seconds` of clock time for its body. With `pieces`, which take the place of `body`, it is made
    while it leaves: each should take a few milliseconds at most, as others are answered only between two of them.
    They are closed in the end, however that comes. Of what is `half`, half is sent as if it were all. `cookies` are
    values of Set-Cookie headers. Behind the `last` one of a connection that is closed.
    """

    status: int = 200
    body: bytes = b""
    content_type: str | None = JSON
    headers: dict[str, str] = field(default_factory=dict)
    delivery: Literal["whole", "half", "cut", "none", "trickle"] = "whole"
    seconds: float = 0.0
    pieces: Iterator[bytes] | None = None
    cookies: tuple[str, ...] = ()
    last: bool = False

    def close(self) -> None:
        """Make no more pieces."""
        close = getattr(self.pieces, "close", None)
        if close is not None:
            close()


class Stream(Protocol):
    """The messages of a call that has many, as bytes."""

    async def receive(self) -> bytes | None:
        """Return the client's next message; None when it will send no more. A wait that is cancelled loses none."""

    async def send(self, message: bytes) -> None:
        """Send a message. Raises ConnectionError when the client has left."""

    @property
    def open(self) -> bool:
        """Whether the client is still there."""

    @property
    def broken(self) -> bool:
        """Whether its connection has ended without a good-bye."""


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
    journal: Journal = None  # type: ignore[assignment]  # likewise
    feed: Callable[..., Feed] = None  # type: ignore[assignment]  # likewise
    """Begins to read a channel of events: takes what a `Feed` does, from the channel on."""
    begin: Callable[[Call, Channel, int], int] = None  # type: ignore[assignment]  # likewise
    """Tells where a subscription to a channel begins to read, as `deliveries.begin` does."""
    stream: Stream | None = None
    """Of an operation that streams: its messages. `body` is empty."""
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
    leaves: Callable[[], None] | None = None
    """Called when the client leaves before its answer is ready. Set by a handler that waits for long."""
    upload: BinaryIO | None = None
    """The body of an upload that has one: a file at its start, which whoever made the call closes. `body` is empty."""
    fingerprint: str = ""
    """That of such a body."""
    rest: Callable[[], Awaitable[None]] | None = None
    """Reads the body of an upload, where that has to wait for the gate."""
    channels: tuple[str, ...] = ()
    """The channels of events that the call is about, as far as whoever made it knows; for rules about one."""
    unread: ApiError | None = None
    """Why the body could not be read. The gate refuses such a call, once it knows who calls."""
    loses: bool = False
    """Whether what it publishes is accepted, and reaches nobody."""
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

    def content(self) -> BinaryIO:
        """Return the body as a file at its start, of an upload and of any other call. It is not to be closed."""
        if self.upload is None:
            return BytesIO(self.body)
        self.upload.seek(0)
        return self.upload

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
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            try:
                value = lenient(self.body)
            except (ValueError, RecursionError):
                raise parser_error(self.body) from None
        check_depth(self.body, value)
        return value

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
