"""The journal: every exchange, with what struck it and how it ended. No body, token or secret is ever kept in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from zlib import crc32

import orjson

if TYPE_CHECKING:
    from mock_server.org.identity.redaction import Redactor
    from mock_server.org.records.changes import Change, RowResult

Outcome = Literal["answered", "lost", "reset", "cut", "malformed", "abandoned"]


@dataclass(slots=True)
class Strike:
    """One fault that hit an exchange: the rule's name, its effect, where, and how many rows (0: the whole request)."""

    rule: str
    effect: str
    point: str
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """What a query answered: how many rows it has in all, how many came now, and the locator of the next ones."""

    total: int
    rows: int
    following: str | None


@dataclass(frozen=True, slots=True)
class JobTold:
    """What an exchange was about, and told, of a job of the Bulk APIs.

    `api` is `ingest`, `query` (both Bulk 2.0) or `classic` (Bulk 1.0). `operation` is the job's own (`insert`). `batch`
    is the 1.0 batch that the exchange was about. `state`, `processed` and `failed` (records) are what the answer said,
    None where it said nothing of them; of a batch where there is one. `rows` is how many records a download of results
    brought, of the kind `results` (`successful`, `failed`, `unprocessed`, `query`, `batch`).
    """

    id: str
    api: str
    operation: str
    sobject: str
    batch: str | None = None
    state: str | None = None
    processed: int | None = None
    failed: int | None = None
    rows: int | None = None
    results: str | None = None


@dataclass(frozen=True, slots=True)
class CallTold:
    """One attempt of the org to send something itself: an outbound message, or a declared callout.

    `message` tells one from others and is the same for its further attempts and duplicates: the id of a message's first
    notification, that of a callout. `notifications` are all of a message, in the order of `records`. `status` is what
    came back, None where nothing did; it took `seconds` of clock time of the `timeout` that it may. `acknowledged`
    says whether it counts as received, `error` why not. `cause` is the exchange that saved the records, `sequence`
    their place among the commits: it orders what is told by when that was saved, however late it is sent. `written` is
    when a message took down what its records hold, the clock time; it may be held on its way after that.
    """

    kind: Literal["outbound message", "callout", "token"]
    name: str
    message: str
    attempt: int
    records: tuple[str, ...]
    timeout: float
    cause: int = 0
    sequence: int = 0
    notifications: tuple[str, ...] = ()
    written: float | None = None
    seconds: float = 0.0
    status: int | None = None
    acknowledged: bool = False
    error: str | None = None


class EventNote(NamedTuple):
    """What an exchange had to do with events of a channel.

    `what` is `subscribed` (`replay_id` is what was asked for: -1, -2 or an id; `refused` why it was not granted),
    `unsubscribed`, `fetched` (`asked` events were asked for), `delivered`, `announced` (an answer without events told
    the newest replay id), `published` or `committed` (a managed subscription). `at` are clock seconds. `rule` is the
    fault that made the delivery what it was, if one did. `subscriber` tells one subscription of a client from another:
    its CometD client id, or its stream's number.
    """

    at: float
    what: Literal["subscribed", "unsubscribed", "fetched", "delivered", "announced", "published", "committed"]
    channel: str
    replay_id: int | None = None
    uuid: str | None = None
    subscriber: str | None = None
    asked: int | None = None
    refused: str | None = None
    rule: str | None = None


@dataclass(init=False)
class Entry:
    """One exchange.

    `number` counts from 1 an org. `at` and `end` are clock seconds. `outcome` is how the reply left: `answered`,
    `lost` (the client got nothing after the work was done), `reset` (nothing was done), `cut` and `malformed` (it left,
    unreadable), `abandoned` (nobody was left to answer). `codes` are the request-level error codes; row-level ones
    stand in `rows`. `left` is when the client closed the connection, where it did so before its answer was ready.
    `message` is what the client was told with a request-level code. `caller` is the name that it gives itself in
    Sforce-Call-Options, `limit_info` the Sforce-Limit-Info that it was sent. `address` is how the client came in; of
    a login, `session` is a print of the token it handed out and `instance` the address it named. `again_at` is when the
    network delivers the request a second time, `copy_of` the number of the exchange that such a delivery repeats.
    `exposed` names the org's secrets that stood in the query string; it holds none of them. `job` is what was told of a
    job; the rows that a job processes are noted, as they are, on the exchange that brought them. `events` is what it
    had to do with events, in order; a bounded journal keeps the newest of them. `call` is what the org sent itself; the
    rows of such an entry are what it saved upon the answer.
    """

    number: int
    at: float
    operation: str
    method: str
    path: str
    client: str
    fingerprint: str | None
    strikes: list[Strike]
    end: float | None = None
    user: str | None = None
    session: str | None = None
    status: int | None = None
    outcome: Outcome | None = None
    codes: tuple[str, ...] = ()
    unimplemented: bool = False
    changes: Sequence[Change] = ()
    results: Sequence[RowResult] = ()
    query: str | None = None
    retry_after: str | None = None
    left: float | None = None
    caller: str | None = None
    message: str | None = None
    limit_info: str | None = None
    page: Page | None = None
    job: JobTold | None = None
    events: Sequence[EventNote] = ()
    call: CallTold | None = None
    address: str = ""
    instance: str | None = None
    again_at: float | None = None
    copy_of: int | None = None
    exposed: tuple[str, ...] = ()
    noted: dict[int, int] | None = None
    """Rows of a job that are noted, by the number of their batch."""
    grown: bool = False
    """Whether its rows are lists of its own, which grow with each step of a long exchange."""
    part: int = 0
    """Of a request inside this exchange: its place from 1. Such an entry is a note, which is merged into the whole."""

    def __init__(
        self,
        number: int,
        at: float,
        operation: str,
        method: str,
        path: str,
        client: str,
        fingerprint: str | None = None,
    ) -> None:
        # Most exchanges never come to have anything to tell of the rest: that is as the class has it.
        self.number = number
        self.at = at
        self.operation = operation
        self.method = method
        self.path = path
        self.client = client
        self.fingerprint = fingerprint
        self.strikes = []

    @property
    def asked(self) -> tuple[int, int]:
        """What tells one request from another, those inside others too."""
        return self.number, self.part

    def inside(self, part: int) -> Entry:
        """Return a note for a request inside this exchange."""
        note = Entry(self.number, self.at, self.operation, self.method, self.path, self.client)
        note.user, note.session, note.address, note.copy_of = self.user, self.session, self.address, self.copy_of
        note.part = part
        return note

    def carried(self, changes: Sequence[Change], results: Sequence[RowResult]) -> None:
        """Note rows, after those that were noted before."""
        if not self.changes:
            # Of most there are some once, and never any more.
            self.changes, self.results = changes, results
            return
        if not self.grown:
            self.grown, self.changes, self.results = True, list(self.changes), list(self.results)
        assert isinstance(self.changes, list)
        assert isinstance(self.results, list)
        self.changes.extend(changes)
        self.results.extend(results)

    def forget(self, left: int) -> int:
        """Keep the newest rows of a stream, so many at the most; return how many are forgotten."""
        gone = len(self.changes) - left
        if gone <= 0 or not self.grown:
            return 0
        assert isinstance(self.changes, list)
        assert isinstance(self.results, list)
        del self.changes[:gone], self.results[: max(0, len(self.results) - left)]
        return gone

    def worked_off(self, batch: int, changes: Sequence[Change], results: Sequence[RowResult]) -> None:
        """Note rows of a job, behind those of the batches before theirs: they stand in the order of its content,
        in whichever order batches that run side by side come to them."""
        if self.noted is None:
            self.noted, self.changes, self.results = {}, [], []
        at = sum(count for number, count in self.noted.items() if number <= batch)
        self.noted[batch] = self.noted.get(batch, 0) + len(changes)
        assert isinstance(self.changes, list)
        assert isinstance(self.results, list)
        self.changes[at:at], self.results[at:at] = changes, results

    def took_back(self, batch: int, left: int) -> int:
        """Note no more rows of a batch than so many, its first; return how many rows that are not saved after all."""
        noted = 0 if self.noted is None else self.noted.get(batch, 0)
        if self.noted is None or noted <= left:
            return 0
        at = sum(count for number, count in self.noted.items() if number < batch)
        self.noted[batch] = left
        assert isinstance(self.changes, list)
        assert isinstance(self.results, list)
        del self.changes[at + left : at + noted], self.results[at + left : at + noted]
        return noted - left

    def opened(self, username: str, token: str, instance: str) -> None:
        """Note a login that was let in. Of its token only a print is kept."""
        self.user, self.session, self.instance = username, fingerprint(token.encode()), instance

    def as_json(self, redactor: Redactor | None = None) -> dict[str, Any]:
        """Return the entry in the control plane's form, with the org's secrets hidden."""
        plain = self._plain()
        return plain if redactor is None else {**plain, **redactor.hide_within({key: plain[key] for key in _SAID})}

    def settle(self, redactor: Redactor) -> None:
        """Hide the secrets in what the client said and was told."""
        if redactor.clean.issuperset(filter(None, _texts_of(self))):
            return
        for name in _TEXTS:
            text = getattr(self, name)
            if text is not None:
                setattr(self, name, redactor.hide(text))

    def _plain(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": self.at,
            "end": self.end,
            "left": self.left,
            "operation": self.operation,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "client": self.client,
            "user": self.user,
            "session": self.session,
            "status": self.status,
            "outcome": self.outcome,
            "codes": list(self.codes),
            "unimplemented": self.unimplemented,
            "strikes": [{"rule": s.rule, "effect": s.effect, "point": s.point, "rows": s.rows} for s in self.strikes],
            "fingerprint": self.fingerprint,
            "retry_after": self.retry_after,
            "caller": self.caller,
            "message": self.message,
            "limit_info": self.limit_info,
            "page": None
            if self.page is None
            else {"total": self.page.total, "rows": self.page.rows, "next": self.page.following},
            "job": None if self.job is None else asdict(self.job),
            "events": [note._asdict() for note in self.events],
            "call": None if self.call is None else asdict(self.call),
            "address": self.address,
            "instance": self.instance,
            "again_at": self.again_at,
            "copy_of": self.copy_of,
            "exposed": list(self.exposed),
            "rows": [row_told(change, result) for change, result in zip(self.changes, self.results, strict=False)]
            or [row_told(change, None) for change in self.changes],
        }


_TEXTS = ("path", "client", "caller", "message", "query", "address", "user")
_texts_of = attrgetter(*_TEXTS)
_SAID = ("path", "query", "client", "user", "caller", "message", "address", "instance", "rows")
"""What holds texts of the client's own."""


def row_told(change: Change, result: RowResult | None) -> dict[str, Any]:
    """Return a row in the control plane's form; without a result it is one that nothing was done with."""
    # `values` is what the client sent in this row: the harness matches it to its inputs. Secrets never are records.
    values, said = _sayable(change.values)
    return {
        "verb": change.verb,
        "sobject": change.sobject,
        "key_field": change.key_field,
        "key": change.key,
        "id": change.id or (result.id if result else None),
        "success": result.success if result else None,
        "created": result.created if result else None,
        "codes": [error.code for error in result.errors] if result else [],
        "values": values,
        "fingerprint": fingerprint(said),
    }


_COULD_BE_DEEP = 400
"""Bytes: less cannot be nested deeper than an answer may be."""


def _sayable(values: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return values as they can stand in an answer, and as bytes; what is nested too deep is left out."""
    try:
        said = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
        if len(said) > _COULD_BE_DEEP:
            orjson.dumps([[[[[[[[values]]]]]]]])
    except TypeError:
        return {}, b"{}"
    return values, said


def fingerprint(body: bytes) -> str:
    """Return a short print of some bytes, to recognise them again within a run; it is no safeguard against forgery."""
    return print_of(crc32(body), len(body))


def print_of(crc: int, size: int) -> str:
    """Return the print of bytes of which these two are known."""
    return f"{crc:08x}{size:x}"


class Journal:
    """The exchanges of one org: whole when `keep` is None, else the newest `keep` entries."""

    def __init__(self, keep: int | None = 1000, keep_rows: int = 5000) -> None:
        self._entries: deque[Entry] = deque()
        self._keep = keep
        self._keep_rows = keep_rows
        self._rows = 0
        self.count = 0
        self.notes = 0
        """How many notes of events were made, those of entries that are kept no more among them."""

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def open(self, at: float, operation: str, method: str, path: str, client: str, body: bytes) -> Entry:
        """Begin an exchange. `body` leaves only a fingerprint behind; of a request without one the
        query string stands for it. Give none for logins, whose bodies are secret."""
        self.count += 1
        entry = Entry(self.count, at, operation, method, path, client, fingerprint(body) if body else None)
        self._entries.append(entry)
        if self._keep is not None and len(self._entries) > self._keep:
            self._drop()
        return entry

    def takes(self, entry: Entry, rows: int) -> bool:
        """Tell whether further rows of an exchange are noted: a bounded journal does not hold all those of a job."""
        return self._keep is None or len(entry.changes) + rows <= self._keep_rows

    def rows(
        self, entry: Entry, changes: Sequence[Change], results: Sequence[RowResult], batch: int | None = None
    ) -> None:
        """Note the rows an exchange carried (a handler may save in several steps); those of a job with their batch."""
        if batch is None:
            entry.carried(changes, results)
        else:
            entry.worked_off(batch, changes, results)
        gone = 0
        if self._keep is not None and len(entry.changes) > 2 * self._keep_rows:
            # A stream goes on for hours; its own oldest rows go.
            gone = entry.forget(self._keep_rows)
        if self.entry(entry.number) is entry:
            self._rows += len(changes) - gone
        if self._keep is None:
            return
        while self._rows > self._keep_rows and len(self._entries) > 1:
            self._drop()

    def told(self, entry: Entry, notes: Sequence[EventNote]) -> None:
        """Note what an exchange, which may go on for hours, had to do with events."""
        if not entry.events:
            # Of most there are a few, and never any more.
            entry.events = tuple(notes)
        else:
            if not isinstance(entry.events, deque):
                entry.events = deque(entry.events, None if self._keep is None else self._keep_rows)
            entry.events.extend(notes)
        self.notes += len(notes)

    def take_back(self, entry: Entry, batch: int, left: int) -> None:
        """Note no more than the first rows of a batch of a job: what was done of the others was undone."""
        undone = entry.took_back(batch, left)
        if self.entry(entry.number) is entry:
            self._rows -= undone

    def _drop(self) -> None:
        self._rows -= len(self._entries.popleft().changes)

    def entry(self, number: int) -> Entry | None:
        """Return the entry of a number, None where it is not kept any more."""
        place = number - self._entries[0].number if self._entries else -1
        return self._entries[place] if 0 <= place < len(self._entries) else None

    def since(self, number: int) -> list[Entry]:
        """Return the kept entries after the given number, oldest first."""
        return [entry for entry in self._entries if entry.number > number]

    def clear(self) -> None:
        self._entries.clear()
        self._rows = 0
