"""Queries over the schema itself: which of its objects they ask about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mock_server.org.query.literals import text_of
from mock_server.org.query.restricted import NAMING, fixed
from mock_server.org.query.syntax import Comparison, Path, Query, Value

_IDS = frozenset(
    [
        "entitydefinitionid", "fielddefinitionid", "entityparticleid", "childsobjectid", "parentsobjectid", "fieldid",
        "relationshipinfoid", "durableid",
    ]
)  # fmt: skip
"""Fields that hold durable ids, which begin with the object they belong to."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a query needs of the schema, as rows: of which derived objects, and about which objects, None for all."""

    tables: frozenset[str]
    entities: frozenset[str] | None


def entities(query: Query) -> frozenset[str] | None:
    """Return the names or durable ids of the objects that a query is about, None where nothing narrows them down."""
    for comparison in fixed(query.where):
        if not isinstance(comparison.path, Path):
            continue
        parts = [part.lower() for part in comparison.path.parts]
        # A name alone is a field's, except where objects are what is asked for.
        source = query.source.parts[-1].lower()
        naming = parts[-1] in NAMING and (len(parts) > 1 or source == "entitydefinition")
        naming = naming or (parts == ["sobjecttype"] and source == "listview")
        fields_name = len(parts) > 1 and parts[-2] in ("fielddefinition", "entityparticle") and parts[-1] == NAMING[0]
        if (parts[-1] in _IDS or naming) and not fields_name and not isinstance(comparison.value, Query):
            return frozenset(value.partition(".")[0] for value in _texts(comparison))
    return None


def one_row_only(query: Query) -> bool:
    """Tell whether a query selects what the Tooling API gives of one record at a time."""
    items = (item.parts[-1].lower() for item in query.items if isinstance(item, Path) and len(item.parts) == 1)
    return any(name in ("metadata", "fullname") for name in items)


def _texts(comparison: Comparison) -> Iterator[str]:
    values = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
    for value in values:
        if isinstance(value, Value) and value.kind == "string":
            yield text_of(value.text)
