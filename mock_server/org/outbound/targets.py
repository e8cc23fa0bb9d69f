"""Where the org may send to: this machine, and the hosts that its owner has named.

A record's value never decides about the host: URLs may hold places behind their host alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

SERVICE = "{service}"
"""Stands for the service under test, whose address is known when it runs: `{service}/orders`."""
_URL = re.compile(r"[\x21-\x7e]{1,2000}")
_UNSET = "http://service.invalid"


class BadTarget(ValueError):
    """A URL that nothing can be sent to; the message says why."""


def is_local(host: str) -> bool:
    """Tell whether a host is this machine by its very name: no name server is asked."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def check(url: str) -> None:
    """Raise BadTarget for what is no URL of HTTP, before `{service}` is known."""
    host_of(filled(url, _UNSET))


def host_of(url: str) -> str:
    """Return the host of a URL. Raises BadTarget."""
    if not _URL.fullmatch(url):
        raise BadTarget(f"{url[:60]!r} is no URL of at most 2,000 characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadTarget(f"{url[:60]!r} is no URL") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise BadTarget(f"{url[:60]!r} is no URL that begins with http:// or https://, or with {SERVICE}")
    if parts.username is not None or parts.password is not None:
        raise BadTarget("a URL holds no user or password: a named credential does")
    if any(letter in host for letter in "{}"):
        raise BadTarget(f"the host of {url[:60]!r} must be written out")
    return host


def filled(url: str, service: str) -> str:
    """Return a URL with the base URL of the service in the place of `{service}`."""
    if url.startswith(SERVICE):
        return service.rstrip("/") + url[len(SERVICE) :]
    head, mark, rest = url.partition("://" + SERVICE)
    return f"{head}://{service.partition('://')[2].rstrip('/')}{rest}" if mark and head in ("http", "https") else url


def admitted(host: str, hosts: Iterable[str]) -> bool:
    """Tell whether a host is this machine, or one of those that are allowed by name."""
    return is_local(host) or host.lower().rstrip(".") in {one.lower() for one in hosts}
