"""Carries out what happens in the org while a service runs: events are published, records are changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.plans import InputPlan, Scenario
from harness.service_plans import ChangeStep, all_steps, place_of
from mock_server.control.client import ControlError
from mock_server.documents import Problem
from mock_server.seeding import values

if TYPE_CHECKING:
    from harness.org import OrgHandle

SMALL = 5
"""How many of everything a baseline has happen."""
_SOMEBODY = {"firstName": "Somebody", "lastName": "Else", "profile": "System Administrator"}


class OrgSteps:
    """The steps of one org. Values are seeded: the same step has the same ones, whatever stands before it."""

    def __init__(self, scenario: Scenario, org: OrgHandle, seed: int, *, small: bool) -> None:
        self._scenario, self._control, self._seed, self._small = scenario, org.control, seed, small
        self._subject = org.credentials["SF_USERNAME"]
        self._places = {id(step): place for place, step in enumerate(all_steps(scenario.events))}
        self._numbered: Counter[tuple[str, str]] = Counter()
        for plan in scenario.inputs:
            if isinstance(plan, InputPlan):
                self._numbered[plan.sobject.lower(), plan.key.lower()] += plan.count
        self._deleted: dict[str, list[str]] = {}
        self._other: str | None = None

    def change(self, step: ChangeStep, pause: Callable[[float], None]) -> None:
        """Carry out a step; `pause` lets wall seconds go by between two changes. Raises DocumentError."""
        user = self._user(step)
        try:
            for rows in self._portions(step):
                verb = "create" if step.verb == "publish" else step.verb
                self._control.change(verb, step.sobject, rows, user=user)
                pause(step.every)
        except ControlError as error:
            raise self._refused(step, error) from None

    def _portions(self, step: ChangeStep) -> Iterator[Sequence[Mapping[str, Any]]]:
        rows = self._rows(step)
        size = 1 if step.every else max(1, len(rows))
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    def _rows(self, step: ChangeStep) -> list[dict[str, Any]]:
        count = min(step.count, SMALL) if self._small else step.count
        purpose = f"events/{self._places[id(step)]}"
        made = values.rows(step.fields, count, seed=self._seed, purpose=purpose, parents=step.parents)
        if step.verb in ("publish", "create"):
            return self._with_keys(step, made)
        ids = self._chosen(step, count)
        if step.verb == "delete":
            self._deleted.setdefault(step.sobject.lower(), []).extend(ids)
        return [{"Id": identifier, **row} for identifier, row in zip(ids, made, strict=False)]

    def _with_keys(self, step: ChangeStep, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if step.key is None:
            return rows
        place = step.sobject.lower(), step.key.lower()
        first = self._numbered[place] + 1
        self._numbered[place] += len(rows)
        letter = step.sobject[0].upper()
        return [{step.key: f"{letter}-{number:06d}", **row} for number, row in enumerate(rows, first)]

    def _chosen(self, step: ChangeStep, count: int) -> list[str]:
        if step.verb == "undelete":
            gone = self._deleted.get(step.sobject.lower(), [])
            chosen, self._deleted[step.sobject.lower()] = gone[:count], gone[count:]
            return chosen
        where = f" WHERE {step.where}" if step.where else ""
        soql = f"SELECT Id FROM {step.sobject}{where} ORDER BY Id LIMIT {count}"  # noqa: S608  # asked by the owner
        return [row["Id"] for row in self._control.records(soql)]

    def _user(self, step: ChangeStep) -> str:
        """Return the name of who does it. Somebody else is made when first needed: an administrator."""
        if step.by == "subject":
            return self._subject
        if self._other is None:
            self._other = self._control.create_user(_SOMEBODY | {"username": "somebody.else@sfmock.test"}).username
        return self._other

    def _refused(self, step: ChangeStep, error: ControlError) -> Exception:
        inner = "" if not error.path else f" ({error.path})"
        text = f"{error.message}{inner}"
        return self._scenario.document.error(
            [Problem(place_of(self._scenario.events, step), text, error.allowed, error.nearest)]
        )
