"""Files of objects and of what is in them: fields, validation rules, record types, compact layouts.

In metadata format the parts stand in the file of their object, in source format each in a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from mock_server.org.schema.definitions import Definitions
from mock_server.org.schema.errors import Place, SchemaErrors
from mock_server.org.schema.metadata_elements import unknown
from mock_server.org.schema.metadata_fields import Reader, value_of
from mock_server.org.schema.metadata_files import MetadataFile
from mock_server.org.schema.namespaces import Namespace
from mock_server.org.schema.xml_tree import Element

_SHARING = {"ReadWriteTransfer": "ReadWrite", "FullAccess": "ReadWrite", "ReadSelect": "Read"}
_OBJECT_FLAGS = {
    "enableHistory": "history",
    "enableFeeds": "feeds",
    "enableActivities": "activities",
    "enableSearch": "search",
}
_SUFFIXES = ("__c", "__e", "__mdt", "__x", "__kav", "__b")


class ObjectFile:
    """Reads one file into definitions; each method returns what was taken. Raises SchemaErrors."""

    def __init__(self, out: Definitions, names: Namespace, file: MetadataFile) -> None:
        self._out = out
        self._names = names
        self._file = file

    def _warn(self, line: int, text: str) -> None:
        self._out.note("warning", Place(self._file.path, line), text)

    def _parent(self) -> str:
        if self._file.parent is None:
            raise SchemaErrors.at(
                Place(self._file.path),
                f"the file of a {self._file.kind} stands in a folder of its object: objects/OBJECT/{self._file.kind}s",
            )
        return self._names.sobject(self._file.parent)

    def object(self, element: Element, *, tab: bool) -> str:
        """Read an object with the parts that stand in its file; `tab` tells whether it has a tab."""
        name = self._names.sobject(self._file.name)
        definition: dict[str, Any] = {}
        lines: dict[tuple[Any, ...], int] = {(): element.line}

        def put(key: str, value: Any, tag: str) -> None:
            definition[key] = value
            found = element.first(tag)
            lines[key,] = found.line if found is not None else element.line

        custom = name.endswith(_SUFFIXES)
        for tag, key in (("label", "label"), ("pluralLabel", "plural")):
            value = element.get(tag)
            if value is not None and value != "null":
                put(key, value, tag)
        model = element.get("sharingModel")
        if model is not None:
            parent = model.startswith("ControlledBy")
            put("sharing", "ControlledByParent" if parent else _SHARING.get(model, model), "sharingModel")
        for tag, key in _OBJECT_FLAGS.items():
            found = element.get(tag)
            # What the file of a standard object leaves out stays as it is; a custom one has what it says.
            if found is not None:
                put(key, element.is_true(tag), tag)
            elif custom and key in ("activities", "search"):
                definition[key] = False
        if not custom:
            definition["standard"] = True
        elif name.endswith("__c"):
            definition["tab"] = tab
        setting = element.get("customSettingsType")
        if setting is not None:
            put("setting", setting, "customSettingsType")
            definition = {key: value for key, value in definition.items() if key in ("label", "plural", "setting")}
        if name.endswith("__e"):
            for tag, key in (("eventType", "event"), ("publishBehavior", "publish")):
                if (value := element.get(tag)) is not None:
                    put(key, value, tag)
        named = element.first("nameField")
        if named is not None and custom and setting is None:
            pairs = (("type", "type"), ("label", "label"), ("displayFormat", "format"))
            given: dict[str, Any] = {key: value for tag, key in pairs if (value := named.get(tag)) is not None}
            start = named.get("startingNumber") or ""
            if start.isdecimal() and len(start) < 10:
                given["startingNumber"] = int(start)
            put("nameField", given, "nameField")
        self._out.object(name, definition)
        self._out.lines(self._file.path, ("objects", name), lines)
        counts = self._inner(element, name)
        return f"{'object' if custom else 'settings of standard object'} {name}{counts}"

    def _inner(self, element: Element, name: str) -> str:
        """Read the parts that metadata format keeps in the object's own file."""
        counts: dict[str, int] = {}
        parts = {
            "fields": ("CustomField", self._one_field),
            "validationRules": ("ValidationRule", self._one_rule),
            "recordTypes": ("RecordType", self._one_record_type),
            "compactLayouts": ("CompactLayout", self._one_layout),
        }
        for child in element.children:
            if child.tag not in parts:
                continue
            kind, read = parts[child.tag]
            called = child.get("fullName")
            if called is None:
                self._out.problems += SchemaErrors.at(
                    Place(self._file.path, child.line), f"a {kind} needs a <fullName>"
                ).problems
                continue
            for inner, message in unknown(child, kind):
                self._warn(inner.line, message)
            try:
                read(child, name, called)
            except SchemaErrors as error:
                self._out.problems += error.problems
                continue
            counts[child.tag] = counts.get(child.tag, 0) + 1
        return "".join(f", {number} {_spaced(tag)}" for tag, number in counts.items())

    def field(self, element: Element) -> str:
        return self._one_field(element, self._parent(), element.get("fullName") or self._file.name)

    def _one_field(self, element: Element, sobject: str, name: str) -> str:
        name = self._names.field(name)
        reader = Reader(element, self._file.path, self._names)
        definition = reader.read(custom=name.endswith("__c"))
        for line, text in reader.notes:
            self._warn(line, text)
        # Fields of Activity are fields of both kinds of activities.
        for target in ("Task", "Event") if sobject == "Activity" else (sobject,):
            given = dict(definition)
            if sobject == "Activity":
                given.pop("relationshipName", None)
            if not target.endswith(_SUFFIXES):
                self._out.object(target, {"standard": True})
                self._out.places.setdefault(("objects", target), Place(self._file.path))
            self._out.field(target, name, given)
            self._out.lines(self._file.path, ("fields", target, name), reader.lines)
        if len(definition) == 1 and "standard" in definition:
            return f"field {sobject}.{name}, of which nothing changes what the org answers"
        return f"field {sobject}.{name}"

    def validation_rule(self, element: Element) -> str:
        return self._one_rule(element, self._parent(), element.get("fullName") or self._file.name)

    def _one_rule(self, element: Element, sobject: str, name: str) -> str:
        lines: dict[tuple[Any, ...], int] = {(): element.line}
        definition: dict[str, Any] = {"active": element.is_true("active")}
        for tag, key in (
            ("errorConditionFormula", "condition"), ("errorMessage", "message"), ("errorDisplayField", "field"),
        ):  # fmt: skip
            found = element.first(tag)
            if found is not None and found.text:
                definition[key] = found.text
                lines[key,] = found.line
            elif key != "field":
                raise SchemaErrors.at(Place(self._file.path, element.line), f"a validation rule needs <{tag}>")
        definition["condition"] = self._names.formula(definition["condition"])
        if "field" in definition:
            definition["field"] = self._names.field(definition["field"])
        return self._part(sobject, "validationRules", self._names.plain(name), definition, lines, "validation rule")

    def _part(
        self,
        sobject: str,
        key: str,
        name: str,
        definition: dict[str, Any],
        lines: Mapping[tuple[Any, ...], int],
        what: str,
    ) -> str:
        self._out.object(sobject, {key: {name: definition}, **self._standard(sobject)})
        self._out.places.setdefault(("objects", sobject), Place(self._file.path))
        self._out.lines(self._file.path, ("objects", sobject, key, name), lines)
        return f"{what} {sobject}.{name}" + ("" if definition.get("active", True) else " (not active)")

    @staticmethod
    def _standard(sobject: str) -> dict[str, Any]:
        return {} if sobject.endswith(_SUFFIXES) else {"standard": True}

    def record_type(self, element: Element) -> str:
        return self._one_record_type(element, self._parent(), element.get("fullName") or self._file.name)

    def _one_record_type(self, element: Element, sobject: str, name: str) -> str:
        definition: dict[str, Any] = {"active": element.is_true("active")}
        label = element.get("label")
        if label is not None:
            definition["label"] = label
        lines: dict[tuple[Any, ...], int] = {(): element.line}
        offered: dict[str, Any] = {}
        for one in element.all("picklistValues"):
            picklist = one.get("picklist")
            if picklist is None:
                raise SchemaErrors.at(Place(self._file.path, one.line), "<picklistValues> needs a <picklist>")
            key = self._names.field(picklist)
            # Names of values are percent-encoded here: `Closed%20Won`.
            values = [value_of(value) for value in one.all("values")]
            offered[key] = [
                unquote(value) if isinstance(value, str) else {**value, "value": unquote(value["value"])}
                for value in values
                if value is not None
            ]
            lines["picklists", key] = one.line
        if offered:
            definition["picklists"] = offered
        return self._part(sobject, "recordTypes", self._names.plain(name), definition, lines, "record type")

    def compact_layout(self, element: Element) -> str:
        return self._one_layout(element, self._parent(), element.get("fullName") or self._file.name)

    def _one_layout(self, element: Element, sobject: str, name: str) -> str:
        shown = [self._names.field(one.text) for one in element.all("fields") if one.text]
        definition: dict[str, Any] = {"fields": shown}
        label = element.get("label")
        if label is not None:
            definition["label"] = label
        lines = {(): element.line}
        return self._part(sobject, "compactLayouts", self._names.plain(name), definition, lines, "compact layout")


def _spaced(tag: str) -> str:
    return {
        "validationRules": "validation rules", "recordTypes": "record types", "compactLayouts": "compact layouts",
    }.get(tag, tag)  # fmt: skip
