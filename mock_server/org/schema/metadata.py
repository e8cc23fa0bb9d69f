"""Reads a project, a folder or a zip of metadata into definitions: a function a kind of file, one note a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path as FilePath
from typing import Any

from mock_server.org.schema import metadata_apps, metadata_grants
from mock_server.org.schema.definitions import Definitions
from mock_server.org.schema.errors import Place, Problem, SchemaErrors, brief, close
from mock_server.org.schema.metadata_duplicates import DuplicateRules
from mock_server.org.schema.metadata_elements import misspelt_flags, unknown
from mock_server.org.schema.metadata_fields import value_of
from mock_server.org.schema.metadata_files import MetadataFile, open_project
from mock_server.org.schema.metadata_objects import ObjectFile
from mock_server.org.schema.metadata_rules import RecordRules
from mock_server.org.schema.namespaces import Namespace
from mock_server.org.schema.value_sets import STANDARD_VALUE_SETS, STATUS_OBJECTS
from mock_server.org.schema.xml_tree import Element

_ROOTS = {
    "object": "CustomObject",
    "field": "CustomField",
    "recordType": "RecordType",
    "validationRule": "ValidationRule",
    "compactLayout": "CompactLayout",
    "globalValueSet": "GlobalValueSet",
    "standardValueSet": "StandardValueSet",
    "md": "CustomMetadata",
    "platformEventChannel": "PlatformEventChannel",
    "platformEventChannelMember": "PlatformEventChannelMember",
    "profile": "Profile",
    "permissionset": "PermissionSet",
    "duplicateRule": "DuplicateRule",
    "matchingRule": "MatchingRules",
    "quickAction": "QuickAction",
    "namedCredential": "NamedCredential",
    "workflow": "Workflow",
    "assignmentRules": "AssignmentRules",
    **metadata_apps.KINDS,
}
_GRANTS = {"profile": ("profiles", "profile"), "permissionset": ("permissionSets", "permission set")}
"""The kind of definition that a file of grants becomes, and how notes call it."""
_PAGES = "it is about pages, not about data"
_IGNORED = {
    "layout": _PAGES,
    "listView": _PAGES,
    "webLink": _PAGES,
    "fieldSet": _PAGES,
    "flexipage": _PAGES,
    "app": _PAGES,
    "tab": "of a tab only its being there counts: records of the object are then kept as recently seen",
    "index": "indexes of big objects have nothing to speed up here",
    "businessProcess": "which stages a process offers is not enforced; the values of record types are kept",
    "sharingReason": "reasons of sharing by code are not kept",
    "customPermission": "a custom permission is there as soon as a profile, permission set or user has it",
    "permissionsetgroup": "groups of permission sets are not read",
    "sharingRules": "sharing by rules is not done: share rows and ownership decide",
    "flow": "flows do not run; declare what they cost or do as automation",
    "trigger": "Apex does not run; declare what it costs or does as automation",
    "cls": "Apex does not run; declare what it costs or does as automation",
    "autoResponseRules": "no mail is sent: rules of automatic answers have nothing to do",
    "escalationRules": "nothing escalates by itself",
}


def read(path: FilePath) -> Definitions:
    """Return the definitions of a folder or zip; what is wrong in single files stands in their `problems`."""
    out = Definitions()
    try:
        project = open_project(path)
    except SchemaErrors as error:
        out.problems += error.problems
        return out
    read_files(project.files, out, project.namespace)
    return out


def read_files(files: Iterable[MetadataFile], out: Definitions, namespace: str | None = None) -> None:
    """Read files, later ones over earlier ones, into definitions; each gets at least one note or problem."""
    files = tuple(files)
    reader = _Metadata(out, Namespace(namespace))
    reader.tabs = {file.name.lower() for file in files if file.kind == "tab"}
    for file in files:
        reader.take(file)
    reader.duplicates.join(out)
    reader.finish_apps()


class _Metadata:
    def __init__(self, out: Definitions, namespace: Namespace) -> None:
        self._out = out
        self._names = namespace
        self.tabs: set[str] = set()
        self.duplicates = DuplicateRules()

    def take(self, file: MetadataFile) -> None:
        """Read one file into the definitions, and note what became of it."""
        place = Place(file.path)
        root = _ROOTS.get(file.kind)
        if root is None:
            reason = _IGNORED.get(file.kind, f"files of kind {file.kind[:80]!r} define nothing that is kept")
            self._out.note("ignored", place, reason)
            return
        try:
            element = file.tree()
            if element.tag != root:
                raise SchemaErrors.at(
                    Place(file.path, element.line), f"a .{file.kind} file holds <{root}>, not <{element.tag[:80]}>"
                )
            flags = [self._no_flag(file, one) for one in misspelt_flags(element)]
            if flags:
                raise SchemaErrors(flags)
            if file.kind in _GRANTS:
                self._grant(file, element)
                return
            if file.kind in metadata_apps.KINDS:
                self._app(file, element)
                return
            for child, message in unknown(element, root):
                self._warn(file, child.line, message)
            read: Callable[[MetadataFile, Element], str | None] = getattr(self, f"_{_method(file.kind)}")
            taken = read(file, element)
            if taken is not None:
                self._out.note("taken", place, taken)
        except SchemaErrors as error:
            self._out.problems += error.problems

    @staticmethod
    def _no_flag(file: MetadataFile, element: Element) -> Problem:
        words = ("true", "false")
        near = close(element.text, words)
        message = f"<{element.tag}> is true or false, not {brief(element.text)}"
        return Problem(Place(file.path, element.line), message, words, near)

    def _grant(self, file: MetadataFile, element: Element) -> None:
        definition, lines, warnings = metadata_grants.grant_of(element, self._names)
        kind, word = _GRANTS[file.kind]
        name = metadata_grants.name_of(file.name)
        self._out.data[kind][name] = definition
        self._out.lines(file.path, (kind, name), lines)
        self._out.note("taken", Place(file.path), f"{word} {name}")
        for line, text in warnings:
            self._warn(file, line, text)

    def _app(self, file: MetadataFile, element: Element) -> None:
        name, definition, lines, warnings = metadata_apps.app_of(file.kind, file.name, element)
        known = self._out.data["apps"].setdefault(name, {})
        known.update(definition)
        self._out.lines(file.path, ("apps", name), lines)
        self._out.note("taken", Place(file.path), f"app {name}")
        for line, text in warnings:
            self._warn(file, line, text)

    def finish_apps(self) -> None:
        """Fill in what no file of an app tells, and say so."""
        for name, app in self._out.data["apps"].items():
            told = metadata_apps.untold(name, app)
            place = self._out.place(("apps", name))
            if told is not None and place is not None:
                self._out.note("warning", place, f"metadata does not tell all of the app {name}: {told}")

    def _warn(self, file: MetadataFile, line: int, text: str) -> None:
        self._out.note("warning", Place(file.path, line), text)

    # -- objects and what is in them

    def _object(self, file: MetadataFile, element: Element) -> str:
        return ObjectFile(self._out, self._names, file).object(element, tab=file.name.lower() in self.tabs)

    def _field(self, file: MetadataFile, element: Element) -> str:
        return ObjectFile(self._out, self._names, file).field(element)

    def _validation_rule(self, file: MetadataFile, element: Element) -> str:
        return ObjectFile(self._out, self._names, file).validation_rule(element)

    def _record_type(self, file: MetadataFile, element: Element) -> str:
        return ObjectFile(self._out, self._names, file).record_type(element)

    def _compact_layout(self, file: MetadataFile, element: Element) -> str:
        return ObjectFile(self._out, self._names, file).compact_layout(element)

    # -- value sets

    def _global_value_set(self, file: MetadataFile, element: Element) -> str:
        name = self._names.plain(file.name)
        values = [value for one in element.all("customValue") if (value := value_of(one)) is not None]
        if element.is_true("sorted"):
            values.sort(key=lambda value: str(value if isinstance(value, str) else value.get("label", value["value"])))
        self._out.data["valueSets"][name] = values
        self._out.places["valueSets", name] = Place(file.path, element.line)
        return f"value set {name} with {len(values)} values"

    def _standard_value_set(self, file: MetadataFile, element: Element) -> str | None:
        fields = STANDARD_VALUE_SETS.get(file.name)
        if fields is None:
            near = close(file.name, STANDARD_VALUE_SETS)
            hint = f"; did you mean {near}?" if near else ""
            self._out.note("ignored", Place(file.path), f"no field takes its values from {file.name}{hint}")
            return None
        given = [one for one in element.all("standardValue") if one.get("fullName")]
        values = [value for one in given if (value := value_of(one)) is not None]
        for sobject, name in fields:
            definition: dict[str, Any] = {"values": values, "standard": True}
            if element.is_true("sorted"):
                definition["sorted"] = True
            self._out.field(sobject, name, definition)
            self._out.places["fields", sobject, name] = Place(file.path, element.line)
        kept = STATUS_OBJECTS.get(file.name)
        if kept is not None:
            self._out.data["records"][kept] = {
                str(one.get("fullName")): _status(one, place) for place, one in enumerate(given, 1)
            }
            self._out.places["records", kept] = Place(file.path, element.line)
        return f"{len(values)} values of {', '.join(f'{sobject}.{name}' for sobject, name in fields)}"

    # -- duplicates

    def _duplicate_rule(self, file: MetadataFile, element: Element) -> str:
        return self.duplicates.take_duplicate(file, element, self._names)

    def _matching_rule(self, file: MetadataFile, element: Element) -> str:
        return self.duplicates.take_matching(file, element, self._names)

    # -- rules that act on records

    def _workflow(self, file: MetadataFile, element: Element) -> str:
        return RecordRules(self._out, self._names, file).workflow(element)

    def _assignment_rules(self, file: MetadataFile, element: Element) -> str:
        return RecordRules(self._out, self._names, file).assignment(element)

    # -- custom metadata, channels

    def _custom_metadata(self, file: MetadataFile, element: Element) -> str:
        kind, _, name = file.name.partition(".")
        if not name:
            raise SchemaErrors.at(Place(file.path), "the file of a record is called TYPE.RECORD.md-meta.xml")
        sobject = self._names.sobject(f"{kind}__mdt")
        row: dict[str, Any] = {"MasterLabel": element.get("label") or name}
        path = ("records", sobject, name)
        for one in element.all("values"):
            field = one.get("field")
            if field is None:
                raise SchemaErrors.at(Place(file.path, one.line), "<values> needs a <field>")
            key = self._names.field(field)
            row[key] = _value(one.first("value"), file)
            self._out.places[(*path, key)] = Place(file.path, one.line)
        self._out.data["records"].setdefault(sobject, {})[name] = row
        self._out.places[path] = Place(file.path, element.line)
        return f"record {name} of {sobject}"

    def _channel(self, file: MetadataFile, element: Element) -> str:
        channel = self._out.data["channels"].setdefault(file.name, {})
        channel.update(type=element.get("channelType") or "event", label=element.get("label") or file.name)
        self._out.places["channels", file.name] = Place(file.path, element.line)
        return f"channel {file.name}"

    def _channel_member(self, file: MetadataFile, element: Element) -> str:
        name, entity = element.get("eventChannel"), element.get("selectedEntity")
        if name is None or entity is None:
            raise SchemaErrors.at(
                Place(file.path, element.line), "a channel member needs <eventChannel> and <selectedEntity>"
            )
        members = self._out.data["channels"].setdefault(name, {}).setdefault("members", {})
        member: dict[str, Any] = {}
        if (condition := element.get("filterExpression")) is not None:
            member["filter"] = self._names.formula(condition)
        enriched = [
            self._names.field(field) for one in element.all("enrichedFields") if (field := one.get("name")) is not None
        ]
        if enriched:
            member["enriched"] = enriched
        members[entity] = member
        self._out.places.setdefault(("channels", name), Place(file.path, element.line))
        self._out.places["channels", name, "members", entity] = Place(file.path, element.line)
        return f"{entity} in channel {name}"

    def _named_credential(self, file: MetadataFile, element: Element) -> str | None:
        """Read where a credential leads; metadata holds no secret, so callouts with it say nothing of who calls."""
        url = element.get("endpoint")
        for one in element.all("namedCredentialParameters"):
            if one.get("parameterType") == "Url":
                url = one.get("parameterValue")
        if url is None:
            self._warn(file, element.line, f"named credential {file.name} has no URL, and is left out")
            return None
        definition = {"url": url, "label": element.get("label") or file.name}
        self._out.data["namedCredentials"][file.name] = definition
        self._out.places["namedCredentials", file.name] = Place(file.path, element.line)
        if (element.get("protocol") or "NoAuthentication") != "NoAuthentication" or element.get("namedCredentialType"):
            self._warn(
                file, element.line,
                f"of named credential {file.name} the URL is known, and no secret: declare it in namedCredentials",
            )  # fmt: skip
        return f"named credential {file.name}"

    def _quick_action(self, file: MetadataFile, element: Element) -> str | None:
        """Read an action that makes or changes a record; others open pages, flows and mails."""
        context, _, name = file.name.rpartition(".")
        kind = element.get("type") or ""
        if kind not in ("Create", "LogACall", "Update"):
            self._warn(file, element.line, f"actions of type {kind[:80]} do nothing here; {name} is left out")
            return None
        context = self._names.sobject(context) if context and context != "Global" else ""
        target = element.get("targetObject") or ("Task" if kind == "LogACall" else context)
        if not target:
            raise SchemaErrors.at(Place(file.path, element.line), "a quick action needs a <targetObject>")
        preset: dict[str, str] = {}
        for one in element.all("fieldOverrides"):
            field, value = one.get("field"), one.get("literalValue")
            if field is None or value is None:
                self._warn(file, one.line, "a <fieldOverrides> counts only with a <field> and a <literalValue>")
            else:
                preset[self._names.field(field)] = value
        layout = element.first("quickActionLayout")
        columns = layout.all("quickActionLayoutColumns") if layout is not None else ()
        items = [item for one in columns for item in one.all("quickActionLayoutItems")]
        fields = [field for item in items if (field := item.get("field"))]
        parent = element.get("targetParentField")
        self._out.data["quickActions"][file.name] = {
            "context": context or None,
            "fields": [self._names.field(field) for field in fields],
            "kind": kind,
            "label": element.get("label") or name.replace("_", " "),
            "name": name,
            "parent": self._names.field(parent) if parent else None,
            "preset": preset,
            "target": self._names.sobject(target),
        }
        return f"quick action {file.name}"


def _method(kind: str) -> str:
    return {
        "recordType": "record_type",
        "validationRule": "validation_rule",
        "compactLayout": "compact_layout",
        "globalValueSet": "global_value_set",
        "standardValueSet": "standard_value_set",
        "md": "custom_metadata",
        "duplicateRule": "duplicate_rule",
        "matchingRule": "matching_rule",
        "assignmentRules": "assignment_rules",
        "platformEventChannel": "channel",
        "quickAction": "quick_action",
        "namedCredential": "named_credential",
        "platformEventChannelMember": "channel_member",
    }.get(kind, kind)


def _status(element: Element, place: int) -> dict[str, Any]:
    """Return the record of one value of a status object, as far as the value says something of it."""
    name = element.get("fullName") or ""
    row: dict[str, Any] = {
        "ApiName": name,
        "MasterLabel": element.get("label") or name,
        "SortOrder": place,
        "IsDefault": element.is_true("default"),
        "IsActive": element.get("isActive") is None or element.is_true("isActive"),
    }
    for tag, field in (
        ("closed", "IsClosed"), ("won", "IsWon"), ("converted", "IsConverted"), ("reviewed", "IsReviewed"),
        ("highPriority", "IsHighPriority"),
    ):  # fmt: skip
        row[field] = element.is_true(tag)
    probability = element.get("probability")
    if probability is not None and probability.isdigit() and len(probability) < 4:
        row["DefaultProbability"] = int(probability)
    category = element.get("forecastCategory")
    if category is not None:
        row["ForecastCategory"] = category
        row["ForecastCategoryName"] = {"BestCase": "Best Case", "MostLikely": "Most Likely"}.get(category, category)
    return row


def _value(element: Element | None, file: MetadataFile) -> Any:
    """Return a value of custom metadata in the type that it says it has."""
    if element is None or element.nil:
        return None
    text = element.text
    try:
        if element.type == "boolean":
            return text.lower() in ("true", "1")
        if element.type in ("double", "decimal", "float"):
            number = float(text)
            if number - number != 0:
                raise ValueError
            return number
        if element.type in ("int", "integer", "long"):
            return int(text)
    except ValueError:
        message = f"{text[:80]!r} is no {element.type}"
        raise SchemaErrors.at(Place(file.path, element.line), message) from None
    return text or None
