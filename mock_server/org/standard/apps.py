"""The tabs and apps that every org has, and the tabs of its own objects.

Source: recorded answers of `ui-api/apps`; REST API Developer Guide, "Tabs" and "AppMenu".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mock_server.org.ids import stable_id
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject
from mock_server.org.standard.looks import Look, look_of

_HOME = Look("EF7EAD", "1797C0", "standard", "home", "home")
_OTHERWISE_NAMED = {"Report": "standard-report"}
# Objects with a tab in the menu of all tabs.
_STANDARD = (
    "Account", "Asset", "Campaign", "Case", "Contact", "Contract", "Dashboard", "Event", "Lead", "Opportunity",
    "Order", "Pricebook2", "Product2", "Quote", "Report", "Solution", "Task", "User",
)  # fmt: skip
# Tabs that navigation calls standard pages rather than those of an entity.
_PAGES = {"Dashboard": "Dashboards", "Event": "Events", "Report": "Reports", "Task": "Tasks"}
_LIGHTNING_ONLY = frozenset({"Task", "Event"})


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab. `page` is its name among standard pages, None for an object's own tab; `path` where it is opened."""

    name: str
    label: str
    look: Look
    path: str
    sobject: SObject | None = None
    page: str | None = None
    classic: bool = True


HOME = Tab("standard-home", "Home", _HOME, "/home/home.jsp", page="Home")


def tabs(schema: Schema) -> Iterator[Tab]:
    """Yield the tabs that a user sees: home, those of standard objects, and those of custom ones by label."""
    yield HOME
    for name in _STANDARD:
        sobject = schema.get(name)
        if sobject is not None and sobject.key_prefix:
            yield _tab(sobject)
    own = [one for one in map(schema.get, schema.own()) if one is not None and one.custom and _shown(one)]
    yield from (_tab(one) for one in sorted(own, key=lambda one: one.label_plural.lower()))


def _shown(sobject: SObject) -> bool:
    return sobject.kind == "object" and sobject.is_("mruEnabled") and bool(sobject.key_prefix)


def _tab(sobject: SObject) -> Tab:
    name = sobject.name if sobject.custom else _OTHERWISE_NAMED.get(sobject.name, f"standard-{sobject.name}")
    return Tab(
        name,
        sobject.label_plural,
        look_of(sobject),
        f"/{sobject.key_prefix}/o",
        sobject,
        _PAGES.get(sobject.name),
        sobject.name not in _LIGHTNING_ONLY,
    )


@dataclass(frozen=True, slots=True)
class App:
    name: str
    label: str
    description: str
    logo: str
    objects: tuple[str, ...]

    @property
    def id(self) -> str:
        return stable_id("06m", self.name)

    @property
    def tab_set(self) -> str:
        """The 15-character id that addresses of the classic interface name an app by."""
        return stable_id("02u", self.name)[:15]


APPS = (
    App(
        "LightningSales", "Sales", "Manage your sales process with accounts, leads, opportunities, and more",
        "SalesCloud", ("Opportunity", "Lead", "Task", "Account", "Contact", "Campaign", "Dashboard", "Report"),
    ),
    App(
        "LightningService", "Service Console", "Manage customer service with accounts, contacts, cases, and more",
        "ServiceCloud", ("Case", "Account", "Contact", "Task", "Report", "Dashboard"),
    ),
    App(
        "Marketing", "Marketing", "Best-in-class on-demand marketing automation", "MarketingCloud",
        ("Campaign", "Lead", "Contact", "Opportunity", "Report", "Dashboard"),
    ),
)  # fmt: skip


def app_tabs(schema: Schema, app: App) -> list[Tab]:
    """Return the tabs of an app, home first, as far as the user sees their objects."""
    by_object = {tab.sobject.name: tab for tab in tabs(schema) if tab.sobject is not None}
    return [HOME, *(by_object[name] for name in app.objects if name in by_object)]
