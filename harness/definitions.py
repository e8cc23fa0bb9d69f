"""What a scenario defines in its org: objects and fields, on top of what the sources of its schema define."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mock_server import schema_sources
from mock_server.documents import DocumentError
from mock_server.schema_sources import Definitions, Place

if TYPE_CHECKING:
    from harness.scenario import Scenario


def definitions(scenario: Scenario) -> Definitions:
    """Return what the scenario defines. Raises DocumentError for a source of its schema that cannot be read."""
    found = schema_sources.read(scenario.org.schema)
    if found.problems:
        raise DocumentError([str(problem) for problem in found.problems])
    document = scenario.document
    own = Definitions(
        places={path[1:]: Place(*document.where(path)) for path in document.values if path[:1] == ("org",)}
    )
    own.data.update(objects=dict(scenario.org.objects), fields=dict(scenario.org.fields))
    found.add(own)
    return found


def check(scenario: Scenario) -> None:
    """Refuse a scenario whose schema does not fit together. Raises DocumentError."""
    found = definitions(scenario)
    # Of a scenario without sources the org itself says what is wrong.
    if scenario.org.schema:
        schema_sources.check(found)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definitions of both, by object; of what both say, `above` counts."""
    found = {name: dict(value) for name, value in below.items()}
    for name, value in above.items():
        found[name] = {**found.get(name, {}), **value}
    return found


def uniqueness(given: Definitions) -> dict[tuple[str, str], bool]:
    """Return every defined field, by object and name in lower case, and whether no two records may share its value."""
    inline = ((name, value.get("fields")) for name, value in given.data["objects"].items())
    return {
        (sobject.lower(), str(name).lower()): bool(_described(field).get("unique"))
        for sobject, fields in (*inline, *given.data["fields"].items())
        if isinstance(fields, Mapping)
        for name, field in fields.items()
        if isinstance(field, Mapping)
    }


def _described(field: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = field.get("describe")
    return inner if isinstance(inner, Mapping) else field
