"""What objects only the Tooling API has, in a short form (Tooling API Reference, "Tooling API Objects").

`data/objects.tsv` has a line each: name (with `*` where its records may be written), label, key prefix, fields. A field
is `Name:type:length`, or `Name>Object:Relationship` for a reference; `!` says that it is never null; `@audit` and the
like stand for several. Key prefixes are those of org describes.

What cannot be done here cannot be done by their describes either: Apex is not run, so nothing is compiled or tested;
metadata is not deployed through single records. Trace flags and debug levels are kept as they are given, since they
change nothing but what is logged.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import cast

from mock_server.org.schema.types import ChildRelationship, Field, FieldType, PicklistValue, SObject

_LENGTHS = {"string": 255, "picklist": 255, "textarea": 32000, "url": 255, "id": 18, "reference": 18}
_LEVELS = ("NONE", "ERROR", "WARN", "INFO", "DEBUG", "FINE", "FINER", "FINEST")
_CATEGORIES = (
    "ApexCode", "ApexProfiling", "Callout", "Database", "System", "Validation", "Visualforce", "Workflow", "Nba",
    "Wave", "DataAccess",
)  # fmt: skip
_SEVERAL = {
    "@audit": (
        "CreatedDate:datetime!", "CreatedById>User:CreatedBy!", "LastModifiedDate:datetime!",
        "LastModifiedById>User:LastModifiedBy!", "SystemModstamp:datetime!",
    ),
    "@managed": ("ManageableState:picklist:255", "NamespacePrefix:string:15"),
    "@metadata": ("FullName:string:1024", "Metadata:complexvalue"),
    "@levels": tuple(f"{name}:picklist:40" for name in _CATEGORIES),
}  # fmt: skip
_SYSTEM = frozenset(word.partition(":")[0].partition(">")[0] for word in _SEVERAL["@audit"])


@cache
def _lines() -> dict[str, tuple[str, ...]]:
    """Return mark, label, prefix and fields of each object by name."""
    text = files("mock_server.org.tooling").joinpath("data", "objects.tsv").read_text()
    out: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        name, label, prefix, fields = line.split("\t")
        out[name.rstrip("*")] = (name[len(name.rstrip("*")) :], label, prefix, fields)
    return out


SHARED = frozenset(
    [
        "ApexClass", "ApexComponent", "ApexEmailNotification", "ApexLog", "ApexPage", "ApexPageInfo",
        "ApexTestQueueItem", "ApexTestResult", "ApexTestResultLimits", "ApexTestRunResult", "ApexTestSuite",
        "ApexTrigger", "AsyncApexJob", "AuraDefinition", "AuraDefinitionBundle", "BusinessProcess", "DataType",
        "EmailTemplate", "EntityDefinition", "EntityParticle", "FieldDefinition", "Group",
        "NamedCredential", "Organization", "OwnerChangeOptionInfo", "PermissionSet", "PermissionSetGroup",
        "PicklistValueInfo", "Profile", "Publisher", "RecordType", "RelationshipDomain", "RelationshipInfo",
        "SearchLayout", "StaticResource", "TestSuiteMembership", "User", "UserEntityAccess", "UserFieldAccess",
        "UserRole", "WebLink",
    ]
)  # fmt: skip
"""Objects that both APIs have."""
REFLECTED = frozenset(["CustomField", "CustomObject", "ValidationRule"])
"""Objects whose rows are worked out from the schema; they have ids of their own."""
_WITH_METADATA = frozenset(
    [
        "ApexClass", "ApexComponent", "ApexPage", "ApexTrigger", "LightningComponentBundle", "RecordType",
        "StaticResource",
    ]
)  # fmt: skip
_WITH_SYMBOLS = frozenset(["ApexClass", "ApexTrigger"])


def names() -> frozenset[str]:
    """Return the names of the objects that only the Tooling API has."""
    return frozenset(_lines())


@cache
def prefixes() -> dict[str, str]:
    """Return the names of these objects by key prefix."""
    return {prefix: name for name, (_, _, prefix, _) in _lines().items() if prefix != "-"}


@cache
def load(name: str) -> SObject:
    """Return one of these objects. Raises KeyError for an unknown one."""
    mark, label, prefix, short = _lines()[name]
    words = [one for word in short.split() for one in _SEVERAL.get(word, (word,))]
    key = Field("Id", "Record ID", "id", length=18, nillable=False, createable=False, updateable=False)
    flags = {"queryable", "retrieveable"} | ({"createable", "updateable", "deletable"} if mark else set())
    return SObject(
        name,
        label,
        f"{label}s",
        None if prefix == "-" else prefix,
        frozenset(flags),
        (key, *(_field(word, writable=bool(mark)) for word in words)),
        children=_CHILDREN.get(name, ()),
    )


_CHILDREN = {
    "DebugLevel": (ChildRelationship("TraceFlag", "DebugLevelId", None),),
    "FlowDefinition": (ChildRelationship("Flow", "DefinitionId", "Versions"),),
    "MetadataContainer": (
        ChildRelationship("ApexClassMember", "MetadataContainerId", "ClassMembers"),
        ChildRelationship("ApexTriggerMember", "MetadataContainerId", "TriggerMembers"),
    ),
}
CHILDREN_OF_ENTITY = (
    ChildRelationship("CustomField", "EntityDefinitionId", "CustomFields"),
    ChildRelationship("FieldSet", "EntityDefinitionId", "FieldSets"),
    ChildRelationship("FlexiPage", "EntityDefinitionId", "FlexiPages"),
    ChildRelationship("Layout", "EntityDefinitionId", "Layouts"),
    ChildRelationship("ValidationRule", "EntityDefinitionId", "ValidationRules"),
)
"""What EntityDefinition has in the Tooling API beside what it has elsewhere."""


def _field(word: str, *, writable: bool) -> Field:
    needed = word.endswith("!")
    word = word.removesuffix("!")
    free = writable and word.partition(":")[0].partition(">")[0] not in _SYSTEM
    if ">" in word:
        name, _, rest = word.partition(">")
        targets, _, relationship = rest.partition(":")
        long = "EntityDefinition" in targets or "FieldDefinition" in targets
        return Field(
            name, _label(name), "reference", length=70 if long else 18, nillable=not needed, createable=free,
            updateable=free, reference_to=tuple(targets.split(",")), relationship_name=relationship,
        )  # fmt: skip
    name, kind, *size = word.split(":")
    whole = kind == "complexvalue"
    return Field(
        name, _label(name), cast(FieldType, kind), length=int(size[0]) if size else _LENGTHS.get(kind, 0),
        nillable=not needed and kind != "boolean", createable=free, updateable=free, structured=whole,
        filterable=not whole and kind != "textarea", sortable=not whole and kind != "textarea",
        groupable=not whole and kind not in ("textarea", "datetime"),
        picklist=_picklist(name) if writable else (),
    )  # fmt: skip


def _picklist(name: str) -> tuple[PicklistValue, ...]:
    if name in _CATEGORIES:
        return tuple(PicklistValue(level, level) for level in _LEVELS)
    if name == "LogType":
        return tuple(PicklistValue(one, one) for one in ("CLASS_TRACING", "DEVELOPER_LOG", "PROFILING", "USER_DEBUG"))
    return ()


def _label(name: str) -> str:
    out = "".join(f" {one}" if one.isupper() else one for one in name).strip()
    return f"{out.removesuffix(' Id')} ID" if name.endswith("Id") else out


def more_fields(name: str) -> tuple[Field, ...]:
    """Return what the Tooling API shows of a shared object beside the fields that it has elsewhere."""
    words = []
    if name in _WITH_METADATA:
        words += ["FullName:string:1024", "Metadata:complexvalue", "ManageableState:picklist:255"]
    if name in _WITH_SYMBOLS:
        words.append("SymbolTable:complexvalue")
    return tuple(_field(word, writable=False) for word in words)
