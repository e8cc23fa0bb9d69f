"""The rows of a write on their way through the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change
from mock_server.org.records.plans import WritePlan
from mock_server.org.records.recycling import Link
from mock_server.org.schema.types import Field, SObject

if TYPE_CHECKING:
    from mock_server.org.automation.execution import Execution
    from mock_server.org.automation.inner import InnerOrg
    from mock_server.org.identity.access import Access

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True)
class Wake:
    """What a delete or undelete does to other records than its own."""

    along: dict[str, list[str]] = field(default_factory=dict)
    """Ids of what goes or comes back with it, by object."""
    links: dict[tuple[str, str], dict[str, str | None]] = field(default_factory=dict)
    """References of other records that change, by object and field: the new value by record id."""
    doomed: list[str] = field(default_factory=list)
    """What goes past the bin."""
    left: list[str] = field(default_factory=list)
    """What was deleted with it and cannot come back yet."""
    lost: list[Link] = field(default_factory=list)
    """References that a record had when it was deleted, and that lead to deleted records now."""

    def touched(self) -> Iterator[str]:
        """Yield the ids of the other records that are locked."""
        for ids in self.along.values():
            yield from ids
        for changes in self.links.values():
            yield from changes


class NamedParent(NamedTuple):
    """A parent that is named by a key of its own."""

    target: SObject
    key: Field
    value: Any
    """As it was given."""


@dataclass(slots=True)
class Row:
    """A change on its way through the pipeline."""

    change: Change
    sobject: SObject = None  # type: ignore[assignment]  # set by resolve, the first step
    plan: WritePlan = None  # type: ignore[assignment]  # likewise
    verb: str = ""
    id: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    """What is to be written, in stored form, by exact field name."""
    before: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    """The stored record of an update or delete, all columns, where the plan is `watched`; empty for a create."""
    held: tuple[tuple[str, ...], tuple[Any, ...]] | None = None
    """Of an update: what some columns held when it was resolved, where the commit log tells it; behind them its id."""
    parents: dict[Field, NamedParent] | None = None
    """References given as a nested record."""
    waits: dict[str, tuple[Row, NamedParent]] | None = None
    """References to what an earlier row of the same call makes, by field name."""
    audit: dict[str, Any] | None = None
    """What the saver says himself of the creation of a record, as he is permitted to; in stored form."""
    wake: Wake | None = None
    """Of a delete or undelete: what it does to other records."""
    errors: list[ApiError] = field(default_factory=list)
    summed: bool = False
    """Whether the platform itself changes the record: a master whose totals follow its details."""

    @property
    def writes(self) -> bool:
        """Whether the row brings values: it creates or updates."""
        return self.verb in ("create", "update")

    def refers(self, reference: Field) -> bool:
        """Tell whether a reference has a value that is found later."""
        return bool(self.parents and reference in self.parents) or bool(self.waits and reference.name in self.waits)

    def fail(self, error: ApiError) -> None:
        self.errors.append(error)

    def now(self, name: str) -> Any:
        """Return a field's stored value as it will be after the save; only where the plan is `watched`."""
        return self.values[name] if name in self.values else self.before.get(name)


class Chunk:
    """Up to 200 rows that are saved together, grouped by object in order of first appearance."""

    def __init__(
        self,
        changes: Sequence[Change],
        user_id: str,
        give_up: bool,
        access: Access | None = None,
        exchange: int = 0,
    ) -> None:
        self.rows = [Row(change) for change in changes]
        self.user_id = user_id
        self.access = access
        """What the saver may do; None for everything."""
        self.give_up = give_up
        self.exchange = exchange
        self.execution: Execution | None = None
        """The transaction of triggers that the save is part of; None where no row can meet one."""
        self.inner: InnerOrg | None = None
        self.calls: list[tuple[object, Row]] = []
        """What its rows set going outside the org once they are saved; see `org.outbound`."""
        self.plans: list[WritePlan] = []
        """The plans of its rows' objects, each once."""
        self.features: frozenset[str] = frozenset()
        """What any of these plans has (`plans.FEATURES`), and what is done to rows: create, update and so on."""

    def alive(self) -> dict[tuple[str, str], list[Row]]:
        """Return the rows that have not failed, by what is to be done and to which object."""
        groups: dict[tuple[str, str], list[Row]] = {}
        verb, plan, same = "", None, []
        for row in self.rows:
            if row.errors:
                continue
            # Mostly a row is like the one before it.
            if row.verb != verb or row.plan is not plan:
                verb, plan = row.verb, row.plan
                same = groups.setdefault((verb, plan.sobject.name), [])
            same.append(row)
        return groups
