"""The cookies of the Streaming API: which browser a client is, and which server knows it.

Salesforce demands them: a client that does not send its browser's cookie is refused. Here it is demanded of those who
come by a name of Salesforce's. By the mock's own address it is not: standard cookie jars keep none of an IP address
(aiohttp's does not), and that is no defect of the client's.
"""

from __future__ import annotations

from datetime import UTC, datetime

from mock_server.operations import Call
from mock_server.org.chance import word
from mock_server.org.events.clients import LIFE, StreamingClient
from mock_server.protocols.instance import host_of

BROWSER, SERVER = "BAYEUX_BROWSER", "sfdc-stream"
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def brought(call: Call, name: str) -> str:
    """Return the value of a cookie that a request brings, empty where it does not."""
    for pair in call.headers.get("Cookie", "").split(";"):
        known, _, value = pair.strip().partition("=")
        if known == name:
            return value
    return ""


def missing(call: Call, client: StreamingClient) -> bool:
    """Tell whether a request of a client should have brought its browser's cookie, and did not."""
    host = host_of(call.base_url)
    return host.endswith((".salesforce.com", ".force.com")) and brought(call, BROWSER) != client.browser


def browser(call: Call, client: StreamingClient) -> str:
    """Return the cookie that names a client's browser."""
    return f"{BROWSER}={client.browser}; path=/; HttpOnly{_secure(call)}"


def server(call: Call) -> str:
    """Return the cookie by which a client comes back to the server that knows it, as recorded."""
    until = datetime.fromtimestamp(call.org.clock.now() + LIFE, UTC).strftime("%a, %d-%b-%Y %H:%M:%S GMT")
    # A cookie for other sites must be a secure one.
    across = f"; SameSite=None{_secure(call)}" if _secure(call) else ""
    return f"{SERVER}=!{word(79, _BASE64)}=; path=/; Expires={until}{across}"


def _secure(call: Call) -> str:
    """Return the word that keeps a cookie off plain connections. One that came by such would be lost by it."""
    return "; Secure" if call.base_url.lower().startswith("https:") else ""
