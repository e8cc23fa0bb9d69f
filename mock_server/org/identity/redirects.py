"""Callback addresses: where the authorize endpoint may send a browser, and how an answer is put into one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlencode, urlsplit

SUCCESS = "/services/oauth2/success"
"""A page of Salesforce's own, for clients that watch what their browser shows."""
_LOGIN_PAGES = tuple(f"https://{name}.salesforce.com{SUCCESS}" for name in ("login", "test"))
# What may stand in a URI as it is (RFC 3986): nothing that ends a header, an attribute or a policy.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_HOST = re.compile(r"([A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.%]+\])(:\d*)?")
_PASSIVE = frozenset({"javascript", "data", "vbscript", "file", "blob", "about"})
"""Schemes by which a browser would run or show what the address itself contains."""


@dataclass(frozen=True, slots=True)
class Callback:
    """An address that a browser may be sent to."""

    uri: str

    @property
    def own_scheme(self) -> bool:
        """Whether an app of the device takes it: its scheme is none of the web's."""
        return self._parts.scheme not in ("http", "https")

    @property
    def keeps_refresh_tokens(self) -> bool:
        """Whether the user-agent flow may hand out a refresh token here: only what no web server sees."""
        return self.own_scheme or self._parts.path == SUCCESS

    @property
    def source(self) -> str:
        """The address as a content security policy names it: its origin, or the scheme alone where that is none."""
        parts = self._parts
        if self.own_scheme or "[" in parts.netloc:
            return f"{parts.scheme}:"
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.uri)

    def with_query(self, answer: Mapping[str, str]) -> str:
        return f"{self.uri}{'&' if '?' in self.uri else '?'}{urlencode(answer)}"

    def with_fragment(self, answer: Mapping[str, str]) -> str:
        return f"{self.uri}#{urlencode(answer)}"


def find(registered: Sequence[str], wanted: str, own: str) -> Callback | None:
    """Return the callback that a request names, None for one that the app has not registered.

    Registered ones are compared as texts, as Salesforce does: another port, a slash more or a query is another address.
    An app that has registered none may use any loopback address and the success pages; `own` is the base URL of this
    server as the browser reached it.
    """
    if not possible(wanted):
        return None
    if registered:
        return Callback(wanted) if wanted in registered else None
    if wanted in _LOGIN_PAGES or wanted == own + SUCCESS or _loopback(wanted):
        return Callback(wanted)
    return None


def possible(uri: str) -> bool:
    """Tell whether a browser may be sent to an address at all."""
    return _URI.fullmatch(uri) is not None and _navigable(uri)


def _navigable(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme in ("http", "https"):
        return _HOST.fullmatch(parts.netloc) is not None
    return parts.scheme not in _PASSIVE


def _loopback(uri: str) -> bool:
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname).is_loopback
    except ValueError:
        return False
