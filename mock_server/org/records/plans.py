"""What a write to one sObject needs to know, worked out once: coercions, required fields, defaults, statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mock_server.org.records.agreements import RECORD_TYPE, agreements, typed_defaults
from mock_server.org.records.columns import folded
from mock_server.org.records.table_sql import fold_column, insert_many_sql, insert_sql, person_name, quoted
from mock_server.org.records.values import Coerce, coercion
from mock_server.org.schema.types import Field, SObject
from mock_server.org.standard.rules import RULES

# Bounds what a client with ever new combinations of fields can make the server remember.
_MOST_STATEMENTS = 512
_FILLED = frozenset({("ContentVersion", "ContentDocumentId"), ("ContentVersion", "Title")})
"""What the platform fills in where it is missing (standard/companions)."""
# Numbers that a describe does not call auto numbers.
_NUMBERED = frozenset({("Quote", "QuoteNumber")})


SYSTEM_DEFAULTS: dict[str, dict[str, Any]] = {
    "User": {"IsActive": 1, "UserType": "Standard"},
    "PermissionSet": {"IsCustom": 1, "Type": "Regular"},
    "PermissionSetAssignment": {"IsActive": 1},
    "PushTopic": {
        "IsActive": 1,
        "NotifyForFields": "Referenced",
        "NotifyForOperationCreate": 1,
        "NotifyForOperationUpdate": 1,
        "NotifyForOperationDelete": 1,
        "NotifyForOperationUndelete": 1,
    },
}
"""What a new record of the system says of itself, in stored form; a describe does not tell."""
_SHARE_DEFAULTS = {"RowCause": "Manual"}
FEATURES = (
    "acting", "agreements", "assigned", "convertible", "duplicates", "filtered", "publishes", "rule", "ruled", "unique",
    "watched",
)  # fmt: skip
"""What a plan may have that some step of a save is there for: see `steps.Steps.STEPS`."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A field as a target of a write."""

    field: Field
    coerce: Coerce
    createable: bool
    updateable: bool


class Shape(NamedTuple):
    """The field, its name and coercion of each value of a row, in its order. Those `filled` may not be empty."""

    fields: tuple[Field, ...]
    names: tuple[str, ...]
    coerces: tuple[Coerce, ...]
    filled: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """An INSERT or UPDATE for one set of columns. `folds` are the places whose folded form follows the row's values."""

    sql: str
    columns: tuple[str, ...]
    folds: tuple[int, ...]

    def shadow(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return rows with the folded forms of their keys appended."""
        for place in self.folds:
            rows = [(*row, key) for row, key in zip(rows, folded([row[place] for row in rows]), strict=True)]
        return rows


class WritePlan:
    """The compiled form of an sObject for writes; kept in the sObject's memo."""

    def __init__(self, sobject: SObject) -> None:
        self.sobject = sobject
        self._slots: dict[str, Slot] = {}
        self._shapes: dict[tuple[bool, tuple[str, ...]], Shape | None] = {}
        self._statements: dict[tuple[str, tuple[str, ...]], Statement] = {}
        self._many: dict[tuple[tuple[str, ...], tuple[str, ...], int, bool], str] = {}
        # Whoever saves a record owns it: an owner is never missing.
        self.required = tuple(
            field
            for field in sobject.fields
            if field.required and field.name != "OwnerId" and (sobject.name, field.name) not in _FILLED
        )
        self.not_null = frozenset(
            field.name
            for field in sobject.fields
            if field.createable and not field.nillable and field.type != "boolean"
        )
        self.unique = tuple(field for field in sobject.fields if field.unique)
        self.auto_numbers = tuple(
            field for field in sobject.fields if field.auto_number or (sobject.name, field.name) in _NUMBERED
        )
        self.references = {
            field.name: field
            for field in sobject.fields
            if field.type == "reference" and (field.createable or field.updateable)
        }
        # Record types are the schema's: they are looked up there.
        self.related = {
            name: field for name, field in self.references.items() if name != RECORD_TYPE or not sobject.record_types
        }
        # Checkboxes have theirs from the table; an event has none.
        tabled = "boolean" if sobject.kind != "event" else None
        self.defaults: dict[str, Any] = {
            field.name: coercion(field)(field.default)
            for field in sobject.fields
            if field.default is not None and field.stored and field.type != tabled and field.createable
        }
        for field in sobject.fields:
            chosen = next((entry.value for entry in field.picklist if entry.default), None)
            if chosen is not None and field.createable and field.defaulted_on_create:
                self.defaults.setdefault(field.name, chosen)
        if sobject.name in SYSTEM_DEFAULTS or ("RowCause" in sobject.by_name and sobject.name.endswith("Share")):
            self.defaults |= SYSTEM_DEFAULTS.get(sobject.name, _SHARE_DEFAULTS)
        self.located = sobject.kind == "setting" and "SetupOwnerId" in sobject.by_name
        """Whether a row is the setting of an organization, profile or user: of the organization where none is named."""
        self.governing = sobject.name in (
            "User", "PermissionSetAssignment", "ObjectPermissions", "FieldPermissions",
        )  # fmt: skip
        """Whether a row of it is looked at even where its saver may do everything."""
        self.filtered = tuple(field for field in self.references.values() if field.lookup_filter)
        """References that only some records may be the target of."""
        self.default_formulas = any(field.default_formula is not None for field in sobject.fields)
        self.ruled = any(rule.active for rule in sobject.validation_rules)
        """Whether validation rules are to be asked."""
        self.acting = any(rule.active and rule.updates for rule in sobject.workflow_rules)
        """Whether workflow rules may change what is saved."""
        self.sending = any(rule.active and rule.sends for rule in sobject.workflow_rules)
        """Whether workflow rules may send outbound messages."""
        self.assigned = bool(sobject.assignment_rules)
        for field in sobject.fields:
            if field.roll_up is not None and field.roll_up.operation in ("count", "sum"):
                self.defaults[field.name] = 0.0
        self.rule = RULES.get(sobject.name)
        """What a standard object computes from what is saved."""
        self.typed_defaults = typed_defaults(sobject)
        self.agreements = agreements(sobject)
        looks_back = self.rule is not None and self.rule.looks_back
        self.duplicates = bool(sobject.duplicate_rules)
        """Whether rules look for records that are there already."""
        self.convertible = sobject.name == "Lead"
        rules = self.ruled or self.acting or self.sending or self.assigned or self.duplicates
        self.watched = rules or bool(self.agreements) or looks_back
        """Whether steps need the stored record of an update or delete: it is then loaded into `Row.before`."""
        quiet = self.rule is None or not (self.rule.on_create or self.rule.looks_back)
        self.plain = quiet and not (
            self.watched or self.located or self.governing or self.default_formulas or self.typed_defaults
            or sobject.kind != "object" or sobject.derived
            or not {"createable", "updateable"} <= sobject.flags
        )  # fmt: skip
        """Whether no step but those of values, references, keys and numbers has anything to do with rows of it."""
        self.publishes = sobject.kind == "event"
        """Whether rows of it are events, which are published and not stored."""
        self.publishes_at_once = self.publishes and sobject.publishes_at_once
        self.concerned = {field.name for field in self.filtered} | (self.rule.reads if self.rule else frozenset())
        """Fields of which other steps want to know nevertheless."""
        if sobject.sharing != "ReadWrite":
            # Who shared a record by hand has shared it for its owner of then.
            self.concerned |= {"OwnerId"}
        name = sobject.by_name.get("Name")
        self.named_by_id = sobject.name.endswith("__c") and name is not None and name.createable and name.nillable
        """Whether a record without a name gets its Id for one, as those of custom objects with a text name do."""
        names = sobject.by_name
        self.owned = "OwnerId" in names
        self.created = tuple(name for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp") if name in names)
        self.created_by = tuple(name for name in ("CreatedById", "LastModifiedById") if name in names)
        self.modified = tuple(name for name in ("LastModifiedDate", "SystemModstamp") if name in names)
        self.modified_by = tuple(name for name in ("LastModifiedById",) if name in names)
        self.features = frozenset(name for name in FEATURES if getattr(self, name))

    def slot(self, name: str) -> Slot | None:
        """Find the target of a write by the field's name in any case."""
        slot = self._slots.get(name)
        if slot is None:
            field = self.sobject.field(name)
            if field is None:
                return None
            derived = field.calculated or field.auto_number or not field.stored or person_name(self.sobject, field)
            slot = Slot(field, coercion(field), field.createable and not derived, field.updateable and not derived)
            if len(self._slots) < 4 * len(self.sobject.fields):
                self._slots[name] = slot
        return slot

    def shape(self, creating: bool, names: tuple[str, ...]) -> Shape | None:
        """Return the targets of a row that names just plain, writable fields and all required ones, else None."""
        key = (creating, names)
        try:
            return self._shapes[key]
        except KeyError:
            cells = []
        for name in names:
            slot = self.slot(name)
            if slot is None or not (slot.createable if creating else slot.updateable):
                break
            cells.append((slot.field, slot.field.name, slot.coerce, slot.field.name in self.not_null))
        given = {name for _, name, *_ in cells}
        complete = not creating or all(field.name in given for field in self.required)
        plain = len(cells) == len(names) == len(given) and complete
        shape = Shape(*zip(*cells, strict=True)) if plain and cells else None
        if len(self._shapes) < _MOST_STATEMENTS:
            self._shapes[key] = shape
        return shape

    def insert(self, columns: tuple[str, ...]) -> Statement:
        """Return the statement for a row's own columns, its Id and what the system adds, in this order."""
        found = self._statements.get(("insert", columns))
        if found is None:
            whole = (*columns, "Id", *self.created, *self.created_by)
            found = self._remember("insert", columns, whole, lambda names: insert_sql(self.sobject.name, names))
        return found

    def update(self, columns: tuple[str, ...]) -> Statement:
        """Return the statement for changed columns and what the system adds; the Id follows the folded forms."""
        found = self._statements.get(("update", columns))
        if found is None:
            whole = (*columns, *self.modified, *self.modified_by)
            found = self._remember("update", columns, whole, lambda names: update_sql(self.sobject.name, names))
        return found

    def insert_many(self, shared: tuple[str, ...], own: tuple[str, ...], count: int, there: bool) -> str:
        """Return the statement for several rows: see `insert_many_sql`. Columns are those of folded forms, too."""
        key = shared, own, count, there
        sql = self._many.get(key)
        if sql is None:
            sql = insert_many_sql(self.sobject.name, shared, own, count, there=there)
            if len(self._many) < _MOST_STATEMENTS:
                self._many[key] = sql
        return sql

    def folds(self, column: str) -> bool:
        """Tell whether the folded form of a column is kept beside it."""
        field = self.sobject.by_name.get(column)
        return field is not None and field.folded

    def _remember(
        self, kind: str, key: tuple[str, ...], columns: tuple[str, ...], sql: Callable[[Sequence[str]], str]
    ) -> Statement:
        by_name = self.sobject.by_name
        # A platform event has an id that is none of its fields.
        fields = [by_name.get(column) for column in columns]
        folds = tuple(place for place, field in enumerate(fields) if field is not None and field.folded)
        shadows = [fold_column(columns[place]) for place in folds]
        statement = Statement(sql([*columns, *shadows]), columns, folds)
        if len(self._statements) < _MOST_STATEMENTS:
            self._statements[kind, key] = statement
        return statement


def update_sql(table: str, columns: Sequence[str]) -> str:
    pairs = ", ".join(f"{quoted(column)}=?" for column in columns)
    return f'UPDATE {quoted(table)} SET {pairs} WHERE "Id"=?'  # noqa: S608


def plan_of(sobject: SObject) -> WritePlan:
    plan = sobject.memo.get("write")
    if plan is None:
        plan = sobject.memo["write"] = WritePlan(sobject)
    assert isinstance(plan, WritePlan)
    return plan
