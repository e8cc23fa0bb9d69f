"""Writes the rows that come with a schema: custom metadata, record types, the values of status objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mock_server.org.clock import stamp
from mock_server.org.identity.directory import USER_ID
from mock_server.org.schema.channels import CHANNELS
from mock_server.org.schema.types import SObject

if TYPE_CHECKING:
    from mock_server.org.org import Org


def write_rows(org: Org) -> None:
    """Write them past the pipeline: a deployment does what no user may. Rows that are there already give way."""
    for name in CHANNELS:
        # An org that is kept in a file may have older ones.
        if org.store.has_table(name):
            org.show_channels(name)
    now = stamp(org.clock.now())
    audit = {
        "CreatedDate": now, "CreatedById": USER_ID, "LastModifiedDate": now, "LastModifiedById": USER_ID,
        "SystemModstamp": now, "IsDeleted": 0,
    }  # fmt: skip
    for sobject, rows in _rows(org):
        if sobject.name in org.schema.records:
            # They are what the schema says, no more: an org that is kept in a file may have older ones.
            org.store.clear(sobject)
        for row in rows:
            org.store.put(sobject, {key: value for key, value in (audit | row).items() if key in sobject.by_name})


def _rows(org: Org) -> Iterator[tuple[SObject, Iterable[dict[str, Any]]]]:
    schema = org.schema
    for name, rows in schema.records.items():
        sobject = schema.get(name)
        if sobject is not None:
            yield sobject, rows
    found = [
        {
            "Id": one.id, "Name": one.label, "DeveloperName": one.name, "SobjectType": sobject.name,
            "IsActive": int(one.active),
        }
        for sobject in schema.own().values()
        for one in sobject.record_types
    ]  # fmt: skip
    yield from _assignment_rules(org)
    types = schema.get("RecordType") if found else None
    if types is not None:
        yield types, found


def _assignment_rules(org: Org) -> Iterator[tuple[SObject, list[dict[str, Any]]]]:
    holders = [sobject for sobject in org.schema.own().values() if sobject.assignment_rules]
    rules = org.schema.get("AssignmentRule") if holders else None
    if rules is not None:
        from mock_server.org.formula.acting import rule_id

        yield (
            rules,
            [
                {"Id": rule_id(one, rule), "Name": rule.label, "SobjectType": one.name, "Active": int(rule.active)}
                for one in holders
                for rule in one.assignment_rules
            ],
        )
