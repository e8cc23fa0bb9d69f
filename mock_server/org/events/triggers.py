"""Triggers of platform events and change events: hooks after insert, which run once these are published, in
transactions of their own.

Sources: Platform Events Developer Guide, "Subscribe to Platform Event Notifications with Apex Triggers"; Change Data
Capture Developer Guide, "Subscribe with Apex Triggers". They get up to 2,000 events at once. What a trigger raises
undoes what it saved, and it goes on with the events that follow; nothing of that is told to who published. They run as
an administrator; in Salesforce as Automated Process, which no record is.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from mock_server.org.automation.attempts import Attempts
from mock_server.org.automation.budget import Budget
from mock_server.org.automation.execution import Execution
from mock_server.org.automation.hooks import Hook
from mock_server.org.automation.inner import InnerOrg
from mock_server.org.automation.running import run_one
from mock_server.org.events.model import Event
from mock_server.org.ids import stable_id
from mock_server.org.records.changes import Change
from mock_server.org.records.plans import plan_of
from mock_server.org.records.rows import Chunk, Row
from mock_server.org.schema.derived import changing

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.records.pipeline import Pipeline

BATCH = 2_000
_NO_TIP = -1
"""EventBusSubscriber tells the newest event of standard volume alone."""
LONGEST_CHAIN = 1_000
"""Triggers that may follow from one another's events; in Salesforce it is limits that end such a chain."""
log = logging.getLogger("sfmock")


class _Failed(Exception):
    """Leaves the transaction of a trigger that must not stay."""


class Triggers:
    """Runs an org's hooks on its platform events."""

    def __init__(self, org: Org, pipeline: Pipeline) -> None:
        self._org = org
        self._pipeline = pipeline
        self._waiting: deque[tuple[int, list[Event]]] = deque()
        self._running = 0

    def published(self, events: Sequence[Event]) -> None:
        """Run the triggers of some events, and of those that they publish."""
        automation = self._org.automation
        same = [one for one in events if automation.of(one.name, "insert", "after")]
        if same:
            self._waiting.append((self._running + 1, same))
        if self._running:
            # Who publishes them runs now: theirs follow.
            return
        try:
            while self._waiting:
                self._running, wave = self._waiting.popleft()
                if self._running > LONGEST_CHAIN:
                    log.warning("triggers of %s publish events that trigger them again; the chain ends", wave[0].name)
                    continue
                by_name: dict[str, list[Event]] = {}
                for one in wave:
                    by_name.setdefault(one.name, []).append(one)
                for name, some in by_name.items():
                    for hook in automation.of(name, "insert", "after"):
                        for start in range(0, len(some), BATCH):
                            self._run(hook, some[start : start + BATCH])
        finally:
            self._running = 0

    def _run(self, hook: Hook, events: Sequence[Event]) -> None:
        sobject = self._org.schema.get(events[0].name)
        if sobject is None:
            return
        pipeline, user = self._pipeline, self._org.directory.default_user.id
        rows = [Row(Change("create", sobject.name), sobject, plan_of(sobject), "create", _name(one)) for one in events]
        stored = {_name(one): self._stored(one) for one in events}
        query = pipeline.inner_query(user)
        attempts = Attempts(pipeline, query, user, 0, give_up=True, as_user=False)
        chunk = Chunk((), user, give_up=True)
        chunk.rows, chunk.plans = rows, [rows[0].plan]
        chunk.execution = execution = Execution(Budget(pipeline.automation.metered))
        chunk.inner = InnerOrg(execution, query, partial(attempts.nested, execution), give_up=True)
        wrong = None
        try:
            with pipeline.transaction():
                wrong = run_one(hook, chunk, rows, stored)
                if wrong is not None:
                    raise _Failed
        except _Failed:
            log.info("%s", wrong)
        except sqlite3.Error as error:
            # The disk is full, or the like. What was published is committed, and stays so.
            wrong = str(error)
            log.error("what %s has saved cannot be kept: %s", hook.name, wrong)
        with suppress(sqlite3.Error):
            self._note(hook, events[-1], wrong)

    def _stored(self, event: Event) -> Mapping[str, Any]:
        """Return an event as its trigger sees it: the fields of the message, and what tells it from others."""
        told = {"ReplayId": str(event.replay_id)}
        if event.kind != "change":
            return {**event.payload, **told, "EventUuid": event.uuid}
        from mock_server.org.events.changes.telling import flat

        base = self._org.schema.get(changing(event.name) or "")
        assert base is not None
        return {**flat(event.payload, base), **told}

    def _note(self, hook: Hook, last: Event, wrong: str | None) -> None:
        """Keep the trigger's row of EventBusSubscriber: how far it has come."""
        rows = self._org.schema.get("EventBusSubscriber")
        assert rows is not None
        identifier = stable_id(rows.key_prefix or "0Cd", f"{hook.sobject}.{hook.name}")
        told: dict[str, Any] = {
            "Id": identifier, "ExternalId": identifier, "Name": hook.name, "Type": "ApexTrigger",
            "Topic": hook.sobject, "Position": last.replay_id, "Tip": _NO_TIP, "Retries": 0,
            "LastError": None if wrong is None else wrong[:1000], "Status": "Running",
        }  # fmt: skip
        self._org.store.put(rows, told)


def _name(event: Event) -> str:
    """Return what tells an event from others."""
    return event.uuid or str(event.replay_id)
