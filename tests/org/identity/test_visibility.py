"""What a user's queries return is what a naive look at all records, shares and groups says that he may see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.errors import ApiError
from mock_server.org.identity.enrolment import enrol
from mock_server.org.identity.given import read_users
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change
from mock_server.org.schema import Schema

BASE = "/services/data/v60.0/sobjects"
MODELS = ("ReadWrite", "Read", "Private")
RIGHTS = ("", "read", "read edit", "read edit delete", "viewAll", "modifyAll")


@dataclass(frozen=True)
class Case:
    """A world of bikes and their parts. Owners are users 0 and 1, and 2 for a queue whose member user 1 is."""

    model: str
    rights: tuple[str, str]
    part_rights: tuple[str, str]
    owners: tuple[int, ...]
    shares: tuple[tuple[int, int, Literal["Read", "Edit"]], ...]
    hidden: bool


@cache
def _schema(model: str) -> Schema:
    schema = Schema()
    schema.add(
        {
            "Bike__c": {"sharing": model, "fields": {"Place__c": {"type": "number"}, "Secret__c": {"type": "number"}}},
            "Part__c": {"fields": {"Bike__c": {"type": "masterdetail", "referenceTo": "Bike__c"}}},
            "Rental__c": {"fields": {"Bike__c": {"type": "lookup", "referenceTo": "Bike__c"}}},
        },
        {},
    )
    return schema


@st.composite
def cases(draw: st.DrawFn) -> Case:
    right = st.sampled_from(RIGHTS)
    rights = (draw(right), draw(right))
    # Who cannot read owns nothing.
    wished = draw(st.lists(st.integers(0, 2), min_size=1, max_size=6))
    owners = tuple(owner if owner == 2 or rights[owner] else 2 for owner in wished)
    share = st.tuples(st.integers(0, len(owners) - 1), st.integers(0, 2), st.sampled_from(["Read", "Edit"]))
    return Case(
        draw(st.sampled_from(MODELS)),
        rights,
        (draw(right), draw(right)),
        owners,
        tuple(draw(st.lists(share, max_size=4))),
        draw(st.booleans()),
    )


class World:
    def __init__(self, case: Case) -> None:
        self.case = case
        self.org = Org(1, schema=_schema(case.model).copy())
        self.org.directory.seed()
        self.admin = self._session(self.org.directory.default_user.id)
        users = []
        for place in (0, 1):
            objects = {"Bike__c": case.rights[place], "Part__c": case.part_rights[place], "Rental__c": "all"}
            definition: dict[str, Any] = {
                "username": f"user{place}@acme.test",
                "objects": {name: words for name, words in objects.items() if words},
            }
            if case.hidden:
                definition["fields"] = {"Bike__c": {"Secret__c": "none"}} if case.rights[place] else {}
            users.append(definition)
        self.users = enrol(self.org, read_users(self.org.schema, users))
        self.sessions = [self._session(one) for one in self.users]
        queue = self._save("Group", Name="Q", DeveloperName="Q", Type="Queue")
        self._save("GroupMember", GroupId=queue, UserOrGroupId=self.users[1])
        self.principals = [*self.users, queue]
        self.bikes = [
            self._save("Bike__c", OwnerId=self.principals[owner], Place__c=place, Secret__c=place)
            for place, owner in enumerate(case.owners)
        ]
        self.parts = [self._save("Part__c", Bike__c=bike) for bike in self.bikes]
        self.rentals = [self._save("Rental__c", Bike__c=bike) for bike in self.bikes]
        if self.org.schema.get("Bike__Share") is not None:
            for bike, who, level in case.shares:
                self._save(
                    "Bike__Share", ParentId=self.bikes[bike], UserOrGroupId=self.principals[who], AccessLevel=level
                )

    def _session(self, user_id: str) -> Session:
        user = self.org.directory.by_id(user_id)
        assert user is not None
        return self.org.sessions.open(user, None, ("api",))

    def _save(self, sobject: str, **values: Any) -> str:
        (result,) = self.org.write(self.admin, [Change("create", sobject, values)], all_or_none=False)
        assert result.id, result.errors[0].message
        return result.id

    def ids(self, place: int, soql: str) -> set[str]:
        return {row["Id"] for row in self.org.query(self.sessions[place], soql, base=BASE).records}

    # -- the naive rules

    def mine(self, place: int, bike: int) -> bool:
        owner = self.case.owners[bike]
        return owner == place or (owner == 2 and place == 1)

    def shared(self, place: int, bike: int) -> set[str]:
        if self.case.model == "ReadWrite":
            return set()
        return {
            level for one, who, level in self.case.shares if one == bike and (who == place or (who == 2 and place == 1))
        }

    def sees(self, place: int, bike: int) -> bool:
        rights = self.case.rights[place]
        if rights in ("viewAll", "modifyAll"):
            return True
        public = self.case.model in ("ReadWrite", "Read")
        return bool(rights) and (public or self.mine(place, bike) or bool(self.shared(place, bike)))

    def edits(self, place: int, bike: int) -> bool:
        rights = self.case.rights[place]
        if rights == "modifyAll":
            return True
        public = self.case.model == "ReadWrite"
        return "edit" in rights and (public or self.mine(place, bike) or "Edit" in self.shared(place, bike))

    def deletes(self, place: int, bike: int) -> bool:
        rights = self.case.rights[place]
        return rights == "modifyAll" or ("delete" in rights and self.mine(place, bike))


@given(case=cases())
@settings(max_examples=30)
def test_queries_return_what_the_rules_say(case: Case) -> None:
    world = World(case)
    for place in (0, 1):
        if not case.rights[place]:
            with pytest.raises(ApiError, match="is not supported"):
                world.ids(place, "SELECT Id FROM Bike__c")
            continue
        seen = {world.bikes[one] for one in range(len(case.owners)) if world.sees(place, one)}
        assert world.ids(place, "SELECT Id FROM Bike__c") == seen
        assert world.ids(place, "SELECT Id FROM Bike__c WHERE Place__c >= 0 ORDER BY Place__c DESC") == seen
        who = world.sessions[place]
        assert world.org.query(who, "SELECT COUNT() FROM Bike__c", base=BASE).total == len(seen)
        (row,) = world.org.query(who, "SELECT COUNT(Id) n FROM Bike__c", base=BASE).records
        assert row["n"] == len(seen)
        rentals = world.org.query(who, "SELECT Bike__c, Bike__r.Place__c FROM Rental__c", base=BASE).records
        assert {one["Bike__c"] for one in rentals if one["Bike__r"] is not None} == seen
        inner = "SELECT Id FROM Rental__c WHERE Bike__c IN (SELECT Id FROM Bike__c)"
        assert len(world.ids(place, inner)) == len(seen)
        read = world.org.read(who, "Bike__c", world.bikes, ["Id"], base=BASE)
        assert {one["Id"] for one in read if one is not None} == seen
        if case.part_rights[place]:
            every = case.part_rights[place] in ("viewAll", "modifyAll")
            expected = {part for part, bike in zip(world.parts, world.bikes, strict=True) if every or bike in seen}
            assert world.ids(place, "SELECT Id FROM Part__c") == expected
        if case.hidden:
            with pytest.raises(ApiError, match="No such column 'Secret__c'"):
                world.ids(place, "SELECT Id FROM Bike__c WHERE Secret__c = 1")


@given(case=cases())
@settings(max_examples=20)
def test_saves_change_what_the_rules_say(case: Case) -> None:
    world = World(case)
    for place, who in enumerate(world.sessions):
        changes = [Change("update", "Bike__c", {"Place__c": 7}, id=one) for one in world.bikes]
        saved = [result.success for result in world.org.write(who, changes, all_or_none=False)]
        assert saved == [world.edits(place, one) for one in range(len(case.owners))]
    for place, who in enumerate(world.sessions):
        for one, bike in enumerate(world.bikes):
            with pytest.raises(_Undo), world.org.transaction():
                (result,) = world.org.write(who, [Change("delete", "Bike__c", id=bike)], all_or_none=False)
                assert result.success == world.deletes(place, one)
                raise _Undo


class _Undo(Exception):
    pass


def test_an_administrator_is_asked_nothing() -> None:
    org = Org(1, schema=_schema("Private").copy())
    org.directory.seed()
    assert org.accesses.of(org.directory.default_user.id) is None
    # Not even the tables of permissions are made for him.
    assert "PermissionSet" not in org.store.used()
