"""Outbound messages as the Tooling API shows them: its WorkflowOutboundMessage records (Tooling API Reference)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mock_server.org.clock import stamp
from mock_server.org.identity.directory import USER_ID
from mock_server.org.schema import durable

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.outbound.messages import OutboundMessage

_OBJECT = "WorkflowOutboundMessage"


def write(org: Org, messages: Iterable[OutboundMessage]) -> None:
    """Write the records of an org's messages anew."""
    sobject = org.schema.anywhere(_OBJECT)
    assert sobject is not None
    org.store.ready(sobject)
    org.store.clear(sobject)
    now = stamp(org.clock.now())
    for one in messages:
        user = org.directory.user(one.user) if one.user is not None else None
        values = {
            "Id": one.id, "Name": one.name, "FullName": f"{one.sobject}.{one.name}", "ApiVersion": float(one.version),
            "EndpointUrl": one.endpoint, "EntityDefinitionId": durable.of_object(one.sobject),
            "IncludeSessionId": int(one.include_session), "IntegrationUserId": user.id if user is not None else None,
            "ManageableState": "unmanaged", "CreatedDate": now, "CreatedById": USER_ID, "LastModifiedDate": now,
            "LastModifiedById": USER_ID, "SystemModstamp": now,
        }  # fmt: skip
        org.store.put(sobject, {name: value for name, value in values.items() if name in sobject.by_name})
