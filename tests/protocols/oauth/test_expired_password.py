"""What a user whose password has expired can do in a browser: choose another, and then go on."""

from __future__ import annotations

import pytest

from tests.protocols.desk import Desk, json_of
from tests.protocols.oauth.walk import CALLBACK, CLIENT, PASSWORD, TOKEN, USER, Page, Walker

CHANGE = "/_ui/system/security/ChangePassword"


@pytest.fixture
def walker(desk: Desk) -> Walker:
    desk.org.directory.set_password(desk.org.directory.default_user.id, PASSWORD, expired=True)
    return Walker(desk)


def change(walker: Walker, page: Page, **fields: str) -> Page:
    usual = {"currentpassword": PASSWORD, "newpassword": "brand-new-1", "confirmpassword": "brand-new-1"}
    return walker.submit(page, "save", **{**usual, **fields})


def test_he_chooses_another_before_an_app_is_let_in(desk: Desk, walker: Walker) -> None:
    page = walker.log_in(walker.authorize())
    assert "Change Your Password" in page.text
    assert USER in page.text
    page = change(walker, page)
    assert "Allow Access?" in page.text
    code = walker.submit(page, "save").query["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **CLIENT}
    token = json_of(desk.post(TOKEN, fields))["access_token"]
    assert desk.get("/services/data/v60.0/sobjects", token).status == 200
    assert desk.org.directory.proves(desk.org.directory.default_user, "brand-new-1", with_token=False)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"newpassword": "short", "confirmpassword": "short"}, "at least 8 characters"),
        ({"confirmpassword": "brand-new-2"}, "do not match"),
        ({"newpassword": PASSWORD, "confirmpassword": PASSWORD}, "not the one before"),
        ({"currentpassword": "guessed"}, "current password is not right"),
        ({"_CONFIRMATIONTOKEN": "forged"}, "not sent by one of this server's own pages"),
    ],
)
def test_a_wrong_change_changes_nothing(desk: Desk, walker: Walker, fields: dict[str, str], told: str) -> None:
    page = change(walker, walker.log_in(walker.authorize()), **fields)
    assert told in page.text
    assert all(value not in page.reply.body.decode() for value in ("brand-new", "guessed"))
    assert desk.org.directory.expired(desk.org.directory.default_user.id)


def test_no_other_page_serves_him_before(desk: Desk, walker: Walker) -> None:
    walker.log_in(walker.go("GET", "/"))
    for target in ("/", "/lightning/page/home", "/setup/connect", "/setup/connect?user_code=ABCDEFGH"):
        assert "Change Your Password" in walker.go("GET", target).text
    assert walker.authorize(prompt="none").query["error"] == "login_required"
    assert "Change Your Password" in walker.authorize().text


def test_guesses_on_the_page_lock_him_out(desk: Desk, walker: Walker) -> None:
    page = walker.log_in(walker.authorize())
    for _ in range(10):
        page = change(walker, page, currentpassword="guess")
    assert desk.org.admission.locked(desk.org.directory.default_user.id)
    assert "current password is not right" in change(walker, page).text


def test_whose_password_is_good_is_sent_on(desk: Desk) -> None:
    walker = Walker(desk)
    assert walker.go("GET", CHANGE).forms.action == "/"
    walker.log_in(walker.go("GET", "/"))
    assert "You are logged in" in walker.go("GET", f"{CHANGE}?startURL=//evil.example/").text
