"""The law of change events: applied in order to an empty replica they give the records of the org."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mock_server.org.events import Event
from mock_server.org.events.changes.types import event_type
from mock_server.org.records.changes import Change
from tests.org.events.changes.conftest import Capturing, body, header

NAMES = ("Account", "Contact", "Shop__c", "Line__c")
VALUES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "Account": {
        "Name": st.sampled_from("AB"), "Phone": st.sampled_from(["1", "2", None]),
        "BillingCity": st.sampled_from(["X", "Y", None]), "BillingStreet": st.sampled_from(["S", None]),
        "NumberOfEmployees": st.sampled_from([0, 1, None]),
    },
    "Contact": {"LastName": st.sampled_from("AB"), "FirstName": st.sampled_from(["F", None])},
    "Shop__c": {
        "Name": st.sampled_from("AB"), "Size__c": st.sampled_from([0, 1.0, None]), "On__c": st.booleans(),
        "At__c": st.sampled_from(["2026-02-01T10:00:00Z", None]), "Place__Latitude__s": st.sampled_from([1, 2]),
        "Place__Longitude__s": st.just(3),
    },
    "Line__c": {"Price__c": st.sampled_from([0, 1, 2, None])},
}  # fmt: skip
NEEDED: dict[str, dict[str, Any]] = {
    "Account": {"Name": "A"},
    "Contact": {"LastName": "A"},
    "Shop__c": {},
    "Line__c": {},
}
PARENTS = {"Contact": ("AccountId", "Account"), "Line__c": ("Shop__c", "Shop__c")}
VERBS: tuple[Any, ...] = ("create", "update", "update", "delete", "delete", "undelete", "undelete", "load")


class Undone(Exception):
    """Ends a transaction."""


class Replica:
    """Records by id, as a subscriber has them who never reads the org."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], dict[str, Any]] = {}

    def take(self, event: Event) -> None:
        said = header(event)
        entity, kind = said["entityName"], said["changeType"]
        assert not kind.startswith("GAP_"), kind
        for identifier in said["recordIds"]:
            key = entity, identifier
            if kind == "DELETE":
                assert self.records.pop(key, None) is not None, "what goes has been there"
                continue
            if kind == "UPDATE":
                assert said["changedFields"], "an update changes something"
                record = self.records[key]
            else:
                # What went and came back within a transaction is told whole: nobody knew that it had gone.
                assert kind == "UNDELETE" or key not in self.records, "what comes was not there"
                record = self.records[key] = {}
            for name, value in body(event).items():
                parts = (
                    {f"{name}.{part}": one for part, one in value.items()} if isinstance(value, dict) else {name: value}
                )
                record.update(parts)
            self.records[key] = {path: value for path, value in record.items() if value is not None}


def records_of(org: Capturing) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is in the org, told as events tell it."""
    out = {}
    for name in NAMES:
        sobject = org.org.schema.get(name)
        assert sobject is not None
        org.org.store.ready(sobject)
        cells = event_type(sobject).cells
        ids = [row[0] for row in org.org.store.connection.execute(f'SELECT "Id" FROM "{name}" WHERE "IsDeleted" = 0')]
        for identifier, stored in org.org.store.records(sobject, ids).items():
            out[name, identifier] = {
                cell.path: value if cell.tell is None else cell.tell(value)
                for column, cell in cells.items()
                if (value := stored[column]) is not None
            }
    return out


def ids_of(org: Capturing, names: tuple[str, ...], deleted: int) -> list[str]:
    run = org.org.store.connection.execute
    return [row[0] for name in names for row in run(f'SELECT "Id" FROM "{name}" WHERE "IsDeleted" = ?', (deleted,))]


def drawn(data: st.DataObject, name: str) -> dict[str, Any]:
    values = {key: data.draw(one) for key, one in VALUES[name].items() if data.draw(st.booleans())}
    if "Place__Latitude__s" in values or "Place__Longitude__s" in values:
        values |= {"Place__Latitude__s": data.draw(st.sampled_from([1, 2])), "Place__Longitude__s": 3}
    return values


def act(org: Capturing, data: st.DataObject) -> None:
    """Do something to some records, however that ends."""
    name, verb = data.draw(st.sampled_from(NAMES)), data.draw(st.sampled_from(VERBS))
    if verb == "load":
        codes = data.draw(st.lists(st.sampled_from("abcd"), unique=True, min_size=1))
        rows = [(code, data.draw(st.sampled_from(["1", "2", "", "#N/A"]))) for code in codes]
        org.load("upsert", "Shop__c", ["Code__c", "Size__c"], rows, key_field="Code__c")
        return
    if verb == "create":
        values = NEEDED[name] | drawn(data, name)
        parent = PARENTS.get(name)
        if parent is not None:
            parents = ids_of(org, (parent[1],), 0)
            if not parents:
                return
            values[parent[0]] = data.draw(st.sampled_from(parents))
        changes = [Change("create", name, values)]
    else:
        known = ids_of(org, (name,), int(verb == "undelete"))
        chosen = data.draw(st.lists(st.sampled_from(known), unique=True, min_size=1, max_size=3)) if known else []
        changes = [Change(verb, name, drawn(data, name) if verb == "update" else {}, id=one) for one in chosen]
    if changes:
        org.save(*changes, all_or_none=data.draw(st.booleans()))


def together(org: Capturing, data: st.DataObject, depth: int = 0) -> None:
    """Do some things as one transaction, which may be rolled back, or hold others that are."""
    with suppress(Undone), org.org.transaction():
        for _ in range(data.draw(st.integers(2, 5))):
            if depth == 0 and data.draw(st.integers(0, 4)) == 0:
                together(org, data, 1)
            else:
                act(org, data)
        if data.draw(st.integers(0, 3)) == 0:
            raise Undone


def begun() -> Capturing:
    """Return an org with a few records, two of each kind; what is below others stays."""
    org = Capturing(*NAMES)
    account, shop = org.made("Account", Name="Kept"), org.made("Shop__c", Name="Kept")
    for _ in range(2):
        org.made("Account", Name="A")
        org.made("Contact", LastName="A", AccountId=account)
        org.made("Shop__c", Name="A")
        org.made("Line__c", Shop__c=shop, Price__c=1)
    return org


@settings(max_examples=16, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_replica_that_follows_the_events_is_the_org(data: st.DataObject) -> None:
    org, replica, seen = begun(), Replica(), 0
    for _ in range(data.draw(st.integers(3, 12))):
        if data.draw(st.integers(0, 2)) == 0:
            together(org, data)
        else:
            act(org, data)
        if data.draw(st.booleans()):
            for event in org.on(since=seen):
                replica.take(event)
                seen = event.replay_id
    numbers = [(header(one)["commitNumber"], header(one)["sequenceNumber"]) for one in org.on()]
    assert numbers == sorted(set(numbers))
    for event in org.on(since=seen):
        replica.take(event)
    assert replica.records == records_of(org)
