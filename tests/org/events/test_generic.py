"""Streaming channels: their names, who may listen and push, and what each listener is given."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.org.errors import ApiError
from mock_server.org.events import Channel, NoChannel, NotPermitted
from mock_server.org.identity.sessions import Session
from mock_server.org.records.changes import Change, RowResult
from tests.org.events.conftest import Bus
from tests.org.events.test_topics import user

NEWS = "/u/notifications/News"


class Listener:
    """Subscribes to a channel without a protocol."""

    def __init__(self, bus: Bus, who: Session, name: str = NEWS) -> None:
        self.subscriber = "one"
        self.channel: Channel = bus.org.events.find(who, name)
        self.leave = bus.org.events.attach(self)

    def wake(self) -> None:
        return

    def texts(self) -> list[Any]:
        return [event.payload["payload"] for event in self.channel.after(0, 100)]


def channel(bus: Bus, name: str = NEWS) -> RowResult:
    (result,) = bus.save(Change("create", "StreamingChannel", {"Name": name}))
    return result


def push(bus: Bus, record: RowResult, *texts: tuple[str, list[str]], who: Session | None = None) -> list[Any]:
    pushed = bus.org.events.generic.push(who or bus.who, str(record.id), texts, 0, lost=False)
    return [(one.count, one.online) for one in pushed]


def test_what_is_pushed_to_all_and_to_some(bus: Bus) -> None:
    record = channel(bus)
    reader = user(bus, 1, objects={"StreamingChannel": "read viewAll"})
    assert push(bus, record, ("nobody", [])) == [(0, {})]
    admin, other = Listener(bus, bus.who), Listener(bus, reader)
    me, him = bus.who.user_id, reader.user_id
    assert push(bus, record, ("all", []), ("one", [him[:15], "005000000000000AAA"])) == [
        (-1, {}),
        (1, {him: True, "005000000000000AAA": False}),
    ]
    assert (admin.texts(), other.texts()) == (["nobody", "all"], ["nobody", "all", "one"])
    assert set(bus.org.events.generic.listening(NEWS)) == {me, him}
    other.leave()
    assert bus.org.events.generic.listening(NEWS) == [me]


def test_an_event_tells_when_it_was_pushed(bus: Bus) -> None:
    push(bus, channel(bus), ("text", []))
    (event,) = bus.org.events.find(bus.who, NEWS).after(0, 9)
    assert (event.kind, event.told) == ("generic", {"createdDate": "2026-02-25T06:13:20.000Z"})


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("News", "FIELD_INTEGRITY_EXCEPTION"),
        ("/topic/News", "FIELD_INTEGRITY_EXCEPTION"),
        ("/u/", "FIELD_INTEGRITY_EXCEPTION"),
        ("/u/No space", "FIELD_INTEGRITY_EXCEPTION"),
        ("/u/" + "n" * 78, "STRING_TOO_LONG"),
        (None, "REQUIRED_FIELD_MISSING"),
    ],
)
def test_names_of_no_channel(bus: Bus, name: Any, code: str) -> None:
    assert [error.code for error in channel(bus, name).errors] == [code]


def test_names_and_numbers_are_limited(bus: Bus) -> None:
    names = [Change("create", "StreamingChannel", {"Name": f"/u/N{number}"}) for number in range(200)]
    assert all(result.success for result in bus.save(*names))
    assert [error.code for error in channel(bus).errors] == ["LIMIT_EXCEEDED"]
    assert [error.code for error in channel(bus, "/u/n0").errors] == ["DUPLICATE_DEVELOPER_NAME"]
    bus.org.dynamic_channels = True
    with pytest.raises(NoChannel) as caught:
        Listener(bus, bus.who)
    assert caught.value.reason == "spent"


def test_names_do_not_vary_by_case_alone(bus: Bus) -> None:
    first, other = channel(bus), channel(bus, "/u/Other")
    bus.org.dynamic_channels = True
    with pytest.raises(NoChannel) as caught:
        Listener(bus, bus.who, NEWS.lower())
    assert caught.value.reason == "case"
    (taken,) = bus.save(Change("update", "StreamingChannel", {"Name": NEWS.lower()}, id=other.id))
    assert [error.code for error in taken.errors] == ["DUPLICATE_DEVELOPER_NAME"]
    (renamed,) = bus.save(Change("update", "StreamingChannel", {"Name": NEWS.lower()}, id=first.id))
    assert renamed.success
    (described,) = bus.save(Change("update", "StreamingChannel", {"Description": "x"}, id=other.id))
    assert described.success


def test_a_channel_is_made_by_who_subscribes_where_that_is_allowed(bus: Bus) -> None:
    with pytest.raises(NoChannel):
        Listener(bus, bus.who)
    bus.org.dynamic_channels = True
    Listener(bus, bus.who)
    (row,) = bus.org.query(bus.who, "SELECT Name, IsDynamic FROM StreamingChannel", base="").records
    assert (row["Name"], row["IsDynamic"]) == (NEWS, True)
    with pytest.raises(NotPermitted) as caught:
        Listener(bus, user(bus, 1, objects={"StreamingChannel": "read"}), "/u/Other")
    assert (caught.value.entity, caught.value.right) == ("StreamingChannel", "create")
    with pytest.raises(NoChannel):
        Listener(bus, bus.who, "/u/no good")


def test_who_reads_a_channel_listens_and_who_edits_it_pushes(bus: Bus) -> None:
    record = channel(bus)
    stranger, reader = user(bus, 1), user(bus, 2, objects={"StreamingChannel": "read viewAll"})
    with pytest.raises(NotPermitted):
        Listener(bus, stranger)
    Listener(bus, reader)
    for who in (stranger, reader):
        with pytest.raises(ApiError) as caught:
            push(bus, record, ("x", []), who=who)
        assert caught.value.code == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_a_deleted_channel_is_none(bus: Bus) -> None:
    record = channel(bus)
    bus.save(Change("delete", "StreamingChannel", id=record.id))
    with pytest.raises(NoChannel):
        Listener(bus, bus.who)
