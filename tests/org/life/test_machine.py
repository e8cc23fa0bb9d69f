"""A random life of records, beside a small model of it: nothing is lost, nothing refers to what is not there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from mock_server.org.records import merging
from mock_server.org.records.changes import Change
from tests.org.life.conftest import BASE, Desk, new_desk

LINKS: dict[str, dict[str, str]] = {
    "Top__c": {},
    "Other__c": {},
    "Detail__c": {"Top__c": "master", "Friend__c": "clear"},
    "Leaf__c": {"Detail__c": "master"},
    "Junction__c": {"Top__c": "master", "Other__c": "master"},
    "Guest__c": {"Top__c": "clear", "Host__c": "clear", "Holds__c": "restrict"},
    "Contact": {"ReportsToId": "clear"},
}
"""What each reference does when its target is deleted; contacts are here to be merged."""
TARGETS = {
    "Top__c": "Top__c", "Friend__c": "Other__c", "Detail__c": "Detail__c", "Other__c": "Other__c",
    "Host__c": "Guest__c", "Holds__c": "Other__c", "ReportsToId": "Contact",
}  # fmt: skip


@dataclass
class Model:
    """One record as it ought to be. `root` is the deletion that took it, while it is in the bin."""

    sobject: str
    links: dict[str, str | None]
    state: str = "live"
    root: str | None = None
    remembered: set[tuple[str, str]] = field(default_factory=set)
    """References that deletions cut: field and target."""


class Life(RuleBasedStateMachine):
    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.desk: Desk = new_desk()
        self.model: dict[str, Model] = {}

    def live(self, sobject: str) -> list[str]:
        return [one for one, its in self.model.items() if its.sobject == sobject and its.state == "live"]

    def children(self, target: str, kind: str) -> list[tuple[str, str]]:
        return [
            (one, name)
            for one, its in self.model.items()
            for name, parent in its.links.items()
            if parent == target and LINKS[its.sobject][name] == kind and its.state == "live"
        ]

    @rule(target=ids, sobject=st.sampled_from(sorted(LINKS)), data=st.data())
    def create(self, sobject: str, data: Any) -> Any:
        values: dict[str, Any] = {"LastName": "x"} if sobject == "Contact" else {}
        links: dict[str, str | None] = {}
        for name, kind in LINKS[sobject].items():
            choices: list[str | None] = [*self.live(TARGETS[name]), *([] if kind == "master" else [None])]
            if not choices:
                return multiple()
            links[name] = data.draw(st.sampled_from(choices))
        made = self.desk.create(sobject, **values, **links)
        self.model[made] = Model(sobject, links)
        return made

    @rule(one=ids, data=st.data())
    def relink(self, one: str, data: Any) -> None:
        its = self.model[one]
        free = [name for name, kind in LINKS[its.sobject].items() if kind != "master"]
        if its.state != "live" or not free:
            return
        name = data.draw(st.sampled_from(free))
        target = data.draw(st.sampled_from([None, *self.live(TARGETS[name])]))
        if target != one:
            (result,) = self.desk.save(Change("update", its.sobject, {name: target}, id=one))
            assert result.success, result.errors
            its.links[name] = target

    def closure(self, roots: list[str]) -> dict[str, str]:
        owner = {root: root for root in roots}
        todo = list(roots)
        while todo:
            one = todo.pop(0)
            for child, _ in self.children(one, "master"):
                if child not in owner:
                    owner[child] = owner[one]
                    todo.append(child)
        return owner

    def doomed(self, owner: dict[str, str]) -> set[str]:
        out = set()
        for one, its in self.model.items():
            masters = [its.links[name] for name, kind in LINKS[its.sobject].items() if kind == "master"]
            going = {owner[master] for master in masters if master in owner}
            if its.state == "live" and owner.get(one, one) != one and len(going) > 1:
                out.add(one)
            if its.state == "bin" and its.root != one and going:
                out.add(one)
        return out

    @rule(chosen=st.lists(ids, min_size=1, max_size=3, unique=True), verb=st.sampled_from(["delete", "hard_delete"]))
    def delete(self, chosen: list[str], verb: str) -> None:
        # One object a call: with several, whose detail goes with which row is a matter of order.
        chosen = [one for one in chosen if self.model[one].sobject == self.model[chosen[0]].sobject]
        roots = [one for one in chosen if self.model[one].state == "live"]
        while True:
            owner = self.closure(roots)
            held = {owner[one] for one in owner for child, _ in self.children(one, "restrict") if child not in owner}
            if not held:
                break
            roots = [root for root in roots if root not in held]
        doomed = self.doomed(owner)
        results = self.desk.do(verb, *chosen)
        assert [result.success for result in results] == [one in roots for one in chosen]
        for one in owner:
            for child, name in self.children(one, "clear"):
                if owner.get(child) != owner[one]:
                    self.model[child].links[name] = None
                    if verb == "delete":
                        self.model[child].remembered.add((name, one))
        for one, root in owner.items():
            self.model[one].state, self.model[one].root = "bin", root
        self.bury(doomed | (set(owner) if verb == "hard_delete" else set()))

    def bury(self, gone: set[str]) -> None:
        for one in gone:
            self.model[one].state = "gone"
        for its in self.model.values():
            its.remembered = {(name, parent) for name, parent in its.remembered if parent not in gone}

    @rule(one=ids)
    def erase(self, one: str) -> None:
        its = self.model[one]
        (result,) = self.desk.do("erase", one)
        assert result.success == (its.state == "bin" and its.root == one)
        if result.success:
            self.bury({other for other, that in self.model.items() if that.state == "bin" and that.root == one})

    @rule(one=ids)
    def undelete(self, one: str) -> None:
        its = self.model[one]
        coming = [other for other, that in self.model.items() if that.state == "bin" and that.root == one]
        left: set[str] = set()
        while True:
            more = {
                other
                for other in coming
                if other not in left
                and any(
                    kind == "master" and self.absent(self.model[other].links[name], coming, left)
                    for name, kind in LINKS[self.model[other].sobject].items()
                )
            }
            if not more:
                break
            left |= more
        able = its.state == "bin" and its.root == one and one not in left
        (result,) = self.desk.do("undelete", one)
        assert result.success == able, result.errors
        if not able:
            return
        back = [other for other in coming if other not in left]
        for other in left:
            self.model[other].root = other
        for other in back:
            that = self.model[other]
            for name, parent in that.links.items():
                if parent is not None and self.absent(parent, coming, left):
                    that.links[name] = None
                    if self.model[parent].state == "bin":
                        that.remembered.add((name, parent))
        for other in back:
            self.model[other].state, self.model[other].root = "live", None
        for that in self.model.values():
            for name, parent in sorted(that.remembered):
                if parent in back:
                    that.remembered.discard((name, parent))
                    if that.state != "gone" and that.links[name] is None:
                        that.links[name] = parent

    def absent(self, parent: str | None, coming: list[str], left: set[str]) -> bool:
        if parent is None:
            return False
        return parent in left if parent in coming else self.model[parent].state != "live"

    @rule(data=st.data())
    def merge(self, data: Any) -> None:
        contacts = self.live("Contact")
        if len(contacts) < 2:
            return
        chosen = data.draw(st.lists(st.sampled_from(contacts), min_size=2, max_size=3, unique=True))
        master, *losers = chosen
        rows = merging.changes(self.desk.org, "Contact", master, {"Title": "merged"}, losers)
        results = self.desk.save(*rows, all_or_none=True)
        assert all(result.success for result in results), results
        for loser in losers:
            for one, its in self.model.items():
                for name, parent in its.links.items():
                    if parent == loser and its.state != "gone":
                        its.links[name] = None if one == master else master
        for loser in losers:
            self.model[loser].state, self.model[loser].root = "bin", loser

    @invariant()
    def everything_is_where_it_ought_to_be(self) -> None:
        for sobject, names in LINKS.items():
            wanted = {
                one: (its.state == "bin", *[its.links[name] for name in names])
                for one, its in self.model.items()
                if its.sobject == sobject and its.state != "gone"
            }
            soql = f"SELECT {', '.join(['Id', 'IsDeleted', *names])} FROM {sobject}"
            rows = self.desk.org.query(self.desk.who, soql, all_rows=True, base=BASE).records
            assert {row["Id"]: (row["IsDeleted"], *[row[name] for name in names]) for row in rows} == wanted

    @invariant()
    def no_live_record_refers_to_one_that_is_not(self) -> None:
        for its in self.model.values():
            if its.state == "live":
                assert all(parent is None or self.model[parent].state == "live" for parent in its.links.values())

    @invariant()
    def the_commit_log_adds_up_to_what_is_there(self) -> None:
        there: dict[str, bool] = {}
        for commit in self.desk.org.commits():
            if commit.verb in ("create", "undelete"):
                assert not there.get(commit.id), "it was there already"
                there[commit.id] = True
            else:
                assert there.get(commit.id), "only what is there changes or goes"
                there[commit.id] = commit.verb == "update"
        alive = {one for one, its in self.model.items() if its.state == "live"}
        assert {one for one, here in there.items() if here and one in self.model} == alive

    def teardown(self) -> None:
        self.desk.org.close()


class TestLife(Life.TestCase):  # type: ignore[misc, name-defined]  # Hypothesis makes the class
    settings = settings(max_examples=30, stateful_step_count=20)


@pytest.mark.heavy
class TestLongLife(Life.TestCase):  # type: ignore[misc, name-defined]  # likewise
    settings = settings(max_examples=400, stateful_step_count=50)
