"""What a field and an sObject are. Frozen: a schema changes by replacing an sObject, which raises its version."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args
from unicodedata import combining, normalize

FieldType = Literal[
    "id", "string", "textarea", "picklist", "multipicklist", "combobox", "reference", "boolean", "int", "long",
    "double", "currency", "percent", "date", "datetime", "time", "email", "phone", "url", "encryptedstring", "base64",
    "address", "location", "anyType", "complexvalue",
]  # fmt: skip
FIELD_TYPES: frozenset[str] = frozenset(get_args(FieldType))

TEXT_TYPES: frozenset[str] = frozenset(
    {
        "string",
        "textarea",
        "picklist",
        "multipicklist",
        "combobox",
        "email",
        "phone",
        "url",
        "encryptedstring",
        "anyType",
    }
)
"""Types stored and compared as text (ids and references too, but those compare exactly)."""
ID_TYPES: frozenset[str] = frozenset({"id", "reference"})
NUMBER_TYPES: frozenset[str] = frozenset({"int", "long", "double", "currency", "percent"})
FLOAT_TYPES: frozenset[str] = frozenset({"double", "currency", "percent"})
COMPOUND_TYPES: frozenset[str] = frozenset({"address", "location", "complexvalue"})
"""Types without a column of their own: they are composed from their parts on reading."""


@dataclass(frozen=True, slots=True)
class PicklistValue:
    value: str
    label: str
    active: bool = True
    default: bool = False
    valid_for: tuple[str, ...] = ()
    """For a dependent picklist: the values of the controlling field with which it may be chosen."""


@dataclass(frozen=True, slots=True)
class FilterItem:
    """One condition of a roll-up's or lookup's filter; several are joined by AND."""

    field: str
    operator: str
    """`equals`, `notEqual`, `lessThan`, `greaterThan`, `lessOrEqual`, `greaterOrEqual`, `contains`, `notContain`,
    `startsWith`, `includes`, `excludes` (Metadata API, FilterItem)."""
    value: str


@dataclass(frozen=True, slots=True)
class RollUp:
    """What a roll-up summary field sums up of the records of a detail object."""

    child: str
    reference: str
    """The master-detail field on the child."""
    operation: Literal["count", "sum", "min", "max"]
    field: str | None = None
    filters: tuple[FilterItem, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidationRule:
    """A save is refused with `message` when `condition`, a formula, is true."""

    name: str
    condition: str
    message: str
    field: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class MatchItem:
    """A field that must be alike in two records, by a method of `records.alike`."""

    field: str
    method: str = "exact"
    blank_matches: bool = False
    """Whether two empty fields are alike; otherwise an empty field is like nothing."""


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """What happens to a record that is like another one."""

    name: str
    alternatives: tuple[tuple[MatchItem, ...], ...]
    """Records match when all items of one alternative do."""
    matching: str
    """The name of its matching rule."""
    on_create: Literal["block", "allow"] = "block"
    on_update: Literal["block", "allow"] = "block"
    alert: bool = True
    """Whether `allow` means to warn: the save is refused until its caller says that it knows."""
    message: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Named:
    """A record that metadata names: a user by username, a queue or record type by developer name."""

    kind: Literal["User", "Queue", "RecordType"]
    name: str


@dataclass(frozen=True, slots=True)
class FieldUpdate:
    """What a workflow rule sets a field to: a formula's value, a literal, a record that is named, or nothing."""

    name: str
    field: str
    formula: str | None = None
    literal: str | None = None
    named: Named | None = None


@dataclass(frozen=True, slots=True)
class WorkflowRule:
    """Sets fields of records that are saved where `condition`, a formula, is true; `sends` names outbound messages."""

    name: str
    condition: str
    on: Literal["create", "save", "become"]
    """When created; whenever saved; when created, or changed so that the condition comes to hold."""
    updates: tuple[FieldUpdate, ...] = ()
    active: bool = True
    label: str = ""
    description: str | None = None
    sends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AssignmentEntry:
    condition: str
    to: Named | None
    """Nobody: the owner stays."""


@dataclass(frozen=True, slots=True)
class AssignmentRule:
    """Gives accounts, cases and leads to whom its first entry names that fits."""

    name: str
    entries: tuple[AssignmentEntry, ...]
    active: bool = True
    label: str = ""


@dataclass(frozen=True, slots=True)
class RecordType:
    """A record type other than Master, which every object has."""

    id: str
    name: str
    """Its developer name."""
    label: str
    active: bool = True
    picklists: tuple[tuple[str, tuple[PicklistValue, ...]], ...] = ()
    """The values that it offers, by picklist field; a field that is not named offers all."""


@dataclass(frozen=True, slots=True)
class CompactLayout:
    name: str
    label: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field, with the attributes of a describe (https://developer.salesforce.com, "DescribeSObjectResult")."""

    name: str
    label: str
    type: FieldType
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    filterable: bool = True
    sortable: bool = True
    groupable: bool = True
    defaulted_on_create: bool = False
    default: str | int | float | bool | None = None
    unique: bool = False
    case_sensitive: bool = False
    external_id: bool = False
    id_lookup: bool = False
    custom: bool = False
    auto_number: bool = False
    calculated: bool = False
    name_field: bool = False
    encrypted: bool = False
    html: bool = False
    restricted_picklist: bool = False
    cascade_delete: bool = False
    restricted_delete: bool = False
    query_by_distance: bool = False
    permissionable: bool = False
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    compound: str | None = None
    """Name of the compound field that this field is a part of (describe: compoundFieldName)."""
    extra_type: str | None = None
    picklist: tuple[PicklistValue, ...] = ()
    controller: str | None = None
    """The field that decides which values of this picklist may be chosen."""
    formula: str | None = None
    """The text of a formula field; `type` is what it gives."""
    blank_as_zero: bool = False
    """Whether the formula takes empty numbers for 0 (formulaTreatBlanksAs BlankAsZero)."""
    default_formula: str | None = None
    roll_up: RollUp | None = None
    display_format: str | None = None
    """Of an auto number: `INV-{0000}`."""
    first_number: int = 1
    """Of an auto number: what the first record gets."""
    help_text: str | None = None
    mask: str | None = None
    mask_type: str | None = None
    display_in_decimal: bool = False
    relationship_order: int | None = None
    write_requires_master_read: bool = False
    search_prefilterable: bool = False
    lookup_filter: tuple[FilterItem, ...] = ()
    structured: bool = False
    """Whether a complex value is kept, as JSON text, and shown as what that says."""
    lookup_message: str | None = None
    """What a save is told whose reference the filter does not let through; None for the platform's own text."""

    @property
    def stored(self) -> bool:
        """Whether the field has a column of its own; the column has the field's name."""
        return (self.type not in COMPOUND_TYPES or self.structured) and self.formula is None

    @property
    def durable(self) -> bool:
        """Whether a reference holds the durable id of a part of the schema, which has no fixed form."""
        return self.type == "reference" and self.length > 18

    @property
    def valued(self) -> bool:
        """Whether a query can ask for its value: it is stored, or worked out by a formula."""
        return self.type not in COMPOUND_TYPES

    @property
    def folded(self) -> bool:
        """Whether a shadow column `NAME__fold` (text in `fold` form) is kept beside it, with an index."""
        return (
            self.type in TEXT_TYPES and not self.case_sensitive and (self.unique or self.external_id or self.id_lookup)
        )

    @property
    def required(self) -> bool:
        """Whether a create must give a value (describe: createable, not nillable, not defaultedOnCreate)."""
        return self.createable and not self.nillable and not self.defaulted_on_create and self.type != "boolean"


@dataclass(frozen=True, slots=True)
class ChildRelationship:
    child: str
    field: str
    name: str | None = None
    cascade_delete: bool = False
    restricted_delete: bool = False


Kind = Literal["object", "setting", "event", "metadata", "external"]
"""A custom object like a standard one; a custom setting; a platform event; a custom metadata type; an external one."""
Sharing = Literal["ReadWrite", "Read", "Private", "ControlledByParent"]


@dataclass(frozen=True)
class SObject:
    """One object type. `flags` holds the describe's true booleans (queryable, createable, ...)."""

    name: str
    label: str
    label_plural: str
    key_prefix: str | None
    flags: frozenset[str]
    fields: tuple[Field, ...]
    children: tuple[ChildRelationship, ...] = ()
    custom: bool = False
    scopes: tuple[tuple[str, str], ...] = ()
    links: tuple[str, ...] = ()
    """The resources that its describe names under `urls`, beside rowTemplate, describe and sobject."""
    record_typed: bool = False
    """Whether it may have record types: only then does it show Master as one."""
    kind: Kind = "object"
    sharing: Sharing = "ReadWrite"
    """Who sees and edits records that others own (organization-wide default)."""
    validation_rules: tuple[ValidationRule, ...] = ()
    record_types: tuple[RecordType, ...] = ()
    compact_layouts: tuple[CompactLayout, ...] = ()
    duplicate_rules: tuple[DuplicateRule, ...] = ()
    workflow_rules: tuple[WorkflowRule, ...] = ()
    assignment_rules: tuple[AssignmentRule, ...] = ()
    publishes_at_once: bool = False
    """Of a platform event: whether it is published though its transaction is rolled back (PublishImmediately)."""
    standard_volume: bool = False
    """Of a platform event: whether it is one of standard volume, as those of earlier years are."""
    derived: bool = False
    """Whether its rows are worked out from the schema, for whoever asks."""
    anonymous: bool = False
    """Whether its rows go by their durable ids alone: for an id they all show none."""
    whole: SObject | None = field(default=None, compare=False, repr=False)
    """The object itself, where this is what a user sees of it."""
    memo: dict[object, object] = field(default_factory=dict, compare=False, repr=False)
    """For derived plans (compiled writers, describe bodies): dropped with the sObject when the schema changes."""

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by exact name."""
        return {f.name: f for f in self.fields}

    @cached_property
    def name_field(self) -> Field | None:
        """The field that says what a record is called."""
        return next((field for field in self.fields if field.name_field), None)

    @cached_property
    def _by_fold(self) -> dict[str, Field]:
        return {f.name.lower(): f for f in self.fields}

    @cached_property
    def _relationships(self) -> dict[str, Field]:
        return {f.relationship_name.lower(): f for f in self.fields if f.relationship_name and f.type == "reference"}

    @cached_property
    def _children(self) -> dict[str, ChildRelationship]:
        return {c.name.lower(): c for c in self.children if c.name}

    def field(self, name: str) -> Field | None:
        """Find a field by its name in any case."""
        return self.by_name.get(name) or self._by_fold.get(name.lower())

    def parent(self, relationship: str) -> Field | None:
        """Find the reference field behind a parent relationship name (`Account`, `Foo__r`), in any case."""
        return self._relationships.get(relationship.lower())

    def child(self, relationship: str) -> ChildRelationship | None:
        """Find a child relationship by its name (`Contacts`, `Foos__r`), in any case."""
        return self._children.get(relationship.lower())

    def is_(self, flag: str) -> bool:
        return flag in self.flags


_BASES = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ħ": "h", "ı": "i"}
)


def caseless(text: str) -> str:
    """Return text without case, in every script: for patterns and for what stands within a text."""
    # Not `casefold`: it makes one text of "ß" and "ss", which the folding of ASCII alone tells apart.
    return text.lower() if text.isascii() else normalize("NFC", text.lower().replace("ς", "σ"))


def fold(text: str) -> str:
    """Return the form by which whole texts are compared and sorted: equal without case, accents beside their letters.

    Not for parts of texts: a text with accents begins with its letters alone.
    """
    if text.isascii():
        return text.lower()
    whole = caseless(text)
    letters = "".join(one for one in normalize("NFKD", whole.translate(_BASES)) if not combining(one))
    return whole if letters == whole else f"{letters}\1{whole}"
