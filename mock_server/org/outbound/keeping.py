"""What an org that lives in a file keeps of its queue: all that waits to be sent, for the time after a restart.

An item is written within the transaction that set it going: neither is there without the other. It is written anew
after each attempt, and goes when it is over. An attempt that the end of the server cuts off is none: it is made again.
"""

from __future__ import annotations

import logging
import sqlite3
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org.apex.templates import Text
from mock_server.org.automation.execution import ApexError
from mock_server.org.automation.hooks import HookError
from mock_server.org.outbound.backoff import LIFE
from mock_server.org.outbound.callouts import Answer, Callout, Request
from mock_server.org.outbound.jobs import CalloutItem, CalloutJob
from mock_server.org.outbound.messages import OutboundMessage
from mock_server.org.outbound.queue import QueuedMessage

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.outbound.outbound import Outbound
    from mock_server.org.outbound.queue import Item

log = logging.getLogger("sfmock")
TABLE = "sf_outbound"
GIVEN = "sf_outbound"
"""The name of the number up to which ids are given: no other notification has one that a receiver has seen before."""
_MADE = f'CREATE TABLE IF NOT EXISTS "{TABLE}" ("Id" TEXT PRIMARY KEY NOT NULL, "Told" TEXT NOT NULL)'
_PUT = f'INSERT INTO "{TABLE}" VALUES (?, ?) ON CONFLICT ("Id") DO UPDATE SET "Told" = excluded."Told"'  # noqa: S608
_PLAIN = ("id", "created", "due", "attempts", "error", "status", "tried")
_MESSAGE = tuple(one.name for one in fields(OutboundMessage) if one.name not in ("cause", "declared"))
"""What is needed for sending one: what set it going is over."""
_ITEM = ("record", "sobject", "verb", "old", "now", "id", "attempts", "given", "over")


class CodeGone(ApexError):
    """The answer came in a later life of the server, which has no function of the one before."""

    kind = "System.AsyncException"


class KeptQueue:
    """The table of an org's file."""

    def __init__(self, org: Org) -> None:
        self._store = org.store
        self._ids = org.ids

    def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        self._store.connection.execute(_MADE)
        return self._store.connection.execute(sql, values).fetchall()

    def keep(self, items: Iterable[Item]) -> None:
        """Keep items that are new. Raises sqlite3.Error."""
        for item in items:
            self._put(item)
        self._store.keep_number(GIVEN, self._ids.next_number)

    def note(self, item: Item) -> None:
        """Keep what an item is now, or nothing of it where it is over."""
        try:
            if item.state in ("queued", "sending"):
                self._put(item)
            else:
                self._run(f'DELETE FROM "{TABLE}" WHERE "Id" = ?', item.id)  # noqa: S608
        except sqlite3.Error as error:
            # It is sent all the same; after a restart it may be sent once more, which a receiver has to bear.
            log.error("what became of %s cannot be kept: %s", item.id, error)

    def _put(self, item: Item) -> None:
        try:
            text = orjson.dumps(told_of(item), default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
        except orjson.JSONEncodeError as error:
            # Code gave along what is no data, a circle or half a character: it lives as long as the code does.
            log.warning("%s is not kept in the org's file: %s", item.id, error)
            return
        self._run(_PUT, item.id, text)

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield what was told of each item, in the order in which they came."""
        for (text,) in self._run(f'SELECT "Told" FROM "{TABLE}" ORDER BY rowid'):  # noqa: S608
            yield orjson.loads(text)

    def clear(self) -> None:
        self._run(f'DELETE FROM "{TABLE}"')  # noqa: S608


def _plain(value: object) -> str:
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


def told_of(item: Item) -> dict[str, Any]:
    """Return an item as plain data."""
    told: dict[str, Any] = {name: getattr(item, name) for name in _PLAIN}
    if isinstance(item, QueuedMessage):
        message = {name: getattr(item.message, name) for name in _MESSAGE}
        return {**told, "message": message, "notifications": item.notifications}
    return {
        **told,
        "callout": _told_of_callout(item.callout),
        "user": item.user_id,
        "items": [
            {
                **{name: getattr(one, name) for name in _ITEM},
                "answer": None if one.answer is None else [one.answer.status, one.answer.error],
            }
            for one in item.items
        ],
    }


def _told_of_callout(callout: Callout) -> dict[str, Any]:
    """Return a callout as it was declared, or what code asked for on the spot: that has no place to fill in."""
    told: dict[str, Any] = {"name": callout.name, "sobject": callout.sobject, "declared": callout.declared}
    if callout.declared is not None:
        return told
    request = callout.request
    headers = {name: text.text({}) for name, text in request.headers.items()}
    given = {"method": request.method, "url": request.url.text({}), "headers": headers, "body": request.body}
    more = {"credential": callout.credential, "timeout": callout.timeout, "followed": callout.then is not None}
    return {**told, "request": given, **more}


def item_of(outbound: Outbound, told: Mapping[str, Any], now: float) -> Item:
    """Return an item again, of a message or callout as it is declared now, else as it was; one may be over by now."""
    plain: dict[str, Any] = {name: told[name] for name in _PLAIN}
    # A clock that was moved ahead in the earlier life must not have it wait for longer.
    ahead = max(0.0, plain["created"] - now, (plain["tried"] or 0.0) - now)
    plain["created"], plain["due"] = plain["created"] - ahead, plain["due"] - ahead
    plain["tried"] = None if plain["tried"] is None else plain["tried"] - ahead
    # The journal that knew the save is gone, and commits are numbered anew: it came before all of them.
    plain["exchange"] = 0
    if "message" in told:
        return _message_of(outbound, told, plain, now)
    items = [
        CalloutItem(
            **{name: one[name] for name in _ITEM},
            answer=None if one["answer"] is None else Answer(one["answer"][0], error=one["answer"][1]),
        )
        for one in told["items"]
    ]
    try:
        callout = _callout_of(outbound, told["callout"])
    except HookError as error:
        plain |= {"state": "failed", "error": str(error)}
        callout = Callout(told["callout"]["name"], told["callout"]["sobject"], Request("POST", Text(())))
    return CalloutJob(callout=callout, items=items, user_id=told["user"], **plain)


def _message_of(outbound: Outbound, told: Mapping[str, Any], plain: dict[str, Any], now: float) -> QueuedMessage:
    given = told["message"]
    message = outbound.messages.named(given["name"], given["sobject"])
    if message is None:
        message = OutboundMessage(**{**given, "fields": tuple(given["fields"])})
    if not outbound.knows(message.sobject):
        plain |= {"state": "failed", "error": f"there is no object {message.sobject}"}
    elif plain["created"] + LIFE <= now:
        plain["state"] = "failed"
    notifications = tuple((name, record) for name, record in told["notifications"])
    return QueuedMessage(message=message, notifications=notifications, **plain)


def _callout_of(outbound: Outbound, told: Mapping[str, Any]) -> Callout:
    """Raise HookError for one that the org cannot have any more."""
    if told["declared"] is not None:
        found = next((one for one in outbound.callouts if one.name.lower() == told["name"].lower()), None)
        return found or outbound.read_callout(told["declared"])
    given = told["request"]
    headers = {name: Text((value,)) for name, value in given["headers"].items()}
    request = Request(given["method"], Text((given["url"],)), headers, given["body"])
    then = _gone if told["followed"] else None
    return Callout(told["name"], told["sobject"], request, None, told["credential"], told["timeout"], then=then)


def _gone(answer: Answer, org: object) -> None:
    raise CodeGone("The code that was to go on with the answer ended with the server that had it")
