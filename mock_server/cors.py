"""Which pages of other servers may call the API: Salesforce's CORS allowlist.

Source: Salesforce Help, "Configure Salesforce CORS Allowlist": an origin of the list is named in
Access-Control-Allow-Origin, any other is answered 403. The further headers follow the Fetch standard.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from mock_server.operations import Call, Reply
from mock_server.org import errors
from mock_server.org.errors import ApiError

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.world import World

_PATTERN = re.compile(
    r"(?:https?|chrome-extension|moz-extension)://(?:\*\.)?[A-Za-z0-9.\-\[\]:]*[A-Za-z0-9\]](?::\d{1,5})?"
)
_WEB = ("http://", "https://")
_METHODS = "GET,HEAD,POST,PUT,PATCH,DELETE"
_HEADERS = re.compile(r"[A-Za-z0-9\-, ]{0,2000}")
_DAY = "86400"


def pattern(text: str) -> str:
    """Return an entry of the allowlist. Raises ValueError for what cannot be one."""
    if not _PATTERN.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no origin such as https://app.example.com or https://*.example.com;")
    return text.lower()


def decide(call: Call, origin: str, world: World, org: Org | None) -> dict[str, str] | Reply | ApiError:
    """Say what becomes of a call that a page makes: headers of its answer, the answer to a preflight, or a refusal.

    What is no web page (extensions, `null`) goes through unmarked, unless it is in the list: browsers stop it.
    """
    if origin == call.base_url:
        return {}
    preflight = call.method == "OPTIONS" and "Access-Control-Request-Method" in call.headers
    # A preflight has no token: whose API is meant shows in the call that follows.
    entries = [*world.cors, *_entries(world.orgs.values() if org is None else [org])]
    if not any(_fits(entry, origin) for entry in entries):
        if preflight or origin.startswith(_WEB):
            return errors.CORS_REFUSED(origin=origin[:200])
        return {}
    headers = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}
    if not preflight:
        return headers
    asked = call.headers.get("Access-Control-Request-Headers", "")
    headers |= {"Access-Control-Allow-Methods": _METHODS, "Access-Control-Max-Age": _DAY}
    if asked and _HEADERS.fullmatch(asked):
        headers["Access-Control-Allow-Headers"] = asked
    return Reply(200, b"", None, headers)


def _entries(orgs: Iterable[Org]) -> Iterator[str]:
    for org in orgs:
        sobject = org.schema.get("CorsWhitelistEntry")
        if sobject is None or not org.store.exists(sobject):
            continue
        org.store.ready(sobject)
        rows = org.store.connection.execute('SELECT "UrlPattern" FROM "CorsWhitelistEntry" WHERE "IsDeleted" = 0')
        yield from (row[0].lower() for row in rows if row[0])


@lru_cache(1024)
def _fits(entry: str, origin: str) -> bool:
    """Tell whether an origin is meant: `*` stands for what comes before a domain."""
    head, star, tail = entry.rstrip("/").partition("*")
    if not star:
        return origin.lower() == head
    return re.fullmatch(re.escape(head) + r"[a-z0-9.\-]+" + re.escape(tail), origin.lower()) is not None
