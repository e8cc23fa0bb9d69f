"""What waits to be sent: in which order, until when, and what of it is told."""

from __future__ import annotations

import pytest

from mock_server.org.apex.templates import Text
from mock_server.org.org import Org
from mock_server.org.outbound.backoff import FIRST, LIFE, next_try
from mock_server.org.outbound.callouts import Callout, Request, Retry
from mock_server.org.outbound.jobs import CalloutItem, CalloutJob
from mock_server.org.outbound.queue import Item, Queue
from mock_server.org.outbound.targets import admitted


def job(name: str = "707000000000001AAA", *, due: float = 10.0, retry: Retry | None = None) -> CalloutJob:
    callout = Callout("Push", "Account", Request("POST", Text(("http://localhost",))), retry=retry or Retry())
    items = [CalloutItem("001000000000001AAA", "Account", "create")]
    return CalloutJob(id=name, exchange=0, created=0.0, due=due, callout=callout, items=items, user_id="")


def test_what_is_hurried_is_due_at_once_and_once_only() -> None:
    noted: list[Item] = []
    queue, one, other = Queue(noted.append), job("a", due=10.0), job("b", due=5.0)
    for item in (one, other):
        queue.add(item)
    queue.hurry(one, 1.0)
    assert noted == [one]
    assert (queue.next_due(), queue.take(1.0)) == (1.0, one)
    one.due = 20.0
    queue.put(one)
    assert queue.take(5.0) is other
    assert queue.next_due() == 20.0, "not when it was due before it was hurried"


def test_what_is_removed_while_it_is_sent_does_not_come_back() -> None:
    queue, item = Queue(), job()
    queue.add(item)
    assert queue.take(10.0) is item
    queue.remove(item)
    item.state = "queued"
    queue.put(item)
    assert (len(queue), queue.next_due()) == (0, None)


def test_a_job_that_always_fails_is_tried_as_often_as_was_declared() -> None:
    failing = job(retry=Retry(attempts=3, wait=10.0, factor=2.0))
    waits = []
    for attempt in (1, 2, 3):
        failing.attempts = attempt
        waits.append(failing.due if failing.try_again(100.0) else None)
    assert waits == [110.0, 120.0, None]


def test_a_message_is_dropped_24_hours_after_it_was_queued() -> None:
    assert next_try(0.0, 1, LIFE - FIRST - 1) == LIFE - 1
    assert next_try(0.0, 1, LIFE - FIRST) is None


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("::ffff:10.0.0.1", False), ("10.0.0.1", False),
     ("Hooks.acme.test.", True), ("localhost.acme.test", False), ("a.localhost", True)],
)  # fmt: skip
def test_another_machine_is_one_that_is_named(host: str, allowed: bool) -> None:
    assert admitted(host, ["hooks.Acme.test"]) is allowed


def test_a_session_that_is_over_is_not_sent_again() -> None:
    org = Org(1)
    org.directory.seed()
    user = org.directory.default_user
    token = org.outbound.token(user)
    assert org.outbound.token(user) == token
    org.revoke(str(token))
    assert org.outbound.token(user) not in (None, token)
    org.close()
