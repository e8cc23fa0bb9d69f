"""What clients ask an org about itself: resources, themes, tabs, menus, the organization, its users."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rest

ME = [
    "aboutMe", "additionalLabel", "address", "bannerPhoto", "chatterActivity", "chatterInfluence", "communityNickname",
    "companyName", "displayName", "email", "firstName", "followersCount", "followingCounts", "groupCount", "hasChatter",
    "id", "isActive", "isInThisCommunity", "lastName", "managerId", "managerName", "motif", "mySubscription", "name",
    "outOfOffice", "phoneNumbers", "photo", "reputation", "thanksReceived", "title", "type", "url", "userType",
    "username",
]  # fmt: skip


@pytest.mark.parametrize("version", ["31.0", "45.0", "68.0"])
def test_every_resource_that_is_listed_answers(rest: Rest, version: str) -> None:
    listed = rest.get(f"/services/data/v{version}").json()
    assert {"sobjects", "query", "search", "limits", "recent", "identity"} <= set(listed)
    for name, url in listed.items():
        reply = rest.get(url.removeprefix(rest.url))
        assert reply.status_code in (200, 400), (name, reply.text)


def test_resources_are_listed_in_the_recorded_order(rest: Rest) -> None:
    recorded = [
        "chatter",
        "tabs",
        "appMenu",
        "queryAll",
        "search",
        "identity",
        "parameterizedSearch",
        "theme",
        "recent",
        "connect",
        "limits",
        "query",
        "compactLayouts",
        "knowledgeManagement",
        "sobjects",
    ]
    listed = [name for name in rest.get("").json() if name in recorded]
    assert listed == recorded


def test_themes_have_colors_and_icons_by_object(rest: Rest) -> None:
    reply = rest.get("/theme")
    by_name = {item["name"]: item for item in reply.json()["themeItems"]}
    account = by_name["Account"]
    assert list(account) == ["colors", "icons", "name"]
    assert account["colors"][0] == {"color": "5867E8", "context": "primary", "theme": "theme4"}
    assert {icon["theme"] for icon in account["icons"]} == {"theme3", "theme4"}
    drawn = next(icon for icon in account["icons"] if icon["contentType"] == "image/svg+xml")
    assert (drawn["height"], drawn["width"]) == (0, 0)
    same = rest.get("/theme", headers={"If-Modified-Since": reply.headers["Last-Modified"]})
    assert (same.status_code, same.content) == (304, b"")


def test_tabs_are_those_of_objects(rest: Rest) -> None:
    tabs = rest.get("/tabs").json()
    keys = ["colors", "custom", "iconUrl", "icons", "label", "miniIconUrl", "name", "sobjectName", "url"]
    assert all(list(tab) == keys for tab in tabs)
    by_object = {tab["sobjectName"]: tab for tab in tabs}
    assert by_object["Account"]["label"] == "Accounts"
    assert by_object["Account"]["name"] == "standard-Account"
    assert by_object["Account"]["url"].endswith("/001/o")
    assert by_object[None]["label"] == "Home"


def test_the_menus_of_apps(rest: Rest) -> None:
    menus = rest.get("/appMenu").json()
    assert set(menus) == {"AppSwitcher", "Salesforce1"}
    for url in menus.values():
        items = rest.get(url).json()["appMenuItems"]
        assert items
        assert all(list(item) == ["type", "content", "icons", "colors", "label", "url"] for item in items)
    assert "Sales" in {item["label"] for item in rest.get("/appMenu/AppSwitcher").json()["appMenuItems"]}


def test_the_organization_tells_features_and_rights(rest: Rest) -> None:
    body = rest.get("/connect/organization").json()
    assert list(body) == ["accessTimeout", "features", "maintenanceInfo", "name", "orgId", "userSettings"]
    assert body["orgId"] == rest.org.id
    assert body["features"]["chatter"] is False
    assert body["userSettings"]["canModifyAllData"] is True
    assert body["userSettings"]["timeZone"] == {"gmtOffset": 0.0, "name": "GMT"}
    assert rest.get("/connect/communities").json() == {"communities": [], "total": 0}


def test_a_user_is_oneself_or_another(rest: Rest) -> None:
    me = rest.get("/chatter/users/me").json()
    assert list(me) == ME
    assert rest.get(f"/chatter/users/{me['id']}").json() == me
    assert rest.get(me["url"]).json() == me
    assert rest.get(me["photo"]["url"]).json() == me["photo"]
    assert rest.get(me["bannerPhoto"]["url"]).json() == me["bannerPhoto"]
    assert me["type"] == "User"
    assert me["username"] == rest.org.username
    for nobody in ("005000000000001AAA", "001000000000001AAA", "you", "%27"):
        reply = rest.get(f"/chatter/users/{nobody}")
        assert (reply.status_code, reply.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_texts_are_fit_for_html_unless_the_client_says_no(rest: Rest) -> None:
    me = rest.get("/chatter/users/me").json()["id"]
    changed = rest.patch(f"/sobjects/User/{me}", json={"Title": "R&D's <b>best</b>", "Street": "1 Way", "City": "Rom"})
    assert changed.status_code == 204
    body = rest.get("/chatter/users/me").json()
    assert body["title"] == "R&amp;D&#39;s &lt;b&gt;best&lt;/b&gt;"
    assert body["address"]["formattedAddress"] == "1 Way\nRom"
    plain = rest.get("/chatter/users/me", headers={"X-Chatter-Entity-Encoding": "false"}).json()
    assert plain["title"] == "R&D's <b>best</b>"


def test_users_come_in_pages(rest: Rest) -> None:
    body = rest.get("/chatter/users", params={"pageSize": 1}).json()
    assert len(body["users"]) == 1
    assert rest.get(body["currentPageUrl"]).json() == body
    assert rest.get("/chatter/users", params={"q": "Integ*"}).json()["users"]
    assert rest.get("/chatter/users", params={"q": "it's_%"}).json()["users"] == []
    for wrong in ({"pageSize": "0"}, {"page": "x"}, {"q": "a"}):
        assert rest.get("/chatter/users", params=wrong).status_code == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/support/knowledgeArticles", 404),
        ("/support/knowledgeArticles/kA0000000000001AAA", 404),
        ("/support/dataCategoryGroups", 404),
        ("/support/dataCategoryGroups/Regions/dataCategories/Asia", 404),
        ("/chatter/feeds/news/me/feed-elements", 404),
        ("/knowledgeManagement/settings", 200),
    ],
)
def test_an_org_without_knowledge_and_chatter(rest: Rest, path: str, status: int) -> None:
    reply = rest.get(path)
    assert reply.status_code == status
    body: Any = reply.json()
    if status == 404:
        assert body == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    else:
        assert body["knowledgeEnabled"] is False
