"""What a scenario defines in its org: objects and fields, those of its schema files first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mock_server.documents import Document, Problem, load

if TYPE_CHECKING:
    from harness.scenario import Scenario

_KINDS = ("objects", "fields")


class Definitions(NamedTuple):
    """Definitions in the form in which an org takes them: of objects by name, and of fields by object and name."""

    objects: dict[str, Any]
    fields: dict[str, Any]


def definitions(scenario: Scenario) -> Definitions:
    """Return what the scenario defines. Raises DocumentError for a schema file that cannot be read."""
    found: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}
    for path in scenario.org.schema:
        if Path(path).is_dir() or not path.endswith((".yaml", ".yml")):
            text = f"{path} is no YAML file with `objects` and `fields`; other forms of a schema are not read"
            raise scenario.document.error([Problem(("org", "schema"), text)])
        for kind, given in _read(load(path)).items():
            found[kind] = merged(found[kind], given)
    plan = scenario.org
    return Definitions(merged(found["objects"], plan.objects), merged(found["fields"], plan.fields))


def _read(document: Document) -> dict[str, dict[str, Any]]:
    """Read a schema file as far as its outline; the org that is made of it checks the rest. Raises DocumentError."""
    data = document.data
    if not isinstance(data, dict) or not set(data) <= set(_KINDS):
        raise document.error([Problem((), "a schema file is a mapping of `objects` and `fields`", _KINDS)])
    problems = [
        Problem((kind,), f"{kind} is a mapping of object names")
        for kind, given in data.items()
        if given is not None and not isinstance(given, dict)
    ]
    problems += [
        Problem((kind, name), f"{name} must be a mapping")
        for kind, given in data.items()
        if isinstance(given, dict)
        for name, value in given.items()
        if not isinstance(value, dict)
    ]
    if problems:
        raise document.error(problems)
    return {kind: given or {} for kind, given in data.items()}


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definitions of both, by object; of what both say, `above` counts."""
    found = {name: dict(value) for name, value in below.items()}
    for name, value in above.items():
        found[name] = {**found.get(name, {}), **value}
    return found


def uniqueness(given: Definitions) -> dict[tuple[str, str], bool]:
    """Return every defined field, by object and name in lower case, and whether no two records may share its value."""
    inline = ((name, value.get("fields")) for name, value in given.objects.items())
    return {
        (sobject.lower(), str(name).lower()): bool(field.get("unique"))
        for sobject, fields in (*inline, *given.fields.items())
        if isinstance(fields, Mapping)
        for name, field in fields.items()
        if isinstance(field, Mapping)
    }
