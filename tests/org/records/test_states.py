"""What an org remembers beside its records follows them: through restarts, copies, restores and roll-backs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mock_server.org import snapshots
from mock_server.org.identity.admission import Visit
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, Verb
from mock_server.org.records.locking import parents_of
from mock_server.org.schema import Schema
from mock_server.routing import Registry
from mock_server.world import OrgSpec, World
from tests.org.records.conftest import Save, contact

BASE = "/services/data/v60.0/sobjects"


def session(org: Org) -> Session:
    return org.sessions.open(org.directory.default_user, org.directory.default_app, ("api",))


def make_case(org: Org, who: Session) -> tuple[str, str]:
    (made,) = org.write(who, [Change("create", "Case", {"Subject": "Leak"})], all_or_none=True)
    assert made.id is not None
    (record,) = org.read(who, "Case", [made.id], ["CaseNumber"], base=BASE)
    assert record is not None
    return made.id, record["CaseNumber"]


def erase(org: Org, who: Session, identifier: str) -> None:
    (gone,) = org.write(who, [Change("hard_delete", "Case", id=identifier)], all_or_none=True)
    assert gone.success, gone


def test_neither_ids_nor_auto_numbers_of_erased_records_return_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "org.db"
    first = Org(1, data=path)
    first.directory.seed()
    who = session(first)
    make_case(first, who)
    identifier, number = make_case(first, who)
    erase(first, who, identifier)
    first.close()
    second = Org(1, data=path)
    second.directory.seed()
    again, next_number = make_case(second, session(second))
    second.close()
    assert again > identifier
    assert int(next_number) == int(number) + 1


def test_auto_numbers_go_on_in_a_snapshot_and_its_file(tmp_path: Path) -> None:
    org = Org(1)
    org.directory.seed()
    who = session(org)
    identifier, number = make_case(org, who)
    erase(org, who, identifier)
    kept = org.snapshot()
    snapshots.write(org, tmp_path / "kept")
    later = [make_case(org, who)[1]]
    org.restore(kept)
    later.append(make_case(org, who)[1])
    snapshots.read(org, tmp_path / "kept")
    later.append(make_case(org, who)[1])
    assert [int(one) for one in later] == [int(number) + 1] * 3


def test_a_restore_takes_passwords_back(org: Org) -> None:
    user = org.directory.default_user
    kept = org.snapshot()
    org.directory.set_password(user.id, "another-1")
    org.directory.set_password("005Kd00000000zzIAA", "of-one-who-is-gone-1")
    org.restore(kept)
    assert org.admission.by_password(user.username, user.password, Visit()).id == user.id
    assert set(org.directory.secrets) == {user.id}


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "in a file"])
def test_a_reset_brings_back_the_names_and_passwords_that_the_org_was_made_with(tmp_path: Path, kept: bool) -> None:
    login = {"username": "me@example.com", "password": "mine-1"}
    world = World(Registry([]), OrgSpec(login=login, data=tmp_path / "org.db" if kept else None))
    org = world.default
    org.directory.set_password(org.directory.default_user.id, "another-1")
    world.reset(org)
    assert org.admission.by_password("me@example.com", "mine-1", Visit()).username == "me@example.com"
    world.close()


def schema_of(objects: dict[str, Any]) -> Schema:
    made = Schema()
    made.add(objects, {})
    return made


def test_schemas_have_the_same_version_only_when_they_have_the_same_objects() -> None:
    one, other = schema_of({"One__c": {"label": "One"}}), schema_of({"Other__c": {"label": "Other"}})
    assert len({Schema().version, one.version, other.version}) == 3
    assert one.copy().version == one.version
    changed = one.copy()
    changed.add({"More__c": {"label": "More"}}, {})
    assert changed.version not in (one.version, other.version)
    changed.become(one)
    assert changed.version == one.version


def test_what_is_locked_is_worked_out_for_each_schema_that_shares_an_object() -> None:
    one, other = schema_of({"One__c": {"label": "One"}}), schema_of({"Other__c": {"label": "Other"}})
    shared = one.get("Contact")
    assert shared is not None
    assert shared is other.get("Contact")
    found = parents_of(one, shared)
    assert parents_of(one, shared) is found
    assert parents_of(other, shared) is not found


def test_reading_by_ever_new_fields_is_bounded_and_still_remembered(org: Org, who: Session, save: Save) -> None:
    (made,) = save(contact())
    sobject = org.schema.get("Contact")
    assert made.id is not None
    assert sobject is not None
    names = [one.name for one in sobject.fields]
    for count in range(250):
        org.read(who, "Contact", [made.id], [names[count % len(names)], names[count // len(names)], "Id"], base=BASE)
    org.read(who, "Contact", [made.id], ["LastName", "FirstName"], base=BASE)
    plans = sobject.memo["read"]
    assert isinstance(plans, dict)
    assert len(plans) <= 200
    assert (("LastName", "FirstName"), org.schema.version) in plans


def test_a_user_whose_save_is_rolled_back_is_not_known(org: Org, who: Session) -> None:
    name = "late@example.com"
    user = {
        "Username": name, "LastName": "Late", "Email": name, "Alias": "late", "CommunityNickname": "late",
        "ProfileId": org.directory.default_user.profile_id,
        "TimeZoneSidKey": "GMT", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8",
    }  # fmt: skip
    with pytest.raises(RuntimeError), org.transaction():
        (made,) = org.write(who, [Change("create", "User", user)], all_or_none=True)
        assert made.success, made
        assert org.directory.knows(name)
        raise RuntimeError
    assert not org.directory.knows(name)
    assert not list(org.commits())


@pytest.mark.parametrize("verb", ["undelete", "erase"])
def test_a_record_in_the_bin_is_not_found_as_one_of_another_object(
    org: Org, who: Session, save: Save, verb: Verb
) -> None:
    (made,) = save(contact())
    save(Change("delete", "Contact", id=made.id))
    (refused,) = save(Change(verb, "Task", id=made.id))
    assert [error.message for error in refused.errors] == ["Entity is not in the recycle bin"]
    (back,) = save(Change("undelete", "Contact", id=made.id))
    assert back.success
