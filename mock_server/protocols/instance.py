"""Where an org lives, as its answers say: the way the client came in."""

from __future__ import annotations

from urllib.parse import urlsplit

from mock_server.operations import Call
from mock_server.org.org import Org

_LOGIN_HOSTS = ("login.", "test.")


def instance_url(call: Call, org: Org) -> str:
    """Return the org's base URL for this client.

    The mock's own address stays as it was reached. Through the proxy, a login host leads to the org's My Domain, and a
    My Domain host stays itself.
    """
    host = urlsplit(call.base_url).hostname or ""
    if host.endswith((".salesforce.com", ".force.com")) and (
        host.startswith(_LOGIN_HOSTS) or not host.endswith(".my.salesforce.com")
    ):
        return f"https://{my_domain(org)}.my.salesforce.com"
    return call.base_url


def my_domain(org: Org) -> str:
    return "sfmock" if org.number == 1 else f"sfmock-{org.number}"


def identity_url(call: Call, user_id: str) -> str:
    return f"{instance_url(call, call.org)}/id/{call.org.id}/{user_id}"
