"""One PushTopic: what it is told of, and what it makes of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org.events.topics.query import SYSTEM, TopicQuery
from mock_server.org.schema.types import COMPOUND_TYPES

if TYPE_CHECKING:
    from mock_server.org.query import Queries
    from mock_server.org.records.changes import Committed

TYPES: dict[Committed, str] = {
    "create": "created", "update": "updated", "delete": "deleted", "undelete": "undeleted",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """`watched` are the columns whose changes it tells of, None for any; `operations` what has to be done at all."""

    id: str
    name: str
    query: TopicQuery
    operations: frozenset[Committed]
    watched: frozenset[str] | None

    def concerns(self, verb: Committed, changed: frozenset[str]) -> bool:
        """Tell whether a record is to be looked at, of which an update has changed some columns."""
        if verb not in self.operations:
            return False
        if verb != "update":
            return True
        rolled = {name for name in changed if (one := self.query.sobject.by_name.get(name)) and one.roll_up}
        return bool(changed - SYSTEM - rolled if self.watched is None else changed & self.watched)

    def matching(self, queries: Queries, ids: Sequence[str], user_id: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield those of some records that meet the condition now, each with what is told of it."""
        query = self.query
        shown = query.selected
        moments = [name for name in shown if query.sobject.by_name[name].type == "datetime"]
        compound = [name for name in shown if query.sobject.by_name[name].type in COMPOUND_TYPES]
        parameters = (*query.plan.parameters[: query.at], orjson.dumps(list(ids)).decode())
        plan = replace(query.plan, parameters=(*parameters, *query.plan.parameters[query.at + 1 :]))
        found = {one["Id"]: one for one in queries.records(plan, user_id=user_id, base="")} if ids else {}
        for identifier in ids:
            record = found.get(identifier)
            if record is None:
                continue
            told = {name: record.get(name) for name in shown}
            for name in moments:
                told[name] = _moment(told[name])
            for name in compound:
                told[name] = _plain(told[name])
            yield identifier, told


def _moment(value: Any) -> Any:
    return value.replace("+0000", "Z") if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        # The parts of a compound field.
        return {name: one for name, one in value.items() if name != "attributes"}
    return value
