"""The rules of one org at work: which strikes, where, how often; the same seed, the same decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import orjson

from mock_server.faults.effects.base import Point
from mock_server.faults.effects.error import Error
from mock_server.faults.effects.outage import Outage
from mock_server.faults.rule import FaultRule, parse
from mock_server.journal import Strike, fingerprint
from mock_server.operations import Call, Registry, Reply
from mock_server.org import chance
from mock_server.org.errors import ApiError
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult

@dataclass
class Armed:
    """A rule with its counters: `matched` exchanges or rows fitted, `fired` of them it struck."""

    rule: FaultRule
    added: float
    random: chance.Random
    matched: int = 0
    fired: int = 0
    calls: int = 0
    chosen: dict[str, bool] = field(default_factory=dict)
    """Row key -> whether the rule selects it, decided when it was first seen."""
    attempts: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.rule.name,
            "rule": dict(self.rule.source),
            "matched": self.matched,
            "fired": self.fired,
        }


class Faults:
    """All rules of one org."""

    def __init__(self, org: Org, operations: Registry, *, seed: int = 0) -> None:
        self._org = org
        self._operations = operations
        self._seed = seed
        self._armed: dict[str, Armed] = {}
        self._count = 0
        self.phase: str | None = None

    @property
    def empty(self) -> bool:
        return not self._armed

    @property
    def armed(self) -> list[Armed]:
        return list(self._armed.values())

    def add(self, data: Any) -> str:
        """Arm a rule in the fault grammar; return its name. Raises RuleError, ValueError for a name already taken."""
        self._count += 1
        rule = parse(data, self._operations, default_name=f"fault-{self._count}")
        if rule.name in self._armed:
            raise ValueError(f"there is a rule {rule.name!r} already")
        self._armed[rule.name] = Armed(rule, self._org.clock.now(), chance.stream(self._seed, "fault", rule.name))
        return rule.name

    def remove(self, name: str) -> None:
        """Disarm a rule. Raises KeyError."""
        del self._armed[name]

    def clear(self) -> None:
        self._armed.clear()

    # -- whole exchanges

    async def strike(self, call: Call, point: Point) -> Reply | None:
        """Let the rules of one point act on an exchange.

        Delays add up; of the other effects the first that applies wins for the whole exchange. Returns the reply that takes
        the place of the real one; raises ApiError for an error that the protocol renders.
        """
        for armed in self.armed:
            rule = armed.rule
            if call.operation.name not in rule.operations or not self._applies(armed, call):
                continue
            if rule.latency is not None and rule.latency.at == point and self._due(armed, call):
                delay = rule.latency.draw(armed.random)
                self._note(armed, call, "latency", point)
                await self._org.clock.sleep(delay)
            effect = rule.effect
            if effect is None or effect.point != point or _struck(call) or call.operation.name in rule.row_operations:
                continue
            if rule.latency is None and not self._due(armed, call):
                continue
            self._note(armed, call, effect.key, point)
            reply = await effect.strike(call)
            if reply is not None:
                return reply
        return None

    def _applies(self, armed: Armed, call: Call) -> bool:
        rule, when = armed.rule, armed.rule.when
        age = self._org.clock.now() - armed.added
        if when.between is not None and not when.between[0] <= age < when.between[1]:
            return False
        if when.phase is not None and when.phase != self.phase:
            return False
        if isinstance(rule.effect, Outage) and not rule.effect.is_down(age):
            return False
        return not rule.where or _fits(rule.where, call)

    def _due(self, armed: Armed, call: Call) -> bool:
        """Count an exchange that fits; tell whether the rule strikes it."""
        armed.matched += 1
        armed.calls += 1
        when = armed.rule.when
        turn = armed.calls - when.skip
        if turn <= 0 or (when.times is not None and turn > when.times):
            return False
        return when.chance is None or armed.random.random() < when.chance

    def _note(self, armed: Armed, call: Call, effect: str, point: str, rows: int = 0) -> None:
        armed.fired += rows or 1
        call.entry.strikes.append(Strike(armed.rule.name, effect, point, rows))

    # -- rows

    def rows(self, call: Call, changes: Sequence[Change]) -> dict[int, ApiError]:
        """Decide which rows fail. Sets `refusal` on those that fail before the write; returns those that fail after."""
        after: dict[int, ApiError] = {}
        keys: list[str] | None = None
        for armed in self.armed:
            effect = armed.rule.effect
            if not isinstance(effect, Error) or call.operation.name not in armed.rule.row_operations:
                continue
            if not self._applies(armed, call):
                continue
            keys = keys or [row_key(self._org, change) for change in changes]
            struck = 0
            for index in self._select(armed, changes, keys):
                if changes[index].refusal is not None or index in after:
                    continue
                error = effect.of_row(changes[index])
                if effect.point == "before":
                    changes[index].refusal = error
                else:
                    after[index] = error
                struck += 1
            if struck:
                self._note(armed, call, effect.key, "row", struck)
        return after

    @staticmethod
    def after_rows(results: list[RowResult], failed: dict[int, ApiError]) -> list[RowResult]:
        """Report rows as failed that were saved."""
        return [
            RowResult(None, False, False, (failed[index],)) if index in failed and result.success else result
            for index, result in enumerate(results)
        ]

    def _select(self, armed: Armed, changes: Sequence[Change], keys: list[str]) -> Iterable[int]:
        rule, when, selector = armed.rule, armed.rule.when, armed.rule.records
        wanted = rule.where.sobject
        meets = self._meeting(rule, changes) if selector is not None and selector.where is not None else None
        last = set(keys[-selector.last :]) if selector is not None and selector.last is not None else None
        allowed: bool | None = None
        for index, key in enumerate(keys):
            if wanted is not None and not fnmatchcase(changes[index].sobject.lower(), wanted.lower()):
                continue
            if meets is not None and index not in meets:
                continue
            if selector is not None and not self._chosen(armed, key, last):
                continue
            armed.matched += 1
            if when.per == "key":
                armed.attempts[key] = turn = armed.attempts.get(key, 0) + 1
                turn -= when.skip
                if turn <= 0 or (when.times is not None and turn > when.times):
                    continue
                if when.chance is not None and armed.random.random() >= when.chance:
                    continue
            else:
                if allowed is None:
                    # All rows of an exchange share its turn.
                    armed.matched -= 1
                    armed.calls += 1
                    turn = armed.calls - when.skip
                    allowed = turn > 0 and (when.times is None or turn <= when.times)
                    allowed = allowed and (when.chance is None or armed.random.random() < when.chance)
                    armed.matched += 1
                if not allowed:
                    continue
            yield index

    def _chosen(self, armed: Armed, key: str, last: set[str] | None) -> bool:
        known = armed.chosen.get(key)
        if known is None:
            selector = armed.rule.records
            assert selector is not None
            place = len(armed.chosen) + 1
            known = (
                (selector.first is None or place <= selector.first)
                and (last is None or key in last)
                and (selector.every is None or place % selector.every == 0)
                and (selector.fraction is None or armed.random.random() < selector.fraction)
                and (selector.keys is None or key in selector.keys)
            )
            armed.chosen[key] = known
        return known

    def _meeting(self, rule: FaultRule, changes: Sequence[Change]) -> set[int]:
        """Return the rows whose stored record meets the selector's SOQL condition."""
        assert rule.records is not None
        by_object: dict[str, dict[str, list[int]]] = {}
        for index, change in enumerate(changes):
            identifier = stored_id(self._org, change)
            if identifier is not None:
                by_object.setdefault(change.sobject, {}).setdefault(identifier, []).append(index)
        out: set[int] = set()
        for sobject, ids in by_object.items():
            listed = ", ".join(f"'{identifier}'" for identifier in ids)
            page = self._org.queries.run(
                f"SELECT Id FROM {sobject} WHERE ({rule.records.where}) AND Id IN ({listed})", user_id="", base=""
            )
            for record in page.records:
                out.update(ids[record["Id"]])
        return out


def _struck(call: Call) -> bool:
    return any(strike.effect != "latency" for strike in call.entry.strikes)


def _fits(where: Any, call: Call) -> bool:
    if where.user is not None and not fnmatchcase(call.session.username if call.session else "", where.user):
        return False
    if where.client is not None and not fnmatchcase(call.headers.get("User-Agent", ""), where.client):
        return False
    for name, pattern in where.header:
        if not fnmatchcase(call.headers.get(name, ""), pattern):
            return False
    if where.sobject is not None and not _names(call, where.sobject):
        return False
    if where.body:
        try:
            body = orjson.loads(call.body)
        except ValueError:
            return False
        rows = body.get("records", [body]) if isinstance(body, dict) else []
        for key, value in where.body:
            if not any(isinstance(row, dict) and row.get(key) == value for row in rows):
                return False
    return True


def _names(call: Call, pattern: str) -> bool:
    """Tell whether a request concerns an object: by its path, else by its body or query."""
    given = call.args.get("sobject")
    if given is not None:
        return fnmatchcase(given.lower(), pattern.lower())
    if "sobjects" in call.raw_path and call.body:
        try:
            body = orjson.loads(call.body)
        except ValueError:
            return False
        rows = body.get("records") if isinstance(body, dict) else None
        kinds = [
            row["attributes"].get("type")
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict) and isinstance(row.get("attributes"), dict)
        ]
        return any(isinstance(kind, str) and fnmatchcase(kind.lower(), pattern.lower()) for kind in kinds)
    soql = call.query.get("q", "").lower().split()
    names = [soql[place + 1].strip("()") for place, word in enumerate(soql[:-1]) if word == "from"]
    return any(fnmatchcase(name, pattern.lower()) for name in names)


def stored_id(org: Org, change: Change) -> str | None:
    """Return the id of the record that a change means, None for one that is not there yet."""
    if change.id:
        return change.id
    sobject = org.schema.get(change.sobject)
    key = sobject.field(change.key_field) if sobject and change.key_field else None
    if sobject is None or key is None or change.key is None:
        return None
    found = org.queries.find(sobject, key, str(change.key))
    return found[0] if found else None


def row_key(org: Org, change: Change) -> str:
    """Return what names a row across attempts: its external id, else its record's id, else a print of its values."""
    if change.key_field is not None and change.key is not None:
        return str(change.key)
    sobject = org.schema.get(change.sobject)
    keys = [field.name for field in sobject.fields if field.external_id] if sobject is not None else []
    for name, value in change.values.items():
        if value is not None and any(name.lower() == key.lower() for key in keys):
            return str(value)
    if change.id:
        if sobject is not None and keys and org.store.exists(sobject):
            row = next(org.store.lookup(sobject, "Id", [change.id], *keys), ())
            return next((str(value) for value in row if value is not None), change.id)
        return change.id
    return fingerprint(orjson.dumps(change.values, option=orjson.OPT_SORT_KEYS))
