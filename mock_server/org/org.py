"""The org: the one face that every protocol talks to. Synchronous; time passes only where a caller waits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mock_server.org.apex import transaction
from mock_server.org.apex.actions import Actions
from mock_server.org.apex.endpoints import Endpoints
from mock_server.org.automation.inner import InnerOrg
from mock_server.org.captured import Captured
from mock_server.org.clock import Clock, Mode, stamp
from mock_server.org.identity.access import Accesses
from mock_server.org.identity.admission import Admission
from mock_server.org.identity.authorizations import Authorizations
from mock_server.org.identity.devices import Devices
from mock_server.org.identity.directory import Directory
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
from mock_server.org.query import Queries
from mock_server.org.query.search import Searches
from mock_server.org.reading import Reading
from mock_server.org.records.changes import Change, Commit, RowResult
from mock_server.org.records.commits import CommitLog
from mock_server.org.records.locks import RowLocks
from mock_server.org.records.pipeline import Pipeline
from mock_server.org.records.recycling import RECORDS_A_MB, RecycleBin
from mock_server.org.records.store import Store
from mock_server.org.records.tables import Table
from mock_server.org.schema import Schema
from mock_server.org.schema.channels import CHANNELS
from mock_server.org.snapshots import Snapshot
from mock_server.org.versions import LATEST

if TYPE_CHECKING:
    from mock_server.org.events import EventBus
    from mock_server.org.events.clients import StreamingClients
    from mock_server.org.events.triggers import Triggers
    from mock_server.org.jobs import Jobs
    from mock_server.org.outbound.outbound import Outbound
    from mock_server.org.reports import Reports

T = TypeVar("T")
FIRST_ID = 1000
_USES = "uses"


class Org(Reading):
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
        given = (self.store.number("sf_outbound") if data is not None else None) or FIRST_ID
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
        self._pipeline.inner_query = self.queries_of_system
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
        self._pipeline.outbox.keeps = self.keeper.active
        self._pipeline.on_saved["PushTopic"] = self._topics_changed
        for name in ("User", "UserLogin"):
            self._pipeline.on_saved[name] = self._users_changed
        self._pipeline.steps.captured = lambda: self.captured.names
        self._pipeline.steps.latest = lambda: self.latest
        for name in CHANNELS:
            self._pipeline.on_saved[name] = self._channels_changed
            self.store.fillers[name] = partial(self.show_channels, name)

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

    def _users_changed(self) -> None:
        """Have whoever waits for events find out whether he still may: users may be inactive now, or frozen."""
        if self._events is not None:
            self._events.wake()

    def resume_channels(self) -> None:
        """Tell from now on of the changes that channels of the schema ask for."""
        if any(one.get("type") == "data" for one in self.channels.values()) or self._events is not None:
            self.events.changes.choose()

    def _channels_changed(self) -> None:
        self.events.changes.choose()

    @property
    def channels(self) -> Mapping[str, Any]:
        """The channels that users made, with their members: those of the schema, and those that records define."""
        if not any(map(self.store.has_table, CHANNELS)):
            return self.schema.channels
        from mock_server.org.standard.channels import defined

        return defined(self.schema, self.store)

    def show_channels(self, table: str) -> None:
        """Write the records of the channels that are declared, or of their members."""
        from mock_server.org.standard.channels import show

        show(self.schema, self.store, self.captured.names, table, stamp(self.clock.now()))

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
            query=self.queries_of_system(who.user_id) if system else self.queries_of(who),
            as_user=not system,
            exchange=exchange,
            give_up=give_up,
            watch=watch,
            later=later,
        )

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
