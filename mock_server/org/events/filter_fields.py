"""What the filter of a channel's member may ask about: the fields of an event's message, by the paths that name them.

Source: Change Data Capture Developer Guide, "Change Event Filters", "Filter Expression Format". Of compound fields
their parts are asked about, as the message names them: `BillingAddress.City`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from mock_server.org.schema.types import Field, SObject

HEADER = "ChangeEventHeader"
_NUMBERS = ("sequenceNumber", "commitTimestamp", "commitNumber")


class Unaskable(ValueError):
    """A path that a filter cannot have; the text says why."""


@dataclass(frozen=True)
class FilterFields:
    """The fields of an event's messages. `among` are the operators that compare with several values."""

    event: str
    known: Mapping[str, tuple[str, Field]]
    """By path in lower case: the exact path, and the field of the record behind it."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Why others are not to be asked about, by path in lower case."""
    among: frozenset[str] = frozenset()

    def find(self, path: str) -> tuple[str, Field]:
        """Return what a path means. Raises Unaskable."""
        found = self.known.get(path.lower())
        if found is None:
            raise Unaskable(self.refused.get(path.lower()) or f"{self.event} has no field {path[:80]}")
        return found

    @staticmethod
    def heads(path: str) -> bool:
        """Tell whether a path leads into the header of a change event."""
        return path.startswith(f"{HEADER}.")


def of_event(sobject: SObject) -> FilterFields:
    """Return the fields of a platform event's messages."""
    known = {field.name.lower(): (field.name, field) for field in sobject.fields}
    return FilterFields(sobject.name, known, among=frozenset({"IN", "NOT IN"}))


def of_changes(base: SObject) -> FilterFields:
    """Return the fields of the messages that tell of an object's changes."""
    from mock_server.org.events.changes.types import event_type

    kind = event_type(base)
    known, refused = dict(_header()), dict.fromkeys(
        (f"{HEADER}.{name}".lower() for name in ("recordIds", "nulledFields", "diffFields", "changedFields")),
        "fields of the header that are lists cannot be asked about",
    )  # fmt: skip
    for one in kind.fields:
        if one.listed:
            refused |= {part.name.lower(): f"{part.name} is told in a list" for _, part in one.parts}
            continue
        for part, of_record in one.parts:
            path = f"{one.name}.{part}"
            known[path.lower()] = path, of_record
            refused[of_record.name.lower()] = f"{of_record.name} is asked about as {path}"
        if one.parts:
            refused[one.name.lower()] = f"{one.name} is a compound field: ask about one of its parts"
        elif can_be_added(one.field):
            known[one.name.lower()] = one.name, one.field
        else:
            refused[one.name.lower()] = f"{one.name} is a long or an encrypted text, which cannot be asked about"
    return FilterFields(kind.name, known, refused)


def can_be_added(one: Field) -> bool:
    """Tell whether a field is of a type that events can be filtered by and enriched with."""
    long = one.type == "textarea" and (one.length > _SHORT or one.html)
    return not long and one.type not in ("encryptedstring", "base64", "anyType", "complexvalue")


_SHORT = 255
"""Characters of a TextArea; longer ones are TextArea (Long)."""


def _header() -> Iterator[tuple[str, tuple[str, Field]]]:
    for name in ("entityName", "changeType", "changeOrigin", "transactionKey", "commitUser", *_NUMBERS):
        told = Field(name, name, "double" if name in _NUMBERS else "string")
        yield f"{HEADER}.{name}".lower(), (f"{HEADER}.{name}", replace(told, nillable=False))
