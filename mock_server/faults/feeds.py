"""What faults make of the deliveries of one subscription.

What Salesforce guarantees stays: events of one channel of platform events or changes come in the order of their replay
ids, whatever else happens to them; a delayed one holds back what follows it. Those of a PushTopic or streaming channel
have no such order: there an event may come behind its follower, both in one delivery. What was sent may come again, in
the same delivery or after the client has connected anew. Nothing is left out but by `drop`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from mock_server.faults.effects.event import OF_DELIVERIES, OF_EVENTS, EventFault
from mock_server.faults.effects.session import EndSession
from mock_server.faults.engine import request_key

if TYPE_CHECKING:
    from mock_server.faults.engine import Armed, Faults
    from mock_server.operations import Call
    from mock_server.org.events import Channel, Event
    from mock_server.org.org import Org

Ending = Literal["disconnect", "slow", "forget"]
_UNORDERED = ("topic", "generic")
_REMEMBERED = 10_000


class Handed(NamedTuple):
    """An event as it is sent, and the rule that made it so."""

    event: Event
    rule: str | None = None


class Taken(NamedTuple):
    """What a delivery brings, and behind which replay id the next one goes on."""

    handed: list[Handed]
    position: int


@dataclass(slots=True, eq=False)
class Handling:
    """The faults of one subscription. `wake` is called when there may be something to send again."""

    org: Org
    faults: Faults
    channel: Channel
    wake: Callable[[], None]
    ended: Ending | None = None
    _waiting: deque[Handed] = field(default_factory=deque)
    """What was decided on and did not fit into the last delivery."""
    _held: tuple[int, float, str] | None = None
    """The event that is delayed, until when (clock seconds), and by which rule."""
    _left: int | None = None
    """Events after which the connection breaks."""
    _stalled: tuple[Armed, float] | None = None
    """The rule that keeps it silent, and until when; 0: as long as the rule is in force."""
    _alarm: asyncio.Task[None] | None = None

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    def mend(self) -> None:
        """Go on after an end, from wherever the subscription is put."""
        self.ended = self._left = self._held = None
        self._waiting.clear()

    @property
    def silent(self) -> bool:
        """Whether nothing may be sent now, no keep-alive either."""
        if self._stalled is None:
            return False
        armed, until = self._stalled
        if (until and until <= self.org.clock.now()) or not self.faults.in_force(armed):
            self._stalled = None
            return False
        return True

    def keeps_alive(self, call: Call) -> bool:
        """Tell whether a delivery of nothing may be sent now."""
        if self.ended is not None or self.silent:
            return False
        for armed in self.faults.of_events(call, self.channel.name):
            if _effect(armed).kind == "stall" and self.faults.meets(armed, ""):
                self._stall(armed, call)
                return False
        return True

    def take(self, call: Call, position: int, most: int) -> Taken:
        """Return what to send next of what follows a replay id."""
        if self.ended is not None or self.silent:
            return Taken([], position)
        handed = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        if self._waiting or len(handed) == most:
            self._break()
            return Taken(handed, position)
        events = self.org.events.after(self.channel, position, most - len(handed))
        if not events or self._holds(events[0]):
            if self._held is not None and (self._alarm is None or self._alarm.done()):
                # A stall that came between has had the alarm.
                self._wake_at(self._held[1])
            return Taken(handed, position)
        rules = self.faults.of_events(call, self.channel.name)
        if not handed:
            if self._end_session(call, events):
                return Taken([], position)
            self._strike_delivery(rules, call, len(events))
            if self.ended is not None or self.silent:
                return Taken([], position)
        if self._left is not None:
            events = events[: self._left]
        last = self._strike_events(rules, call, events, handed)
        if last:
            position = events[last - 1].replay_id
        if self._left is not None:
            self._left -= last
        self._waiting.extend(handed[most:])
        self._break()
        return Taken(handed[:most], position)

    def _break(self) -> None:
        """Break the connection where its time has come; what is decided on is sent first."""
        if self._left == 0 and not self._waiting:
            self.ended = "disconnect"

    # -- deliveries

    def _end_session(self, call: Call, events: Sequence[Event]) -> bool:
        """Let the first rule strike that ends sessions; tell whether one has, and so nothing can be sent.

        A client of CometD was asked when it connected: each delivery of it is a request of its own.
        """
        if call.stream is None:
            return False
        for armed in self.faults.of_events(call, self.channel.name, "session"):
            effect, where = armed.rule.effect, armed.rule.where
            if not isinstance(effect, EndSession) or not any(where.concerns_event(self.org, one) for one in events):
                continue
            if self.faults.meets(armed, request_key(call)):
                armed.note(call.entry, "session")
                effect.end_session(call)
                return True
        return False

    def _strike_delivery(self, rules: Sequence[Armed], call: Call, events: int) -> None:
        """Let the first rule strike that is about deliveries as a whole."""
        if self._left is not None:
            return
        for armed in rules:
            effect = _effect(armed)
            if effect.kind not in OF_DELIVERIES or not self.faults.meets(armed, ""):
                continue
            if effect.kind == "stall":
                self._stall(armed, call)
                return
            armed.struck(call.entry)
            if effect.kind == "disconnect":
                self._left = events // 2 if effect.number is None else effect.number
                self._break()
            elif effect.kind == "slow":
                self.ended = "slow"
            else:
                self.ended = "forget"
                self.org.events.restart()
            return

    def _stall(self, armed: Armed, call: Call) -> None:
        armed.struck(call.entry)
        now, effect = self.org.clock.now(), _effect(armed)
        until = now + effect.seconds if effect.seconds else 0.0
        between = armed.rule.when.between
        self._stalled = (armed, until)
        ends = [moment for moment in (until, armed.added + between[1] if between else 0.0) if moment]
        if ends:
            self._wake_at(min(ends))

    # -- events

    def _strike_events(self, rules: Sequence[Armed], call: Call, events: Sequence[Event], handed: list[Handed]) -> int:
        """Hand out events one by one as rules would have it; return how many are done with."""
        rules = [armed for armed in rules if _effect(armed).kind in OF_EVENTS]
        place = 0
        while place < len(events):
            event = events[place]
            if self._holds(event):
                break
            if self._held is not None:
                # Its time has come.
                handed.append(Handed(event, self._held[2]))
                self._held = None
                place += 1
                continue
            armed = self._rule_for(rules, event, last=place + 1 == len(events))
            if armed is None:
                handed.append(Handed(event))
                place += 1
                continue
            armed.struck(call.entry)
            effect, name = _effect(armed), armed.rule.name
            if effect.kind == "delay":
                self._held = (event.replay_id, self.org.clock.now() + effect.seconds, name)
                self._wake_at(self._held[1])
                break
            if effect.kind == "duplicate":
                handed.append(Handed(event))
                handed += [Handed(event, name)] * (effect.number or 1)
            elif effect.kind == "reorder":
                handed += [Handed(events[place + 1]), Handed(event, name)]
                place += 1
            elif effect.kind == "schema":
                self.org.events.renew_schema(event)
                handed.append(Handed(event, name))
            elif effect.gap:
                handed.append(Handed(_gap_of(event), name))
            place += 1
        return place

    def _rule_for(self, rules: Sequence[Armed], event: Event, *, last: bool) -> Armed | None:
        """Return the first rule that strikes an event."""
        for armed in rules:
            effect = _effect(armed)
            if not armed.rule.where.concerns_event(self.org, event) or not _may(effect, event, last):
                continue
            if effect.kind == "drop":
                # For one subscriber as for all, and however often they ask again.
                if event.replay_id not in armed.memory:
                    _remember(armed, event.replay_id, self.faults.meets(armed, event.replay_id))
                if armed.memory[event.replay_id]:
                    return armed
            elif self.faults.meets(armed, event.replay_id):
                return armed
        return None

    def _holds(self, event: Event) -> bool:
        held = self._held
        if held is not None and held[0] != event.replay_id:
            self._held = held = None
        return held is not None and held[1] > self.org.clock.now()

    def _wake_at(self, due: float) -> None:
        async def alarm() -> None:
            await self.org.clock.wait_until(due)
            self.wake()

        self.close()
        self._alarm = asyncio.get_running_loop().create_task(alarm())


def refusal_of(faults: Faults, call: Call, channel: str, replay_id: int) -> str | None:
    """Return why a rule has a replay id refused, None where none has. What was refused once stays refused by it."""
    for armed in faults.of_events(call, channel):
        effect = _effect(armed)
        if effect.kind != "replay" or not (faults.meets(armed, replay_id) or replay_id in armed.memory):
            continue
        if faults.in_force(armed):
            _remember(armed, replay_id, True)
            armed.struck(call.entry)
            return effect.how
    return None


def _remember(armed: Armed, replay_id: int, struck: bool) -> None:
    armed.memory[replay_id] = struck
    if len(armed.memory) > _REMEMBERED:
        del armed.memory[next(iter(armed.memory))]


def _gap_of(event: Event) -> Event:
    """Return the gap event that comes in the place of a change event."""
    from mock_server.org.events.changes import gap_of

    return gap_of(event)


def _may(effect: EventFault, event: Event, last: bool) -> bool:
    """Tell whether an effect can strike an event at all."""
    if effect.kind == "reorder":
        return event.kind in _UNORDERED and not last
    if effect.kind == "schema":
        return event.kind not in _UNORDERED
    return event.kind == "change" if effect.gap else effect.kind in OF_EVENTS


def _effect(armed: Armed) -> EventFault:
    effect = armed.rule.effect
    assert isinstance(effect, EventFault)
    return effect
