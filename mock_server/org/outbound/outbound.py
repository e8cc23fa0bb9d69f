"""An org's outgoing traffic: what is declared, what a transaction has set going, what waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_server.org.automation.hooks import HookError
from mock_server.org.identity.sessions import Session
from mock_server.org.outbound.asking import asked_for
from mock_server.org.outbound.callouts import Callout, Callouts
from mock_server.org.outbound.causes import Asking, Cause, values_of
from mock_server.org.outbound.credentials import Credentials
from mock_server.org.outbound.jobs import CalloutItem, CalloutJob
from mock_server.org.outbound.keeping import KeptQueue, item_of
from mock_server.org.outbound.messages import Messages, OutboundMessage
from mock_server.org.outbound.queue import Queue, QueuedMessage
from mock_server.org.outbound.targets import SERVICE, BadTarget, admitted, filled, host_of

if TYPE_CHECKING:
    from mock_server.org.formula.environment import Environment
    from mock_server.org.identity.directory import User
    from mock_server.org.org import Org
    from mock_server.org.outbound.queue import Item
    from mock_server.org.records.rows import Chunk, Row
    from mock_server.org.schema.types import SObject

MOST_NOTIFICATIONS = 100
_NOTIFICATION, _JOB = "04l", "707"
_READ_BASE = "/services/data/v66.0/sobjects"


class Unauthorized(Exception):
    """A target that the org may not send to; the text is what Salesforce says of an endpoint that is not listed."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            f"Unauthorized endpoint, please check Setup->Security->Remote site settings. endpoint = {endpoint[:500]}"
        )


@dataclass(frozen=True, slots=True)
class Pending:
    """One thing that a save has set going, and that leaves once its transaction has been committed."""

    what: OutboundMessage | Callout
    item: CalloutItem
    user_id: str
    exchange: int
    number: int
    """Where it stands among the commits of the org."""


class Outbound:
    """What an org sends by itself. `wake` is called when there is something new, `stop` when all of it is void."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self.messages = Messages(self._show)
        self.callouts = Callouts(self._settle)
        self.credentials = Credentials(org)
        self.queue = Queue()
        self._kept = KeptQueue(org) if org.keeper.active else None
        if self._kept is not None:
            self.queue.note = self._kept.note
        self.read_callout: Callable[[Mapping[str, Any]], Callout] = _unread
        """Reads a callout as it was declared. Raises HookError for one that the org cannot have."""
        self.hosts: frozenset[str] = frozenset()
        """Hosts beyond this machine that may be sent to."""
        self.service: str | None = None
        """The base URL that stands for `{service}`."""
        self.endpoints: dict[str, str] = {}
        """Other endpoints than declared, by the name of message or callout in lower case."""
        self.address = "http://127.0.0.1:8080"
        """The URL at which the org is reached, for receivers that call back."""
        self.wake: Callable[[], None] = _nothing
        self.stop: Callable[[], None] = _nothing
        self._sources: dict[str, tuple[tuple[Cause, OutboundMessage | Callout], ...]] = {}
        self._pending: list[Pending] = []
        self._made: list[Item] | None = None
        """What has become of it, where that is kept as a part of its transaction."""
        self._tokens: dict[str, str] = {}

    def _settle(self) -> None:
        """Look anew at what is declared."""
        sources: dict[str, tuple[tuple[Cause, OutboundMessage | Callout], ...]] = {}
        for one in (*self.messages, *self.callouts):
            if one.cause is not None:
                sources[one.sobject] = (*sources.get(one.sobject, ()), (one.cause, one))
        self._sources = sources

    def _show(self) -> None:
        """Write what the Tooling API shows of outbound messages, where those of an org have changed."""
        self._settle()
        from mock_server.org.outbound.rows import write

        write(self._org, self.messages)

    # -- saves

    def sources(self, sobject: SObject) -> Sequence[tuple[Cause, OutboundMessage | Callout]]:
        """Return what saves of an object may set going."""
        found = self._sources.get(sobject.name, ())
        ruled = [
            (Cause.of_rule(rule.on, rule.condition), message)
            for rule in sobject.workflow_rules
            if rule.active
            for name in rule.sends
            if (message := self.messages.named(name, sobject.name)) is not None
        ]
        return (*found, *ruled) if ruled else found

    def ask(self, chunk: Chunk, environment: Callable[[], Environment]) -> None:
        """Note on a chunk what its rows set going."""
        later = chunk.execution is not None and chunk.execution.later
        for rows in chunk.alive().values():
            sources = self.sources(rows[0].sobject)
            if later:
                # What a callout saves upon its answer would else call out again, and so on.
                sources = [(cause, what) for cause, what in sources if isinstance(what, OutboundMessage)]
            if sources:
                asking = Asking(self._org.schema, self._org.store, rows, environment())
                chunk.calls += [(what, row) for cause, what in sources for row in asking.meeting(cause)]

    def note(self, chunk: Chunk) -> None:
        """Take over what a chunk that is written, though not committed yet, has set going."""
        number = self._org.log.last
        for what, row in chunk.calls:
            if not row.errors and row.id is not None:
                assert isinstance(what, OutboundMessage | Callout)
                self._pending.append(Pending(what, _item(row), chunk.user_id, chunk.exchange, number))
        chunk.calls = []

    def asked(self, user_id: str, exchange: int, name: str | None, wanted: Mapping[str, Any]) -> None:
        """Take over a callout that code asks for. Raises ApexError."""
        callout, item = asked_for(self, self._org.schema, name, wanted)
        # A number of its own among the commits: where the transaction is rolled back, it goes with what lies behind.
        self._org.log.last += 1
        self._pending.append(Pending(callout, item, user_id, exchange, self._org.log.last))

    def __len__(self) -> int:
        return len(self._pending)

    def __bool__(self) -> bool:
        return bool(self._pending)

    def forget_after(self, number: int) -> None:
        """Take back what a transaction set going before it was rolled back."""
        while self._pending and self._pending[-1].number > number:
            self._pending.pop()

    def ending(self) -> None:
        """Keep what the transaction has set going as a part of it, where the org lives in a file."""
        if self._kept is not None and self._pending:
            self._made = self._items(self._pending)
            self._kept.keep(self._made)

    def taken(self) -> Callable[[], None]:
        """Return what queues all that a transaction has set going, once it is committed."""
        going, made = self._pending, self._made
        self._pending, self._made = [], None
        return lambda: self._leave(self._items(going) if made is None else made)

    def _leave(self, items: Sequence[Item]) -> None:
        for item in items:
            self.queue.add(item)
        self.wake()

    def _items(self, going: Sequence[Pending]) -> list[Item]:
        """Return the messages and jobs that a transaction makes of what it has set going."""
        out: list[Item] = []
        groups: dict[tuple[int, int], list[Pending]] = {}
        for one in going:
            groups.setdefault((id(one.what), one.exchange), []).append(one)
        now, ids = self._org.clock.now(), self._org.ids
        for group in groups.values():
            what, first = group[0].what, group[0]
            if isinstance(what, Callout):
                names = ids.take_many(_JOB, len(group) + 1)
                for one, name in zip(group, names[1:], strict=True):
                    one.item.id, one.item.sequence = name, one.number
                items = [one.item for one in group]
                self._look(items)
                out.append(
                    CalloutJob(
                        id=names[0], callout=what, items=items, user_id=first.user_id, exchange=first.exchange,
                        created=now, due=now,
                    )
                )  # fmt: skip
                continue
            for start in range(0, len(group), MOST_NOTIFICATIONS):
                part = group[start : start + MOST_NOTIFICATIONS]
                names = ids.take_many(_NOTIFICATION, len(part))
                pairs = tuple((name, one.item.record) for name, one in zip(names, part, strict=True))
                out.append(
                    QueuedMessage(
                        id=names[0], message=what, notifications=pairs, exchange=first.exchange,
                        sequence=part[0].number, created=now, due=now,
                    )
                )  # fmt: skip
        return out

    def _look(self, items: Sequence[CalloutItem]) -> None:
        """Keep the records of callouts as their transaction left them, as code hands them to a job; all are seen."""
        by_object: dict[str, list[CalloutItem]] = {}
        for item in items:
            if item.record and item.verb != "delete":
                by_object.setdefault(item.sobject, []).append(item)
        for sobject, listed in by_object.items():
            found = self.read(self._org.directory.default_user, sobject, [item.record for item in listed], None)
            for item, record in zip(listed, found, strict=True):
                item.now = record

    def resume(self) -> None:
        """Go on with what waited in an earlier life of the org."""
        now = self._org.clock.now()
        for told in list(self._kept.rows()) if self._kept is not None else ():
            item = item_of(self, told, now)
            self.queue.add(item)
            if item.state != "queued":
                self.queue.note(item)

    def clear(self) -> None:
        """Forget all that waits or is on its way: records and time are those of another life."""
        self.close()
        if self._kept is not None:
            self._kept.clear()

    def close(self) -> None:
        """Send no more; what is kept of it stays."""
        self._pending, self._made = [], None
        self._tokens.clear()
        self.queue.clear()
        self.stop()

    # -- sending

    def target(self, url: str) -> str:
        """Return a URL as it is called. Raises Unauthorized, and BadTarget."""
        if SERVICE in url and self.service is None:
            raise BadTarget(f"the address of {SERVICE} is not known yet")
        found = filled(url, self.service or "")
        if not admitted(host_of(found), self.hosts):
            raise Unauthorized(found)
        return found

    def knows(self, sobject: str) -> bool:
        """Tell whether the org has an object."""
        return self._org.schema.get(sobject) is not None

    def endpoint(self, message: OutboundMessage) -> str:
        return self.endpoints.get(message.name.lower(), message.endpoint)

    def envelope(self, item: QueuedMessage) -> bytes:
        """Return the SOAP message of an item with its records as they are now, as far as its user sees them."""
        from mock_server.org.outbound.envelope import notifications

        message, org = item.message, self._org
        user = self.user_of(message.user)
        sobject = org.schema.get(message.sobject)
        assert sobject is not None
        fifteen = org.id[:15]
        heads = {
            "OrganizationId": org.id,
            "ActionId": message.id,
            "SessionId": self.token(user) if message.include_session else None,
            "EnterpriseUrl": f"{self.address}/services/Soap/c/{message.version}/{fifteen}",
            "PartnerUrl": f"{self.address}/services/Soap/u/{message.version}/{fifteen}",
        }
        found = self.read(user, message.sobject, item.records, message.fields)
        records = [(name, record) for (name, _), record in zip(item.notifications, found, strict=True)]
        return notifications(sobject, heads, records)

    def read(
        self, user: User, sobject: str, ids: Sequence[str], fields: Sequence[str] | None
    ) -> list[dict[str, Any] | None]:
        """Return records as a user sees them: None for those that are gone, or not his to see."""
        now = self._org.clock.now()
        who = Session("", user.id, user.username, (), None, now, now)
        seen = self._org.schema_of(who).get(sobject)
        if seen is None:
            return [None] * len(ids)
        chosen = None if fields is None else ["Id", *(one for one in fields if one != "Id" and seen.field(one))]
        found = self._org.read(who, sobject, list(ids), chosen, base=_READ_BASE)
        return [
            None if one is None else {name: value for name, value in one.items() if name != "attributes"}
            for one in found
        ]

    def user_of(self, username: str | None) -> User:
        """Return the user of a name; the org's first one where there is none."""
        directory = self._org.directory
        found = directory.user(username) if username is not None else None
        return found or directory.default_user

    def token(self, user: User) -> str | None:
        """Return a live session of a user: the one that was sent before, or a new one.

        None for a user who is deactivated or frozen: nobody opens a session for him.
        """
        if user.id in self._org.accesses.barred:
            return None
        sessions, app = self._org.sessions, self._org.directory.default_app
        known = self._tokens.get(user.id)
        if known is None or (found := sessions.peek(known)) is None or found.over:
            known = self._tokens[user.id] = sessions.open(user, app, app.scopes).token
        return known


def _item(row: Row) -> CalloutItem:
    assert row.id is not None
    old = values_of(row.sobject, row.before) if row.before else None
    return CalloutItem(row.id, row.sobject.name, row.verb, old)


def _nothing() -> None:
    return


def _unread(declared: Mapping[str, Any]) -> Callout:
    raise HookError("nobody is there to read what was declared", ())


__all__ = ["BadTarget", "Outbound", "Unauthorized"]
