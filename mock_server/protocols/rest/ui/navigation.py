"""Apps and their tabs (User Interface API Developer Guide, "Get Apps", "Get All Navigation Items"; recordings)."""

from __future__ import annotations

from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.standard.apps import APPS, App, Tab, app_tabs, tabs
from mock_server.protocols.instance import instance_url
from mock_server.protocols.rest.replies import answer
from mock_server.protocols.rest.ui.layouts import FORMS
from mock_server.protocols.rest.ui.replies import UI, chosen, listed, routes, tagged, ui_url, whole

_APPS = f"{UI}/apps"
_ITEMS = 25
_MOST = 100
_ASKED = ("formFactor", "userCustomizations")


@routes(
    Operation(
        "rest.ui.app.list", "GET", _APPS, "read", since=43.0, query=_ASKED, summary="List the apps that a user has"
    )
)
async def apps(call: Call) -> Reply:
    chosen(call, "formFactor", "FormFactor", FORMS, "Large")
    return answer(tagged({"apps": [_app(call, app) for app in APPS]}))


@routes(
    Operation(
        "rest.ui.app.selected", "GET", f"{_APPS}/selected", "read", since=43.0, query=_ASKED,
        summary="Read the app that a user sees",
    )
)  # fmt: skip
async def selected(call: Call) -> Reply:
    chosen(call, "formFactor", "FormFactor", FORMS, "Large")
    return answer(_app(call, APPS[0]))


@routes(
    Operation(
        "rest.ui.app.read", "GET", f"{_APPS}/{{app}}", "read", since=43.0, query=_ASKED, summary="Read an app"
    )
)  # fmt: skip
async def read(call: Call) -> Reply:
    chosen(call, "formFactor", "FormFactor", FORMS, "Large")
    wanted = to_18(call.args["app"])
    found = next((app for app in APPS if app.id == wanted), None)
    if found is None:
        raise errors.NOT_FOUND()
    return answer(_app(call, found))


@routes(
    Operation(
        "rest.ui.nav_item.list", "GET", f"{UI}/nav-items", "read", since=45.0,
        query=("formFactor", "navItemNames", "page", "pageSize"), summary="List the tabs that a user has",
    )
)  # fmt: skip
async def nav_items(call: Call) -> Reply:
    chosen(call, "formFactor", "FormFactor", FORMS, "Large")
    number, size = whole(call.query.get("page"), 0), whole(call.query.get("pageSize"), _ITEMS)
    if number < 0:
        raise errors.UI_NUMBER_OUTSIDE_VALID_RANGE(name="page", low=0, high=_MOST)
    if not 1 <= size <= _MOST:
        raise errors.UI_NUMBER_OUTSIDE_VALID_RANGE(name="pageSize", low=1, high=_MOST)
    names = {name.lower() for name in listed(call, "navItemNames")}
    found = [tab for tab in tabs(call.schema) if not names or tab.name.lower() in names]

    def at(place: int) -> str:
        return f"{ui_url(call)}/nav-items?page={place}&pageSize={size}"

    body = {
        "currentPageUrl": at(number),
        "navItems": [_nav_item(call, tab) for tab in found[number * size : (number + 1) * size]],
        "nextPageUrl": at(number + 1) if (number + 1) * size < len(found) else None,
    }
    return answer(tagged(body))


def _app(call: Call, app: App) -> dict[str, Any]:
    pages = instance_url(call, call.org)
    items = [_nav_item(call, tab) for tab in app_tabs(call.schema, app)]
    logo = f"{pages}/logos/Salesforce/{app.logo}/logo.png"
    return tagged(
        {
            "appId": app.id,
            "description": app.description,
            "developerName": app.name,
            "formFactors": ["Large"],
            "headerColor": "#0070D2",
            "iconUrl": f"{pages}/logos/Salesforce/{app.logo}/icon.png",
            "isNavAutoTempTabsDisabled": False,
            "isNavPersonalizationDisabled": False,
            "label": app.label,
            "logoUrl": logo,
            "mobileStartUrl": None,
            "navItems": items,
            "selected": app is APPS[0],
            "startUrl": f"{pages}/lightning/app/{app.id}",
            "type": "Classic" if app.name == "Marketing" else "Standard",
            "userNavItems": [],
        }
    )


def _nav_item(call: Call, tab: Tab) -> dict[str, Any]:
    sobject = tab.sobject
    if sobject is None:
        reference: dict[str, Any] = {
            "attributes": {"pageName": "home"}, "state": {}, "type": "standard__namedPage",
        }  # fmt: skip
        content = "home__desktopDefault"
    else:
        attributes = {"actionName": "home", "objectApiName": sobject.name}
        reference = {"attributes": attributes, "state": {}, "type": "standard__objectPage"}
        content = None
    return {
        "availableInClassic": tab.classic,
        "availableInLightning": True,
        "color": tab.look.color,
        "content": content,
        "custom": sobject is not None and sobject.custom,
        "developerName": tab.name,
        "iconUrl": tab.look.icon(instance_url(call, call.org), "_120.png"),
        "id": None,
        "itemType": "Standard" if tab.page else "Entity",
        "label": tab.label,
        "objectApiName": sobject.name if sobject is not None else tab.page,
        "objectLabel": sobject.label if sobject is not None else None,
        "objectLabelPlural": sobject.label_plural if sobject is not None else None,
        "pageReference": reference,
        "standardType": tab.page,
    }
