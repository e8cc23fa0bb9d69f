"""How objects look in the user interface: their colors and icons.

Source: REST API Developer Guide, "Themes"; colors of theme4 as recorded for the objects of sales and service.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from mock_server.org.schema.types import SObject

_COLORS = {
    "Account": ("5867E8", "236FBD", "account"), "Contact": ("9602C7", "56458C", "contact"),
    "Opportunity": ("FF5D2D", "E5C130", "opportunity"), "Case": ("FF538A", "B7A752", "case"),
    "Lead": ("06A59A", "E57D20", "lead"), "Campaign": ("F49756", "D88027", "campaign"),
    "Task": ("4BC076", "44A12C", "task"), "Event": ("EB7092", "CCA33F", "event"), "User": ("34BECD", "3C3C8F", "user"),
    "Contract": ("6EC06E", "50B6AC", "contract"), "Order": ("769ED9", "888888", "orders"),
    "Product2": ("B781D3", "317992", "product"), "Pricebook2": ("B781D3", "317992", "pricebook"),
    "Asset": ("317992", "317992", "asset_object"), "Quote": ("88C651", "56AA1C", "quotes"),
    "Solution": ("8FC972", "448F88", "solution"), "Document": ("BAAC93", "AD9E87", "document"),
    "Report": ("2ECBBE", "888888", "report"), "Dashboard": ("EF6E64", "888888", "dashboard"),
    "Group": ("769ED9", "888888", "groups"), "CollaborationGroup": ("779EF2", "888888", "groups"),
}  # fmt: skip
"""By object: the colors of theme4 and theme3, and the icon of theme4."""
_CUSTOM = ("E1D951", "5A99CE", "8E8E8E", "D95879", "67A5E7", "81B4D6", "8FC9F7", "CD9F65")
_PLAIN = ("747474", "888888", "default")


@dataclass(frozen=True, slots=True)
class Look:
    """`folder` and `symbol` name the icon of theme4; `color` and `classic` are the colors of theme4 and theme3."""

    color: str
    classic: str
    folder: str
    symbol: str
    plain: str
    """The icon of theme3: `accounts` for accounts32.png."""

    def icon(self, pages: str, size: str = "_120.png") -> str:
        """Return where the icon of theme4 lies, under the address of the org's pages."""
        return f"{pages}/img/icon/t4v35/{self.folder}/{self.symbol}{size}"


def look_of(sobject: SObject) -> Look:
    """Return the look of an object; a custom one has one of the icons for custom objects, always the same."""
    if sobject.custom:
        number = crc32(sobject.name.encode()) % 100 + 1
        color = _CUSTOM[number % len(_CUSTOM)]
        return Look(color, color, "custom", f"custom{number}", f"custom51_100/custom{number}_")
    color, classic, symbol = _COLORS.get(sobject.name, _PLAIN)
    return Look(color, classic, "standard", symbol, f"{symbol}s" if symbol != "default" else "default")
