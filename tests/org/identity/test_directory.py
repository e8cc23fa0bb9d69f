"""Users, apps, and the rows that stand for them."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.org.identity.admission import LoginRefused, Visit
from mock_server.org.identity.standard_profiles import PROFILES
from mock_server.org.ids import checksum
from mock_server.org.org import Org
from mock_server.org.records.changes import Change
from mock_server.org.records.tally import record_counts


@pytest.fixture
def org() -> Org:
    made = Org(1, clock="virtual")
    made.directory.seed()
    return made


def rows(org: Org, soql: str) -> list[dict[str, Any]]:
    session = org.sessions.open(org.directory.default_user, None, ("api",))
    found = org.query(session, soql, base="/services/data/v60.0/sobjects").records
    return [dict(row) for row in found]


def save_user(org: Org, **values: Any) -> None:
    session = org.sessions.open(org.directory.default_user, None, ("api",))
    change = Change("update", "User", values, id=org.directory.default_user.id)
    (result,) = org.write(session, [change], all_or_none=False)
    assert result.success, result.errors


def test_the_first_org_has_the_names_of_the_contract(org: Org) -> None:
    user, app = org.directory.default_user, org.directory.default_app
    assert (user.username, user.password, user.security_token) == (
        "integration@sfmock.test", "sfmock-password", "sfmock-token",
    )  # fmt: skip
    assert (app.client_id, app.client_secret, app.run_as) == (
        "sfmock-client-id", "sfmock-client-secret", user.username,
    )  # fmt: skip


def test_further_orgs_have_names_of_their_own() -> None:
    orgs = [Org(number) for number in (1, 2, 3)]
    assert len({org.directory.default_user.username for org in orgs}) == 3
    assert len({org.directory.default_app.client_id for org in orgs}) == 3


@pytest.mark.parametrize("name", ["integration@sfmock.test", "Integration@SFMOCK.test"])
@pytest.mark.parametrize("password", ["sfmock-password", "sfmock-passwordsfmock-token"])
def test_the_token_may_be_left_out_or_follow_the_password(org: Org, name: str, password: str) -> None:
    assert org.admission.by_password(name, password, Visit()).id == org.directory.default_user.id


@pytest.mark.parametrize(
    "password",
    [
        "",
        "sfmock-passwor",
        "sfmock-passwordx",
        "sfmock-passwordsfmock-toke",
        "SFMOCK-PASSWORD",
        "sfmock-token",
        "pä\ud800",
    ],
)
def test_any_other_password_is_refused(org: Org, password: str) -> None:
    with pytest.raises(LoginRefused) as refused:
        org.admission.by_password("integration@sfmock.test", password, Visit())
    assert refused.value.reason == "credentials"


def test_an_unknown_user_is_refused_like_a_wrong_password(org: Org) -> None:
    with pytest.raises(LoginRefused) as refused:
        org.admission.by_password("nobody@sfmock.test", "sfmock-password", Visit())
    assert refused.value.reason == "credentials"


def test_logins_are_limited_to_3600_an_hour(org: Org) -> None:
    user = org.directory.default_user
    for _ in range(3_599):
        org.admission.count_login(user)
    org.admission.by_password(user.username, user.password, Visit())
    with pytest.raises(LoginRefused) as refused:
        org.admission.by_password(user.username, user.password, Visit())
    assert refused.value.reason == "rate"
    org.clock.advance(3_600)
    assert org.admission.by_password(user.username, user.password, Visit()).id == user.id


def test_a_deactivated_user_is_kept_out(org: Org) -> None:
    save_user(org, IsActive=False)
    with pytest.raises(LoginRefused) as refused:
        org.admission.by_password("integration@sfmock.test", "sfmock-password", Visit())
    assert refused.value.reason == "inactive"


def test_what_is_saved_in_the_user_record_is_what_the_user_is(org: Org) -> None:
    save_user(org, Email="ada@example.com", LastName="Lovelace", TimeZoneSidKey="America/Los_Angeles")
    user = org.directory.user("integration@sfmock.test")
    assert user is not None
    assert (user.email, user.name, user.time_zone) == (
        "ada@example.com", "Integration Lovelace", "America/Los_Angeles",
    )  # fmt: skip


def test_the_organization_can_be_queried(org: Org) -> None:
    soql = (
        "SELECT Id, Name, OrganizationType, IsSandbox, InstanceName, NamespacePrefix, TrialExpirationDate "
        "FROM Organization"
    )
    (row,) = rows(org, soql)
    row.pop("attributes")
    assert row == {
        "Id": org.id, "Name": org.directory.organization_name(), "OrganizationType": "Developer Edition",
        "IsSandbox": False, "InstanceName": "SFM1", "NamespacePrefix": None, "TrialExpirationDate": None,
    }  # fmt: skip
    assert row["Name"]


def test_users_and_their_profiles_can_be_queried(org: Org) -> None:
    (row,) = rows(org, "SELECT Id, Username, Name, Profile.Name FROM User")
    assert row["Id"] == org.directory.default_user.id
    assert row["Id"][15:] == checksum(row["Id"][:15])
    assert (row["Username"], row["Name"]) == ("integration@sfmock.test", "Integration User")
    assert row["Profile"]["Name"] == "System Administrator"
    names = [profile["Name"] for profile in rows(org, "SELECT Name FROM Profile ORDER BY Name")]
    assert names == [
        "Minimum Access - API Only Integrations",
        "Minimum Access - Salesforce",
        "Read Only",
        "Standard User",
        "System Administrator",
    ]


def test_seeding_again_changes_nothing(org: Org) -> None:
    org.directory.seed()
    assert len(rows(org, "SELECT Id FROM User")) == 1
    assert len(rows(org, "SELECT Id FROM Organization")) == 1


def test_a_step_of_a_real_clock_leaves_clients_behind() -> None:
    org = Org(1, clock="real")
    org.clock.advance(10_000)
    assert org.clock.now() - org.directory.clients_time() == pytest.approx(10_000, abs=1)


def test_profiles_are_there_from_the_start_although_their_table_is_made_when_asked_for() -> None:
    org = Org(1, clock="virtual", start=1_772_323_200)
    org.directory.seed()
    origin = org.snapshot()
    assert not org.store.has_table("Profile")
    org.clock.advance(3600)
    assert record_counts(org, None)["Profile"] == len(PROFILES)
    for _ in range(2):
        found = rows(org, "SELECT Name, CreatedDate FROM Profile")
        assert {row["Name"] for row in found} == {one.name for one in PROFILES}
        assert {row["CreatedDate"] for row in found} == {"2026-03-01T00:00:00.000+0000"}
        org.restore(origin)
