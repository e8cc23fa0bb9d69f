"""Objects that answer only queries with certain filters. The texts were recorded by tools that query every object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mock_server.org import errors
from mock_server.org.errors import ApiError, ErrorSpec
from mock_server.org.query.syntax import Comparison, Condition, Junction, Path, Query


@dataclass(frozen=True, slots=True)
class _Rule:
    """One of `fields` must be compared by = or IN, at the top level of WHERE; no fields: no filter is enough."""

    fields: tuple[str, ...]
    text: str
    error: ErrorSpec = errors.MALFORMED_QUERY


def _reified(name: str, *fields: str) -> tuple[str, _Rule]:
    return name, _Rule(fields, f"{name}: a filter on a reified column is required [{','.join(fields)}]")


NAMING = ("qualifiedapiname", "durableid")
"""Fields that name a part of the schema."""
_BY_ID = "Implementation restriction: "
_RULES = dict(
    [
        _reified("EntityParticle", "EntityDefinitionId", "FieldDefinitionId", "DurableId"),
        _reified("FieldDefinition", "EntityDefinitionId", "DurableId"),
        _reified("OwnerChangeOptionInfo", "EntityDefinitionId", "DurableId"),
        _reified("PicklistValueInfo", "EntityParticleId", "DurableId"),
        _reified(
            "RelationshipDomain", "FieldId", "ChildSobjectId", "ParentSobjectId", "RelationshipInfoId", "DurableId"
        ),
        _reified("RelationshipInfo", "ChildSobjectId", "FieldId", "DurableId"),
        _reified("SearchLayout", "EntityDefinitionId", "DurableId"),
        _reified("SiteDetail", "DurableId"),
        _reified("UserEntityAccess", "UserId", "DurableId"),
        _reified("UserFieldAccess", "DurableId"),
        (
            "ContentDocumentLink",
            _Rule(
                ("ContentDocumentId", "LinkedEntityId"),
                f"{_BY_ID}ContentDocumentLink requires a filter by a single Id on ContentDocumentId or LinkedEntityId "
                "using the equals operator or multiple Id's using the IN operator.",
            ),
        ),
        (
            "ContentFolderItem",
            _Rule(
                ("Id", "ParentContentFolderId"),
                f"{_BY_ID}ContentFolderItem requires a filter by Id or ParentContentFolderId using the equals or 'IN' "
                "operator",
            ),
        ),
        (
            "ContentFolderMember",
            _Rule(
                ("Id", "ChildRecordId", "ParentContentFolderId"),
                f"{_BY_ID}ContentFolderMember requires a filter by a single Id, ChildRecordId or ParentContentFolderId "
                "using the equals operator",
            ),
        ),
        (
            "IdeaComment",
            _Rule(
                ("CommunityId", "Id", "IdeaId"),
                "Implementation restriction. When querying the Idea Comment object, you must filter using the "
                "following syntax: CommunityId = [single ID], Id = [single ID], IdeaId = [single ID], Id IN [list of "
                "IDs], or IdeaId IN [list of IDs].",
            ),
        ),
        (
            "Vote",
            _Rule(
                ("ParentId", "Parent.Type", "Id"),
                f"{_BY_ID}When querying the Vote object, you must filter using the following syntax: ParentId = "
                "[single ID], Parent.Type = [single Type], Id = [single ID], or Id IN [list of ID's].",
            ),
        ),
        (
            "FlexQueueItem",
            _Rule(
                ("JobType",), "The WHERE clause must contain a JobType field expression.", errors.EXTERNAL_UNSUPPORTED
            ),
        ),
        ("DataStatistics", _Rule(("StatType",), "Where clauses should contain StatType", errors.EXTERNAL_UNSUPPORTED)),
        (
            "PlatformAction",
            _Rule(
                ("ActionListContext", "SourceEntity"),
                "Getting all PlatformAction entities is unsupported",
                errors.EXTERNAL_UNSUPPORTED,
            ),
        ),
        (
            "ListViewChartInstance",
            _Rule(
                ("SourceEntity", "ListViewChartId"),
                "Getting all ListViewChartInstances is unsupported",
                errors.EXTERNAL_UNSUPPORTED,
            ),
        ),
        *(
            (name, _Rule((), "This query is not supported on the OutgoingEmail object.", errors.EXTERNAL_UNSUPPORTED))
            for name in ("OutgoingEmail", "OutgoingEmailRelation")
        ),
    ]
)


def refusal(name: str, query: Query) -> ApiError | None:
    """Return the error of a query that lacks the filters its object asks for, None for any other."""
    if name == "UserRecordAccess" and not all(_about_access(item) for item in query.items):
        return errors.INVALID_FIELD(text="Can select only RecordId, a Has*Access field, and MaxAccessLevel")
    rule = _RULES.get(name)
    if rule is None:
        return None
    wanted = {field.lower() for field in rule.fields}
    # `EntityDefinition.QualifiedApiName` fixes as much as `EntityDefinitionId`.
    wanted |= {f"{name[:-2]}.{field}" for name in wanted if name.endswith("id") for field in NAMING}
    if any(_names(comparison, name, query.alias) in wanted for comparison in fixed(query.where)):
        return None
    return rule.error(text=rule.text)


def _about_access(item: object) -> bool:
    """Tell whether an item of SELECT is one that UserRecordAccess answers."""
    word = item.parts[-1].lower() if isinstance(item, Path) else ""
    return word in ("recordid", "maxaccesslevel") or word.startswith("has")


def fixed(where: Condition | None) -> Iterator[Comparison]:
    """Yield the comparisons by = and IN that every row of a query must meet."""
    if isinstance(where, Comparison) and where.operator in ("=", "IN"):
        yield where
    elif isinstance(where, Junction) and where.word == "AND":
        for part in where.parts:
            yield from fixed(part)


def _names(comparison: Comparison, name: str, alias: str | None) -> str:
    """Return the path that a comparison is about, in lower case and without the object's own name."""
    if not isinstance(comparison.path, Path):
        return ""
    parts = [part.lower() for part in comparison.path.parts]
    if len(parts) > 1 and parts[0] in (name.lower(), (alias or "").lower()):
        del parts[0]
    return ".".join(parts)
