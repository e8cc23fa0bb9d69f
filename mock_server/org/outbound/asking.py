"""Callouts that code asks for: declared ones by name, or requests on the spot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mock_server.org.apex.templates import Text
from mock_server.org.outbound.callouts import LONGEST_TIMEOUT, METHODS, Callout, CalloutError, Request
from mock_server.org.outbound.jobs import CalloutItem
from mock_server.org.outbound.targets import BadTarget, check

if TYPE_CHECKING:
    from mock_server.org.outbound.outbound import Outbound
    from mock_server.org.schema import Schema


def asked_for(
    outbound: Outbound, schema: Schema, name: str | None, wanted: Mapping[str, Any]
) -> tuple[Callout, CalloutItem]:
    """Return a callout and what it is about. Raises ApexError."""
    record, given = str(wanted["record"] or ""), wanted["given"]
    sobject = schema.by_prefix(record[:3]) if record else None
    if record and sobject is None:
        raise CalloutError(f"Invalid id: {record[:50]}")
    about = sobject.name if sobject is not None else ""
    if name is None:
        return _on_the_spot(outbound, about, wanted), CalloutItem(record, about, "code", given=given)
    found = next((one for one in outbound.callouts if one.name.lower() == name.lower()), None)
    if found is None:
        raise CalloutError(f"there is no callout {name[:80]}")
    return found, CalloutItem(record, about or found.sobject, "code", given=given)


def _on_the_spot(outbound: Outbound, about: str, wanted: Mapping[str, Any]) -> Callout:
    method, url, credential = str(wanted["method"]).upper(), str(wanted["url"]), wanted["credential"]
    if method not in METHODS:
        raise CalloutError(f"Invalid HTTP method: {method[:40]}")
    timeout = float(wanted["timeout"])
    if not 0.001 <= timeout <= LONGEST_TIMEOUT:
        raise CalloutError("timeout must be between 1 and 120000")
    if credential is None:
        try:
            check(url)
        except BadTarget as error:
            raise CalloutError(str(error)) from None
    elif outbound.credentials.named(credential) is None:
        raise CalloutError(f"there is no named credential {str(credential)[:80]}")
    elif not url.startswith("/"):
        url = f"/{url}"
    headers = {str(key): Text((str(value),)) for key, value in (wanted["headers"] or {}).items()}
    request = Request(method, Text((url,)), headers, wanted["body"])
    return Callout("Code", about, request, None, credential, timeout, then=wanted["then"])
