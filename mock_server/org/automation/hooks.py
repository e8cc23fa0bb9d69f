"""Hooks: code, or a declared cost, that runs before or after an object's records are saved; and an org's list."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from mock_server.org.automation.budget import Cost
from mock_server.org.clock import Clock
from mock_server.org.schema import Schema
from mock_server.org.schema.derived import changing

if TYPE_CHECKING:
    from mock_server.org.automation.trigger import Trigger

Event = Literal["insert", "update", "delete", "undelete"]
Moment = Literal["before", "after"]
EVENTS: tuple[Event, ...] = get_args(Event)
MOMENTS: tuple[Moment, ...] = get_args(Moment)
Work = Callable[["Trigger"], object]


_FREE = Cost()


class HookError(ValueError):
    """A hook, or other declared code, that can never run.

    `path` leads to what is wrong; `allowed` and `like` are for naming the nearest right word.
    """

    def __init__(
        self, message: str, key: str | tuple[str | int, ...], allowed: Iterable[str] = (), like: str | None = None
    ) -> None:
        super().__init__(message)
        self.path = (key,) if isinstance(key, str) else key
        self.allowed = tuple(allowed)
        self.like = like


@dataclass(frozen=True, slots=True)
class Hook:
    """A trigger of one object. `name` stands in its errors, as an Apex trigger's does."""

    name: str
    sobject: str
    on: frozenset[Event]
    at: Moment
    work: Work | None = field(default=None, repr=False)
    cost: Cost = _FREE

    def run(self, trigger: Trigger) -> None:
        """Spend the declared cost, then run the code."""
        trigger.spend(**self.cost.of(trigger.size))
        if self.work is not None:
            self.work(trigger)


class Automation:
    """The hooks of one org, in the order in which they were added and run."""

    def __init__(self, schema: Schema, clock: Clock) -> None:
        self._schema = schema
        self.clock = clock
        self._hooks: tuple[Hook, ...] = ()
        self._by_place: dict[tuple[str, Event, Moment], tuple[Hook, ...]] = {}
        self._objects: frozenset[str] = frozenset()
        self.metered = True
        self.spent_ms = 0.0
        """Milliseconds that hooks have taken so far, with those that they declare."""

    def __bool__(self) -> bool:
        return bool(self._hooks)

    @contextmanager
    def unmetered(self) -> Iterator[None]:
        """Let transactions of a block spend without end: what is there from the start came in small batches."""
        before, self.metered = self.metered, False
        try:
            yield
        finally:
            self.metered = before

    @property
    def hooks(self) -> tuple[Hook, ...]:
        return self._hooks

    def add(
        self,
        sobject: str,
        on: Iterable[str],
        *,
        at: str = "before",
        name: str | None = None,
        work: Work | None = None,
        cost: Cost | None = None,
    ) -> Hook:
        """Add a hook to an object. Raises HookError."""
        hook = self.checked(sobject, on, at=at, name=name, work=work, cost=cost)
        self._become((*self._hooks, hook))
        return hook

    def checked(
        self,
        sobject: str,
        on: Iterable[str],
        *,
        at: str = "before",
        name: str | None = None,
        work: Work | None = None,
        cost: Cost | None = None,
    ) -> Hook:
        """Return what `add` would add. Raises HookError."""
        found = self._schema.get(sobject)
        if found is None:
            raise HookError(f"this org has no object {sobject}", "object", self._schema.names(), sobject)
        if work is not None and not callable(work):
            raise HookError(f"a hook must be a function, not {work!r:.60}", "work")
        if inspect.iscoroutinefunction(work):
            raise HookError("a hook cannot be async: a save runs from end to end without a pause", "work")
        events = [on] if isinstance(on, str) else list(on)
        for event in events:
            if event not in EVENTS:
                raise HookError(f"there is no event {event!r}", "on", EVENTS, str(event))
        if not events:
            raise HookError("a hook needs at least one event", "on", EVENTS)
        if at not in MOMENTS:
            raise HookError(f"a hook runs before or after, not {at!r}", "at", MOMENTS, str(at))
        kind = "platform event" if found.kind == "event" else "change event" if changing(found.name) else None
        if kind is not None and (at != "after" or events != ["insert"]):
            key, word = ("at", "after") if at != "after" else ("on", "insert")
            raise HookError(f"{found.name} is a {kind}: its hooks run after insert alone", key, (word,))
        own = getattr(work, "__name__", "<lambda>")
        title = name or (own if own.isidentifier() else f"{found.name}Trigger")
        return Hook(title, found.name, frozenset(events), at, work, cost or _FREE)  # type: ignore[arg-type]  # checked

    def remove(self, name: str) -> bool:
        """Remove the hooks of a name; tell whether there were any."""
        left = tuple(hook for hook in self._hooks if hook.name != name)
        found = len(left) < len(self._hooks)
        self._become(left)
        return found

    def clear(self) -> None:
        self._become(())

    def become(self, other: Automation) -> None:
        """Take over another org's hooks."""
        self._become(other._hooks)

    def _become(self, hooks: tuple[Hook, ...]) -> None:
        # Whole new tables: a save that runs on another thread sees the old ones or these.
        places: dict[tuple[str, Event, Moment], tuple[Hook, ...]] = {}
        for hook in hooks:
            for event in hook.on:
                key = hook.sobject, event, hook.at
                places[key] = (*places.get(key, ()), hook)
        self._by_place = places
        self._objects = frozenset(hook.sobject.lower() for hook in hooks if not hook.sobject.endswith("__e"))
        self._hooks = hooks

    def of(self, sobject: str, event: Event, at: Moment) -> tuple[Hook, ...]:
        """Return the hooks of an object, by its exact name."""
        return self._by_place.get((sobject, event, at), ())

    def concerns(self, sobjects: Iterable[str]) -> bool:
        """Tell whether any of the objects, named in any case, has hooks."""
        objects = self._objects
        return bool(objects) and any(name.lower() in objects for name in sobjects)
