"""The type of an object's change events: what they carry of its records, in which order, and in which form.

Sources: Object Reference, "StandardObjectNameChangeEvent"; Change Data Capture Developer Guide, "Get Compound Fields in
Change Events"; recorded events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mock_server.org.events.changes.differences import SHORTEST
from mock_server.org.events.changes.schema import event_schema, identified
from mock_server.org.records.table_sql import person_name
from mock_server.org.schema.derived import carried_fields, change_event_name
from mock_server.org.schema.types import Field, SObject

HEADER = "ChangeEventHeader"
_ADDRESS = (
    "Street", "City", "State", "PostalCode", "Country", "StateCode", "CountryCode", "Latitude", "Longitude",
    "GeocodeAccuracy",
)  # fmt: skip
_FLAGS = {"User": ("EmailPreferences", "UserPermissions", "UserPreferences")}
"""Checkboxes that an event tells as a list of those that are checked, without this part of their names ("Change Events
for Users")."""
_PERSON = ("Salutation", "FirstName", "LastName", "MiddleName", "InformalName", "Suffix")


@dataclass(frozen=True, slots=True)
class Carried:
    """A field of the event. A compound one has parts: their names in the event, and the fields of the record."""

    name: str
    field: Field
    parts: tuple[tuple[str, Field], ...] = ()
    listed: bool = False
    """Whether it is the list of those of its parts, checkboxes all, that are checked."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Where the value of a column goes in an event. `tell` turns its stored form into what the event says."""

    path: str
    """As changedFields name it: `Industry`, `Name.LastName`."""
    name: str
    part: str | None
    order: int
    tell: Callable[[Any], Any] | None
    """None where it is told as it is stored."""
    long: bool = False
    """Whether only the difference from what was there before may be told of it."""
    listed: bool = False
    """Whether its part is among a list of those that are checked."""


Telling = tuple[tuple[int, Cell], ...]
"""The places of a row that an event carries, with their cells, in the order of the event's fields."""

Beginning = tuple[tuple[int, Cell, Any], ...]
"""The same for a new record: with the value of a column that nobody has written, whose place is -1."""
LARGEST = 1_000_000
"""Bytes of an event, at most: of a larger one only its header is told."""


_LATE = {"PricebookEntry": frozenset({"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"})}
"""Fields that are not there yet when the event of a new record is made ("Change Events for PricebookEntry")."""


class EventType:
    """What there is to know of the change events of one object; kept in its memo."""

    def __init__(self, sobject: SObject) -> None:
        self.sobject = sobject
        self.entity = sobject.name
        self.name = change_event_name(sobject.name)
        self.fields = tuple(_carried(sobject))
        self.cells = dict(self._cells())
        self.columns = tuple(self.cells)
        self.starts = {
            name: field.default is True if field.type == "boolean" else 0.0
            for name, field in ((name, sobject.by_name[name]) for name in self.cells)
            if field.type == "boolean" or (field.roll_up is not None and field.roll_up.operation in ("count", "sum"))
        }
        """What columns hold that nobody has written."""
        self.wholes = {
            part.name: tuple(other.name for _, other in one.parts)
            for one in self.fields
            if one.listed or (one.field.type == "location" and sobject.custom)
            for _, part in one.parts
        }
        """Columns that are told together if one of them changes: the parts of a custom object's geolocation, and of a
        list of checkboxes."""
        self.may_be_large = 4 * sum(field.length for field in sobject.fields if field.length) > LARGEST
        """Whether an event may be larger than one can be; a character takes four bytes at the most."""
        self._tellings: dict[tuple[str, ...], Telling] = {}
        self._beginnings: dict[tuple[str, ...], Beginning] = {}

    def _cells(self) -> Iterator[tuple[str, Cell]]:
        order = 0
        for one in self.fields:
            if not one.parts:
                long = one.field.type == "textarea" and one.field.length >= SHORTEST
                yield one.name, Cell(one.name, one.name, None, order, _teller(one.field), long)
                order += 1
            for name, field in one.parts:
                path = one.name if one.listed else f"{one.name}.{name}"
                yield field.name, Cell(path, one.name, name, order, _teller(field), listed=one.listed)
                order += 1

    def telling(self, columns: tuple[str, ...]) -> Telling:
        """Return which of some columns an event carries, and how."""
        found = self._tellings.get(columns)
        if found is None:
            pairs = [(place, self.cells[name]) for place, name in enumerate(columns) if name in self.cells]
            found = self._tellings[columns] = tuple(sorted(pairs, key=lambda pair: pair[1].order))
        return found

    def beginning(self, columns: tuple[str, ...]) -> Beginning:
        """Return what the event of a new record carries of some columns, and what is there that nobody has written."""
        found = self._beginnings.get(columns)
        if found is None:
            written: list[tuple[int, Cell, Any]] = [(place, cell, None) for place, cell in self.telling(columns)]
            others = [(-1, self.cells[name], value) for name, value in self.starts.items() if name not in columns]
            late = _LATE.get(self.entity, ())
            begun = [one for one in (*written, *others) if one[1].name not in late]
            found = self._beginnings[columns] = tuple(sorted(begun, key=lambda one: one[1].order))
        return found

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """The Avro schema of its events, `uuid` among it."""
        return identified(event_schema(self.sobject, self.name, self.fields))

    @property
    def schema_id(self) -> str:
        return str(self.schema["uuid"])


def event_type(sobject: SObject) -> EventType:
    """Return the type of an object's change events."""
    found = sobject.memo.get(EventType)
    if found is None:
        found = sobject.memo[EventType] = EventType(sobject)
    assert isinstance(found, EventType)
    return found


def _carried(sobject: SObject) -> Iterator[Carried]:
    """Yield what an event carries: a compound field stands where the first of its parts does."""
    names = sobject.by_name
    compounds: dict[str, tuple[tuple[str, Field], ...]] = {}
    name = names.get("Name")
    if name is not None and person_name(sobject, name):
        compounds["Name"] = tuple((part, names[part]) for part in _PERSON if part in names)
    for field in sobject.fields:
        if field.type in ("address", "location"):
            parts = {_part_name(field, one): one for one in sobject.fields if one.compound == field.name}
            order = [part for part in _ADDRESS if part in parts]
            compounds[field.name] = tuple((part, parts[part]) for part in order)
    lists = dict(_lists(sobject))
    compounds |= lists
    whole = {part.name: compound for compound, parts in compounds.items() for _, part in parts}
    told: set[str] = set()
    for field in carried_fields(sobject):
        compound = field.name if field.name in compounds else whole.get(field.name)
        if compound is None:
            yield Carried(field.name, field)
        elif compound not in told and compounds[compound]:
            told.add(compound)
            yield Carried(compound, names.get(compound, field), compounds[compound], compound in lists)


def _lists(sobject: SObject) -> Iterator[tuple[str, tuple[tuple[str, Field], ...]]]:
    for name in _FLAGS.get(sobject.name, ()):
        flags = (one for one in sobject.fields if one.name.startswith(name) and one.type == "boolean")
        yield name, tuple((one.name.removeprefix(name), one) for one in flags)


def _part_name(compound: Field, part: Field) -> str:
    """Return `Street` for BillingStreet of BillingAddress, `Latitude` for Place__Latitude__s of Place__c."""
    if compound.custom:
        return part.name.removesuffix("__s").rpartition("__")[2]
    return part.name.removeprefix(compound.name.removesuffix("Address"))


def _teller(field: Field) -> Callable[[Any], Any] | None:
    if field.type == "boolean":
        return bool
    if field.type == "datetime":
        return _moment
    return None


def _moment(stored: str) -> str:
    return f"{stored[:-5]}Z" if stored.endswith("+0000") else stored
