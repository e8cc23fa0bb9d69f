"""The login history: one LoginHistory record for each login that was tried."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from mock_server.org.clock import stamp

if TYPE_CHECKING:
    from mock_server.org.identity.admission import Visit
    from mock_server.org.org import Org

_KEPT = 20_000
"""Logins that wait for somebody to look at them; older ones are forgotten."""


class LoginHistory:
    """Writes the records. They wait in memory until the table is first read: most orgs are never asked."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        org.store.fillers["LoginHistory"] = self._write

    def note(self, user_id: str, visit: Visit, status: str) -> None:
        """Note a login and how it ended."""
        self._waiting.append(
            {
                "UserId": user_id, "LoginTime": stamp(self._org.clock.now()), "LoginType": visit.kind,
                "SourceIp": visit.address, "LoginUrl": visit.url, "Status": status,
                "Application": visit.application or "N/A", "Browser": "Unknown", "Platform": "Unknown",
                "ApiType": visit.api_type or "N/A", "ApiVersion": visit.api_version or "N/A", "ClientVersion": "N/A",
                "TlsProtocol": "TLS 1.3" if visit.secure else None, "OptionsIsGet": 0, "OptionsIsPost": 1,
            }
        )  # fmt: skip
        sobject = self._org.schema.get("LoginHistory")
        if sobject is not None and self._org.store.exists(sobject):
            self._write()

    def _write(self) -> None:
        sobject = self._org.schema.get("LoginHistory")
        assert sobject is not None
        rows, self._waiting = list(self._waiting), deque(maxlen=_KEPT)
        self._org.store.ready(sobject)
        ids = self._org.ids.take_many("0Ya", len(rows))
        known = [
            {"Id": one, **{key: value for key, value in row.items() if key in sobject.by_name}}
            for one, row in zip(ids, rows, strict=True)
        ]
        if known:
            self._org.store.put_many(sobject, known)
