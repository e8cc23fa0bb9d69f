"""Where a change came from, as change events say it: `com/salesforce/api/rest/60.0;client=Loader`.

Source: Change Data Capture Developer Guide, "ChangeEventHeader Fields". An integration that also listens knows its own
changes by it, if it says in Sforce-Call-Options (SOAP: CallOptions) how it is called.
"""

from __future__ import annotations

import re

from mock_server.journal import Journal

_ROUTES = tuple(
    (re.compile(pattern), api)
    for pattern, api in (
        (r"/services/data/v(\d+\.\d)/jobs/", "bulkapi"),
        (r"/services/async/(\d+\.\d)/", "bulkapi"),
        (r"/services/data/v(\d+\.\d)/tooling/", "toolingrest"),
        (r"/services/data/v(\d+\.\d)/", "rest"),
        (r"/services/Soap/T/(\d+\.\d)", "toolingsoap"),
        (r"/services/Soap/[a-z]/(\d+\.\d)", "soap"),
    )
)


def origin_of(path: str, client: str | None) -> str:
    """Return the changeOrigin of a request; none for what is no API of the platform's."""
    for pattern, api in _ROUTES:
        found = pattern.match(path)
        if found is not None:
            return f"com/salesforce/api/{api}/{found[1]}" + (f";client={client}" if client else "")
    return ""


def of_exchange(journal: Journal, number: int) -> str:
    """Return the changeOrigin of an exchange by its number; none for what the org does by itself."""
    entry = journal.entry(number) if number else None
    return "" if entry is None else origin_of(entry.path, entry.caller)
