"""One PushTopic: what it is told of, and what it makes of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mock_server.org.events.topics.query import SYSTEM, TopicQuery

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
        plan, at = self.query.plan, self.query.at
        sobject = self.query.sobject
        forms: list[tuple[str, Callable[[Any], Any]]] = [
            (name, _moment if sobject.by_name[name].type == "datetime" else _plain) for name in self.query.selected
        ]
        before, after = plan.parameters[:at], plan.parameters[at + 1 :]
        for identifier in ids:
            one = replace(plan, parameters=(*before, identifier, *after))
            for record in queries.records(one, user_id=user_id, base=""):
                yield identifier, {name: form(record.get(name)) for name, form in forms}


def _moment(value: Any) -> Any:
    return value.replace("+0000", "Z") if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        # The parts of a compound field.
        return {name: one for name, one in value.items() if name != "attributes"}
    return value
