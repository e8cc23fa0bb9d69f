"""Runs an org's hooks on the rows of a chunk, and turns what they raise into the rows' errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mock_server.org import errors
from mock_server.org.automation.budget import Budget, LimitExceeded
from mock_server.org.automation.execution import DEEPEST, ApexError, Ended, Execution, told, traced
from mock_server.org.automation.hooks import Automation, Event, Hook, Moment
from mock_server.org.automation.trigger import Trigger, operation_name
from mock_server.org.ids import to_15
from mock_server.org.records.changes import LockHeld
from mock_server.org.records.rows import Chunk, Row

log = logging.getLogger("sfmock")

_EVENTS: dict[str, Event] = {
    "create": "insert", "update": "update", "delete": "delete", "hard_delete": "delete", "undelete": "undelete",
}  # fmt: skip
_LONGEST = 4_000
_SHOWN_IDS = 5

Stored = Callable[[list[Row]], Mapping[str, Mapping[str, Any]]]
"""Loads rows' records as they are saved now, by id."""


def hooks_of(automation: Automation, row: Row, at: Moment) -> tuple[Hook, ...]:
    """Return the hooks that a row meets at a moment of its save."""
    event = _EVENTS.get(row.verb)
    # Those of events run once they are published.
    return () if event is None or row.plan.publishes else automation.of(row.sobject.name, event, at)


def hooked(automation: Automation, row: Row) -> bool:
    return bool(hooks_of(automation, row, "before") or hooks_of(automation, row, "after"))


def run_hooks(chunk: Chunk, at: Moment, automation: Automation, stored: Stored) -> list[list[Row]]:
    """Run the hooks of a moment on the rows that have not failed; return those that met any, object by object."""
    assert chunk.execution is not None
    assert chunk.inner is not None
    met: list[list[Row]] = []
    for rows in chunk.alive().values():
        hooks = hooks_of(automation, rows[0], at)
        if not hooks:
            continue
        met.append(rows)
        event = _EVENTS[rows[0].verb]
        shown = stored(rows) if at == "after" and event != "delete" else None
        for hook in hooks:
            trigger = Trigger(
                rows, event, at, stored=shown, org=chunk.inner, execution=chunk.execution, user_id=chunk.user_id
            )
            outermost = not chunk.execution.stack
            begun, cpu = automation.clock.now(), chunk.execution.budget.spent["cpu"]
            text = _refusal(hook, trigger, rows, chunk.execution)
            if outermost:
                automation.spent_ms += (automation.clock.now() - begun) * 1000
                automation.spent_ms += max(0, chunk.execution.budget.spent["cpu"] - cpu)
            if text is not None:
                refused = errors.APEX_FAILURE(text=text[:_LONGEST], fields=())
                for row in rows:
                    row.fail(refused)
                break
    return met


def run_one(hook: Hook, chunk: Chunk, rows: Sequence[Row], stored: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Run one hook on rows that were created; return what speaks against them, None for nothing."""
    assert chunk.execution is not None
    assert chunk.inner is not None
    trigger = Trigger(
        list(rows), "insert", "after", stored=stored, org=chunk.inner, execution=chunk.execution, user_id=chunk.user_id
    )
    text = _refusal(hook, trigger, rows, chunk.execution)
    return text or next((error.message for row in rows for error in row.errors), None)


def _refusal(hook: Hook, trigger: Trigger, rows: Sequence[Row], execution: Execution) -> str | None:
    """Run one hook; return why none of its rows can be saved, None when nothing was raised. Raises LockHeld."""
    operation = operation_name(trigger.at, trigger.event)
    ids = [to_15(row.id) for row in rows[:_SHOWN_IDS] if row.id and operation != "BeforeInsert"]
    level = f"{trigger.sobject} trigger event {operation}" + (f" for [{', '.join(ids)}]" if ids else "")
    if len(execution.stack) >= DEEPEST:
        return "\n".join([f"{hook.name}: maximum trigger depth exceeded", *execution.stack, level])
    execution.stack.append(level)
    raised: BaseException | None = None
    try:
        hook.run(trigger)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a hook raises, an exit too, ends its chunk and not the server
        raised = error
    finally:
        execution.stack.pop()
        trigger.done()
    # Limits and locks end the transaction though the code went on.
    raised = execution.fatal or raised
    if isinstance(raised, LockHeld):
        raise raised
    if execution.fatal is not None and not execution.stack:
        # It ends with the outermost trigger. What else the call has to save is a transaction of its own.
        execution.fatal, execution.budget = None, Budget(execution.budget.metered)
    return None if raised is None else _text(hook, operation, raised)


def _text(hook: Hook, operation: str, raised: BaseException) -> str:
    if isinstance(raised, LimitExceeded):
        return f"{hook.name}: {told(raised)}"
    if not isinstance(raised, Ended | ApexError):
        log.warning("the hook %s failed in %s", hook.name, operation, exc_info=raised)
    return f"{hook.name}: execution of {operation}\n\ncaused by: {traced(raised, hook.work, f'Trigger.{hook.name}')}"
