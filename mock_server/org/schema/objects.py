"""What an object is before its own fields: kinds of custom objects, the flags and system fields of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mock_server.org.schema.errors import Path, SchemaError
from mock_server.org.schema.given import flag, mapping, number_format, text, whole
from mock_server.org.schema.types import Field, FieldType, Kind, PicklistValue, SObject

KEYS = (
    "label", "plural", "nameField", "fields", "sharing", "history", "feeds", "activities", "search", "tab",
    "setting", "event", "publish", "recordTypes", "validationRules", "compactLayouts", "duplicateRules",
    "workflowRules", "assignmentRules", "describe", "standard",
)  # fmt: skip
SHARINGS = ("ReadWrite", "Read", "Private", "ControlledByParent")
_OBJECT = re.compile(r"(?:[A-Za-z][A-Za-z0-9]{0,14}__)?[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,39}__(?P<suffix>c|e|mdt|x|kav)")
_LANGUAGES = (PicklistValue("en_US", "English", default=True),)


@dataclass(frozen=True)
class Form:
    """One kind of custom object: the first character of its key prefixes, and its true describe flags."""

    kind: Kind
    prefix: str
    flags: frozenset[str]


_OBJECT_FLAGS = frozenset(
    {
        "createable", "deletable", "layoutable", "queryable", "replicateable", "retrieveable", "searchable",
        "triggerable", "undeletable", "updateable", "compactLayoutable", "searchLayoutable", "mruEnabled",
        "deepCloneable",
    }
)  # fmt: skip
FORMS: dict[str, Form] = {
    "c": Form("object", "a", _OBJECT_FLAGS),
    "setting": Form(
        "setting",
        "a",
        frozenset(
            {
                "createable", "customSetting", "deletable", "queryable", "replicateable", "retrieveable", "updateable",
            }
        ),
    ),
    # Insert only, and nothing can be read back (Platform Events Developer Guide).
    "e": Form("event", "e", frozenset({"createable", "triggerable"})),
    # Records come with a deployment; the data API reads them only.
    "mdt": Form("metadata", "m", frozenset({"layoutable", "queryable", "retrieveable"})),
    "x": Form(
        "external", "x", frozenset({"createable", "deletable", "layoutable", "queryable", "retrieveable", "updateable"})
    ),
    "kav": Form("object", "k", _OBJECT_FLAGS),
}  # fmt: skip


def check_name(path: Path, name: Any) -> str:
    """Return what kind of object a name means: its suffix. Raises SchemaError."""
    matched = _OBJECT.fullmatch(name) if isinstance(name, str) else None
    if matched is not None:
        return matched["suffix"]
    if isinstance(name, str) and name.endswith("__b"):
        raise SchemaError(
            path, "big objects (__b) are not supported; in a project, name its folder in .forceignore to leave it out"
        )
    raise SchemaError(
        path,
        "a custom object's name starts with a letter, holds letters, digits and single underscores "
        "(at most 40 characters), and ends in __c (or __e, __mdt, __x, __kav)",
    )


_EVENTS = {
    "event": ("HighVolume", "StandardVolume"),
    "publish": ("PublishAfterCommit", "PublishImmediately"),
}


def _says(definition: Mapping[str, Any], key: str, word: str) -> bool:
    return str(definition.get(key)).lower() == word.lower()


def new_object(path: Path, name: str, suffix: str, definition: Mapping[str, Any], *, detail: bool) -> SObject:
    """Return a custom object with its system fields, without a key prefix. Raises SchemaError.

    `detail` says that it has a master-detail field, which takes its owner away.
    """
    setting = text(path, definition, "setting", None)
    if setting is not None and (suffix != "c" or setting not in ("Hierarchy", "List")):
        raise SchemaError.unknown((*path, "setting"), "kind of custom setting", setting, ("Hierarchy", "List"))
    for key in ("event", "publish"):
        if key in definition and suffix != "e":
            raise SchemaError((*path, key), "only a platform event (__e) has this setting")
        word = text(path, definition, key, None)
        if word is not None and word.lower() not in (one.lower() for one in _EVENTS[key]):
            raise SchemaError.unknown((*path, key), f"{key} setting", word, _EVENTS[key])
    form = FORMS["setting" if setting else suffix]
    bare = re.sub(r"__(c|e|mdt|x|kav)$", "", name).replace("_", " ")
    label = text(path, definition, "label", bare)
    sharing = sharing_of(path, definition, "ReadWrite")
    flags = set(form.flags)
    for key, marks in (("search", ("searchable",)), ("tab", ("mruEnabled",))):
        if flag(path, definition, key, True) is False:
            flags -= set(marks)
    if flag(path, definition, "feeds"):
        flags.add("feedEnabled")
    if form.kind == "object":
        fields = _object_fields(_name_field(path, definition, label), path, definition, owned=not detail)
        if suffix == "kav":
            fields = (*fields, *_article_fields())
    elif form.kind == "setting":
        fields = _setting_fields(setting == "Hierarchy")
    elif form.kind == "event":
        fields = _event_fields()
    elif form.kind == "metadata":
        fields = _metadata_fields(label)
    else:
        fields = _external_fields()
    return SObject(
        name=name,
        label=label,
        label_plural=text(path, definition, "plural", f"{label}s" if form.kind != "setting" else label),
        key_prefix=None,
        flags=frozenset(flags),
        fields=fields,
        custom=True,
        kind=form.kind,
        sharing="ControlledByParent" if detail else sharing,  # type: ignore[arg-type]
        publishes_at_once=_says(definition, "publish", "PublishImmediately"),
        standard_volume=_says(definition, "event", "StandardVolume"),
    )


def sharing_of(path: Path, definition: Mapping[str, Any], default: str) -> str:
    sharing = text(path, definition, "sharing", default)
    # As people write it, too: private, read-write, controlled by parent.
    plain = sharing.lower().translate({ord(mark): None for mark in " -_"})
    sharing = next((known for known in SHARINGS if known.lower() == plain), sharing)
    if sharing not in SHARINGS:
        raise SchemaError.unknown((*path, "sharing"), "sharing model", sharing, SHARINGS)
    return sharing


def _name_field(path: Path, definition: Mapping[str, Any], label: str) -> Field:
    path = (*path, "nameField")
    named = definition.get("nameField", {"type": "text"})
    mapping(path, named, ("type", "label", "format", "startingNumber"))
    kind = str(named.get("type", "text")).lower()
    if kind not in ("text", "autonumber"):
        raise SchemaError.unknown((*path, "type"), "type of name field", kind, ("text", "autonumber"))
    auto = kind == "autonumber"
    return Field(
        "Name", text(path, named, "label", f"{label} Name"), "string", length=80, name_field=True,
        id_lookup=True, defaulted_on_create=True, auto_number=auto, createable=not auto, updateable=not auto,
        display_format=number_format(path, named, "format", "{00000000}") if auto else None, nillable=not auto,
        first_number=whole(path, named, "startingNumber", 1, 0, 1_000_000_000),
    )  # fmt: skip


def _system(name: str, label: str, kind: FieldType, **more: Any) -> Field:
    return Field(
        name, label, kind, nillable=more.pop("nillable", False), createable=more.pop("createable", False),
        updateable=more.pop("updateable", False), defaulted_on_create=more.pop("defaulted_on_create", True), **more,
    )  # fmt: skip


def _link(name: str, label: str, *targets: str, **more: Any) -> Field:
    relation = name.removesuffix("Id")
    return _system(name, label, "reference", length=18, reference_to=targets, relationship_name=relation, **more)


def _moment(name: str, label: str, **more: Any) -> Field:
    return _system(name, label, "datetime", groupable=False, **more)


def _id(label: str = "Record ID") -> Field:
    return _system("Id", label, "id", length=18, id_lookup=True)


def _audit() -> tuple[Field, ...]:
    return (
        _moment("CreatedDate", "Created Date"),
        _link("CreatedById", "Created By ID", "User"),
        _moment("LastModifiedDate", "Last Modified Date"),
        _link("LastModifiedById", "Last Modified By ID", "User"),
        _moment("SystemModstamp", "System Modstamp"),
    )


def _deleted() -> Field:
    return _system("IsDeleted", "Deleted", "boolean", default=False)


def owner_field() -> Field:
    return _link("OwnerId", "Owner ID", "Group", "User", createable=True, updateable=True)


def record_type_field() -> Field:
    return _link(
        "RecordTypeId", "Record Type ID", "RecordType", nillable=True, createable=True, updateable=True,
    )  # fmt: skip


def _object_fields(name: Field, path: Path, definition: Mapping[str, Any], *, owned: bool) -> tuple[Field, ...]:
    seen: tuple[Field, ...] = ()
    if flag(path, definition, "tab", True):
        seen = (
            _moment("LastViewedDate", "Last Viewed Date", nillable=True, defaulted_on_create=False),
            _moment("LastReferencedDate", "Last Referenced Date", nillable=True, defaulted_on_create=False),
        )
    active: tuple[Field, ...] = ()
    if flag(path, definition, "activities", True):
        active = (_system("LastActivityDate", "Last Activity Date", "date", nillable=True, defaulted_on_create=False),)
    return (_id(), *([owner_field()] if owned else []), _deleted(), name, *_audit(), *active, *seen)


def _setting_fields(hierarchy: bool) -> tuple[Field, ...]:
    name = Field(
        "Name", "Name", "string", length=38, name_field=True, id_lookup=True, nillable=hierarchy,
        defaulted_on_create=hierarchy,
    )  # fmt: skip
    owner = _link(
        "SetupOwnerId", "Location", "Organization", "Profile", "User", createable=True, nillable=False,
        id_lookup=False, unique=True, defaulted_on_create=True,
    )  # fmt: skip
    return (_id(), _deleted(), name, *([owner] if hierarchy else []), *_audit())


def _event_fields() -> tuple[Field, ...]:
    plain = {"filterable": False, "sortable": False, "groupable": False, "defaulted_on_create": False}
    return (
        _system("ReplayId", "Replay ID", "string", nillable=True, length=1000, **plain),
        _system("CreatedDate", "Created Date", "datetime", **{**plain, "defaulted_on_create": True}),
        _link("CreatedById", "Created By ID", "User", **{**plain, "defaulted_on_create": True}),
        _system("EventUuid", "Event UUID", "string", nillable=True, length=36, **plain),
    )


def _metadata_fields(label: str) -> tuple[Field, ...]:
    return (
        _id(),
        _system("DeveloperName", f"{label} Name", "string", length=40, id_lookup=False),
        _system("MasterLabel", "Label", "string", length=40, name_field=True),
        _system("Language", "Master Language", "picklist", length=40, picklist=_LANGUAGES, restricted_picklist=True),
        _system("NamespacePrefix", "Namespace Prefix", "string", length=15, nillable=True, defaulted_on_create=False),
        _system("Label", "Label", "string", length=40),
        _system("QualifiedApiName", "Qualified API Name", "string", length=70),
        _moment("SystemModstamp", "System Modstamp"),
    )


def _external_fields() -> tuple[Field, ...]:
    return (
        _id("External Object ID"),
        Field("ExternalId", "External ID", "string", length=1000, external_id=True, id_lookup=True, name_field=True),
        Field("DisplayUrl", "Display URL", "url", length=1000, createable=False, updateable=False),
    )


def _article_fields() -> tuple[Field, ...]:
    """Return what knowledge articles have beside the fields of any object (Object Reference, Knowledge__kav)."""

    def states(*names: str) -> tuple[PicklistValue, ...]:
        return tuple(PicklistValue(name, name, default=name == names[0]) for name in names)

    return (
        _system("KnowledgeArticleId", "Knowledge Article ID", "string", length=18, nillable=True,
                defaulted_on_create=False),
        _system("ArticleNumber", "Article Number", "string", length=40, auto_number=True, display_format="{000000000}"),
        Field("Title", "Title", "string", length=255, nillable=False),
        Field("UrlName", "URL Name", "string", length=255, nillable=False),
        Field("Summary", "Summary", "textarea", length=1000, extra_type="plaintextarea"),
        Field("Language", "Language", "picklist", length=7, picklist=_LANGUAGES, default="en_US", nillable=False,
              defaulted_on_create=True, updateable=False),
        _system("PublishStatus", "Publication Status", "picklist", length=40, default="Draft",
                picklist=states("Draft", "Online", "Archived")),
        _system("VersionNumber", "Version Number", "int", digits=9, nillable=True, defaulted_on_create=False),
        _system("IsLatestVersion", "Is Latest Version", "boolean", default=True),
    )  # fmt: skip


def changed_object(path: Path, sobject: SObject, definition: Mapping[str, Any]) -> SObject:
    """Return an object that is there already with what a definition says of it. Raises SchemaError."""
    for key in ("setting", "event", "publish"):
        if key in definition:
            raise SchemaError((*path, key), f"{sobject.name} is there already, and is what it is")
    flags = set(sobject.flags)
    for key, mark in (("feeds", "feedEnabled"), ("search", "searchable")):
        if key in definition:
            (flags.add if flag(path, definition, key) else flags.discard)(mark)
    fields = sobject.fields
    named = definition.get("nameField")
    if named is not None:
        mapping((*path, "nameField"), named, ("type", "label", "format"))
        fields = tuple(
            replace(
                field,
                label=text((*path, "nameField"), named, "label", field.label),
                display_format=number_format((*path, "nameField"), named, "format", field.display_format),
            )
            if field.name_field
            else field
            for field in fields
        )
    return replace(
        sobject,
        label=text(path, definition, "label", sobject.label),
        label_plural=text(path, definition, "plural", sobject.label_plural),
        sharing=sharing_of(path, definition, sobject.sharing),  # type: ignore[arg-type]
        flags=frozenset(flags),
        fields=fields,
        memo={},
    )


_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def prefix_of(sobject: SObject) -> str:
    """Return the first character of the key prefixes of such objects."""
    if sobject.name.endswith("__kav"):
        return "k"
    return {"event": "e", "metadata": "m", "external": "x"}.get(sobject.kind, "a")


def prefix(first: str, number: int) -> str:
    """Return a key prefix: a00, a01, ... in the order of their creation, as in a real org."""
    return f"{first}{_DIGITS[number // 62 % 62]}{_DIGITS[number % 62]}"
