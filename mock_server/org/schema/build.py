"""Makes a schema whole: definitions in, objects out, with all that is wrong told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from mock_server.org.schema import deploying, inline, objects, parts, record_rules, relating
from mock_server.org.schema.described import described_field, described_object
from mock_server.org.schema.drafts import Draft, Drafts, foreign
from mock_server.org.schema.errors import Path, SchemaError, brief, close
from mock_server.org.schema.formulas import check_formulas
from mock_server.org.schema.given import mapping
from mock_server.org.schema.rows import Row
from mock_server.org.schema.types import Field, PicklistValue, SObject
from mock_server.org.schema.value_sets import STANDARD_VALUE_SETS

if TYPE_CHECKING:
    from mock_server.org.schema.schema import Schema

T = TypeVar("T")
KINDS = (
    "objects", "fields", "valueSets", "records", "channels", "profiles", "permissionSets", "apps", "quickActions",
    "outboundMessages", "namedCredentials",
)  # fmt: skip


class Build:
    """One making of a schema from definitions, on top of the objects that `schema` has. Adds to `problems`."""

    def __init__(self, schema: Schema, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._drafts = Drafts(schema, definitions)
        self._sets: dict[str, tuple[PicklistValue, ...]] = {}
        self.records: dict[str, tuple[Row, ...]] = {}
        """Rows that come with the schema, by object."""
        self.problems = self._drafts.problems
        self.notes = self._drafts.notes
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
        drafts = self._drafts
        given = drafts.given("objects")
        for name, definition in given.items():
            drafts.attempt(self._object, name, definition)
        for name, definition in given.items():
            draft = drafts.own(name)
            if draft is not None and isinstance(definition, Mapping):
                drafts.attempt(self._fields, ("objects", name, "fields"), draft, definition.get("fields", {}))
        for name, definitions in drafts.given("fields").items():
            drafts.attempt(self._more_fields, name, definitions)
        for draft in list(drafts.all.values()):
            for made in draft.made:
                drafts.attempt(relating.relate, drafts, draft, made)
        for draft in list(drafts.all.values()):
            relating.settle_masters(drafts, draft)
            for made in draft.made:
                drafts.attempt(relating.depend, drafts, draft, made)
            self._parts(draft)
        relating.refuse_circles(drafts)
        if self.problems:
            return []
        deploying.number(drafts)
        self.records = deploying.rows(drafts)
        if self.problems:
            return []
        for draft in list(drafts.all.values()):
            deploying.derive(drafts, draft)
        return [draft.done() for draft in drafts.all.values()]

    def check_formulas(self, schema: Schema) -> None:
        """Compile the formulas of the new and changed objects, as they are in the schema that they make."""

        def path_of(sobject: str, name: str, rule: bool) -> tuple[Path, bool]:
            draft = self._drafts.all[sobject]
            described = "describe" in draft.definition
            if rule:
                return (*draft.path, "validationRules", name), described
            made = next((one for one in draft.made if one.field.name == name), None)
            return (made.path, made.loose) if made else ((*draft.path, "fields", name), described)

        self.problems += check_formulas(schema, self._drafts.all, path_of, self._drafts.note)
        self._check_lookups(schema)
        self._check_record_rules(schema)

    def _check_record_rules(self, schema: Schema) -> None:
        """Note the rules that cannot be worked out: they do nothing."""
        for draft in self._drafts.all.values():
            sobject = schema.get(draft.sobject.name)
            if sobject is not None and (sobject.workflow_rules or sobject.assignment_rules):
                from mock_server.org.formula.acting import why_not

                for key, name, text in why_not(schema, sobject):
                    self._drafts.note((*draft.path, key, name), f"{text}: rule {name} does nothing")

    def _check_lookups(self, schema: Schema) -> None:
        filtered = [made for draft in self._drafts.all.values() for made in draft.made if made.field.lookup_filter]
        if filtered:
            from mock_server.org.records.lookup_filters import why_not

            for made in filtered:
                reason = why_not(schema, made.field)
                if reason is not None:
                    self._drafts.note((*made.path, "filter"), f"this lookup filter is not enforced: {reason}")

    # -- objects

    def _object(self, name: Any, definition: Any) -> None:
        path: Path = ("objects", name)
        known = self._drafts.draft(name)
        if known is None and isinstance(definition, Mapping) and "describe" in definition:
            described = described_object(path, name, definition["describe"])
            # What a later source says of it beside.
            more = {key: value for key, value in definition.items() if key not in ("setting", "event", "publish")}
            draft = self._drafts.add(Draft.of(objects.changed_object(path, described, more), path, new=True))
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
            near = close(name, self._drafts.names())
            hint = f"; did you mean {near}?" if near else ""
            self._drafts.leave_out(path, name, f"there is no standard object {brief(name)} here: it is left out{hint}")
            return
        suffix = objects.check_name(path, name)
        mapping(path, definition, objects.KEYS)
        more = self._drafts.given("fields").get(name, {})
        detail = any(
            _word(one) == "masterdetail" for source in (definition.get("fields"), more) for one in _all(source)
        )
        draft = self._drafts.add(
            Draft.of(objects.new_object(path, name, suffix, definition, detail=detail), path, new=True)
        )
        draft.definition = definition

    # -- fields

    def _more_fields(self, name: Any, definitions: Any) -> None:
        path: Path = ("fields", name)
        draft = self._drafts.draft(name)
        if draft is None:
            if isinstance(name, str) and name.lower() in self._drafts.left_out:
                return
            if foreign(name):
                text = f"{name} belongs to a package: its fields are left out; give its saved describe as a source"
                self._drafts.leave_out(path, name, text)
                return
            raise SchemaError.unknown(path, "object", name, self._drafts.names())
        self._fields(path, draft, definitions)

    def _fields(self, path: Path, draft: Draft, definitions: Any) -> None:
        if not isinstance(definitions, Mapping):
            raise SchemaError(path, "fields must be a mapping of field names to their definitions")
        for name, definition in definitions.items():
            self._drafts.attempt(self._field, (*path, name), draft, name, definition)

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
            self._drafts.note(path, f"{draft.sobject.name} has no field {brief(name)} here: it is left out")
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
            parent = self._drafts.draft(target)
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
            given = self._drafts.given("valueSets")
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
            draft = self._drafts.draft(sobject)
            found = draft.find(one) if draft else None
            if found is not None:
                return found.picklist
        return None

    # -- what else an object has

    def _parts(self, draft: Draft) -> None:
        path, definition = draft.path, draft.definition

        def each(key: str, make: Callable[..., T], into: dict[str, T]) -> None:
            for here, name, given in parts.named(path, definition, key):
                made = self._drafts.attempt(make, here, name, given, draft, self._drafts.note)
                if made is not None:
                    into[name] = made

        self._drafts.attempt(each, "validationRules", parts.validation_rule, draft.rules)
        self._drafts.attempt(each, "recordTypes", parts.record_type, draft.record_types)
        self._drafts.attempt(each, "compactLayouts", parts.compact_layout, draft.layouts)
        self._drafts.attempt(each, "duplicateRules", parts.duplicate_rule, draft.duplicates)

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

        self._drafts.attempt(each, "workflowRules", about(record_rules.workflow_rule), draft.workflow)
        self._drafts.attempt(each, "assignmentRules", about(record_rules.assignment_rule), draft.assignment)


def _word(definition: Any) -> str:
    return str(definition.get("type", "")).lower().replace("-", "").replace("_", "").replace(" ", "") if isinstance(
        definition, Mapping
    ) else ""  # fmt: skip


def _all(definitions: Any) -> Iterable[Any]:
    return definitions.values() if isinstance(definitions, Mapping) else ()
