"""Makes a schema whole: definitions in, objects out, with all that is wrong told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from mock_server.org.ids import IdSource
from mock_server.org.schema import derived, inline, objects, parts, record_rules
from mock_server.org.schema.described import described_field, described_object
from mock_server.org.schema.errors import Path, SchemaError, brief, close
from mock_server.org.schema.formulas import check_formulas
from mock_server.org.schema.given import flag, mapping
from mock_server.org.schema.inline import Made
from mock_server.org.schema.rows import Row, resolve, rows_of
from mock_server.org.schema.types import (
    AssignmentRule,
    ChildRelationship,
    CompactLayout,
    DuplicateRule,
    Field,
    PicklistValue,
    RecordType,
    SObject,
    ValidationRule,
    WorkflowRule,
)
from mock_server.org.schema.value_sets import STANDARD_VALUE_SETS

if TYPE_CHECKING:
    from mock_server.org.schema.schema import Schema

T = TypeVar("T")
KINDS = (
    "objects", "fields", "valueSets", "records", "channels", "profiles", "permissionSets", "apps", "quickActions",
    "outboundMessages", "namedCredentials",
)  # fmt: skip
_MOST_MASTERS = 2


@dataclass
class Draft:
    """An object in the making."""

    sobject: SObject
    path: Path
    new: bool
    fields: dict[str, Field]
    folded: dict[str, str] = field(default_factory=dict)
    children: list[ChildRelationship] = field(default_factory=list)
    child_names: set[str] = field(default_factory=set)
    made: list[Made] = field(default_factory=list)
    rules: dict[str, ValidationRule] = field(default_factory=dict)
    record_types: dict[str, RecordType] = field(default_factory=dict)
    layouts: dict[str, CompactLayout] = field(default_factory=dict)
    duplicates: dict[str, DuplicateRule] = field(default_factory=dict)
    workflow: dict[str, WorkflowRule] = field(default_factory=dict)
    assignment: dict[str, AssignmentRule] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, sobject: SObject, path: Path, *, new: bool = False) -> Draft:
        return cls(
            sobject,
            path,
            new,
            fields={one.name: one for one in sobject.fields},
            folded={one.name.lower(): one.name for one in sobject.fields},
            children=list(sobject.children),
            child_names={one.name.lower() for one in sobject.children if one.name},
            rules={one.name: one for one in sobject.validation_rules},
            record_types={one.name: one for one in sobject.record_types},
            layouts={one.name: one for one in sobject.compact_layouts},
            duplicates={one.name: one for one in sobject.duplicate_rules},
            workflow={one.name: one for one in sobject.workflow_rules},
            assignment={one.name: one for one in sobject.assignment_rules},
        )

    def find(self, name: str) -> Field | None:
        """Find a field by its name in any case."""
        return self.fields.get(name) or self.fields.get(self.folded.get(name.lower(), ""))

    def nearest(self, name: str) -> str | None:
        """Return the field whose name a wrong one probably means."""
        return close(name, self.fields)

    def put(self, one: Field) -> None:
        self.fields[one.name] = one
        self.folded[one.name.lower()] = one.name

    def masters(self) -> Iterator[Made]:
        """Yield the new master-detail fields."""
        return (one for one in self.made if is_master(one.field))

    def done(self) -> SObject:
        return replace(
            self.sobject,
            fields=tuple(self.fields.values()),
            children=tuple(self.children),
            validation_rules=tuple(self.rules.values()),
            record_types=tuple(self.record_types.values()),
            compact_layouts=tuple(self.layouts.values()),
            duplicate_rules=tuple(self.duplicates.values()),
            workflow_rules=tuple(self.workflow.values()),
            assignment_rules=tuple(self.assignment.values()),
            memo={},
        )


def is_master(one: Field) -> bool:
    """Whether a custom field is a master-detail field: only these have an order, or are not nillable and cascade."""
    return one.type == "reference" and one.custom and one.cascade_delete and not one.nillable


class Build:
    """One making of a schema from definitions, on top of the objects that `schema` has. Adds to `problems`."""

    def __init__(self, schema: Schema, definitions: Mapping[str, Any]) -> None:
        self._schema = schema
        self._definitions = definitions
        self._drafts: dict[str, Draft] = {}
        self._folded: dict[str, str] = {}
        self._sets: dict[str, tuple[PicklistValue, ...]] = {}
        self._left_out: set[str] = set()
        """Objects, in lower case, that only their own org or package has."""
        self.problems: list[SchemaError] = []
        self.records: dict[str, tuple[Row, ...]] = {}
        """Rows that come with the schema, by object."""
        self.notes: list[tuple[Path, str]] = []
        """What is left out, and where it was defined."""

    def run(self) -> list[SObject]:
        """Return the objects that are new or changed. The result counts only while there are no problems."""
        for kind in KINDS:
            given = self._definitions.get(kind)
            if given is not None and not isinstance(given, Mapping):
                what = "object names to their fields" if kind == "fields" else "names to their definitions"
                self.problems.append(SchemaError((kind,), f"{kind} must be a mapping of {what}"))
        if self.problems:
            return []
        given = self._given("objects")
        for name, definition in given.items():
            self._try(self._object, name, definition)
        for name, definition in given.items():
            draft = self._own(name)
            if draft is not None and isinstance(definition, Mapping):
                self._try(self._fields, ("objects", name, "fields"), draft, definition.get("fields", {}))
        for name, definitions in self._given("fields").items():
            self._try(self._more_fields, name, definitions)
        for draft in list(self._drafts.values()):
            for made in draft.made:
                self._try(self._relate, draft, made)
        for draft in list(self._drafts.values()):
            self._masters(draft)
            for made in draft.made:
                self._try(self._depend, draft, made)
            self._parts(draft)
        self._cycles()
        if self.problems:
            return []
        self._number()
        self._rows()
        if self.problems:
            return []
        for draft in list(self._drafts.values()):
            self._derive(draft)
        return [draft.done() for draft in self._drafts.values()]

    def check_formulas(self, schema: Schema) -> None:
        """Compile the formulas of the new and changed objects, as they are in the schema that they make."""

        def path_of(sobject: str, name: str, rule: bool) -> tuple[Path, bool]:
            draft = self._drafts[sobject]
            described = "describe" in draft.definition
            if rule:
                return (*draft.path, "validationRules", name), described
            made = next((one for one in draft.made if one.field.name == name), None)
            return (made.path, made.loose) if made else ((*draft.path, "fields", name), described)

        self.problems += check_formulas(schema, self._drafts, path_of, self._note)
        self._check_lookups(schema)
        self._check_record_rules(schema)

    def _check_record_rules(self, schema: Schema) -> None:
        """Note the rules that cannot be worked out: they do nothing."""
        for draft in self._drafts.values():
            sobject = schema.get(draft.sobject.name)
            if sobject is not None and (sobject.workflow_rules or sobject.assignment_rules):
                from mock_server.org.formula.acting import why_not

                for key, name, text in why_not(schema, sobject):
                    self._note((*draft.path, key, name), f"{text}: rule {name} does nothing")

    def _check_lookups(self, schema: Schema) -> None:
        filtered = [made for draft in self._drafts.values() for made in draft.made if made.field.lookup_filter]
        if filtered:
            from mock_server.org.records.lookup_filters import why_not

            for made in filtered:
                reason = why_not(schema, made.field)
                if reason is not None:
                    self._note((*made.path, "filter"), f"this lookup filter is not enforced: {reason}")

    def _given(self, kind: str) -> Mapping[str, Any]:
        return self._definitions.get(kind) or {}

    def _try(self, work: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return work(*arguments)
        except SchemaError as error:
            self.problems.append(error)
            return None

    def _note(self, path: Path, text: str) -> None:
        self.notes.append((path, text))

    def _leave_out(self, path: Path, name: str, text: str) -> None:
        self._left_out.add(name.lower())
        self._note(path, text)

    # -- objects

    def _own(self, name: Any) -> Draft | None:
        """Find an object in the making by its name in any case."""
        return self._drafts.get(self._folded.get(name.lower(), "")) if isinstance(name, str) else None

    def _draft(self, name: Any) -> Draft | None:
        """Find an object by its name in any case, to change it."""
        if not isinstance(name, str):
            return None
        found = self._own(name)
        if found is None:
            known = self._schema.get(name)
            if known is None:
                return None
            found = self._add(Draft.of(known, ()))
        return found

    def _add(self, draft: Draft) -> Draft:
        name = draft.sobject.name
        self._drafts[name] = draft
        self._folded[name.lower()] = name
        return draft

    def _names(self) -> Iterable[str]:
        return {*self._schema.names(), *self._drafts}

    def _object(self, name: Any, definition: Any) -> None:
        path: Path = ("objects", name)
        known = self._draft(name)
        if known is None and isinstance(definition, Mapping) and "describe" in definition:
            described = described_object(path, name, definition["describe"])
            # What a later source says of it beside.
            more = {key: value for key, value in definition.items() if key not in ("setting", "event", "publish")}
            draft = self._add(Draft.of(objects.changed_object(path, described, more), path, new=True))
            draft.definition = definition
            return
        if known is not None:
            mapping(path, definition, objects.KEYS)
            if known.new:
                raise SchemaError(path, "this object is declared twice")
            if "describe" not in definition:
                known.sobject = objects.changed_object(path, known.sobject, definition)
                for one in known.sobject.fields:
                    known.put(one)
            known.definition, known.path = definition, path
            return
        if isinstance(definition, Mapping) and definition.get("standard") is True and isinstance(name, str):
            near = close(name, self._names())
            hint = f"; did you mean {near}?" if near else ""
            self._leave_out(path, name, f"there is no standard object {brief(name)} here: it is left out{hint}")
            return
        suffix = objects.check_name(path, name)
        mapping(path, definition, objects.KEYS)
        more = self._given("fields").get(name, {})
        detail = any(
            _word(one) == "masterdetail" for source in (definition.get("fields"), more) for one in _all(source)
        )
        draft = self._add(Draft.of(objects.new_object(path, name, suffix, definition, detail=detail), path, new=True))
        draft.definition = definition

    # -- fields

    def _more_fields(self, name: Any, definitions: Any) -> None:
        path: Path = ("fields", name)
        draft = self._draft(name)
        if draft is None:
            if isinstance(name, str) and name.lower() in self._left_out:
                return
            if foreign(name):
                text = f"{name} belongs to a package: its fields are left out; give its saved describe as a source"
                self._leave_out(path, name, text)
                return
            raise SchemaError.unknown(path, "object", name, self._names())
        self._fields(path, draft, definitions)

    def _fields(self, path: Path, draft: Draft, definitions: Any) -> None:
        if not isinstance(definitions, Mapping):
            raise SchemaError(path, "fields must be a mapping of field names to their definitions")
        for name, definition in definitions.items():
            self._try(self._field, (*path, name), draft, name, definition)

    def _field(self, path: Path, draft: Draft, name: Any, definition: Any) -> None:
        known = draft.find(name) if isinstance(name, str) else None
        if known is not None and known.name in {made.field.name for made in draft.made}:
            raise SchemaError(path, "this field is declared twice")
        if (
            known is None
            and not draft.sobject.custom
            and isinstance(definition, Mapping)
            and definition.get("standard")
        ):
            self._note(path, f"{draft.sobject.name} has no field {brief(name)} here: it is left out")
            return
        if isinstance(definition, Mapping) and "describe" in definition:
            made = described_field(path, str(name), definition)
        elif known is not None and not (known.custom and isinstance(definition, Mapping) and "type" in definition):
            if isinstance(definition, Mapping):
                draft.put(inline.changed_field(path, known, definition, self._value_set))
                return
            raise SchemaError(path, "a mapping is needed here")
        else:
            made = inline.new_field(path, name, definition, self._value_set)
        if known is not None:
            self._forget(draft, known)
        if not made.loose:
            made = replace(made, field=self._by_form(path, draft, made.field))
        draft.made.append(made)
        draft.put(made.field)
        for one in made.extra:
            draft.put(one)

    def _forget(self, draft: Draft, known: Field) -> None:
        """Take a field away that a later source defines anew, and what it was to its parents."""
        del draft.fields[known.name]
        for target in known.reference_to:
            parent = self._draft(target)
            if parent is not None:
                gone = [c for c in parent.children if (c.child, c.field) == (draft.sobject.name, known.name)]
                parent.children = [c for c in parent.children if c not in gone]
                parent.child_names -= {c.name.lower() for c in gone if c.name}

    @staticmethod
    def _by_form(path: Path, draft: Draft, one: Field) -> Field:
        """Return a field as it is in its kind of object."""
        kind = draft.sobject.kind
        if kind == "event":
            if one.type == "reference" or one.calculated or one.auto_number:
                raise SchemaError(path, "a platform event has plain fields only")
            return replace(one, updateable=False, filterable=False, sortable=False, groupable=False)
        if kind == "metadata":
            # Every reference of a custom metadata type is a metadata relationship: nothing hangs on what it leads to.
            return replace(one, createable=False, updateable=False, cascade_delete=False)
        return one

    def _value_set(self, path: Path, name: Any) -> tuple[PicklistValue, ...]:
        if not isinstance(name, str):
            raise SchemaError(path, "the name of a value set is needed here")
        known = self._sets.get(name)
        if known is None:
            given = self._given("valueSets")
            if name in given:
                known = inline.values(("valueSets",), given, name)
            else:
                known = self._standard_values(name)
            if known is None:
                raise SchemaError.unknown(path, "value set", name, given)
            self._sets[name] = known
        return known

    def _standard_values(self, name: str) -> tuple[PicklistValue, ...] | None:
        for sobject, one in STANDARD_VALUE_SETS.get(name, ()):
            draft = self._draft(sobject)
            found = draft.find(one) if draft else None
            if found is not None:
                return found.picklist
        return None

    # -- what concerns several fields

    def _relate(self, draft: Draft, made: Made) -> None:
        """Look up what a reference leads to, and tell the parents of it."""
        one = made.field
        if one.type != "reference" or one.name not in draft.fields:
            return
        targets = []
        for given in one.reference_to:
            parent = self._own(given) or self._schema.get(given)
            if parent is not None:
                targets.append((parent.sobject if isinstance(parent, Draft) else parent).name)
            elif made.loose or foreign(given) or given.lower() in self._left_out:
                self._note(made.path, f"{one.name} can lead to {given}, which no source has")
            else:
                raise SchemaError.unknown((*made.path, "referenceTo"), "object", given, self._names())
        if not targets and one.reference_to:
            del draft.fields[one.name]
            self._note(made.path, f"{one.name} is left out: no source has what it leads to")
            return
        one = replace(one, reference_to=tuple(targets))
        draft.put(one)
        if draft.sobject.kind == "metadata":
            return
        for name in targets:
            target = self._draft(name)
            assert target is not None
            called = inline.child_name(draft.sobject.name, made, target.sobject.name, target.child_names)
            target.children.append(
                ChildRelationship(draft.sobject.name, one.name, called, one.cascade_delete, one.restricted_delete)
            )
            if called:
                target.child_names.add(called.lower())

    def _masters(self, draft: Draft) -> None:
        """Settle what master-detail fields do to their object."""
        masters = [made for made in draft.masters() if made.field.name in draft.fields]
        if draft.sobject.kind != "object" or not masters:
            return
        if len(masters) > _MOST_MASTERS:
            path = masters[-1].path
            self.problems.append(SchemaError(path, f"an object has at most {_MOST_MASTERS} master-detail fields"))
        if not draft.sobject.custom:
            self.problems.append(
                SchemaError(masters[0].path, "a standard object has no master-detail fields of its own")
            )
        draft.fields.pop("OwnerId", None)
        draft.sobject = replace(draft.sobject, sharing="ControlledByParent")
        # The order says which is the first; where nothing does, the order of definition.
        orders = [draft.fields[made.field.name].relationship_order or 0 for made in masters]
        for place, made in enumerate(masters):
            order = orders[place] if len(set(orders)) == len(orders) else place
            draft.put(replace(draft.fields[made.field.name], relationship_order=order))

    def _depend(self, draft: Draft, made: Made) -> None:
        """Check controllers and roll-ups, which name other fields."""
        one = draft.fields.get(made.field.name)
        if one is None:
            return
        if one.controller is not None:
            draft.put(self._controlled(draft, made, one))
        if one.roll_up is not None:
            draft.put(self._rolled_up(draft, made, one))

    def _controlled(self, draft: Draft, made: Made, one: Field) -> Field:
        path = (*made.path, "controllerName" if made.loose else "controller")
        found = draft.find(one.controller or "")
        if found is None:
            controllers = [f.name for f in draft.fields.values() if f.type in ("picklist", "boolean")]
            raise SchemaError.unknown(path, "controlling field", one.controller, controllers)
        if found.type not in ("picklist", "boolean"):
            raise SchemaError(path, f"{found.name} is a {found.type}; a picklist or checkbox can control values")
        chain: list[str] = []
        above: Field | None = found
        while above is not None and above.name not in chain:
            chain.append(above.name)
            if above.name == one.name:
                way = f", by way of {', '.join(chain[:-1])}" if chain[:-1] else ""
                raise SchemaError(path, f"{one.name} controls itself{way}")
            above = draft.find(above.controller) if above.controller is not None else None
        if not made.loose:
            self._offered_by(made, one, found)
        return replace(one, controller=found.name)

    def _offered_by(self, made: Made, one: Field, controller: Field) -> None:
        """Tell of values that wait for values which the controlling field does not have: they are never offered."""
        known = (
            [value.value for value in controller.picklist]
            if controller.picklist
            else ["checked", "unchecked", "true", "false"]
        )
        folded = {value.lower() for value in known}
        for value in one.picklist:
            for wanted in value.valid_for:
                if wanted.lower() not in folded:
                    near = close(wanted, known)
                    hint = f"; did you mean {near}?" if near else ""
                    text = f"{brief(value.value)} is offered for {brief(wanted)}, which {controller.name} does not have"
                    self._note(made.path, f"{one.name}: {text}{hint}")

    def _rolled_up(self, draft: Draft, made: Made, one: Field) -> Field:
        roll_up = one.roll_up
        assert roll_up is not None
        child = self._own(roll_up.child) or self._as_draft(roll_up.child)
        if child is None:
            raise SchemaError.unknown((*made.path, "child"), "object", roll_up.child, self._names())
        reference = child.find(roll_up.reference)
        path = (*made.path, "reference")
        links = [f.name for f in child.fields.values() if draft.sobject.name in f.reference_to]
        if reference is None:
            raise SchemaError.unknown(path, f"field of {child.sobject.name}", roll_up.reference, links)
        if draft.sobject.name not in reference.reference_to:
            raise SchemaError(
                path, f"{child.sobject.name}.{reference.name} does not lead to {draft.sobject.name}", links
            )
        if reference.custom and not is_master(reference):
            raise SchemaError(path, f"{child.sobject.name}.{reference.name} is no master-detail field")
        summed = None
        if roll_up.field is not None:
            summed = child.find(roll_up.field)
            if summed is None:
                raise SchemaError.unknown(
                    (*made.path, "field"), f"field of {child.sobject.name}", roll_up.field, child.fields
                )
            if summed.type not in _SUMMED[roll_up.operation]:
                raise SchemaError(
                    (*made.path, "field"), f"{summed.name} is a {summed.type}; {roll_up.operation} does not take that",
                    sorted(_SUMMED[roll_up.operation]),
                )  # fmt: skip
        for index, item in enumerate(roll_up.filters):
            if child.find(item.field) is None:
                path = (*made.path, "filters", index, "field")
                raise SchemaError.unknown(path, f"field of {child.sobject.name}", item.field, child.fields)
        return replace(
            one,
            type=summed.type if summed and summed.type != "int" else "double",
            precision=18 if summed is None or summed.type in ("double", "currency", "percent", "int") else 0,
            scale=summed.scale if summed else 0,
            groupable=summed is not None and summed.type == "date",
            roll_up=replace(
                roll_up,
                child=child.sobject.name,
                reference=reference.name,
                field=summed.name if summed else None,
                filters=tuple(
                    replace(item, field=found.name)
                    for item in roll_up.filters
                    if (found := child.find(item.field)) is not None
                ),
            ),
        )

    def _as_draft(self, name: str) -> Draft | None:
        """Return an object that nobody changes, to look into."""
        found = self._schema.get(name)
        return Draft.of(found, ()) if found is not None else None

    def _parts(self, draft: Draft) -> None:
        path, definition = draft.path, draft.definition

        def each(key: str, make: Callable[..., T], into: dict[str, T]) -> None:
            for here, name, given in parts.named(path, definition, key):
                made = self._try(make, here, name, given, draft, self._note)
                if made is not None:
                    into[name] = made

        self._try(each, "validationRules", parts.validation_rule, draft.rules)
        self._try(each, "recordTypes", parts.record_type, draft.record_types)
        self._try(each, "compactLayouts", parts.compact_layout, draft.layouts)
        self._try(each, "duplicateRules", parts.duplicate_rule, draft.duplicates)

        def about(read: Callable[..., T]) -> Callable[..., T | None]:
            def make(here: Path, name: str, given: Any, fields: Draft, note: parts.Note) -> T | None:
                try:
                    return read(here, name, given, draft.sobject.name, fields)
                except SchemaError as error:
                    # A real org may well know what a project's rule asks for.
                    if not (isinstance(given, Mapping) and given.get("lenient") is True):
                        raise
                    note(error.path, f"{error.message}: rule {name} is left out")
                    return None

            return make

        self._try(each, "workflowRules", about(record_rules.workflow_rule), draft.workflow)
        self._try(each, "assignmentRules", about(record_rules.assignment_rule), draft.assignment)

    def _cycles(self) -> None:
        """Refuse objects that are, over master-detail fields, details of themselves."""
        above = {
            name: [(made, draft.fields[made.field.name].reference_to[0]) for made in draft.masters()
                   if made.field.name in draft.fields and draft.fields[made.field.name].reference_to]
            for name, draft in self._drafts.items()
        }  # fmt: skip
        settled: set[str] = set()
        for start in above:
            stack = [(start, iter(above.get(start, ())))]
            on_path = [start]
            while stack:
                following = next(stack[-1][1], None)
                if following is None:
                    stack.pop()
                    settled.add(on_path.pop())
                    continue
                made, parent = following
                if parent in on_path:
                    ring = " -> ".join([*on_path[on_path.index(parent) :], parent])
                    self.problems.append(SchemaError(made.path, f"master-detail fields run in a circle: {ring}"))
                elif parent not in settled:
                    stack.append((parent, iter(above.get(parent, ()))))
                    on_path.append(parent)

    # -- what a deployment gives

    def _number(self) -> None:
        """Give out key prefixes and the ids of record types, in the order of definition."""
        taken = {one.key_prefix for one in self._schema.own().values()}
        taken |= {draft.sobject.key_prefix for draft in self._drafts.values()}
        counters: dict[str, int] = {}
        kinds = self._schema.own().values()
        for draft in self._drafts.values():
            sobject = draft.sobject
            if not draft.new or not sobject.custom or sobject.key_prefix is not None or "describe" in draft.definition:
                continue
            first = objects.prefix_of(sobject)
            number = counters.get(first, sum(one.custom and objects.prefix_of(one) == first for one in kinds))
            while (prefix := objects.prefix(first, number)) in taken:
                number += 1
            counters[first] = number + 1
            taken.add(prefix)
            draft.sobject = replace(sobject, key_prefix=prefix)
        used = sum(len(one.record_types) for one in kinds)
        source = IdSource("Kd0", first=used + 1)
        for draft in self._drafts.values():
            for name, one in draft.record_types.items():
                if not one.id:
                    known = {old.name: old.id for old in draft.sobject.record_types}
                    draft.record_types[name] = replace(one, id=known.get(name) or source.take("012"))

    def _rows(self) -> None:
        ids = IdSource("Kd0")
        for name, given in self._given("records").items():
            path: Path = ("records", name)
            draft = self._own(name) or self._as_draft(name)
            if draft is not None:
                found = rows_of(path, draft.done(), given, ids, self.problems.append)
                self.records[draft.sobject.name] = tuple(found)
            elif foreign(name):
                self._note(path, f"{name} belongs to a package: its records are left out")
            else:
                self.problems.append(SchemaError.unknown(path, "object", name, self._names()))
        resolve(self.records, {name: draft.fields.values() for name, draft in self._drafts.items()})

    def _derive(self, draft: Draft) -> None:
        """Add what comes with an object: record types' field, activities, share, history, feed, change event."""
        sobject, definition = draft.sobject, draft.definition
        if draft.record_types and "RecordTypeId" not in draft.fields:
            draft.put(objects.record_type_field())
            types = self._draft("RecordType")
            if types is not None:
                types.children.append(ChildRelationship(sobject.name, "RecordTypeId"))
        if not draft.new or sobject.kind != "object" or not sobject.name.endswith("__c"):
            return
        if "describe" in definition:
            return
        path = draft.path
        # Only what a definition asks for: an org of a few inline objects stays quick to make.
        if flag(path, definition, "activities"):
            self._activities(draft)
        whole = draft.done()
        made: list[tuple[SObject, ChildRelationship]] = []
        if sobject.sharing in ("Private", "Read") and "OwnerId" in draft.fields:
            made.append(derived.share(whole))
        if flag(path, definition, "history"):
            made.append(derived.history(whole))
        model = self._schema.get("AccountFeed")
        if flag(path, definition, "feeds") and model is not None:
            made.append(derived.feed(whole, model))
        for one, child in made:
            self._add(Draft.of(one, ()))
            draft.children.append(child)

    def _activities(self, draft: Draft) -> None:
        name = draft.sobject.name
        for child, called in (
            ("Task", "Tasks"), ("Event", "Events"), ("OpenActivity", "OpenActivities"),
            ("ActivityHistory", "ActivityHistories"),
        ):  # fmt: skip
            activity = self._draft(child)
            what = activity.find("WhatId") if activity else None
            if activity is None or what is None:
                continue
            activity.put(replace(what, reference_to=tuple(sorted({*what.reference_to, name}))))
            if called.lower() not in draft.child_names:
                draft.children.append(ChildRelationship(name=called, child=child, field="WhatId", cascade_delete=True))
                draft.child_names.add(called.lower())


_FOREIGN = re.compile(r"[A-Za-z][A-Za-z0-9]{0,14}__[A-Za-z]\w{0,79}?__(?:c|e|mdt|x|kav)")


def foreign(name: Any) -> bool:
    """Whether a name is that of a package: its objects are in no project but its own."""
    return isinstance(name, str) and _FOREIGN.fullmatch(name) is not None


_SUMMED = {
    "count": frozenset[str](),
    "sum": frozenset({"double", "currency", "percent", "int"}),
    "min": frozenset({"double", "currency", "percent", "int", "date", "datetime"}),
    "max": frozenset({"double", "currency", "percent", "int", "date", "datetime"}),
}


def _word(definition: Any) -> str:
    return str(definition.get("type", "")).lower().replace("-", "").replace("_", "").replace(" ", "") if isinstance(
        definition, Mapping
    ) else ""  # fmt: skip


def _all(definitions: Any) -> Iterable[Any]:
    return definitions.values() if isinstance(definitions, Mapping) else ()
