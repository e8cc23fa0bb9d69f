"""What a deletion takes along, cuts and is stopped by; what comes back; and what is gone for good."""

from __future__ import annotations

import pytest

from mock_server.org.records.changes import Change, LockHeld
from mock_server.org.records.recycling import LIFE, SETTLED
from tests.org.life.conftest import Desk

NOT_THERE = ("UNDELETE_FAILED", "Entity is not in the recycle bin")


def test_details_of_any_depth_go_with_their_master_and_come_back(desk: Desk) -> None:
    top = desk.create("Top__c", Name="T")
    detail = desk.create("Detail__c", Name="D", Top__c=top)
    leaves = [desk.create("Leaf__c", Name=str(number), Detail__c=detail) for number in range(3)]
    desk.ok("delete", top)
    assert [desk.there(one) for one in (top, detail, *leaves)] == ["bin"] * 5
    assert desk.refused("undelete", detail) == [NOT_THERE]
    desk.ok("undelete", top)
    assert [desk.there(one) for one in (top, detail, *leaves)] == ["live"] * 5
    assert desk.refused("undelete", top) == [NOT_THERE]


def test_what_was_deleted_before_stays_in_the_bin_when_its_master_comes_back(desk: Desk) -> None:
    top = desk.create("Top__c")
    early, late = (desk.create("Detail__c", Name=name, Top__c=top) for name in "ab")
    desk.ok("delete", early)
    desk.ok("delete", top)
    assert desk.refused("undelete", early) == [("UNDELETE_FAILED", "parent is deleted")]
    desk.ok("undelete", top)
    assert (desk.there(early), desk.there(late)) == ("bin", "live")
    desk.ok("undelete", early)
    assert desk.there(early) == "live"


def test_lookups_are_cleared_and_restored_unless_they_lead_elsewhere(desk: Desk) -> None:
    top, another = desk.create("Top__c"), desk.create("Top__c")
    kept, moved = (desk.create("Guest__c", Name=name, Top__c=top) for name in "ab")
    before = desk.get(kept, "LastModifiedDate"), desk.get(kept, "SystemModstamp")
    desk.org.clock.advance(60)
    desk.ok("delete", top)
    assert (desk.get(kept, "Top__c"), desk.get(moved, "Top__c")) == (None, None)
    after = desk.get(kept, "LastModifiedDate"), desk.get(kept, "SystemModstamp")
    assert after[0] == before[0]
    assert after[1] > before[1]
    desk.save(Change("update", "Guest__c", {"Top__c": another}, id=moved))
    desk.ok("undelete", top)
    assert (desk.get(kept, "Top__c"), desk.get(moved, "Top__c")) == (top, another)


def test_a_restricted_lookup_keeps_its_record(desk: Desk) -> None:
    other = desk.create("Other__c", Name="Depot")
    guests = [desk.create("Guest__c", Name=name, Holds__c=other) for name in ("one", "two")]
    refused = desk.refused("delete", other)
    assert refused == [
        (
            "DELETE_FAILED",
            "Your attempt to delete Depot could not be completed because it is associated with the following "
            "guests.: one, two\n",
        )
    ]
    assert desk.there(other) == "live"
    # What goes in the same call stands against nothing.
    desk.ok("delete", *guests, other)
    desk.ok("undelete", other)
    desk.ok("undelete", *guests)
    assert desk.get(guests[0], "Holds__c") == other


def test_a_refused_row_takes_nothing_along_that_others_would(desk: Desk) -> None:
    """Of two masters in a call only one may go: the junction record follows that one."""
    top, other = desk.create("Top__c"), desk.create("Other__c")
    junction = desk.create("Junction__c", Top__c=top, Other__c=other)
    desk.create("Guest__c", Holds__c=other)
    held, went = desk.do("delete", other, top)
    assert (held.success, went.success) == (False, True)
    assert [desk.there(one) for one in (other, top, junction)] == ["live", "bin", "bin"]
    desk.ok("undelete", top)
    assert desk.there(junction) == "live"


@pytest.mark.parametrize("together", [True, False])
def test_a_junction_record_is_gone_when_both_its_masters_are(desk: Desk, together: bool) -> None:
    top, other = desk.create("Top__c"), desk.create("Other__c")
    junction = desk.create("Junction__c", Top__c=top, Other__c=other)
    if together:
        desk.ok("delete", top, other)
    else:
        desk.ok("delete", top)
        desk.ok("delete", other)
    assert desk.there(junction) == "gone"
    desk.ok("undelete", top, other)
    assert [desk.there(one) for one in (top, other, junction)] == ["live", "live", "gone"]


def test_a_record_that_refers_to_a_deleted_one_comes_back_without_it(desk: Desk) -> None:
    top = desk.create("Top__c")
    guest = desk.create("Guest__c", Top__c=top)
    desk.ok("delete", guest)
    desk.ok("delete", top)
    desk.ok("undelete", guest)
    assert desk.get(guest, "Top__c") is None
    desk.ok("undelete", top)
    assert desk.get(guest, "Top__c") == top


def test_a_unique_value_given_away_meanwhile_keeps_a_record_in_the_bin(desk: Desk) -> None:
    top = desk.create("Top__c", Code__c="école")
    desk.ok("delete", top)
    taken = desk.create("Top__c", Code__c="ÉCOLE")
    message = f"duplicate value found: Code__c duplicates value on record with id: {taken[:15]}"
    assert desk.refused("undelete", top) == [("DUPLICATE_VALUE", message)]
    desk.ok("delete", taken)
    first, second = desk.do("undelete", top, taken)
    assert first.success
    assert [error.code for error in second.errors] == ["DUPLICATE_VALUE"]


def test_a_detail_whose_unique_value_is_taken_keeps_its_master_in_the_bin(desk: Desk) -> None:
    top, another = desk.create("Top__c"), desk.create("Top__c")
    desk.create("Detail__c", Top__c=top, Unique__c="u")
    desk.ok("delete", top)
    desk.create("Detail__c", Top__c=another, Unique__c="U")
    assert [code for code, _ in desk.refused("undelete", top)] == ["DUPLICATE_VALUE"]


def test_a_self_lookup_is_cleared_too(desk: Desk) -> None:
    host = desk.create("Guest__c")
    guest = desk.create("Guest__c", Host__c=host)
    desk.save(Change("update", "Guest__c", {"Host__c": guest}, id=host))
    desk.ok("delete", host)
    assert desk.get(guest, "Host__c") is None
    desk.ok("delete", guest)
    desk.ok("undelete", host)
    desk.ok("undelete", guest)
    assert (desk.get(host, "Host__c"), desk.get(guest, "Host__c")) == (guest, host)


def test_a_hard_deleted_record_is_gone_with_its_details(desk: Desk) -> None:
    top = desk.create("Top__c")
    detail = desk.create("Detail__c", Top__c=top)
    guest = desk.create("Guest__c", Top__c=top)
    desk.ok("hard_delete", top)
    assert [desk.there(one) for one in (top, detail, guest)] == ["gone", "gone", "live"]
    assert desk.get(guest, "Top__c") is None
    assert desk.refused("undelete", top) == [NOT_THERE]


def test_erasing_takes_records_out_of_the_bin(desk: Desk) -> None:
    top, live = desk.create("Top__c"), desk.create("Top__c")
    detail = desk.create("Detail__c", Top__c=top)
    desk.ok("delete", top)
    assert desk.refused("erase", detail) == [("DELETE_FAILED", "Entity is not in the recycle bin")]
    assert desk.refused("erase", live) == [("DELETE_FAILED", "Entity is not in the recycle bin")]
    desk.ok("erase", top)
    assert [desk.there(one) for one in (top, detail, live)] == ["gone", "gone", "live"]


def test_after_fifteen_days_the_bin_forgets(desk: Desk) -> None:
    old, young = desk.create("Top__c"), desk.create("Top__c")
    detail = desk.create("Detail__c", Top__c=old)
    desk.ok("delete", old)
    desk.org.clock.advance(LIFE - 1)
    assert desk.there(detail) == "bin"
    desk.ok("delete", young)
    desk.org.clock.advance(1)
    assert [desk.there(one) for one in (old, detail, young)] == ["gone", "gone", "bin"]
    assert desk.refused("undelete", old) == [NOT_THERE]
    assert [code for code, _ in desk.refused("delete", old)] == ["INVALID_CROSS_REFERENCE_KEY"]
    desk.ok("undelete", young)


def test_a_full_bin_drops_its_oldest_records_when_they_have_lain_for_two_hours(desk: Desk) -> None:
    desk.org.limits.set("DataStorageMB", maximum=1)
    ids = [desk.create("Top__c") for _ in range(30)]
    desk.ok("delete", *ids[:27])
    assert [desk.there(one) for one in ids[:27]] == ["bin"] * 27
    desk.org.clock.advance(SETTLED)
    desk.ok("delete", ids[27])
    assert [desk.there(one) for one in ids[:5]] == ["gone"] * 3 + ["bin"] * 2
    assert desk.there(ids[27]) == "bin"


def test_the_commit_log_tells_what_happened(desk: Desk) -> None:
    top = desk.create("Top__c")
    detail = desk.create("Detail__c", Top__c=top)
    guest = desk.create("Guest__c", Top__c=top)
    mark = desk.org.log.last
    desk.ok("delete", top)
    desk.ok("undelete", top)
    told = [(commit.verb, commit.id) for commit in desk.org.commits(mark)]
    assert told == [
        ("delete", top), ("delete", detail), ("update", guest),
        ("undelete", top), ("undelete", detail), ("update", guest),
    ]  # fmt: skip
    values = [commit.values.get("Top__c") for commit in desk.org.commits(mark) if commit.id == guest]
    assert values == [None, top]


@pytest.mark.parametrize("held", ["detail", "guest", "top"])
def test_a_deletion_waits_for_the_locks_of_all_that_it_changes(desk: Desk, held: str) -> None:
    top = desk.create("Top__c", Name="T")
    ids = {
        "top": top,
        "detail": desk.create("Detail__c", Top__c=top),
        "guest": desk.create("Guest__c", Top__c=top),
    }
    desk.org.locks.hold([ids[held]], 5)
    with pytest.raises(LockHeld):
        desk.do("delete", top)
    (result,) = desk.save(Change("delete", "Top__c", id=top), give_up=True)
    assert [error.code for error in result.errors] == ["UNABLE_TO_LOCK_ROW"]
    assert ids[held] in result.errors[0].message
    assert desk.there(top) == "live"


def test_a_deleted_detail_locks_its_master(desk: Desk) -> None:
    top = desk.create("Top__c")
    detail = desk.create("Detail__c", Top__c=top)
    desk.org.transaction_time = 3
    desk.ok("delete", detail)
    assert top in desk.org.locks.held([top])


def test_a_parent_is_kept_when_the_lock_of_what_needs_it_is_not_had(desk: Desk) -> None:
    other = desk.create("Other__c")
    guest = desk.create("Guest__c", Holds__c=other)
    desk.org.locks.hold([guest], 60)
    results = desk.save(Change("delete", "Guest__c", id=guest), Change("delete", "Other__c", id=other), give_up=True)
    assert [[error.code for error in result.errors] for result in results] == [
        ["UNABLE_TO_LOCK_ROW"],
        ["DELETE_FAILED"],
    ]


def test_a_row_cannot_refer_to_what_its_own_call_deletes(desk: Desk) -> None:
    top = desk.create("Top__c")
    detail = desk.create("Detail__c", Top__c=top)
    results = desk.save(
        Change("create", "Leaf__c", {"Detail__c": detail}),
        Change("delete", "Top__c", id=top),
        Change("update", "Detail__c", {"Name": "x"}, id=detail),
    )
    assert [[error.code for error in result.errors] for result in results] == [
        ["INVALID_CROSS_REFERENCE_KEY"],
        [],
        ["ENTITY_IS_DELETED"],
    ]


def test_all_or_none_and_a_failed_transaction_leave_everything_as_it_was(desk: Desk) -> None:
    top = desk.create("Top__c")
    guest = desk.create("Guest__c", Top__c=top)
    mark = desk.org.log.last
    results = desk.save(
        Change("delete", "Top__c", id=top), Change("delete", "Top__c", id="a00Kd00000000zzIAA"), all_or_none=True
    )
    assert not any(result.success for result in results)
    with pytest.raises(ZeroDivisionError), desk.org.transaction():
        desk.ok("delete", top)
        raise ZeroDivisionError
    assert (desk.there(top), desk.get(guest, "Top__c"), desk.org.log.last) == ("live", top, mark)
    assert desk.refused("undelete", top) == [NOT_THERE]


def test_a_snapshot_holds_the_bin(desk: Desk) -> None:
    top = desk.create("Top__c")
    guest = desk.create("Guest__c", Top__c=top)
    desk.ok("delete", top)
    kept = desk.org.snapshot()
    desk.ok("erase", top)
    desk.org.restore(kept)
    desk.ok("undelete", top)
    assert desk.get(guest, "Top__c") == top


def test_users_profiles_and_the_organization_stay(desk: Desk) -> None:
    user, organization = desk.who.user_id, desk.org.id
    assert [code for code, _ in desk.refused("delete", user)] == ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"]
    assert [code for code, _ in desk.refused("delete", organization)] == ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"]
    profile = desk.get(user, "ProfileId")
    assert [code for code, _ in desk.refused("delete", profile)] == ["DELETE_FAILED"]


def test_a_kept_org_knows_after_its_restart_what_refers_to_a_record(tmp_path: object) -> None:
    from pathlib import Path

    from mock_server.org.org import Org
    from tests.org.life.conftest import schema

    path = Path(str(tmp_path)) / "org.db"
    ids: list[str] = []
    for run in range(2):
        org = Org(1, schema=schema(), clock="virtual", data=path)
        org.directory.seed()
        desk = Desk(org, org.sessions.open(org.directory.default_user, None, ("api",)))
        if run == 0:
            top = desk.create("Top__c")
            ids = [top, desk.create("Detail__c", Top__c=top)]
        else:
            desk.ok("delete", ids[0])
            assert [desk.there(one) for one in ids] == ["bin", "bin"]
        org.close()
