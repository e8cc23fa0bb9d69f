"""What somebody else does in an org while clients work."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server import api
from mock_server.control.client import ControlClient, ControlError, OrgInfo
from tests.conftest import Rest


@pytest.fixture
def control(server: api.Server, org: OrgInfo) -> ControlClient:
    return server.control.for_org(org.id)


def test_records_are_changed_in_the_name_of_a_user(control: ControlClient) -> None:
    other = control.create_user({"username": "ada@acme.test", "profile": "System Administrator"})
    (made,) = control.change("create", "Account", [{"Name": "Acme"}], user="ADA@acme.test")
    control.change("update", "Account", [{"Id": made.id, "Name": "Globex"}], user="ada@acme.test")
    (found,) = control.records("SELECT Name, CreatedById, LastModifiedById FROM Account")
    assert (found["Name"], found["CreatedById"], found["LastModifiedById"]) == ("Globex", other.user_id, other.user_id)
    assert [(row.verb, row.exchange) for row in control.commits()][-2:] == [("create", 0), ("update", 0)]


def test_a_deleted_record_comes_back(control: ControlClient) -> None:
    (made,) = control.change("create", "Account", [{"Name": "Acme"}])
    control.change("delete", "Account", [{"Id": made.id}])
    assert control.records("SELECT Id FROM Account") == []
    control.change("undelete", "Account", [{"Id": made.id}])
    assert [row["Id"] for row in control.records("SELECT Id FROM Account")] == [made.id]


def test_all_of_a_change_is_one_transaction_unless_it_need_not_be(control: ControlClient) -> None:
    rows: list[dict[str, Any]] = [{"Name": "Acme"}, {}]
    with pytest.raises(ControlError, match=r"records\[1\]: REQUIRED_FIELD_MISSING"):
        control.change("create", "Account", rows)
    assert control.records("SELECT Id FROM Account") == []
    good, bad = control.change("create", "Account", rows, all_or_none=False)
    assert (good.success, bad.success) == (True, False)
    assert bad.errors[0].startswith("REQUIRED_FIELD_MISSING")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("destroy", "Account", []), "verb must be one of"),
        (("create", "Acount", []), "no object Acount (did you mean Account?)"),
        (("update", "Account", [{"Name": "x"}]), "records[0].Id: update needs the id of each record"),
        (("delete", "Account", [{"Id": "short"}]), "delete needs the id"),
        (("update", "Account", [{"Id": "001000000000001AAA", "Nam": "x"}]), "did you mean Name"),
        (("update", "Account", [{"Id": "001000000000001AAA", "Name": "x"}]), "records[0]: "),
        (("create", "Account", [{"Name": "x", "NumberOfEmployees": "many"}]), "records[0].NumberOfEmployees"),
    ],
)
def test_what_can_never_be_done_is_refused_by_its_place(control: ControlClient, call: Any, message: str) -> None:
    with pytest.raises(ControlError) as refused:
        control.change(*call)
    assert message in str(refused.value)


def test_a_user_that_is_not_there_is_refused_with_the_nearest_one(control: ControlClient) -> None:
    control.create_user({"username": "ada@acme.test"})
    with pytest.raises(ControlError, match=r"as: this org has no user adda@acme.test \(did you mean ada@acme.test"):
        control.change("create", "Account", [{"Name": "Acme"}], user="adda@acme.test")


def test_activity_counts_what_happened(control: ControlClient, rest: Rest) -> None:
    before = control.activity()
    rest.get("/limits")
    control.change("create", "Account", [{"Name": "Acme"}])
    after = control.activity(before.last)
    assert (after.last - before.last, after.requests, after.under_way, after.held) == (1, 1, 0, 0)
    assert after.commits == before.commits + 1
    assert control.activity(after.last).requests == 0
