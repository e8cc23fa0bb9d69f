"""In an org that lives in a file a commit and its events stand or fall together."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from mock_server import api
from mock_server.org.records.changes import Change
from mock_server.org.records.tables import Table
from tests.org.events.conftest import Bus, event

NO_ROOM = "CREATE TEMP TRIGGER full BEFORE INSERT ON sf_events BEGIN SELECT RAISE(ABORT, 'no room'); END"


def account(name: str) -> Change:
    return Change("create", "Account", {"Name": name})


class Kept(Bus):
    """An org in a file that tells of accounts, of which there is one, by a change event and a topic."""

    def __init__(self, path: Path) -> None:
        self.path = path / "org.db"
        super().__init__(data=self.path)
        self.org.captured.add("Account")
        self.org.resume_topics()
        if not self.names:
            topic = {"Name": "All", "Query": "SELECT Id, Name FROM Account", "ApiVersion": 60.0}
            (made,) = self.save(Change("create", "PushTopic", topic))
            assert made.success, made.errors
            self.first = self.save(account("first"))[0].id
        self.woken = 0
        self.org.events.listen(self._wake)

    def _wake(self) -> None:
        self.woken += 1

    @property
    def names(self) -> list[str]:
        if not self.org.store.has_table("Account"):
            return []
        return [name for (name,) in self.org.store.connection.execute('SELECT "Name" FROM "Account" ORDER BY "Id"')]

    @property
    def told(self) -> dict[str, list[Any]]:
        """What each channel carries."""
        bus = self.org.events
        return {
            name: [(one.replay_id, dict(one.payload)) for one in bus.after(channel, 0, 999)]
            for name, channel in bus.every()
            if bus.after(channel, 0, 1)
        }

    def again(self) -> Kept:
        """Return the org as the next server finds it after a kill -9."""
        self.org.store._let_go()
        return Kept(self.path.parent)


def both(bus: Kept) -> None:
    with bus.org.transaction():
        bus.save(account("second"))
        bus.save(event("After__e", "a"), event("Now__e", "n"))


def of_table(bus: Kept) -> None:
    table = Table("create", "Account", ("Name",), [[f"n{number}"] for number in range(300)])
    bus.org.write_table(bus.who, table)


SAVES: dict[str, Callable[[Kept], object]] = {
    "one": lambda bus: bus.save(account("second")),
    "several": lambda bus: bus.save(account("second"), account("third")),
    "update": lambda bus: bus.save(Change("update", "Account", {"Name": "new"}, id=bus.first)),
    "delete": lambda bus: bus.save(Change("delete", "Account", id=bus.first)),
    "transaction": both,
    "table": of_table,
    "event": lambda bus: bus.save(event("After__e", "a")),
    "at once": lambda bus: bus.save(event("Now__e", "n")),
}


class Failing:
    """A connection that has no room left to commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.execute(sql, *values)


@pytest.mark.parametrize("where", ["events", "commit"])
@pytest.mark.parametrize("save", SAVES)
def test_where_events_cannot_be_kept_nothing_is_and_the_saver_is_told(tmp_path: Path, save: str, where: str) -> None:
    bus = Kept(tmp_path)
    names, told, last, log = bus.names, bus.told, bus.org.events.last, bus.org.log.last
    used = bus.org.limits.ledger("HourlyPublishedPlatformEvents").remaining
    connection = bus.org.store.connection
    if where == "events":
        connection.execute(NO_ROOM)
    else:
        bus.org.store._open = Failing(connection)  # type: ignore[assignment]
    with pytest.raises(sqlite3.Error):
        SAVES[save](bus)
    if where == "events":
        connection.execute("DROP TRIGGER full")
    bus.org.store._open = connection
    assert (bus.names, bus.told, bus.woken) == (names, told, 0)
    assert (bus.org.events.last, bus.org.log.last) == (last, log)
    assert bus.org.limits.ledger("HourlyPublishedPlatformEvents").remaining == used
    # With room it is as though nothing had been.
    SAVES[save](bus)
    assert bus.woken > 0
    assert bus.org.events.last > last
    after = bus.told
    assert after != told
    again = bus.again()
    assert (again.names, again.told) == (bus.names, after)
    again.org.close()


def test_what_is_published_at_once_is_kept_though_the_rest_is_rolled_back(tmp_path: Path) -> None:
    bus = Kept(tmp_path)
    with pytest.raises(ZeroDivisionError), bus.org.transaction():
        bus.save(account("second"), event("After__e", "a"), event("Now__e", "n"))
        raise ZeroDivisionError
    results = bus.save(event("Now__e", "o"), event("Now__e", None), all_or_none=True)
    assert [one.success for one in results] == [True, False]
    again = bus.again()
    assert (again.names, again.texts("After__e"), again.texts("Now__e")) == (["first"], [], ["n", "o"])
    again.org.close()


def test_who_publishes_at_once_is_told_where_that_cannot_be_kept(tmp_path: Path) -> None:
    bus = Kept(tmp_path)
    bus.org.store.connection.execute(NO_ROOM)
    with pytest.raises(sqlite3.Error, match="no room"), bus.org.transaction():
        bus.save(account("second"), event("Now__e", "n"))
        raise ZeroDivisionError
    assert (bus.names, bus.texts("Now__e")) == (["first"], [])
    bus.org.close()


def test_triggers_run_and_subscribers_are_woken_once_it_is_committed(tmp_path: Path) -> None:
    bus = Kept(tmp_path)
    seen: list[tuple[str, bool]] = []

    def note(who: str) -> None:
        seen.append((who, bus.org.store.connection.in_transaction))

    bus.org.events.listen(lambda: note("subscriber"))
    bus.org.events.on_published.append(lambda events: note("journal"))

    def answer(trigger: Any) -> None:
        trigger.org.insert("Account", [{"Name": f"third, after {len(bus.names)}"}])

    bus.org.automation.add("After__e", "insert", at="after", work=answer, name="Answer")
    both(bus)
    assert seen == [("subscriber", False), ("journal", False), ("subscriber", False)]
    again = bus.again()
    assert again.names == ["first", "second", "third, after 2"]
    assert len(again.told["/data/AccountChangeEvent"]) == 3
    again.org.close()


@pytest.mark.parametrize("where", ["write", "commit"])
def test_a_trigger_that_cannot_be_kept_takes_nothing_down_that_was_published(tmp_path: Path, where: str) -> None:
    bus = Kept(tmp_path)
    connection = bus.org.store.connection

    def answer(trigger: Any) -> None:
        if where == "commit":
            bus.org.store._open = Failing(connection)  # type: ignore[assignment]
        else:
            connection.execute(NO_ROOM)
        trigger.org.insert("Account", [{"Name": "third"}])

    bus.org.automation.add("After__e", "insert", at="after", work=answer, name="Answer")
    (result,) = bus.save(event("After__e", "a"))
    bus.org.store._open = connection
    assert result.success
    again = bus.again()
    assert (again.names, again.texts("After__e")) == (["first"], ["a"])
    again.org.close()


def test_a_push_that_cannot_be_kept_reaches_nobody(tmp_path: Path) -> None:
    bus = Kept(tmp_path)
    (made,) = bus.save(Change("create", "StreamingChannel", {"Name": "/u/News"}))
    last = bus.org.events.last
    connection = bus.org.store.connection
    connection.execute(NO_ROOM)
    with pytest.raises(sqlite3.Error, match="no room"):
        bus.org.events.generic.push(bus.who, str(made.id), [("a", [])], 0, lost=False)
    assert (bus.woken, bus.org.events.last) == (0, last)
    connection.execute("DROP TRIGGER full")
    bus.org.events.generic.push(bus.who, str(made.id), [("b", [])], 0, lost=False)
    again = bus.again()
    assert [payload for _, payload in again.told["/u/News"]] == [{"payload": "b"}]
    again.org.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.org.events.test_commit import SAVES, Kept
bus = Kept(Path(sys.argv[1]))
ends = bus.org.store.ends
before, ended = ends.before_commit, ends.ended
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[3] == "before":
    ends.before_commit = lambda: (before(), kill())
else:
    ends.ended = kill
SAVES[sys.argv[2]](bus)
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("save", ["one", "transaction"])
def test_a_kill_at_the_commit_leaves_both_or_neither(tmp_path: Path, save: str, when: str) -> None:
    arguments = [sys.executable, "-c", KILLED, str(tmp_path), save, when]
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    bus = Kept(tmp_path)
    there = when == "after"
    assert bus.names == ["first", "second"][: 1 + there]
    assert {name: len(events) for name, events in bus.told.items()} == {
        "/data/AccountChangeEvent": 1 + there,
        "/data/ChangeEvents": 1 + there,
        "/topic/All": 1 + there,
        **({"/event/After__e": 1, "/event/Now__e": 1} if there and save == "transaction" else {}),
    }
    bus.org.close()


LOGIN = {"grant_type": "client_credentials", "client_id": "sfmock-client-id", "client_secret": "sfmock-client-secret"}


def test_who_saves_on_a_full_disk_is_told_and_nothing_is_half_there(tmp_path: Path) -> None:
    with api.start(data=str(tmp_path / "org.db")) as server, requests.Session() as http:
        (org,) = server.world.orgs.values()
        org.captured.add("Account")
        login = http.post(f"{server.url}/services/oauth2/token", data=LOGIN, timeout=30).json()
        http.headers["Authorization"] = f"Bearer {login['access_token']}"
        root = f"{server.url}/services/data/v60.0"

        def create() -> requests.Response:
            body = {"Name": "x" * 200, "Description": "y" * 4000}
            return http.post(f"{root}/sobjects/Account", json=body, timeout=30)

        done = [create().json()["id"]]
        (pages,) = org.store.connection.execute("PRAGMA page_count").fetchone()
        org.store.connection.execute(f"PRAGMA max_page_count={pages + 20}")
        while (answer := create()).status_code == 201:
            done.append(answer.json()["id"])
            assert len(done) < 100
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (500, "UNKNOWN_EXCEPTION")
        found = http.get(f"{root}/query", params={"q": "SELECT Id FROM Account ORDER BY Id"}, timeout=30).json()
        assert [one["Id"] for one in found["records"]] == done
        headers = [one["payload"]["ChangeEventHeader"] for one in server.control.events()]
        assert [identifier for header in headers for identifier in header["recordIds"]] == done


@pytest.mark.parametrize("where", ["events", "commit"])
def test_a_trigger_of_changes_is_not_told_of_what_could_not_be_kept(tmp_path: Path, where: str) -> None:
    bus = Kept(tmp_path)
    seen: list[str] = []
    bus.org.automation.add(
        "AccountChangeEvent", "insert", at="after", work=lambda trigger: seen.extend(one["Name"] for one in trigger.new)
    )
    connection = bus.org.store.connection
    if where == "events":
        connection.execute(NO_ROOM)
    else:
        bus.org.store._open = Failing(connection)  # type: ignore[assignment]
    with pytest.raises(sqlite3.Error):
        bus.save(account("second"))
    bus.org.store._open = connection
    if where == "events":
        connection.execute("DROP TRIGGER full")
    bus.save(account("third"))
    assert seen == ["third"]
    bus.org.close()
