"""Shares of standard objects that are usually controlled by their parent, and so have none that a client may make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mock_server.org.schema.types import SObject

_RESTRICTED = ("Private", "Read")
_FLAGS = frozenset({"createable", "deletable", "updateable"})


def opened_share(sobject: SObject, get: Callable[[str], SObject | None]) -> SObject | None:
    """Return the bundled share of an object whose records are not open to everyone, so that records can be made of it.

    None where there is no such share, or it is open already.
    """
    if sobject.custom or sobject.sharing not in _RESTRICTED:
        return None
    share = get(f"{sobject.name}Share")
    if share is None or "createable" in share.flags:
        return None
    level = f"{sobject.name}AccessLevel"
    writable = {f"{sobject.name}Id", level, "UserOrGroupId", "RowCause"}
    fields = tuple(
        replace(one, createable=True, updateable=one.name == level) if one.name in writable else one
        for one in share.fields
    )
    return replace(share, flags=share.flags | _FLAGS, fields=fields, memo={})
