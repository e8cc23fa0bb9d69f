"""Schemas of events: ids that follow what a schema says."""

from __future__ import annotations

from tests.org.events.conftest import EVENTS, Bus, event


def test_a_changed_event_has_another_schema_and_its_old_one_is_still_known(bus: Bus) -> None:
    bus.save(event("After__e", "a"))
    bus.org.schema.add({}, {"After__e": {"More__c": {"type": "text"}}})
    bus.save(event("After__e", "b", More__c="m"))
    old, new = bus.on("After__e")
    assert old.schema_id != new.schema_id
    for one, fields in ((old, 4), (new, 5)):
        codec = bus.org.events.codecs.known(one.schema_id or "")
        assert codec is not None
        assert len(codec.schema["fields"]) == fields
        assert codec.decode(codec.encode(one.payload))["Text__c"] == one.payload["Text__c"]


def test_ids_tell_schemas_apart_and_are_the_same_everywhere(bus: Bus) -> None:
    ids = [bus.org.events.schemas.of_event(name)["uuid"] for name in EVENTS]  # type: ignore[index]
    assert len(set(ids)) == 3
    assert {len(one) for one in ids} == {22}
    assert ids == [Bus().org.events.schemas.of_event(name)["uuid"] for name in EVENTS]  # type: ignore[index]
    assert bus.org.events.schemas.of_event("Contact") is None
