"""The org: the one face that every protocol talks to. Synchronous; time passes only where a caller waits."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from mock_server.org import errors
from mock_server.org.apex import transaction
from mock_server.org.apex.actions import Actions
from mock_server.org.apex.endpoints import Endpoints
from mock_server.org.automation.inner import InnerOrg, Query
from mock_server.org.captured import Captured
from mock_server.org.clock import Clock, Mode
from mock_server.org.courtesy import give_way
from mock_server.org.errors import ApiError
from mock_server.org.identity.access import BEYOND_ADMINS, Accesses
from mock_server.org.identity.admission import Admission
from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.identity.authorizations import Authorizations
from mock_server.org.identity.devices import Devices
from mock_server.org.identity.directory import Directory, Secret
from mock_server.org.identity.history import LoginHistory
from mock_server.org.identity.keeping import Keeper
from mock_server.org.identity.live import LiveRecords
from mock_server.org.identity.permissions import Permissions
from mock_server.org.identity.redaction import Redactor
from mock_server.org.identity.sessions import Session, Sessions
from mock_server.org.identity.signing import SigningKey
from mock_server.org.ids import IdSource, checksum, number_of
from mock_server.org.limits.bulk import BulkSettings
from mock_server.org.limits.governor import Governor
from mock_server.org.query import NEWEST, Page, Queries
from mock_server.org.query.search import Found, Searches
from mock_server.org.query.sosl import Search
from mock_server.org.query.sosl import parse as parse_sosl
from mock_server.org.records import snapshot_file
from mock_server.org.records.changes import Change, Commit, LockHeld, RowResult
from mock_server.org.records.commits import CommitLog
from mock_server.org.records.locks import WAIT, RowLocks
from mock_server.org.records.pipeline import Pipeline
from mock_server.org.records.recycling import RECORDS_A_MB, RecycleBin
from mock_server.org.records.store import Store
from mock_server.org.records.tables import Table
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject
from mock_server.org.versions import LATEST

if TYPE_CHECKING:
    from mock_server.org.events import EventBus
    from mock_server.org.events.channel import Channel
    from mock_server.org.events.clients import StreamingClients
    from mock_server.org.events.triggers import Triggers
    from mock_server.org.jobs import Jobs
    from mock_server.org.outbound.outbound import Outbound
    from mock_server.org.reports import Reports

T = TypeVar("T")
FIRST_ID = 1000
_USES = "uses"
_INNER_BASE = "/services/data/v68.0/sobjects"


@dataclass(frozen=True)
class Snapshot:
    """An org's records and counters at one moment."""

    store: Store
    schema: Schema
    next_id: int
    secrets: Mapping[str, Secret] = field(repr=False)
    apps: Mapping[str, ConnectedApp] = field(repr=False)
    channels: Mapping[str, Channel] = field(default_factory=dict, repr=False)
    """What the channels of events held."""
    committed: Mapping[str, int] = field(default_factory=dict, repr=False)
    """How far managed subscriptions had been read."""


class Org:
    """One Salesforce org: schema, records, users, sessions, limits, on one clock.

    `number` tells the orgs of a process apart: it goes into the org's id, its users' names and its clients' ids.
    """

    def __init__(
        self,
        number: int,
        *,
        schema: Schema | None = None,
        clock: Mode = "real",
        start: float | None = None,
        seed: int = 0,
        data: Path | None = None,
        keep_commits: int | None = 20_000,
    ) -> None:
        fifteen = "00D" + f"Kd{number:010d}"
        self.id = fifteen + checksum(fifteen)
        self.number = number
        self.seed = seed
        self.clock = Clock(clock, start)
        self.schema = schema or Schema()
        self.schema.follow(self.clock)
        self.store = Store(data)
        last = self.store.last_id() if data is not None else None
        self.resumed = last is not None
        """Whether the org goes on with the records of a file."""
        # Ids of kept records, and of what was sent, are never handed out again. The fixed ids of the first user and
        # profiles lie far below.
        given = self.store.number("sf_outbound") or FIRST_ID
        self.ids = IdSource("Kd0", first=FIRST_ID if last is None else max(given, number_of(last) + 1))
        self.limits = Governor(self.clock)
        self.locks = RowLocks(self.clock)
        self.log = CommitLog(keep_commits)
        self.keeper = Keeper(self, active=data is not None)
        kept = self.keeper if data is not None else None
        self._uses: object = None
        """What was kept last of the uses of limits."""
        for _, uses in self.keeper.noted(_USES):
            self.limits.recall(uses)
        self.sessions = Sessions(self.id, self.clock, kept)
        self.authorizations = Authorizations(self.clock, kept)
        self.devices = Devices(self.clock)
        self.signing = SigningKey()
        """Signs ID tokens; orgs of one server share theirs."""
        self.accesses = Accesses(self.schema, self.store)
        self.bin = RecycleBin(self.store, self.clock, self._bin_room)
        self._permissions = Permissions(self.store, self.accesses)
        self._pipeline = Pipeline(
            self.schema, self.store, self.ids, self.clock, self.locks, self.log, self.bin, self._permissions
        )
        self.queries = Queries(self.schema, self.store, self.clock, seed=seed)
        self.queries.lock_rows = self.locks.demand
        self.searches = Searches(self.schema, self.store, self.queries)
        self.directory = Directory(self)
        self.redactor = Redactor(self)
        self.history = LoginHistory(self)
        self._permissions.ended = LiveRecords(self).end
        self.admission = Admission(self)
        self.sessions.timeout_of = self.admission.session_timeout
        self.automation = self._pipeline.automation
        self.approvals = self._pipeline.approvals
        self.endpoints = Endpoints()
        self.actions = Actions()
        self._pipeline.inner_query = self._inner_query
        self._pipeline.reach_outbound = lambda: self.outbound
        self.lead_map: Mapping[str, Mapping[str, str]] = {}
        """Which custom fields of a lead go where on conversion: by object, the lead's field and the target's."""
        self.moved = False
        """Whether the org lives at another address than before: logins name the new one."""
        self.latest = LATEST
        """The newest API version that the org serves."""
        self.closed = False
        self._jobs: Jobs | None = None
        self._events: EventBus | None = None
        self._outbound: Outbound | None = None
        self.on_outbound: Callable[[Outbound], None] = lambda outbound: None
        """Told once, when the org comes to have something to send: who carries it sees to that."""
        self._streaming: StreamingClients | None = None
        self.captured = Captured(self.schema)
        self.captured.changed = lambda: self.events
        self.loads: set[int] = set()
        """The journal's numbers of what brought rows to the Bulk API: of those no PushTopic tells."""
        self.dynamic_channels = False
        """Whether a streaming channel is made when somebody first subscribes to it."""
        self.bulk = BulkSettings()
        """What is set of the org's jobs, before there are any."""
        self.on_jobs: Callable[[Jobs], None] = lambda jobs: None
        """Told once, when the org comes to have jobs: who watches their saves sees to it."""
        self.on_events: Callable[[EventBus], None] = lambda bus: None
        """Told once, when the org comes to have an event bus."""
        self._pipeline.outbox.bus = lambda: self.events
        self._pipeline.on_saved["PushTopic"] = self._topics_changed
        self._pipeline.steps.captured = lambda: self.captured.names
        for name in ("PlatformEventChannel", "PlatformEventChannelMember"):
            self._pipeline.on_saved[name] = self._channels_changed

    @cached_property
    def reports(self) -> Reports:
        """The org's saved reports; an org that nobody asks for any does not load them."""
        from mock_server.org.reports import Reports

        return Reports(self)

    @property
    def jobs(self) -> Jobs:
        """The org's Bulk API jobs; an org that nobody gives any does not load them."""
        if self._jobs is None:
            from mock_server.org.jobs import Jobs

            self._jobs = Jobs(self)
            self.on_jobs(self._jobs)
        return self._jobs

    @property
    def has_events(self) -> bool:
        """Whether the event bus is loaded."""
        return self._events is not None

    @property
    def events(self) -> EventBus:
        """The org's event bus; an org where nobody publishes or subscribes does not load it."""
        if self._events is None:
            from mock_server.org.events import EventBus

            self._events = EventBus(self, self._pipeline.outbox)
            self.on_events(self._events)
        return self._events

    @property
    def outbound(self) -> Outbound:
        """What the org sends by itself; an org where nothing is declared to be does not load it."""
        if self._outbound is None:
            from mock_server.org.outbound.outbound import Outbound

            self._outbound = self._pipeline.outbound = Outbound(self)
            self.on_outbound(self._outbound)
        return self._outbound

    @property
    def sends(self) -> bool:
        """Whether the org has anything to send, or had."""
        return self._outbound is not None

    @property
    def streaming(self) -> StreamingClients:
        """The clients of the org's Streaming API; an org that none comes to does not load them."""
        if self._streaming is None:
            from mock_server.org.events.clients import StreamingClients

            self._streaming = StreamingClients(self)
        return self._streaming

    def hang_up(self) -> None:
        """Answer the requests that are held, and forget who streams."""
        if self._streaming is not None:
            self._streaming.forget()

    def _topics_changed(self) -> None:
        self.events.topics.changed()

    def resume_channels(self) -> None:
        """Tell from now on of the changes that channels of the schema ask for."""
        if any(one.get("type") == "data" for one in self.channels.values()) or self._events is not None:
            self.events.changes.choose()

    def _channels_changed(self) -> None:
        self.events.changes.choose()

    @property
    def channels(self) -> Mapping[str, Any]:
        """The channels that users made, with their members: those of the schema, and those that records define."""
        if not self.store.has_table("PlatformEventChannelMember") and not self.store.has_table("PlatformEventChannel"):
            return self.schema.channels
        from mock_server.org.standard.channels import defined

        return defined(self.schema, self.store)

    def resume_topics(self) -> None:
        """Tell from now on of what the topics are about that the database knows of."""
        there = 'SELECT 1 FROM "PushTopic" WHERE "IsDeleted" = 0 LIMIT 1'
        known = self.store.has_table("PushTopic") and self.store.connection.execute(there).fetchone() is not None
        if known or self._events is not None:
            self.events.topics.recalled()

    @cached_property
    def event_triggers(self) -> Triggers:
        """Runs hooks on platform events."""
        from mock_server.org.events.triggers import Triggers

        return Triggers(self, self._pipeline)

    def resume_jobs(self) -> None:
        """Go on with the jobs that the database knows of. Where no event loop runs yet, it is asked again."""
        if self.store.has_table("sf_jobs"):
            self.jobs.resume()

    def resume_outbound(self) -> None:
        """Go on with what the org's file says waits to be sent, once all is declared."""
        if self.keeper.active and self.store.has_table("sf_outbound"):
            self.outbound.resume()

    def _bin_room(self) -> int:
        return RECORDS_A_MB * self.limits.ledger("DataStorageMB").maximum

    @property
    def taken_elsewhere(self) -> Callable[[str], bool]:
        """Tells whether a user of another org of the process has a name: usernames are unique across orgs."""
        return self._permissions.taken

    @taken_elsewhere.setter
    def taken_elsewhere(self, taken: Callable[[str], bool]) -> None:
        self._permissions.taken = taken

    @property
    def transaction_time(self) -> float:
        """Seconds for which the row locks of a transaction outlive it."""
        return self._pipeline.transaction_time

    @transaction_time.setter
    def transaction_time(self, seconds: float) -> None:
        self._pipeline.transaction_time = seconds

    def query(
        self,
        who: Session,
        soql: str,
        *,
        all_rows: bool = False,
        size: int = 2000,
        base: str,
        version: int = NEWEST,
    ) -> Page:
        """Run a SOQL query. `base` goes into each record's url: `/services/data/v60.0/sobjects`.

        `version` is the API version whose SOQL is meant. A query FOR UPDATE that meets a lock fails at once.
        """
        self.bin.expire()
        try:
            page = self.queries.run(
                soql,
                all_rows=all_rows,
                size=size,
                base=base,
                version=version,
                **self._asking(who),
            )
        except LockHeld as held:
            raise unlockable(held) from None
        self._pipeline.hold(page.locked)
        return page

    def explain(self, who: Session, soql: str, *, version: int = NEWEST, tooling: bool = False) -> list[dict[str, Any]]:
        """Return how a query would be run: `cardinality`, `fields`, `leadingOperationType` and more, the best first."""
        return self.queries.explain(
            soql,
            version=version,
            **self._asking(who, tooling=tooling),
        )

    def columns(self, who: Session, soql: str, *, version: int = NEWEST, tooling: bool = False) -> dict[str, Any]:
        """Return what the columns of a query are: `columnMetadata`, `entityName` and more."""
        return self.queries.columns(soql, schema=self._asking(who, tooling=tooling)["schema"], version=version)

    def search(self, who: Session, sosl: str | Search, *, base: str, tooling: bool = False) -> Found:
        """Run a SOSL search, as text or as a tree; with `tooling`, over the objects of the Tooling API."""
        asking = self._asking(who, tooling=tooling)
        if isinstance(sosl, str):
            return self.searches.run(sosl, base=base, **asking)
        return self.searches.find("", sosl, base=base, **asking)

    async def search_aside(self, who: Session, sosl: str | Search, *, base: str, tooling: bool = False) -> Found:
        """Run a search as `search` does, letting others be served while an index is made."""
        text, search = (sosl, parse_sosl(sosl)) if isinstance(sosl, str) else ("", sosl)
        for _ in self.searches.steps(text, search, self._asking(who, tooling=tooling)["schema"]):
            await give_way()
        return self.search(who, sosl, base=base, tooling=tooling)

    def _asking(self, who: Session, *, tooling: bool = False) -> dict[str, Any]:
        """Return what a query or search must know of its user: the id, the time zone, what is seen of the schema."""
        return {
            "user_id": who.user_id,
            "time_zone": lambda: self.directory.time_zone(who.user_id),
            "schema": self.tooling_of(who) if tooling else self.sight(who),
        }

    def sight(self, who: Session) -> Schema | None:
        """Return what a user sees of the schema, None for one who sees all of it."""
        access = self.accesses.of(who.user_id)
        return None if access is None else access.sight

    def may(self, who: Session, *permissions: str) -> bool:
        """Tell whether a user has one of some permissions of the system (`ApiEnabled`)."""
        access = self.accesses.of(who.user_id)
        return not BEYOND_ADMINS.issuperset(permissions) if access is None else access.may(*permissions)

    def schema_of(self, who: Session) -> Schema:
        """Return the schema as a user sees it."""
        return self.sight(who) or self.schema

    def tooling_of(self, who: Session) -> Schema:
        """Return the Tooling API's objects as a user sees them."""
        return self.schema_of(who).tools()

    def _inner_query(self, user_id: str) -> Query:
        """Return how triggers that run for a user query: in the system's mode, within their transaction."""

        return lambda soql, most: self.queries.run(
            soql,
            user_id=user_id,
            size=most,
            base=_INNER_BASE,
            time_zone=lambda: self.directory.time_zone(user_id),
        )

    async def query_aside(
        self,
        who: Session,
        soql: str,
        *,
        all_rows: bool = False,
        size: int = 2000,
        base: str,
        version: int = NEWEST,
        tooling: bool = False,
    ) -> Page:
        """Run a query as `query` does, letting others be served while a long one reads.

        A query FOR UPDATE waits for row locks as a save does, and then raises UNABLE_TO_LOCK_ROW; within a transaction
        it raises LockHeld.
        """
        self.bin.expire()
        if self.locks.shared:
            # Within a transaction nobody can wait: who began it does, and begins anew.
            asking = self._asking(who, tooling=tooling)
            page = self.queries.run(soql, all_rows=all_rows, size=size, base=base, version=version, **asking)
            self._pipeline.hold(page.locked)
            return page
        deadline = self.clock.now() + WAIT
        while True:
            try:
                page = await self.queries.run_aside(
                    soql,
                    all_rows=all_rows,
                    size=size,
                    base=base,
                    version=version,
                    **self._asking(who, tooling=tooling),
                )
            except LockHeld as held:
                if self.clock.now() >= deadline:
                    raise unlockable(held) from None
                await self.clock.wait_until(min(held.until, deadline))
            else:
                self._pipeline.hold(page.locked)
                return page

    def more(self, who: Session, cursor: str, *, size: int = 2000, base: str) -> Page:
        return self.queries.more(cursor, user_id=who.user_id, size=size, base=base)

    def read(
        self,
        who: Session,
        sobject: str,
        ids: Sequence[str],
        fields: Sequence[str] | None,
        *,
        base: str,
        tooling: bool = False,
    ) -> list[dict[str, Any] | None]:
        """Return records by 18-character id, None for those that are not there; all fields when none are named."""
        schema = self.tooling_of(who) if tooling else self.schema_of(who)
        found = schema.get(sobject)
        assert found is not None
        return self.queries.read(found, ids, fields, base=base, schema=schema, user_id=who.user_id)

    def revoke(self, token: str) -> bool:
        """Take back an access or refresh token; tell whether there was such a token.

        With the last of its refresh tokens an app loses what the user has let it do.
        """
        grant = self.sessions.granted(token)
        had = self.sessions.revoke(token)
        if grant is not None and not any(
            (one.user_id, one.client_id) == (grant.user_id, grant.client_id) for one in self.sessions.grants()
        ):
            self.authorizations.withdraw(grant.user_id, grant.client_id)
        return had

    def sees(self, who: Session, sobject: str, identifier: str) -> bool:
        """Tell whether a record is there, and reached by a user."""
        return self.read(who, sobject, [identifier], ["Id"], base="") != [None]

    def write(
        self,
        who: Session,
        changes: Sequence[Change],
        *,
        all_or_none: bool,
        exchange: int = 0,
        give_up: bool = False,
    ) -> list[RowResult]:
        """Save up to 200 rows through the write pipeline; see `Pipeline.write`."""
        self.bin.expire()
        return self._pipeline.write(
            changes, user_id=who.user_id, all_or_none=all_or_none, exchange=exchange, give_up=give_up
        )

    def write_table(self, who: Session, table: Table, *, exchange: int = 0, give_up: bool = False) -> list[RowResult]:
        """Save the rows of a table through the write pipeline, each for itself; see `Pipeline.write_table`."""
        if exchange:
            self.loads.add(exchange)
        self.bin.expire()
        return self._pipeline.write_table(table, user_id=who.user_id, exchange=exchange, give_up=give_up)

    def run(
        self,
        who: Session,
        code: Callable[[InnerOrg], T],
        *,
        name: str,
        system: bool = False,
        exchange: int = 0,
        give_up: bool = False,
        watch: transaction.Watch | None = None,
        later: bool = False,
    ) -> T:
        """Run code as one transaction in a user's name, or with `system` in the system's mode.

        `later` says that it is asynchronous: no callout follows from what it saves.

        Raises LockHeld, with nothing done, where a row lock is held; with `give_up` the saves that meet it fail.
        Raises what the code raises, with nothing done, a LimitExceeded or Ended among it.
        """
        self.bin.expire()
        return transaction.run(
            self._pipeline,
            code,
            name=name,
            user_id=who.user_id,
            query=self._inner_query(who.user_id) if system else self._own_query(who),
            as_user=not system,
            exchange=exchange,
            give_up=give_up,
            watch=watch,
            later=later,
        )

    def _own_query(self, who: Session) -> Query:
        """Return how code queries in a user's name: it finds what he sees."""
        return lambda soql, most: self.queries.run(soql, size=most, base=_INNER_BASE, **self._asking(who))

    def file(self, who: Session, sobject: str, identifier: str, field: str) -> bytes | None:
        """Return the bytes of a record's file, None where there is no such record or no file."""
        (record,) = self.read(who, sobject, [identifier], ["Id", field], base="")
        found = self.schema.get(sobject)
        if record is None or record[field] is None or found is None:
            return None
        ((content,),) = self.store.lookup(found, "Id", [identifier], field)
        return content if isinstance(content, bytes) else None

    def is_deleted(self, who: Session, sobject: str, identifier: str) -> bool:
        """Tell whether a record lies in the recycle bin, where the user may see it."""
        found = self.schema.get(sobject)
        assert found is not None
        self.bin.expire()
        self.store.ready(found)
        there = any(deleted for _, deleted in self.store.lookup(found, "Id", [identifier], "Id", "IsDeleted"))
        return there and identifier in self.reached(who, found, [identifier])

    def reached(
        self, who: Session, sobject: SObject, ids: Sequence[str], *, level: Literal["read", "edit"] = "read"
    ) -> set[str]:
        """Return those of some records, deleted ones among them, that a user sees, or may edit."""
        access = self.accesses.of(who.user_id)
        return set(ids) if access is None else self._permissions.reached(access, sobject, ids, level)

    def transaction(self) -> AbstractContextManager[None]:
        """Make the writes of a block one transaction: an exception undoes them all, their commits too."""
        return self._transaction()

    def behind(self) -> AbstractContextManager[None]:
        """The same for a block of rows that may be written while the caller goes on: see `Store.behind`."""
        return self._pipeline.behind()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # Each save of the block remains a transaction of the commit log; those who are told of it see one.
        with self.locks.together(), self.log.together(), self._pipeline.transaction(nested=True):
            yield

    def commits(self, since: int = 0) -> Iterator[Commit]:
        """Yield the committed changes after the given commit number."""
        return self.log.since(since)

    def snapshot(self) -> Snapshot:
        """Return a copy of all records and counters."""
        return Snapshot(
            self.store.copy(),
            self.schema.copy(),
            self.ids.next_number,
            dict(self.directory.secrets),
            dict(self.directory.apps),
            self._events.copy() if self._events is not None else {},
            self._events.managed.copy() if self._events is not None else {},
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Put all records and counters back to a snapshot. Sessions, clock and limits stay as they are."""
        self.store.load(snapshot.store)
        self.schema.become(snapshot.schema)
        self.ids.next_number = snapshot.next_id
        self._pipeline.auto_numbers.forget()
        # Ids are handed out again: the user who gets one must not have the password of the one before.
        self.directory.secrets = dict(snapshot.secrets)
        self.directory.become(snapshot.apps)
        # They stay as they are, whatever the file knew of them at that time.
        self.keeper.forget_all()
        self.sessions.note_all()
        self.authorizations.note_all()
        self.accesses.changed()
        self.bin.forget()
        self.hang_up()
        self.locks.clear()
        self.log.clear()
        if self._jobs is not None:
            self._jobs.recall()
        if self._outbound is not None or (self.keeper.active and self.store.has_table("sf_outbound")):
            self.outbound.clear()
        if self._events is not None or snapshot.channels:
            self.events.become(snapshot.channels)
            self.events.managed.become(snapshot.committed)
        self.resume_channels()
        self.resume_topics()
        self.resume_jobs()

    def write_snapshot(self, path: Path) -> None:
        """Write all records and counters to a file. Raises OSError, for the one that the org lives in too."""
        snapshot_file.write(self.store, path, lambda: self.ids.next_number)

    async def write_snapshot_aside(self, path: Path) -> None:
        """Write a snapshot as `write_snapshot` does, letting others be served while a large one is written."""
        if self.store.in_file and self.clock.mode != "virtual":
            await asyncio.to_thread(snapshot_file.write, self.store, path, lambda: self.ids.next_number, aside=True)
        else:
            self.write_snapshot(path)

    def read_snapshot(self, path: Path) -> None:
        """Put all records and counters back to those of a file; the schema stays. Raises SnapshotError."""
        store, next_id = snapshot_file.read(path, self.schema)
        try:
            self.restore(Snapshot(store, self.schema.copy(), next_id, self.directory.secrets, self.directory.apps))
        finally:
            store.close()
        # The org goes by its own name, and so do its users.
        self.directory.seed()

    def keep_uses(self) -> None:
        """Note how much of the limits is used, where an org lives in a file: a day's calls outlive a restart."""
        if self.keeper.active and (uses := self.limits.told()) != self._uses:
            self._uses = uses
            self.keeper.note(_USES, "", uses)

    def close(self) -> None:
        with suppress(sqlite3.Error):
            # A disk that is full now has been told of before.
            self.keep_uses()
        self.closed = True
        if self._events is not None:
            # Whoever waits for events finds out that there will be none.
            self._events.wake()
        self.hang_up()
        if self._jobs is not None:
            self._jobs.close()
        if self._outbound is not None:
            self._outbound.close()
        self.store.close()


def unlockable(held: LockHeld) -> ApiError:
    """Return what somebody is told who has waited for a lock in vain."""
    return errors.UNABLE_TO_LOCK_ROW(count=len(held.ids), ids=",".join(held.ids), fields=None)


async def when_unlocked(org: Org, work: Callable[[], T]) -> T:
    """Run work again whenever the row locks it met come free, as long as a save waits.

    Raises LockHeld when they do not come free in time.
    """
    deadline = org.clock.now() + WAIT
    while True:
        try:
            return work()
        except LockHeld as held:
            if org.clock.now() >= deadline:
                raise
            await org.clock.wait_until(min(held.until, deadline))
