"""Where an org lives, as its answers say: the way the client came in."""

from __future__ import annotations

from functools import lru_cache

from mock_server.operations import Call
from mock_server.org.org import Org

LOGIN_HOSTS = frozenset({"login.salesforce.com", "test.salesforce.com"})
"""The hosts that stand for every org. Reached through the proxy, or in process."""
_OWN_NAMES = {"127.0.0.1": "localhost", "[::1]": "localhost", "localhost": "localhost"}
"""The names of this machine, and the one that an org is at when it has moved."""


@lru_cache(256)
def host_of(base_url: str) -> str:
    """Return the host of a base URL in lower case, without its port."""
    authority = base_url.partition("://")[2].lower()
    return authority.partition("]")[0] + "]" if authority.startswith("[") else authority.partition(":")[0]


def at_login_host(call: Call) -> bool:
    """Tell whether a call came to a host that stands for every org, and serves the data of none."""
    return host_of(call.base_url) in LOGIN_HOSTS


def at_sandbox_host(call: Call) -> bool:
    """Tell whether a call came by a host of sandboxes."""
    host = host_of(call.base_url)
    return host == "test.salesforce.com" or host.endswith(".sandbox.my.salesforce.com")


def instance_url(call: Call, org: Org) -> str:
    """Return the org's base URL for this client.

    The mock's own address stays as it was reached. Through the proxy, a login host leads to the org's My Domain, and a
    My Domain host stays itself. An org that has moved names another one of its addresses.
    """
    host = host_of(call.base_url)
    own = not _salesforces(host) or host.endswith(".my.salesforce.com")
    # A Host header that is no ASCII cannot be written into an answer; nobody could reach it either.
    if own and call.base_url.isascii():
        return _moved(call.base_url, host, org) if org.moved else call.base_url
    return f"https://{my_domain(org)}.my.salesforce.com"


def _moved(base_url: str, host: str, org: Org) -> str:
    """Return the address to which an org has moved: the other name of this machine, or another My Domain.

    A server that was reached by any other name has no second one, and stays where it is.
    """
    if host in _OWN_NAMES:
        return base_url.lower().replace(host, _OWN_NAMES[host], 1)
    return f"https://{my_domain(org)}.my.salesforce.com" if _salesforces(host) else base_url


def my_domain(org: Org) -> str:
    name = "sfmock" if org.number == 1 else f"sfmock-{org.number}"
    return f"{name}-moved" if org.moved else name


def identity_url(call: Call, user_id: str) -> str:
    """Return the URL that names a user: on the login host, as Salesforce has it, for whoever came by its hosts."""
    host = host_of(call.base_url)
    if not _salesforces(host):
        base = instance_url(call, call.org)
    elif at_sandbox_host(call):
        base = "https://test.salesforce.com"
    else:
        base = "https://login.salesforce.com"
    return f"{base}/id/{call.org.id}/{user_id}"


def _salesforces(host: str) -> bool:
    return host.endswith((".salesforce.com", ".force.com"))
