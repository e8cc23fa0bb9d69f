"""Which requests a rule is about: by object, channel, user, client, header or body."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from mock_server.documents import Problem, nearest
from mock_server.faults.effects.effect import has_rows
from mock_server.faults.reader import Reader, shown
from mock_server.org.ids import to_18

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation
    from mock_server.org.events import Event
    from mock_server.org.org import Org

_KEYS = ("sobject", "channel", "user", "client", "header", "body")
CHANNELS = ("/event/", "/data/", "/topic/", "/u/")
"""What names of channels begin with."""
_FROM = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)
_INNER = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Where:
    """`channel`, `user` (a username), `client` (the User-Agent) and header values are globs; `body` names top-level
    keys of a JSON object or form and the values they must have. The channel of a topic is meant with any filter."""

    sobject: str | None = None
    channel: str | None = None
    user: str | None = None
    client: str | None = None
    header: tuple[tuple[str, str], ...] = ()
    body: tuple[tuple[str, Any], ...] = ()

    def admits(self, call: Call) -> bool:
        """Tell whether a request fits, its object aside."""
        if self.client is not None and not fnmatchcase(call.headers.get("User-Agent", ""), self.client):
            return False
        if any(not fnmatchcase(call.headers.get(name) or "", glob) for name, glob in self.header):
            return False
        if self.user is not None and not fnmatchcase(_username(call).lower(), self.user.lower()):
            return False
        if self.body:
            body = _body(call)
            return all(key in body and _same(body[key], value) for key, value in self.body)
        return True

    def concerns(self, call: Call) -> bool:
        """Tell whether a request is about the rule's object (any of its records is) and channel."""
        if self.channel is not None and not any(self.concerns_channel(name) for name in _channels(call)):
            return False
        return self.sobject is None or self.sobject.lower() in _sobjects(call)

    def concerns_row(self, sobject: str) -> bool:
        if self.channel is not None and not fnmatchcase(f"/event/{sobject}".lower(), self.channel.lower()):
            return False
        return self.sobject is None or self.sobject.lower() == sobject.lower()

    def concerns_channel(self, name: str) -> bool:
        return self.channel is None or fnmatchcase(name.partition("?")[0], self.channel)

    def concerns_event(self, org: Org, event: Event) -> bool:
        """Tell whether an event is about the rule's object: is of that type, or tells of a record of that object."""
        return self.sobject is None or self.sobject.lower() in (_told_of(org, event).lower(), event.name.lower())

    def misfits(self, org: Org) -> Iterator[Problem]:
        """Yield what is wrong with a channel: no event of this org could come on it."""
        at = ("where", "channel")
        name = self.channel
        if name is None or any(letter in name for letter in "*?["):
            return
        prefix = next((one for one in CHANNELS if name.startswith(one)), None)
        if prefix is None or name == prefix:
            yield Problem(at, f"{name} is no channel: it begins with one of these, and has a name", CHANNELS,
                          nearest(name, CHANNELS))  # fmt: skip
        elif prefix in ("/event/", "/data/") and not name.endswith("__chn"):
            known = tuple(sorted(_channels_of(org, prefix)))
            own = org.schema.get(name.removeprefix(prefix))
            if name not in known and (own is None or own.kind != "event"):
                yield Problem(at, f"this org has no channel {name}", known, nearest(name, known))


def read(reader: Reader | None) -> Where:
    if reader is None:
        return Where()
    reader.only(_KEYS, "where")
    header = []
    for name, glob in _pairs(reader, "header"):
        if isinstance(glob, str):
            header.append((name, glob))
        else:
            reader.refuse(("header", name), f"the value of a header must be text or a glob, not {shown(glob)}")
    return Where(
        sobject=reader.text("sobject"),
        channel=reader.text("channel"),
        user=reader.text("user"),
        client=reader.text("client"),
        header=tuple(header),
        body=_pairs(reader, "body"),
    )


def _pairs(reader: Reader, key: str) -> tuple[tuple[str, Any], ...]:
    inner = reader.mapping(key)
    if inner is None:
        return ()
    for name in inner.data:
        if not isinstance(name, str):
            inner.refuse(str(name), f"a key of {key} must be text, not {shown(name)}")
    return tuple((name, value) for name, value in inner.data.items() if isinstance(name, str))


def _username(call: Call) -> str:
    if call.session is not None:
        return call.session.username
    # At the edge nobody has asked for the session yet.
    session = call.org.sessions.peek(call.token) if call.token else None
    return "" if session is None else session.username


def _body(call: Call) -> Mapping[str, Any]:
    if "form" in call.headers.get("Content-Type", ""):
        return dict(parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True))
    try:
        value = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _same(given: Any, wanted: Any) -> bool:
    if isinstance(given, str) and not isinstance(wanted, str):
        return given == (str(wanted).lower() if isinstance(wanted, bool) else str(wanted))
    return bool(given == wanted and isinstance(given, bool) == isinstance(wanted, bool))


def about_channels(operation: Operation) -> bool:
    """Tell whether an operation can be about a channel of events."""
    return operation.name.startswith(("cometd.", "pubsub.", "rest.streaming.")) or has_rows(operation)


def _channels_of(org: Org, prefix: str) -> Iterator[str]:
    """Yield the channels that an org's objects have."""
    if prefix == "/data/":
        yield "/data/ChangeEvents"
    for name in org.schema.names():
        if prefix == "/event/" and name.endswith("__e"):
            yield prefix + name
        elif prefix == "/data/" and not name.endswith(("__e", "ChangeEvent")):
            yield f"{prefix}{name[:-1]}ChangeEvent" if name.endswith("__c") else f"{prefix}{name}ChangeEvent"


def _channels(call: Call) -> set[str]:
    """Return the channels that a request is about: that it subscribes to, is connected for, or publishes on."""
    names = set(call.channels)
    rows = {change.sobject for change in call.entry.changes} | {call.args.get("sobject", "")}
    names.update(f"/event/{name}" for name in rows if name.endswith("__e"))
    if call.operation.name.startswith("cometd."):
        names.update(_subscriptions(call))
    elif call.operation.name.startswith("rest.streaming."):
        names.add(call.org.events.generic.name_of(to_18(call.args["id"]) or ""))
    return names


def _subscriptions(call: Call) -> Iterator[str]:
    """Yield what the messages of a Bayeux request subscribe to, or are subscribed to already."""
    messages: Any = call.body
    if "form" in call.headers.get("Content-Type", ""):
        messages = _body(call).get("message", "")
    try:
        found = orjson.loads(messages)
    except orjson.JSONDecodeError:
        return
    clients: set[str] = set()
    for message in found if isinstance(found, list) else [found]:
        if isinstance(message, dict):
            given = message.get("subscription")
            yield from (name for name in (given if isinstance(given, list) else [given]) if isinstance(name, str))
            if isinstance(message.get("clientId"), str):
                clients.add(message["clientId"])
    for feed in call.org.events.feeds.values():
        if feed.subscriber in clients:
            yield feed.channel.name


def _told_of(org: Org, event: Event) -> str:
    """Return the object that an event tells of; the event's own type where it tells of none."""
    if event.kind == "change":
        return str(event.payload.get("ChangeEventHeader", {}).get("entityName", event.name))
    if event.kind == "topic":
        sobject = org.schema.by_prefix(str(event.payload.get("Id", ""))[:3])
        return sobject.name if sobject is not None else event.name
    return event.name


def _sobjects(call: Call) -> set[str]:
    """Return the objects that a request is about, in lower case: as its path, rows, ids, query or body name them."""
    names = {change.sobject for change in call.entry.changes}
    if "sobject" in call.args:
        names.add(call.args["sobject"])
    for identifier in call.query.get("ids", "").split(","):
        whole = to_18(identifier)
        sobject = call.org.schema.by_prefix(whole[:3]) if whole else None
        if sobject is not None:
            names.add(sobject.name)
    if "q" in call.query:
        names.add(queried(call.query["q"]))
    body = _body(call)
    names.update(_types(body.get("records")))
    if isinstance(body.get("object"), str):
        names.add(body["object"])
    if isinstance(body.get("query"), str):
        names.add(queried(body["query"]))
    names.update(_of_jobs(call))
    return {name.lower() for name in names}


def _of_jobs(call: Call) -> Iterator[str]:
    """Yield the object of the job that a request is about."""
    told = call.entry.job
    if told is not None:
        yield told.sobject
    elif "/job" in call.raw_path:
        for value in call.args.values():
            job = call.org.jobs.known(value)
            if job is not None:
                yield job.sobject


def _types(records: Any) -> set[str]:
    found = set()
    for record in records if isinstance(records, list) else ():
        attributes = record.get("attributes") if isinstance(record, dict) else None
        kind = attributes.get("type") if isinstance(attributes, dict) else None
        if isinstance(kind, str):
            found.add(kind)
    return found


def queried(soql: str) -> str:
    """Return the object after a query's own FROM, not after that of a subquery; empty when there is none."""
    inner = 1
    while inner:
        soql, inner = _INNER.subn(" ", soql)
    match = _FROM.search(soql)
    return match[1] if match else ""
