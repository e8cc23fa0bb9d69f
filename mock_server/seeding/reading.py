"""Reads `records`: a mapping by object, or a list of files; and the fields of what is made up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mock_server.documents import Steps, shown
from mock_server.parts import NAME, Part
from mock_server.seeding import plans, values
from mock_server.seeding.files import MOST_ROWS, DataError, read_rows, read_tree
from mock_server.seeding.plans import (
    Between,
    Choice,
    FieldPlan,
    Fixed,
    GivenRecords,
    MadeRecords,
    Named,
    Provider,
    Records,
    Ref,
    Sparse,
    bare,
)

WAYS: dict[str, tuple[str, ...]] = {
    "provider": (),
    "value": ("value",),
    "values": ("values", "weights", "null"),
    "sequence": ("sequence", "start", "step", "null"),
    "between": ("between", "null"),
    "ref": ("ref", "pick", "weights", "null"),
}
"""The ways to say what a field holds, and the keys that go with each; a provider takes its arguments too."""
PICKS = ("random", "round_robin")
_LOCALE = re.compile(r"[a-z]{2,3}_[A-Z]{2}")
_FORMAT = re.compile(r"([^{}]*)\{(0{1,12})\}([^{}]*)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)")


def file_of(part: Part, at: str | Steps, value: object, folder: Path) -> Path | None:
    """Return the path that a value names; refuse what names none."""
    if not isinstance(value, str) or not value or "\0" in value:
        part.refuse(at, f"a file must be a path, not {shown(value)}")
        return None
    return folder / value


# -- fields


def read_fields(
    part: Part, key: str, parents: Sequence[Records] | None, locale: str = "en_US"
) -> dict[str, FieldPlan] | None:
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
        plan = _field(given, name, value, parents, locale)
        if plan is not None:
            fields[name] = plan
    _one_pick(given, fields)
    return fields


def _one_pick(given: Part, fields: Mapping[str, FieldPlan]) -> None:
    """Refuse refs to one object that pick in different ways: those of a row mean the same record."""
    ways: dict[str, Ref] = {}
    for name, plan in fields.items():
        ref = bare(plan)
        if isinstance(ref, Ref):
            first = ways.setdefault(ref.sobject.lower(), ref)
            if (ref.pick, ref.weights) != (first.pick, first.weights):
                given.refuse(name, f"all refs of a row to {ref.sobject} mean the same record, and must pick it alike")


def _field(given: Part, name: str, value: Any, parents: Sequence[Records] | None, locale: str) -> FieldPlan | None:
    if isinstance(value, str):
        return _provider(given, (name,), Provider(value, locale=locale))
    if not isinstance(value, Mapping):
        given.refuse(
            name, f"{name} needs a Faker provider, or one of {{value: ...}} and {{ref: ...}}, not {shown(value)}"
        )
        return None
    part = Part(value, (*given.path, name), given.problems)
    way = next((way for way in WAYS if way in value), None)
    if way is None:
        part.refuse((), f"{name} needs one of {', '.join(WAYS)}")
        return None
    if way == "provider":
        return _sparse(part, _with_arguments(part, name, locale))
    part.only(WAYS[way], f"a field with {way}")
    if way == "value":
        if isinstance(value["value"], Mapping | list):
            part.refuse("value", f"value must be a plain value, not {shown(value['value'])}")
            return None
        return Fixed(value["value"])
    if way == "ref":
        return _sparse(part, _ref(part, parents))
    reader = {"values": _choice, "sequence": _sequence, "between": _between}[way]
    return _sparse(part, reader(part))


def _sparse(part: Part, plan: Any) -> FieldPlan | None:
    """Apply the share of rows that go without a value."""
    share = part.number("null", 0, 1)
    if plan is None or not share:
        found: FieldPlan | None = plan
        return found
    return Sparse(plan, share)


def _with_arguments(part: Part, name: str, locale: str) -> Provider | None:
    provider = part.text("provider")
    part.need("provider", name)
    own = part.text("locale")
    if own is not None and not _LOCALE.fullmatch(own):
        part.refuse("locale", f"a locale is written like de_DE, not {shown(own)}")
        return None
    unique = part.data.get("unique", False)
    if not isinstance(unique, bool):
        part.refuse("unique", f"unique must be true or false, not {shown(unique)}")
        return None
    taken = ("provider", "locale", "unique", "null")
    arguments = {key: argument for key, argument in part.data.items() if key not in taken}
    return _provider(part, ("provider",), Provider(provider, arguments, own or locale, unique)) if provider else None


def _provider(part: Part, at: Steps, plan: Provider) -> Provider | None:
    try:
        values.check(plan)
    except values.ProviderError as error:
        part.refuse(at, str(error) + (f"; did you mean {error.nearest!r}?" if error.nearest else ""))
        return None
    return plan


def _choice(part: Part) -> Choice | None:
    given = part.data["values"]
    if isinstance(given, Mapping):
        if "weights" in part:
            part.refuse("weights", "the weights stand beside the values already")
        choices, weights = tuple(given), _weights(part, "values", list(given.values()))
        if not choices:
            part.refuse("values", "at least one value is needed")
        return None if weights is None or not choices else Choice(choices, weights)
    if not isinstance(given, list) or not given or any(isinstance(one, Mapping | list) for one in given):
        part.refuse("values", f"values must be a list of plain values, or of weights by value, not {shown(given)}")
        return None
    if "weights" not in part:
        return Choice(tuple(given))
    weights = _weights(part, "weights", part.data["weights"])
    if weights is not None and len(weights) != len(given):
        part.refuse("weights", f"{len(weights)} weights for {len(given)} values")
        return None
    return None if weights is None else Choice(tuple(given), weights)


def _weights(part: Part, key: str, given: Any) -> tuple[float, ...] | None:
    numbers = isinstance(given, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 10**9 for one in given
    )
    if not numbers or not any(given):
        part.refuse(key, f"weights must be a list of numbers from 0, one of them more than 0, not {shown(given)}")
        return None
    return tuple(float(one) for one in given)


def _sequence(part: Part) -> plans.Sequence | None:
    given = part.data["sequence"]
    start, step = part.count("start", -(10**15), 10**15), part.count("step", -(10**9), 10**9)
    if step == 0:
        part.refuse("step", "a sequence must go on: step cannot be 0")
    found = plans.Sequence(1 if start is None else start, 1 if step is None else step)
    if given is True or given is None:
        return found
    if isinstance(given, int) and not isinstance(given, bool):
        return replace(found, start=given)
    form = _FORMAT.fullmatch(given) if isinstance(given, str) else None
    if form is None:
        part.refuse("sequence", f"a sequence is a first number or a format such as A-{{00000}}, not {shown(given)}")
        return None
    return replace(found, head=form[1], digits=len(form[2]), tail=form[3])


def _between(part: Part) -> Between | None:
    given = part.data["between"]
    text = f"between must hold two bounds of one kind: [1, 9], [2026-01-01, 2026-12-31], not {shown(given)}"
    if not isinstance(given, list) or len(given) != 2:
        part.refuse("between", text)
        return None
    least, most = given
    kinds = {_kind(least), _kind(most)}
    if kinds == {"int", "float"}:
        kinds = {"float"}
    kind = next(iter(kinds))
    if len(kinds) > 1 or kind is None:
        part.refuse("between", text)
        return None
    try:
        ordered = values.bound(least, kind) <= values.bound(most, kind)
    except ValueError as error:
        part.refuse("between", f"{shown(given)}: {error}")
        return None
    if not ordered:
        part.refuse("between", f"the first bound is the lesser one, not {shown(given)}")
        return None
    return Between(least, most, kind)  # type: ignore[arg-type]  # one of the four


def _kind(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int | float):
        return None if abs(value) > 10**15 else type(value).__name__
    return "date" if _DAY.fullmatch(value) else "datetime" if _MOMENT.fullmatch(value) else None


def _ref(part: Part, parents: Sequence[Records] | None) -> Ref | None:
    text = part.data["ref"]
    sobject, _, field = text.partition(".") if isinstance(text, str) else ("", "", "")
    if not NAME.fullmatch(sobject) or not NAME.fullmatch(field):
        part.refuse("ref", f"ref must name a field of a seeded object, such as Account.Name, not {shown(text)}")
        return None
    pick = part.choice("pick", PICKS)
    weights = _weights(part, "weights", part.data["weights"]) if "weights" in part else None
    if weights is not None and pick == "round_robin":
        part.refuse("weights", "parents are picked one after the other, or by weights")
    ref = Ref(sobject, field, "round_robin" if pick == "round_robin" else "random", weights)
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


# -- records


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
    part.only(("count", "fields", "locale", "file"), f"records of {name}")
    part.need("count", f"records of {name}")
    count = part.count("count", 1, MOST_ROWS)
    locale = part.text("locale") or "en_US"
    try:
        values.faker(locale)
    except values.ProviderError as error:
        part.refuse("locale", str(error) + (f"; did you mean {error.nearest!r}?" if error.nearest else ""))
        return []
    fields = read_fields(part, "fields", None, locale) or {}
    named = {field.lower() for field in fields}
    usual = {
        field: replace(plan, locale=locale) if isinstance(plan, Provider) else plan
        for field, plan in values.DEFAULTS.get(name.lower(), {}).items()
        if field.lower() not in named
    }
    return [] if count is None else [MadeRecords(name, count, {**usual, **fields})]


def _records_file(part: Part, at: Steps, value: Any, folder: Path, sobject: str | None) -> Sequence[Records]:
    path = file_of(part, at, value, folder)
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
    return (GivenRecords(name, rows.nested(), places=rows.places),)


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
    wishes: dict[int, set[int]] = {}
    for place, (at, source) in enumerate(found):
        waits[place], wishes[place] = set(), set()
        for steps, need in _needs(source):
            if isinstance(need, Ref):
                if refers(org, (*at, *steps), need, sources):
                    waits[place] |= {
                        other for other, one in enumerate(sources) if one.sobject.lower() == need.sobject.lower()
                    }
            elif need.name not in names:
                org.refuse(at, f"no record is called @{need.name}", names, need.name)
            elif names[need.name] != place:
                # Records of one file may refer to one another: they are saved in the order that this asks for.
                waits[place].add(names[need.name])
        for parent in _related(source):
            # What a relationship is called is a hint to its object, no more.
            wishes[place] |= {
                other for other, one in enumerate(sources) if one.sobject.lower() in parent and other != place
            }
    order: list[int] = []
    while len(order) < len(sources):
        open_ = [place for place in waits if place not in order and waits[place] <= set(order)]
        ready = next((place for place in open_ if wishes[place] <= set(order)), open_[0] if open_ else None)
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
        refs = ((name, bare(plan)) for name, plan in source.fields.items())
        return [(("fields", name), plan) for name, plan in refs if isinstance(plan, Ref)]
    needed = {value: None for row in source.rows for value in row.values() if isinstance(value, Named)}
    return [((), value) for value in needed]


def _related(source: Records) -> list[tuple[str, str]]:
    """Return the objects that rows may mean by `Account.Key__c` or `Invoice__r.Key__c`, as relationships are called."""
    if isinstance(source, MadeRecords):
        names = {name.partition(".")[0] for name in source.fields if "." in name}
    else:
        names = {name for row in source.rows for name, value in row.items() if _is_parent(value)}
    return [(name.lower(), name.lower().removesuffix("__r") + "__c") for name in names]


def _is_parent(value: object) -> bool:
    return isinstance(value, Mapping) and not isinstance(value.get("records"), list)
