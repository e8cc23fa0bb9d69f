"""The fault engine of one org: asked at each point of an exchange, it decides which rules strike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_server.documents import Problem, nearest
from mock_server.faults.effects.effect import Effect, Point, RowEffect
from mock_server.faults.keys import look_of, row_key
from mock_server.faults.records import Candidate, Selection
from mock_server.faults.rule import FaultRule, RuleError
from mock_server.faults.when import Tally
from mock_server.journal import Strike, fingerprint
from mock_server.org import chance
from mock_server.org.chance import Random
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change, RowResult

if TYPE_CHECKING:
    from mock_server.journal import Entry
    from mock_server.operations import Call, Reply
    from mock_server.org.org import Org
    from mock_server.routing import Registry

__all__ = ["Armed", "Faults", "SavedRows", "row_key"]

_REMEMBERED = 1024
"""Requests of which a rule remembers its decision, as they may save their rows in several steps."""


class Armed:
    """A rule in force: its counters, and what it has decided so far. Both counters count requests, those inside others
    (composite) one by one."""

    def __init__(self, rule: FaultRule, seed: int, now: float) -> None:
        self.rule = rule
        self.added = now
        self.matched = 0
        self.fired = 0
        self._seed = seed
        self._tally = Tally(rule.when, chance.stream(seed, "fault", rule.name))
        self._requests: OrderedDict[tuple[int, int], bool | None] = OrderedDict()
        self._selection = None if rule.records is None else Selection(rule.records, self._draw)
        self.memory: dict[object, bool] = {}
        """What was decided of single events and replay ids that it is to stay so for."""

    def _draw(self, key: str) -> float:
        return chance.stream(self._seed, "fault", self.rule.name, "key", key).random()

    def luck(self) -> Random:
        """Return the generator for the next strike: its draws do not depend on what other exchanges do meanwhile."""
        return chance.stream(self._seed, "fault", self.rule.name, "strike", str(self.fired))

    def pick(self, org: Org, changes: Sequence[Change], keys: Sequence[str]) -> list[int]:
        """Return the places of the rows that the rule is about."""
        about = [place for place, change in enumerate(changes) if self.rule.where.concerns_row(change.sobject)]
        if self._selection is None:
            return about
        candidates = [Candidate(changes[place].sobject, keys[place], look_of(org, changes[place])) for place in about]
        return [place for place, chosen in zip(about, self._selection.pick(candidates), strict=True) if chosen]

    @property
    def looks_ahead(self) -> bool:
        return self._selection is not None and self._selection.looks_ahead

    def foresee(self, org: Org, changes: Iterable[Change]) -> None:
        """Choose among all rows of a request that saves them part by part."""
        if self._selection is not None:
            self._selection.foresee(
                Candidate(change.sobject, row_key(org, change), look_of(org, change))
                for change in changes
                if self.rule.where.concerns_row(change.sobject)
            )

    def saw(self, request: tuple[int, int]) -> None:
        """Count a match, once a request."""
        if request not in self._requests:
            self.matched += 1
            self._requests[request] = None
            if len(self._requests) > _REMEMBERED:
                self._requests.popitem(last=False)

    def fires(self, request: tuple[int, int], keys: Sequence[object]) -> list[bool]:
        """Tell for each key whether the rule strikes; without `per: key` all keys of a request share one answer."""
        if self.rule.when.per == "key":
            return [self._tally.fires(key) for key in keys]
        decided = self._requests.get(request)
        if decided is None:
            decided = self._requests[request] = self._tally.fires("")
        return [decided] * len(keys)

    def note(self, entry: Entry, point: Point, rows: int = 0) -> None:
        """Count a strike, once a request, and write it into the journal."""
        before = next((strike for strike in entry.strikes if strike.rule == self.rule.name), None)
        if before is None:
            self.fired += 1
        elif entry.job is not None and before.rows and before.point == point:
            # The rows of a job come some hundreds at a time.
            before.rows += rows
            return
        entry.strikes.append(Strike(self.rule.name, self.rule.effect.key, point, rows))

    def meets(self, key: object) -> bool:
        """Count an event, or a delivery, that the rule is about; tell whether it strikes it."""
        self.matched += 1
        return self._tally.fires(key if self.rule.when.per == "key" else "")

    def struck(self, entry: Entry) -> None:
        """Count a strike of an event, or a delivery, and write it into the journal: one line for all of an exchange."""
        self.fired += 1
        for strike in entry.strikes:
            if strike.rule == self.rule.name and strike.point == "event":
                strike.rows += 1
                return
        entry.strikes.append(Strike(self.rule.name, self.rule.effect.key, "event", 1))

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.rule.name, "rule": self.rule.to_json(), "matched": self.matched, "fired": self.fired,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class SavedRows:
    """Rows on their way through a save, for rules that report a row as failed although it was saved."""

    call: Call
    changes: Sequence[Change]
    keys: Sequence[str]


def request_key(call: Call) -> str:
    """Return what tells a request from others, for rules that count each on its own."""
    # Of an upload the print stands for the body.
    body = call.fingerprint.encode() or call.body
    return fingerprint(f"{call.method} {call.raw_path}?{call.raw_query} ".encode() + body)


def _strikes_inside(rule: FaultRule, outer: Call) -> bool:
    """Tell whether a rule is to be asked about a request inside another one.

    One that is about the outer request, too, has been asked: `on: rest.*` strikes what comes over the network once.
    """
    return rule.effect.inside and outer.operation.name not in rule.points


@dataclass(frozen=True, slots=True)
class Blow:
    """One effect that was decided on, and has yet to happen."""

    effect: Effect
    point: Point
    luck: Random

    @property
    def waits(self) -> bool:
        """Whether it takes time."""
        return self.effect.key == "latency"

    def strike(self, call: Call) -> Awaitable[Reply | None]:
        return self.effect.strike(call, self.point, self.luck)


class Faults:
    """The rules of one org, in the order in which they were added.

    Latencies add up. Of the other rules the first that applies wins: at the earliest point, then by order; each row of
    a write is won on its own, and a row's error leaves the request to the rules for requests.
    """

    def __init__(self, org: Org, operations: Registry, *, seed: int = 0) -> None:
        self._org = org
        self.operations = operations
        self._seed = seed
        self._armed: dict[str, Armed] = {}
        self._plans: dict[tuple[str, Point, str], list[Armed]] = {}
        self._named = 0
        self._phase = "faults"

    @property
    def phase(self) -> str:
        """The phase of the run, for rules with `when: {phase: ...}`."""
        return self._phase

    @phase.setter
    def phase(self, name: str) -> None:
        if name == self._phase:
            return
        self._phase = name
        for armed in self._armed.values():
            if armed.rule.when.phase not in (None, name):
                armed.rule.effect.end(self._org)

    @property
    def empty(self) -> bool:
        return not self._armed

    @property
    def rules(self) -> tuple[Armed, ...]:
        return tuple(self._armed.values())

    def has(self, effect: str) -> bool:
        """Tell whether there is a rule of an effect, by its key."""
        return any(armed.rule.effect.key == effect for armed in self._armed.values())

    def __contains__(self, name: object) -> bool:
        return name in self._armed

    def next_name(self) -> str:
        """Return a name for a rule that was given none."""
        while True:
            self._named += 1
            name = f"fault-{self._named}"
            if name not in self._armed:
                return name

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force. Raises RuleError for a name that is taken, and for what this org does not have."""
        where = rule.where
        problems = [*self._taken(rule), *self._unknown(rule), *where.misfits(self._org)]
        problems += rule.effect.misfits(self._org, where)
        if problems:
            raise RuleError(problems)
        now = self._org.clock.now()
        self._armed[rule.name] = Armed(rule, self._seed, now)
        rule.effect.begin(None if rule.when.between is None else now + rule.when.between[1])
        self._plans.clear()

    def remove(self, name: str) -> None:
        """Take a rule away. Raises KeyError for an unknown name."""
        armed = self._armed.pop(name)
        self._plans.clear()
        armed.rule.effect.end(self._org)

    def clear(self) -> None:
        while self._armed:
            self.remove(next(iter(self._armed)))
        self._plans.clear()
        self.phase = "faults"

    def _taken(self, rule: FaultRule) -> list[Problem]:
        return [Problem(("name",), f"there is a rule {rule.name} already", (), None)] if rule.name in self else []

    def _unknown(self, rule: FaultRule) -> list[Problem]:
        schema, name = self._org.schema, rule.where.sobject
        if name is None:
            return []
        sobject = schema.get(name)
        if sobject is None:
            names = schema.names()
            return [Problem(("where", "sobject"), f"this org has no object {name}", names, nearest(name, names))]
        condition = rule.records.where if rule.records else None
        fields = tuple(field.name for field in sobject.fields)
        return [
            Problem(("records", "where"), f"{sobject.name} has no field {field}", fields, nearest(field, fields))
            for field in (condition.fields if condition else ())
            if sobject.field(field) is None
        ]

    def _plan(self, operation: str, point: Point, outer: str = "") -> list[Armed]:
        """Return the rules to ask at a point of an operation, and of the one that it runs inside of."""
        plan = self._plans.get((operation, point, outer))
        if plan is None:
            names = {operation, outer}
            plan = [
                armed for armed in self._armed.values() if any(armed.rule.points.get(name) == point for name in names)
            ]
            self._plans[operation, point, outer] = plan
        return plan

    def _row_plan(self, call: Call) -> list[Armed]:
        return self._plan(call.operation.name, "row", call.outer.operation.name if call.outer else "")

    # -- requests

    async def strike(self, call: Call, point: Point) -> Reply | None:
        """Let the rules of one point strike an exchange; return the reply that takes the place of the one on its way.

        Raises ApiError where an effect answers with an error.
        """
        reply = None
        for blow in self.decide(call, point):
            reply = await blow.strike(call) or reply
        return reply

    def decide(self, call: Call, point: Point) -> list[Blow]:
        """Return what strikes an exchange at one point: what happens at once, then latencies, then the others."""
        plan = self._plan(call.operation.name, point)
        if not plan:
            return []
        # All decisions fall before the first wait: exchanges that run side by side do not change each other's.
        waits: list[Blow] = []
        blows: list[Blow] = []
        settled = any(strike.rows == 0 and strike.effect != "latency" for strike in call.entry.strikes)
        for armed in plan:
            latency = armed.rule.effect.key == "latency"
            if call.outer is not None and not _strikes_inside(armed.rule, call.outer):
                continue
            if not self._decide(armed, call, settled and not latency):
                continue
            armed.note(call.entry, point)
            (waits if latency else blows).append(Blow(armed.rule.effect, point, armed.luck()))
            settled = settled or not latency
        return [
            *(one for one in blows if one.effect.at_once),
            *waits,
            *(one for one in blows if not one.effect.at_once),
        ]

    def _decide(self, armed: Armed, call: Call, lost: bool) -> bool:
        """Tell whether a rule strikes a request; a rule that lost to another one still counts its match."""
        rule, entry = armed.rule, call.entry
        if not (rule.where.admits(call) and rule.where.concerns(call)):
            return False
        keys: list[object] = [request_key(call)]
        if entry.changes and (rule.records or rule.when.per == "key"):
            rows = [row_key(self._org, change) for change in entry.changes]
            keys = [rows[place] for place in armed.pick(self._org, entry.changes, rows)]
        elif rule.records:
            keys = []
        if not keys:
            return False
        armed.saw(entry.asked)
        age = self._org.clock.now() - armed.added
        if lost or not rule.when.open(age, self.phase) or not rule.effect.applies(call, age):
            return False
        return any(armed.fires(entry.asked, keys))

    # -- events

    def of_events(self, call: Call, channel: str, point: Point = "event") -> list[Armed]:
        """Return the rules about what a call has to do with the events of a channel, in their order.

        Those of another point are asked of a stream whenever it is what a request would be at that point.
        """
        return [
            armed
            for armed in self._plan(call.operation.name, point)
            if armed.rule.where.concerns_channel(channel) and armed.rule.where.admits(call)
        ]

    def meets(self, armed: Armed, key: object) -> bool:
        """Count an event, or a delivery, that a rule is about; tell whether it strikes it."""
        if not self.in_force(armed):
            armed.matched += 1
            return False
        return armed.meets(key)

    def in_force(self, armed: Armed) -> bool:
        """Tell whether a rule is there still, and open now."""
        age = self._org.clock.now() - armed.added
        return self._armed.get(armed.rule.name) is armed and armed.rule.when.open(age, self.phase)

    # -- rows

    def strikes_rows(self, call: Call) -> bool:
        """Tell whether there are rules for the rows of an operation."""
        return bool(self._armed) and bool(self._row_plan(call))

    def looks_ahead(self, call: Call) -> bool:
        """Tell whether rules choose among the rows of a request by what follows them."""
        return any(armed.looks_ahead for armed in self._row_plan(call))

    def foresee(self, call: Call, changes: Iterable[Change]) -> None:
        """Let such rules see all rows of a request that saves them part by part."""
        every = list(changes)
        for armed in self._row_plan(call):
            if armed.looks_ahead and armed.rule.where.admits(call):
                armed.foresee(self._org, every)

    def rows(self, call: Call, changes: Sequence[Change], keys: Sequence[str]) -> SavedRows | None:
        """Refuse the rows that rules strike before the save, by their `refusal`.

        Returns what `after_rows` needs, None when no rule strikes saved rows of this operation.
        """
        plan = self._row_plan(call)
        struck = {place for place, change in enumerate(changes) if change.refusal is not None}
        for place, error in self._strike_rows(plan, call, changes, keys, struck, saved=False).items():
            changes[place].refusal = error
        late = any(isinstance(armed.rule.effect, RowEffect) and armed.rule.effect.saved_first for armed in plan)
        return SavedRows(call, changes, keys) if late else None

    def after_rows(self, results: Sequence[RowResult], saved: SavedRows) -> list[RowResult]:
        """Report the rows that rules strike after the save as failed; return the results to answer with."""
        plan = self._row_plan(saved.call)
        struck = {place for place, result in enumerate(results) if not result.success}
        failed = self._strike_rows(plan, saved.call, saved.changes, saved.keys, struck, saved=True)
        return [
            RowResult(None, False, False, (error,)) if (error := failed.get(place)) is not None else result
            for place, result in enumerate(results)
        ]

    def _strike_rows(
        self,
        plan: Sequence[Armed],
        call: Call,
        changes: Sequence[Change],
        keys: Sequence[str],
        struck: set[int],
        *,
        saved: bool,
    ) -> dict[int, ApiError | None]:
        errors: dict[int, ApiError | None] = {}
        entry = call.entry
        for armed in plan:
            effect, when = armed.rule.effect, armed.rule.when
            if not isinstance(effect, RowEffect) or effect.saved_first != saved or not armed.rule.where.admits(call):
                continue
            picked = armed.pick(self._org, changes, keys)
            if not picked:
                continue
            armed.saw(entry.asked)
            places = [
                place
                for place in picked
                if place not in struck and place not in errors and effect.concerns(self._org, changes[place])
            ]
            if not places or not when.open(self._org.clock.now() - armed.added, self.phase):
                continue
            names = [(changes[place].sobject.lower(), keys[place]) for place in places]
            hit = [place for place, yes in zip(places, armed.fires(entry.asked, names), strict=True) if yes]
            if hit:
                armed.note(entry, "after" if saved else "row", len(hit))
            errors |= {place: effect.refusal(self._org, changes[place]) for place in hit}
        return errors
