"""ManagedSubscribe: Salesforce keeps how far a subscriber has read, and the subscriber says when it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.operations import Call, Reply
from mock_server.org import errors
from mock_server.org.events import UnknownReplay
from mock_server.org.events.managed import CommitRefused, Managed, SlotTaken
from mock_server.protocols.pubsub import topics, wire
from mock_server.protocols.pubsub.courier import Courier
from mock_server.protocols.pubsub.subscribe import note

if TYPE_CHECKING:
    from mock_server.org.events import Channel
    from mock_server.protocols.pubsub.pubsub_api_pb2 import CommitReplayRequest, ManagedFetchRequest

COMMITS = 1800.0
"""Seconds of the clock within which something has to be committed."""
_COMMIT_RESPONSE = b"\x2a"

routes = wire.routes()


@routes(
    wire.operation(
        "managed_subscribe",
        "ManagedSubscribe",
        "Events of a managed subscription, and commits of how far they are handled",
        kind="stream",
        streams=True,
    )
)
async def managed_subscribe(call: Call) -> Reply:
    from mock_server.protocols.pubsub.messages import api, read

    assert call.stream is not None
    message = await call.stream.receive()
    if message is None:
        return wire.sent(b"")
    first = read(api.ManagedFetchRequest, wire.fits(message))
    topic, replay = "", None
    try:
        managed = _named(call, first)
        topic = managed.topic
        channel = topics.channel_of(call, topic)
        try:
            leave = call.org.events.managed.take(managed.id)
        except SlotTaken:
            raise errors.MANAGED_ACTIVE() from None
    except errors.ApiError as refusal:
        note(call, topic, replay, refusal.code)
        raise
    broken = False
    try:
        replay, position = _start(call, channel, managed)
        note(call, channel.name, replay)
        courier = _Manager(call, channel, position, managed)
        if first.num_requested:
            courier.asks(first.num_requested)
        reply = await courier.run()
        broken = reply.delivery != "whole"
        return reply
    finally:
        leave(broken or call.stream.broken)


def _named(call: Call, first: ManagedFetchRequest) -> Managed:
    """Return the subscription that a first request names. Raises ApiError for one that cannot be read from."""
    if bool(first.subscription_id) == bool(first.developer_name):
        raise errors.MANAGED_ID_OR_NAME()
    if first.HasField("commit_replay_id_request"):
        raise errors.MANAGED_COMMIT_RESTRICTED()
    if first.auth_refresh:
        raise errors.MANAGED_REFRESH_RESTRICTED()
    if first.num_requested < 0:
        raise errors.MANAGED_EVENTS_INVALID()
    known = call.org.events.managed
    if first.developer_name:
        found = known.by_name(first.developer_name)
        if found is None:
            raise errors.MANAGED_NAME_NOT_FOUND(name=first.developer_name)
    else:
        if len(first.subscription_id) not in (15, 18):
            raise errors.MANAGED_ID_INVALID()
        found = known.by_id(first.subscription_id)
        if found is None:
            raise errors.MANAGED_ID_NOT_FOUND(id=first.subscription_id)
    _usable(found)
    return found


def _usable(managed: Managed | None) -> None:
    if managed is None or managed.deleted:
        raise errors.MANAGED_DELETED()
    if not managed.running:
        raise errors.MANAGED_STOPPED()


def _start(call: Call, channel: Channel, managed: Managed) -> tuple[int, int]:
    """Return what a subscription goes on from, and where that is: from what was committed, as long as it is kept."""
    committed = call.org.events.managed.committed(managed.id)
    replay = managed.default if committed is None else committed
    try:
        return replay, call.begin(call, channel, replay)
    except UnknownReplay:
        return managed.recovery, call.begin(call, channel, managed.recovery)


class _Manager(Courier):
    def __init__(self, call: Call, channel: Channel, position: int, managed: Managed) -> None:
        super().__init__(call, channel, position)
        self._managed = managed
        self._committed = self.clock.now()

    def request(self, message: bytes) -> None:
        from mock_server.protocols.pubsub.messages import api, read

        further = read(api.ManagedFetchRequest, message)
        commits = further.HasField("commit_replay_id_request")
        if further.num_requested < 0:
            raise errors.MANAGED_EVENTS_INVALID()
        if not (further.num_requested or commits or further.auth_refresh):
            raise errors.MANAGED_FETCH_INVALID()
        if further.auth_refresh:
            wire.renewed(self.call, further.auth_refresh)
        self.call.org.sessions.find(self.call.session.token)
        if further.num_requested:
            self.asks(further.num_requested)
        if commits:
            self._committed = self.clock.now()
            self.answers.append(self._commit(further.commit_replay_id_request))

    def _commit(self, wanted: CommitReplayRequest) -> bytes:
        """Return the answer to a commit; one that fails leaves the stream as it is."""
        from mock_server.protocols.pubsub.messages import api

        answer = api.CommitReplayResponse(
            commit_request_id=wanted.commit_request_id,
            replay_id=wanted.replay_id,
            process_time=round(self.clock.now() * 1000),
        )
        try:
            number = self._commitable(wanted.replay_id)
            # What an answer without events has told can be committed, though one has been published since.
            self.call.org.events.managed.commit(self._managed.id, number, max(self.told, self._latest()))
        except CommitRefused as refused:
            answer.error.code, answer.error.msg = api.COMMIT, str(refused)
        else:
            self.noted("committed", number)
        return wire.chunk(_COMMIT_RESPONSE, answer.SerializeToString())

    def _commitable(self, told: bytes) -> int:
        if not told:
            raise CommitRefused("The commit request has no replay ID.")
        try:
            number = wire.replay_number(told)
            self.call.org.events.start(self.channel, number)
        except (errors.ApiError, UnknownReplay):
            raise CommitRefused("The replay ID isn't valid, or no longer within the retention window.") from None
        return number

    def check(self) -> None:
        if self.clock.now() >= self._committed + COMMITS:
            raise errors.MANAGED_NO_COMMIT(seconds=int(COMMITS))
        _usable(self.call.org.events.managed.by_id(self._managed.id))

    def due(self) -> float:
        due = min(self._committed + COMMITS, self.call.session.expires + 0.001)
        return min(due, self._spoke_until()) if self.pending else due

    def starves(self) -> bool:
        # It has to commit what it handles, which takes as long as it takes.
        return False
