"""What a user interface is made of: themes, tabs, the menu of apps (REST API Developer Guide)."""

from __future__ import annotations

from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org.standard.apps import APPS, tabs
from mock_server.org.standard.looks import Look, look_of
from mock_server.protocols.instance import instance_url
from mock_server.protocols.rest import conditions
from mock_server.protocols.rest.replies import DATA, answer, data_url, routes


@routes(Operation("rest.theme", "GET", f"{DATA}/theme", "read", summary="List the colors and icons of objects"))
async def theme(call: Call) -> Reply:
    pages = instance_url(call, call.org)
    items = []
    for name in call.schema.names():
        sobject = call.schema.get(name)
        if sobject is not None and sobject.is_("layoutable"):
            look = look_of(sobject)
            items.append({"colors": _colors(look), "icons": _icons(look, pages), "name": name})
    return conditions.show_schema(call, {"themeItems": items})


def _colors(look: Look) -> list[dict[str, str]]:
    return [
        {"color": look.color, "context": "primary", "theme": "theme4"},
        {"color": look.classic, "context": "primary", "theme": "theme3"},
    ]


def _icons(look: Look, pages: str) -> list[dict[str, Any]]:
    """Return an object's icons; drawn ones have no size (D)."""
    drawn = ("image/svg+xml", 0, "theme4", look.icon(pages, ".svg"))
    old = [("image/png", size, "theme3", f"{pages}/img/icon/{look.plain}{size}.png") for size in (32, 16)]
    new = [("image/png", size, "theme4", look.icon(pages, f"_{size}.png")) for size in (60, 120)]
    return [
        {"contentType": kind, "height": size, "theme": name, "url": url, "width": size}
        for kind, size, name, url in (*old, drawn, *new)
    ]


@routes(Operation("rest.tabs", "GET", f"{DATA}/tabs", "read", summary="List the tabs that a user has"))
async def all_tabs(call: Call) -> Reply:
    pages = instance_url(call, call.org)
    return answer(
        [
            {
                "colors": _colors(tab.look),
                "custom": tab.sobject is not None and tab.sobject.custom,
                "iconUrl": f"{pages}/img/icon/{tab.look.plain}32.png",
                "icons": _icons(tab.look, pages),
                "label": tab.label,
                "miniIconUrl": f"{pages}/img/icon/{tab.look.plain}16.png",
                "name": tab.name,
                "sobjectName": tab.sobject.name if tab.sobject is not None else None,
                "url": f"{pages}{tab.path}",
            }
            for tab in tabs(call.schema)
        ]
    )


_MENU = f"{DATA}/appMenu"


@routes(Operation("rest.app_menu.list", "GET", _MENU, "read", summary="List the menus of apps"))
async def menus(call: Call) -> Reply:
    base = data_url(call, "appMenu")
    return answer({name: f"{base}/{name}" for name in ("AppSwitcher", "Salesforce1")})


@routes(
    Operation("rest.app_menu.switcher", "GET", f"{_MENU}/AppSwitcher", "read", summary="List the apps of the app menu")
)
async def app_switcher(call: Call) -> Reply:
    items = [_item("Tabset", app.label, f"/home/home.jsp?tsid={app.tab_set}") for app in APPS]
    return answer({"appMenuItems": items})


@routes(
    Operation(
        "rest.app_menu.mobile", "GET", f"{_MENU}/Salesforce1", "read", summary="List the navigation of the mobile app"
    )
)
async def mobile_menu(call: Call) -> Reply:
    items = [_item("Standard.Search", "Smart Search Items", "/search")]
    items += [
        _item(f"Standard.{tab.page}", tab.label, tab.path)
        for tab in tabs(call.schema)
        if tab.page is not None and tab.sobject is not None
    ]
    return answer({"appMenuItems": items})


def _item(kind: str, label: str, url: str) -> dict[str, Any]:
    return {"type": kind, "content": None, "icons": None, "colors": None, "label": label, "url": url}
