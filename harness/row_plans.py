"""Reads the parts of a scenario that speak of rows: `inputs`, and `records` of its org."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import inputs as input_rows
from harness import values
from harness.datafiles import MOST_ROWS, DataError, read_rows, read_tree
from harness.plans import (
    FieldPlan,
    Fixed,
    GivenRecords,
    InputFile,
    InputPlan,
    MadeRecords,
    Named,
    Provider,
    Records,
    Ref,
)
from harness.shapes import NAME, Part, shown
from mock_server.documents import Steps

_WAYS = ("provider", "value", "ref")


def read_inputs(scenario: Part, folder: Path, parents: tuple[Records, ...]) -> tuple[InputPlan | InputFile, ...]:
    found = []
    for at, item in scenario.items("inputs"):
        part = scenario.part(at, item, "an input")
        plan = _input(part, folder, parents) if part is not None else None
        if plan is not None:
            found.append(plan)
    return tuple(found)


def _input(part: Part, folder: Path, parents: tuple[Records, ...]) -> InputPlan | InputFile | None:
    from_file = "file" in part
    part.only(("sobject", "key", "file") if from_file else ("sobject", "count", "key", "fields"), "an input")
    sobject, key = part.api_name("sobject"), part.api_name("key")
    part.need("sobject", "an input")
    part.need("key", "an input")
    if from_file:
        rows = _rows_of(part, folder)
        if sobject is None or key is None or rows is None:
            return None
        try:
            input_rows.given(rows, sobject, key)
        except ValueError as error:
            part.refuse("file", f"{part.data['file']}: {error}")
        return InputFile(sobject, key, str(part.data["file"]), rows)
    part.need("count", "an input")
    count = part.count("count", 1, MOST_ROWS)
    fields = _fields(part, "fields", parents)
    if fields is None and sobject is not None and "fields" not in part:
        fields = values.DEFAULTS.get(sobject.lower())
        if fields is None:
            part.refuse("fields", f"an input of {sobject} needs fields: what its rows hold")
    if sobject is None or key is None or count is None or fields is None:
        return None
    clash = next((name for name in fields if name.lower() == key.lower()), None)
    if clash is not None:
        part.refuse(("fields", clash), f"{clash} is the key: its values are numbered, not made up", at_key=True)
    for name, plan in fields.items():
        if isinstance(plan, Ref) and plan.field.lower() == "id":
            part.refuse(
                ("fields", name),
                f"the id of {plan.sobject} is not known before the run; refer to the parent by its key: "
                f"{plan.sobject}.Key__c: {{ref: {plan.sobject}.Key__c}}",
            )
        elif isinstance(plan, Ref) and None in values.parent_values(plan, 0, parents):
            part.refuse(("fields", name), f"not every seeded {plan.sobject} has a {plan.field}")
    return InputPlan(sobject, key, count, fields, parents)


def _rows_of(part: Part, folder: Path) -> tuple[dict[str, Any], ...] | None:
    path = _file(part, "file", part.data["file"], folder)
    if path is None:
        return None
    try:
        return read_rows(path)
    except DataError as error:
        part.refuse("file", str(error))
        return None


def _file(part: Part, at: str | Steps, value: object, folder: Path) -> Path | None:
    if not isinstance(value, str) or not value or "\0" in value:
        part.refuse(at, f"a file must be a path, not {shown(value)}")
        return None
    return folder / value


def _fields(part: Part, key: str, parents: Sequence[Records] | None) -> dict[str, FieldPlan] | None:
    """Read `fields`. `parents` are the records that refs may pick from; None leaves that to be checked later."""
    given = part.mapping(key)
    if given is None:
        return None
    fields: dict[str, FieldPlan] = {}
    seen: dict[str, str] = {}
    for name, value in given.data.items():
        parent, dot, inner = name.partition(".")
        if not NAME.fullmatch(parent) or (dot and not NAME.fullmatch(inner)):
            given.refuse(name, f"{shown(name)} is no field; write LastName or Account.Key__c", at_key=True)
            continue
        other = seen.setdefault(name.lower(), name)
        if other != name or (dot and parent.lower() in seen):
            clash = other if other != name else seen[parent.lower()]
            given.refuse(name, f"{name} and {clash} are the same field", at_key=True)
            continue
        plan = _field(given, name, value, parents)
        if plan is not None:
            fields[name] = plan
    return fields


def _field(given: Part, name: str, value: Any, parents: Sequence[Records] | None) -> FieldPlan | None:
    if isinstance(value, str):
        return _provider(given, (name,), Provider(value))
    if not isinstance(value, Mapping):
        given.refuse(
            name, f"{name} needs a Faker provider, or one of {{value: ...}} and {{ref: ...}}, not {shown(value)}"
        )
        return None
    part = Part(value, (*given.path, name), given.problems)
    way = next((way for way in _WAYS if way in value), None)
    if way is None:
        part.refuse((), f"{name} needs one of {', '.join(_WAYS)}")
        return None
    if way == "provider":
        provider = part.text("provider")
        part.need("provider", name)
        arguments = {key: argument for key, argument in value.items() if key != "provider"}
        return _provider(part, ("provider",), Provider(provider, arguments)) if provider else None
    part.only((way,), f"a field with a {way}")
    if way == "ref":
        return _ref(part, parents)
    if isinstance(value["value"], Mapping | list):
        part.refuse("value", f"value must be a plain value, not {shown(value['value'])}")
        return None
    return Fixed(value["value"])


def _provider(part: Part, at: Steps, plan: Provider) -> Provider | None:
    try:
        values.check(plan)
    except values.ProviderError as error:
        part.refuse(at, str(error) + (f"; did you mean {error.nearest!r}?" if error.nearest else ""))
        return None
    return plan


def _ref(part: Part, parents: Sequence[Records] | None) -> Ref | None:
    text = part.data["ref"]
    sobject, _, field = text.partition(".") if isinstance(text, str) else ("", "", "")
    if not NAME.fullmatch(sobject) or not NAME.fullmatch(field):
        part.refuse("ref", f"ref must name a field of a seeded object, such as Account.Name, not {shown(text)}")
        return None
    ref = Ref(sobject, field)
    return ref if parents is None or refers(part, "ref", ref, parents) else None


def refers(part: Part, at: str | Steps, ref: Ref, parents: Sequence[Records]) -> bool:
    """Tell whether a ref leads to a field of a seeded object; refuse it if it does not."""
    sources = [source for source in parents if source.sobject.lower() == ref.sobject.lower()]
    if not sources:
        seeded = sorted({source.sobject for source in parents})
        part.refuse(at, f"no {ref.sobject} is seeded by org.records", seeded, ref.sobject)
        return False
    known = {"Id": None}
    for source in sources:
        for row in source.rows if isinstance(source, GivenRecords) else (source.fields,):
            known |= dict.fromkeys(row)
    if ref.field.lower() in {name.lower() for name in known}:
        return True
    part.refuse(at, f"the seeded {ref.sobject} has no {ref.field}", known, ref.field)
    return False


# -- records of the org


def read_records(org: Part, folder: Path) -> tuple[Records, ...]:
    """Read `records`, a mapping by object or a list of files, and put parents before their children."""
    value = org.data.get("records")
    found: list[tuple[Steps, Records]] = []
    if isinstance(value, list):
        for at, item in org.items("records"):
            found += [(at, source) for source in _records_file(org, at, item, folder, None)]
    else:
        given = org.mapping("records")
        for name in given or ():
            assert given is not None
            if not NAME.fullmatch(name):
                given.refuse(name, f"{shown(name)} is no object's name", at_key=True)
            else:
                at = ("records", name)
                found += [(at, source) for source in _of_object(given, name, folder)]
    return _parents_first(org, found)


def _of_object(given: Part, name: str, folder: Path) -> list[Records]:
    part = given.part((name,), given.data[name], name)
    if part is None:
        return []
    if "file" in part:
        part.only(("file",), f"records of {name}")
        return list(_records_file(part, ("file",), part.data["file"], folder, name))
    part.only(("count", "fields", "file"), f"records of {name}")
    part.need("count", f"records of {name}")
    count = part.count("count", 1, MOST_ROWS)
    fields = _fields(part, "fields", None) or {}
    named = {field.lower() for field in fields}
    usual = {field: plan for field, plan in values.DEFAULTS.get(name.lower(), {}).items() if field.lower() not in named}
    return [] if count is None else [MadeRecords(name, count, {**usual, **fields})]


def _records_file(part: Part, at: Steps, value: Any, folder: Path, sobject: str | None) -> Sequence[Records]:
    path = _file(part, at, value, folder)
    if path is None:
        return ()
    try:
        if path.suffix.lower() == ".json":
            return _of_tree(part, at, read_tree(path), sobject)
        rows = read_rows(path)
    except DataError as error:
        part.refuse(at, str(error))
        return ()
    name = sobject or path.stem
    if not NAME.fullmatch(name):
        part.refuse(at, f"{path.name} must be named after its object: Account{path.suffix}")
        return ()
    return (GivenRecords(name, rows),)


def _of_tree(part: Part, at: Steps, trees: list[GivenRecords], sobject: str | None) -> Sequence[Records]:
    for tree in trees:
        if sobject is not None and tree.sobject.lower() != sobject.lower():
            part.refuse(at, f"the file holds records of {tree.sobject}, not of {sobject}")
            return ()
    return trees


def _parents_first(org: Part, found: list[tuple[Steps, Records]]) -> tuple[Records, ...]:
    sources = [source for _, source in found]
    names = {name: place for place, source in enumerate(sources) for name in _names(source) if name}
    waits: dict[int, set[int]] = {}
    for place, (at, source) in enumerate(found):
        waits[place] = set()
        for steps, need in _needs(source):
            if isinstance(need, Ref):
                if refers(org, (*at, *steps), need, sources):
                    waits[place] |= {
                        other for other, one in enumerate(sources) if one.sobject.lower() == need.sobject.lower()
                    }
            elif need.name in names:
                waits[place].add(names[need.name])
            else:
                org.refuse(at, f"no record is called @{need.name}", names, need.name)
    order: list[int] = []
    while len(order) < len(sources):
        ready = next((place for place in waits if place not in order and waits[place] <= set(order)), None)
        if ready is None:
            stuck = next(place for place in waits if place not in order)
            org.refuse(found[stuck][0], f"the records of {sources[stuck].sobject} depend on themselves, in a circle")
            break
        order.append(ready)
    return tuple(sources[place] for place in order)


def _names(source: Records) -> tuple[str | None, ...]:
    return source.names if isinstance(source, GivenRecords) else ()


def _needs(source: Records) -> list[tuple[Steps, Ref | Named]]:
    """Return what the rows refer to, each with its place below the entry."""
    if isinstance(source, MadeRecords):
        return [(("fields", name), plan) for name, plan in source.fields.items() if isinstance(plan, Ref)]
    needed = {value: None for row in source.rows for value in row.values() if isinstance(value, Named)}
    return [((), value) for value in needed]
