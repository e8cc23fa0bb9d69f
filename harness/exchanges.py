"""What the client was told in each exchange: the journal's entries, read once and classified."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal
from urllib.parse import unquote

from mock_server.org.errors import BY_CODE

Failure = Literal["transient", "permanent", "session", "quota", "ambiguous", "stopped"]
"""`ambiguous`: the client cannot know whether the work was done (no answer, or one that says nothing). `stopped`: a job
was aborted, and its rows are as they were; whether they are sent again is for its owner to say."""

LOGINS = ("oauth.", "soap.login")
BULK = ("bulk1.", "bulk2.")
CREATIONS = frozenset({"bulk1.job.create", "bulk2.ingest.create"})
"""Requests that say the same whatever rows a job is made for."""
_REPEATABLE = frozenset({"bulk2.ingest.upload"})
"""Uploads that may be sent again: a job of Bulk 2.0 takes one."""
UNCOUNTED = (*LOGINS, "rest.versions")
"""Operations that are not charged against the daily calls."""

_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})")
NO_ANSWER = frozenset({"lost", "reset", "abandoned"})
"""Outcomes of which a client sees no more than that the connection is gone, or that its patience is at an end."""
_UNREADABLE = NO_ANSWER | {"cut", "malformed"}
_WAITING = ("cometd.connect", "pubsub.subscribe", "pubsub.managed_subscribe", "pubsub.publish_stream")
"""Operations that wait for what may never come: one that its client leaves has not failed."""
_WHOLE = frozenset({"subject", "job"})
"""Effects that strike after the work and leave the answer as it is."""
_PASSING = frozenset({429, 500, 502, 503, 504})
ROLLED_BACK = frozenset({"ALL_OR_NONE_OPERATION_ROLLED_BACK", "PROCESSING_HALTED", "BATCH_PROCESSING_HALTED"})
"""What a row is told that failed in nothing of its own: another one of its transaction did, or one it refers to."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a request. `success` is None when the org never came to it."""

    verb: str
    sobject: str
    key_field: str | None
    key: Any
    id: str | None
    success: bool | None
    codes: tuple[str, ...]
    values: Mapping[str, Any]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a query answered: the rows it has in all, those that came now, and the locator of the next ones."""

    total: int
    rows: int
    following: str | None


@dataclass(frozen=True, slots=True)
class JobTold:
    """What an exchange was about, and told, of a job of the Bulk APIs: the journal's own words (mock_server.journal).

    `api` is `ingest`, `query` or `classic`, `batch` the 1.0 batch that the exchange was about. `state`, `processed` and
    `failed` are what the answer said, of a batch where there is one; `rows` is what a download of `results` brought.
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


JobRole = Literal["create", "upload", "close", "abort", "poll", "results", "delete"]
"""What a request of the Bulk APIs does with its job. A batch of 1.0 is an upload; a request for results, or for what a
batch holds, is one for `results`."""
_ROLES: dict[str, JobRole] = {
    "create": "create",
    "upload": "upload",
    "close": "close",
    "abort": "abort",
    "poll": "poll",
    "list": "poll",
    "delete": "delete",
}
_JOB_IN_PATH = re.compile(r"/jobs?/(?:ingest/|query/)?(750[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?)(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and how it ended, as the client saw it.

    `at` and `end` are clock seconds; `end` is when the client left, where it did so before its answer, and `at` of a
    request that nobody ever saw ended (`open`). `heard` is whether an answer of the platform itself reached the client
    whole. `failure` is the class of a request-level failure; None when the request was answered with results. `rules`
    are the faults that struck, `row_rules` those of them that struck single rows, and `struck` their effects, latencies
    aside; `slowed` are the latencies. `repeat` is equal for requests that say the same. `session` is a print of
    the access token (of a login: the one it handed out), `retry_after` the header of that name as it was sent. `client`
    is the User-Agent, `caller` the name given in Sforce-Call-Options. `soql` is the text of a query that was read, cut.
    `message` is the text of a request-level error, `usage` the daily calls used and allowed that the answer told of,
    `page` what a query answered. `address` is how the client came in, `instance` the address that a login named.
    `copy_of` is the exchange that the network delivered once more with this one: the client did not send it.
    `exposed` names the secrets that stood in the query string. `job` is what it was about, and told, of a job.
    """

    number: int
    at: float
    end: float
    operation: str
    method: str
    path: str
    client: str
    user: str | None
    session: str | None
    retry_after: str | None
    status: int | None
    outcome: str
    codes: tuple[str, ...]
    rules: tuple[str, ...]
    struck: tuple[str, ...]
    heard: bool
    failure: Failure | None
    rows: tuple[Row, ...]
    repeat: tuple[str, ...]
    soql: str = ""
    row_rules: tuple[str, ...] = ()
    slowed: tuple[str, ...] = ()
    left: float | None = None
    open: bool = False
    caller: str | None = None
    message: str | None = None
    usage: tuple[int, int] | None = None
    page: Page | None = None
    address: str = ""
    instance: str | None = None
    copy_of: int | None = None
    exposed: tuple[str, ...] = ()
    job: JobTold | None = None

    @property
    def is_login(self) -> bool:
        return _traits(self.operation).login

    @property
    def is_write(self) -> bool:
        """Whether it writes records; several requests in one (composite) do so where they carry any, and so does the
        creation of a job (with its content)."""
        traits = _traits(self.operation)
        return traits.write or ((traits.composite or traits.role is not None) and bool(self.rows))

    @property
    def is_stream(self) -> bool:
        """Whether it goes on as long as its client wants; what was said in it is not known to the journal."""
        return self.operation in _WAITING

    @property
    def replayable(self) -> bool:
        """Whether sending the request again is safe although the first one may have been done."""
        traits = _traits(self.operation)
        if traits.composite or (traits.role is not None and self.rows):
            return all(row.verb != "create" for row in self.rows)
        return traits.replayable

    @property
    def is_query(self) -> bool:
        """Whether it runs a query; further pages are none."""
        return self.operation in ("rest.query.run", "rest.query.all")

    @property
    def many(self) -> bool:
        """Whether the operation carries rows that succeed or fail one by one."""
        traits = _traits(self.operation)
        return traits.many or (traits.role is not None and bool(self.rows))

    @property
    def job_role(self) -> JobRole | None:
        """What it does with a job of the Bulk APIs; None where it is about none."""
        return _traits(self.operation).role

    @property
    def job_id(self) -> str | None:
        """The id of the job that it is about, of 15 characters: by its path, where the org never came to it."""
        if self.job is not None:
            return self.job.id[:15]
        found = _JOB_IN_PATH.search(self.path) if self.job_role is not None else None
        return found[1][:15] if found else None

    @property
    def is_composite(self) -> bool:
        """Whether it holds several requests, or a tree of records."""
        return _traits(self.operation).composite

    @property
    def is_collection(self) -> bool:
        """Whether it is an sObject collection: up to 200 records, and no other requests."""
        return self.operation.startswith("rest.collections.")


@dataclass(frozen=True, slots=True)
class _Traits:
    login: bool
    write: bool
    replayable: bool
    many: bool
    composite: bool
    role: JobRole | None = None


@cache
def _traits(operation: str) -> _Traits:
    """Return what an operation's name says, looked up once: properties ask it of every request."""
    login, verb = operation.startswith(LOGINS), operation.rpartition(".")[2]
    if operation.startswith(BULK):
        role = _role(operation)
        brings = role == "upload"
        return _Traits(False, brings, operation in _REPEATABLE or role not in ("create", "upload"), brings, False, role)
    write = not login and verb in ("create", "update", "upsert", "delete")
    composite = operation.startswith("rest.composite.")
    many = composite or (write and operation.startswith("rest.collections."))
    return _Traits(login, write, verb != "create", many, composite)


def _role(operation: str) -> JobRole:
    if operation == "bulk1.batch.create":
        return "upload"
    return _ROLES.get(operation.rpartition(".")[2], "results")


def blameless(codes: Sequence[str]) -> bool:
    """Tell whether a row failed only because another one did."""
    return bool(codes) and ROLLED_BACK.issuperset(codes)


def class_of(codes: Sequence[str], status: int | None = None) -> Failure:
    """Return the class of an error by its code, and by its status only where no known code came."""
    for code in codes:
        if code in BY_CODE:
            return BY_CODE[code].kind
    if status == 401:
        return "session"
    return "transient" if status in _PASSING else "permanent"


def read_exchange(entry: Mapping[str, Any]) -> Exchange:
    """Read one journal entry of the control plane."""
    struck = entry["strikes"]
    strikes = [strike for strike in struck if strike["effect"] != "latency"] if struck else ()
    slowed = [strike["rule"] for strike in struck if strike["effect"] == "latency"] if struck else ()
    left = entry.get("left")
    end = entry["end"] if left is None else left
    rows = tuple(read_row(row) for row in entry["rows"])
    codes = tuple(entry["codes"])
    status = entry["status"]
    outcome = entry["outcome"] or "abandoned"
    # What a reply fault did to the answer, the outcome says; those that leave it whole are none to the client.
    masked = bool(strikes) and any(
        not strike["rows"] and strike["point"] == "after" and strike["effect"] not in _WHOLE for strike in strikes
    )
    heard = outcome == "answered" and not masked
    gone = outcome == "abandoned" and entry["operation"] in _WAITING
    unreadable = outcome in _UNREADABLE and not gone
    # The error answer of a single record: its row says it all.
    told_by_rows = heard and any(row.success is not None for row in rows)
    return Exchange(
        number=entry["number"],
        at=entry["at"],
        end=entry["at"] if end is None else end,
        operation=entry["operation"],
        method=entry["method"],
        path=entry["path"],
        client=entry["client"],
        user=entry["user"],
        session=entry["session"],
        retry_after=entry["retry_after"],
        status=status,
        outcome=outcome,
        codes=codes,
        rules=tuple(dict.fromkeys(strike["rule"] for strike in strikes)) if strikes else (),
        struck=tuple(strike["effect"] for strike in strikes) if strikes else (),
        heard=heard,
        failure=_failure(status, codes, unreadable, told_by_rows),
        rows=rows,
        # Not the query's text: a request that was struck before it was read has none, only its print.
        repeat=(entry["operation"], entry["method"], entry["path"], entry["fingerprint"] or entry["query"] or ""),
        soql=entry["query"] or "",
        row_rules=tuple(dict.fromkeys(strike["rule"] for strike in strikes if strike["rows"])) if strikes else (),
        slowed=tuple(dict.fromkeys(slowed)) if slowed else (),
        left=left,
        open=end is None,
        caller=entry.get("caller"),
        message=entry.get("message"),
        usage=_usage(entry.get("limit_info")),
        page=_page(entry.get("page")),
        address=entry.get("address") or "",
        instance=entry.get("instance"),
        copy_of=entry.get("copy_of"),
        exposed=tuple(entry.get("exposed", ())),
        job=JobTold(**entry["job"]) if entry.get("job") else None,
    )


def _usage(header: str | None) -> tuple[int, int] | None:
    found = _USAGE.search(header) if header else None
    return (int(found[1]), int(found[2])) if found else None


def _page(given: Mapping[str, Any] | None) -> Page | None:
    return Page(given["total"], given["rows"], given["next"]) if given else None


def _failure(status: int | None, codes: tuple[str, ...], unreadable: bool, told_by_rows: bool) -> Failure | None:
    if unreadable:
        return "ambiguous"
    if status is None or status < 400 or told_by_rows:
        return None
    return class_of(codes, status)


def read_row(row: Mapping[str, Any]) -> Row:
    return Row(
        verb=row["verb"],
        sobject=row["sobject"],
        key_field=row["key_field"],
        key=row["key"],
        id=row["id"],
        success=row["success"],
        codes=tuple(row["codes"]),
        values=row["values"] or {},
        fingerprint=row["fingerprint"],
    )


def row_of_path(exchange: Exchange) -> Row | None:
    """Return the row that a path alone names (`.../sobjects/Contact/External_Id__c/K1`), for a request that was
    struck before its body was read."""
    if not (exchange.operation.startswith("rest.sobject.") and exchange.is_write):
        return None
    parts = [unquote(part) for part in exchange.path.split("/") if part]
    tail = parts[parts.index("sobjects") + 1 :] if "sobjects" in parts else []
    bare = Row("upsert", "", None, None, None, None, (), {}, exchange.repeat[-1])
    if len(tail) == 3:
        return replace(bare, sobject=tail[0], key_field=tail[1], key=tail[2])
    if len(tail) == 2:
        return replace(bare, verb="update", sobject=tail[0], id=tail[1])
    return None
