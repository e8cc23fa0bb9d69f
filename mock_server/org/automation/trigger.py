"""The context of a trigger, as its code holds it: records that are, were and will be, errors, and the org inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.automation.budget import UNITS, LimitExceeded
from mock_server.org.automation.execution import Execution, FinalError, SObjectError
from mock_server.org.automation.hooks import Event, Moment
from mock_server.org.errors import ApiError
from mock_server.org.records.rows import Row
from mock_server.org.records.values import Misfit

if TYPE_CHECKING:
    from mock_server.org.automation.inner import InnerOrg
    from mock_server.org.schema.types import Field, SObject


class TriggerRecord(MutableMapping[str, Any]):
    """One record: a mapping of field names, in any case, to JSON values. A field without a value is None.

    Only `trigger.new` of before insert and before update can be changed.
    """

    __slots__ = ("_cells", "_row", "_writable", "sobject")

    def __init__(self, row: Row, cells: Mapping[str, Any], writable: bool) -> None:
        self.sobject: SObject = row.sobject
        self._row = row
        self._cells = cells
        self._writable = writable

    @property
    def id(self) -> str | None:
        """The record's id; None before it is inserted."""
        found: str | None = self["Id"]
        return found

    def _field(self, name: str) -> Field:
        field = self.sobject.field(name) if isinstance(name, str) else None
        if field is None:
            raise SObjectError(f"Invalid field {name} for {self.sobject.name}")
        return field

    def __getitem__(self, name: str) -> Any:
        field = self._field(name)
        value = self._cells.get(field.name)
        if self._writable and field.name in self._row.values:
            value = self._row.values[field.name]
        # Of a change event, a checkbox that did not change is neither.
        if field.type == "boolean" and not field.nillable:
            return bool(field.default is True if value is None else value)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        field = self._field(name)
        if not self._writable:
            raise FinalError("Record is read-only")
        row = self._row
        slot = row.plan.slot(field.name)
        if slot is None or not (slot.createable if row.verb == "create" else slot.updateable):
            raise SObjectError(f"Field is not writeable: {self.sobject.name}.{field.name}")
        if value is None:
            row.values[field.name] = 0 if field.type == "boolean" else None
            return
        try:
            row.values[field.name] = slot.coerce(value)
        except Misfit as misfit:
            raise SObjectError(f"Illegal assignment to {field.name}: {misfit.text}") from None
        except ApiError as error:
            # As in Apex, a value that is too long is only found out by the save.
            row.fail(error)

    def __delitem__(self, name: str) -> None:
        self[name] = None

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in self.sobject.fields if field.stored)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.sobject.field(name) is not None

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{self.sobject.name} {self.id or '(new)'}>"

    def add_error(self, message: str, field: str | None = None) -> None:
        """Refuse the record with FIELD_CUSTOM_VALIDATION_EXCEPTION, at a field or as a whole."""
        named = () if field is None else (self._field(field).name,)
        self._row.fail(errors.FIELD_CUSTOM_VALIDATION_EXCEPTION(text=str(message), fields=named))


class Trigger:
    """What a hook is called with: up to 200 records of one object that are about to be saved alike, or just were.

    `new` is None for delete, `old` is None for insert and undelete; both are in the order of the call. `org` queries
    and saves within the same transaction.
    """

    def __init__(
        self,
        rows: list[Row],
        event: Event,
        at: Moment,
        *,
        stored: Mapping[str, Mapping[str, Any]] | None,
        org: InnerOrg,
        execution: Execution,
        user_id: str,
    ) -> None:
        self.sobject = rows[0].sobject.name
        self.event: Event = event
        self.at: Moment = at
        self.size = len(rows)
        self.user_id = user_id
        self.org = org
        self._execution = execution
        self._heap = 0
        writable = at == "before" and event in ("insert", "update")
        self.new = None if event == "delete" else [TriggerRecord(row, _cells(row, stored), writable) for row in rows]
        self.old = [TriggerRecord(row, row.before, False) for row in rows] if event in ("update", "delete") else None

    @property
    def operation(self) -> str:
        """The event as error texts name it: `BeforeInsert`."""
        return operation_name(self.at, self.event)

    @property
    def is_before(self) -> bool:
        return self.at == "before"

    @property
    def is_after(self) -> bool:
        return self.at == "after"

    @property
    def is_insert(self) -> bool:
        return self.event == "insert"

    @property
    def is_update(self) -> bool:
        return self.event == "update"

    @property
    def is_delete(self) -> bool:
        return self.event == "delete"

    @property
    def is_undelete(self) -> bool:
        return self.event == "undelete"

    @property
    def new_map(self) -> dict[str, TriggerRecord]:
        """The new records by id; empty before an insert."""
        return {record.id: record for record in self.new or () if record.id}

    @property
    def old_map(self) -> dict[str, TriggerRecord]:
        return {record.id: record for record in self.old or () if record.id}

    def spend(
        self, *, soql: int = 0, dml: int = 0, rows: int = 0, query_rows: int = 0, cpu: int = 0, heap: int = 0
    ) -> None:
        """Spend of what the transaction has: queries, DML statements, their rows, milliseconds, bytes.

        Where it has not so much left, nothing of the chunk is saved: System.LimitException, which no code can catch.
        """
        for unit, amount in zip(UNITS, (soql, dml, rows, query_rows, cpu, heap), strict=True):
            if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
                raise ValueError(f"{unit} must be a whole number from 0, not {amount!r}")
            if not amount:
                continue
            self._heap += amount if unit == "heap" else 0
            try:
                self._execution.budget.spend(unit, amount)
            except LimitExceeded as exceeded:
                self._execution.fatal = exceeded
                raise

    def done(self) -> None:
        """Let go of the heap that the trigger's code has spent."""
        self._execution.budget.free(self._heap)
        self._heap = 0


def _cells(row: Row, stored: Mapping[str, Mapping[str, Any]] | None) -> Mapping[str, Any]:
    return row.before if stored is None else stored.get(row.id or "", row.before)


def operation_name(at: Moment, event: Event) -> str:
    return at.capitalize() + event.capitalize()
