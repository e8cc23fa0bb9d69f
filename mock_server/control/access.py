"""Who may use the control plane: local programs, and whoever has the control token."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit


def admit(peer_ip: str, headers: Mapping[str, str], token: str | None) -> str | None:
    """Say why a request is refused, None when it is let in.

    Loopback peers are let in when Host and Origin are local too: a web page that has its own name point here (DNS
    rebinding) comes from a loopback peer as well. A control token, where one is set, opens the door to any peer.
    """
    given = _presented(headers)
    if token is not None and given is not None:
        right = hmac.compare_digest(given.encode(), token.encode())
        return None if right else "the control token is wrong"
    if not _loopback(peer_ip):
        return "the control plane answers local programs only, unless a control token is set and presented"
    if not _local(f"//{headers.get('Host', '')}"):
        return "the control plane answers only under a local host name"
    origin = headers.get("Origin")
    if origin is not None and not _local(origin):
        return "the control plane does not answer web pages of other origins"
    return None


def _presented(headers: Mapping[str, str]) -> str | None:
    token = headers.get("X-Sfmock-Token")
    if token is not None:
        return token
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


@lru_cache(256)
def _local(url: str) -> bool:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    return host is not None and (host == "localhost" or host.endswith(".localhost") or _loopback(host))


@lru_cache(256)
def _loopback(address: str) -> bool:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped.is_loopback
    return ip.is_loopback
