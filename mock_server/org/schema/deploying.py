"""What a deployment gives to the objects that it makes: prefixes and ids, rows, and the objects that come with them."""

from __future__ import annotations

from dataclasses import replace

from mock_server.org.ids import IdSource
from mock_server.org.schema import derived, objects
from mock_server.org.schema.drafts import Draft, Drafts, foreign
from mock_server.org.schema.errors import Path, SchemaError
from mock_server.org.schema.given import flag
from mock_server.org.schema.rows import Row, resolve, rows_of
from mock_server.org.schema.types import ChildRelationship, SObject


def number(drafts: Drafts) -> None:
    """Give out key prefixes and the ids of record types, in the order of definition."""
    taken = {one.key_prefix for one in drafts.schema.own().values()}
    taken |= {draft.sobject.key_prefix for draft in drafts.all.values()}
    counters: dict[str, int] = {}
    kinds = drafts.schema.own().values()
    for draft in drafts.all.values():
        sobject = draft.sobject
        if not draft.new or not sobject.custom or sobject.key_prefix is not None or "describe" in draft.definition:
            continue
        first = objects.prefix_of(sobject)
        number = counters.get(first, sum(one.custom and objects.prefix_of(one) == first for one in kinds))
        while (prefix := objects.prefix(first, number)) in taken:
            number += 1
        counters[first] = number + 1
        taken.add(prefix)
        draft.sobject = replace(sobject, key_prefix=prefix)
    used = sum(len(one.record_types) for one in kinds)
    source = IdSource("Kd0", first=used + 1)
    for draft in drafts.all.values():
        for name, one in draft.record_types.items():
            if not one.id:
                known = {old.name: old.id for old in draft.sobject.record_types}
                draft.record_types[name] = replace(one, id=known.get(name) or source.take("012"))


def rows(drafts: Drafts) -> dict[str, tuple[Row, ...]]:
    """Return the records that come with the schema, by object."""
    ids = IdSource("Kd0")
    records: dict[str, tuple[Row, ...]] = {}
    for name, given in drafts.given("records").items():
        path: Path = ("records", name)
        draft = drafts.own(name) or drafts.unchanged(name)
        if draft is not None:
            found = rows_of(path, draft.done(), given, ids, drafts.problems.append)
            records[draft.sobject.name] = tuple(found)
        elif foreign(name):
            drafts.note(path, f"{name} belongs to a package: its records are left out")
        else:
            drafts.problems.append(SchemaError.unknown(path, "object", name, drafts.names()))
    resolve(records, {name: draft.fields.values() for name, draft in drafts.all.items()})
    return records


def derive(drafts: Drafts, draft: Draft) -> None:
    """Add what comes with an object: record types' field, activities, share, history, feed, change event."""
    sobject, definition = draft.sobject, draft.definition
    if draft.record_types and "RecordTypeId" not in draft.fields:
        draft.put(objects.record_type_field())
        types = drafts.draft("RecordType")
        if types is not None:
            types.children.append(ChildRelationship(sobject.name, "RecordTypeId"))
    if not draft.new or sobject.kind != "object" or not sobject.name.endswith("__c"):
        return
    if "describe" in definition:
        return
    path = draft.path
    # Only what a definition asks for: an org of a few inline objects stays quick to make.
    if flag(path, definition, "activities"):
        _activities(drafts, draft)
    whole = draft.done()
    made: list[tuple[SObject, ChildRelationship]] = []
    if sobject.sharing in ("Private", "Read") and "OwnerId" in draft.fields:
        made.append(derived.share(whole))
    if flag(path, definition, "history"):
        made.append(derived.history(whole))
    model = drafts.schema.get("AccountFeed")
    if flag(path, definition, "feeds") and model is not None:
        made.append(derived.feed(whole, model))
    for one, child in made:
        drafts.add(Draft.of(one, ()))
        draft.children.append(child)


def _activities(drafts: Drafts, draft: Draft) -> None:
    name = draft.sobject.name
    for child, called in (
        ("Task", "Tasks"), ("Event", "Events"), ("OpenActivity", "OpenActivities"),
        ("ActivityHistory", "ActivityHistories"),
    ):  # fmt: skip
        activity = drafts.draft(child)
        what = activity.find("WhatId") if activity else None
        if activity is None or what is None:
            continue
        activity.put(replace(what, reference_to=tuple(sorted({*what.reference_to, name}))))
        if called.lower() not in draft.child_names:
            draft.children.append(ChildRelationship(name=called, child=child, field="WhatId", cascade_delete=True))
            draft.child_names.add(called.lower())
