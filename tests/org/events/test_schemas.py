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


def test_ids_that_there_never_were_have_the_types_asked_once(bus: Bus) -> None:
    codecs = bus.org.events.codecs
    asked: list[str] = []
    usual = codecs.of_event
    codecs.of_event = lambda name: (asked.append(name), usual(name))[1]  # type: ignore[method-assign]
    for number in range(50):
        assert codecs.known(f"{number:022}") is None
    assert sorted(asked) == sorted(EVENTS)
    # A type that comes later is asked, too: it may have the schema of an earlier life.
    bus.org.schema.add({"Later__e": {"fields": {"Text__c": {"type": "text"}}}}, {})
    other = Bus()
    other.org.schema.add({"Later__e": {"fields": {"Text__c": {"type": "text"}}}}, {})
    assert codecs.known(other.org.events.codecs.of_event("Later__e").schema_id) is not None
    bus.org.captured.add("Account")
    other.org.captured.add("Account")
    assert codecs.known(other.org.events.codecs.of_event("AccountChangeEvent").schema_id) is not None
