"""A client of Bulk API 1.0 as thin as can be: what it says and hears is what goes over the wire."""

from __future__ import annotations

import re
from typing import Any

import requests

from tests.conftest import Rest
from tests.waiting import until

XML = {"Content-Type": "application/xml; charset=UTF-8"}
JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv; charset=UTF-8"}
NAMESPACE = 'xmlns="http://www.force.com/2009/06/asyncapi/dataload"'
UNDER_WAY = ("Queued", "InProgress")


def info(**fields: str) -> str:
    """Write a jobInfo in XML."""
    said = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><jobInfo {NAMESPACE}>{said}</jobInfo>'


def told(answer: requests.Response, name: str) -> str:
    """Return a field of an answer in XML or JSON."""
    found = re.search(rf"<{name}>(.*?)</{name}>", answer.text, re.DOTALL)
    return found[1] if found else str(answer.json()[name])


class Wire:
    """Calls of one session. `job` opens one, `load` takes a batch to its end."""

    def __init__(self, rest: Rest, version: str = "62.0") -> None:
        self.base = f"{rest.url}/services/async/{version}"
        self.token = rest.token
        self.path = ""

    def __call__(self, method: str, path: str, body: str | bytes = b"", **headers: str) -> requests.Response:
        data = body.encode() if isinstance(body, str) else body
        said = {"X-SFDC-Session": self.token, **headers}
        return requests.request(method, f"{self.base}{path}", data=data, headers=said, timeout=30)

    def job(self, headers: dict[str, str] | None = None, **fields: str) -> str:
        """Open a job of contacts that are inserted as CSV unless something else is said; return its path."""
        said = {"operation": "insert", "object": "Contact", "contentType": "CSV", **fields}
        answer = self("POST", "/job", info(**said), **XML, **(headers or {}))
        assert answer.status_code == 201, answer.text
        return f"/job/{told(answer, 'id')}"

    def add(self, job: str, content: str | bytes, kind: str = "text/csv") -> str:
        """Add a batch; return its path."""
        answer = self("POST", f"{job}/batch", content, **{"Content-Type": kind})
        assert answer.status_code == 201, answer.text
        return f"{job}/batch/{told(answer, 'id')}"

    def ended(self, batch: str) -> requests.Response:
        """Poll a batch until it has ended."""
        until(lambda: told(self("GET", batch), "state") not in UNDER_WAY)
        return self("GET", batch)

    def load(self, content: str | bytes, kind: str = "text/csv", **fields: str) -> tuple[requests.Response, Any]:
        """Take one batch from its job's creation to its end; return its last state and its result."""
        job = self.job(**fields)
        batch = self.add(job, content, kind)
        last = self.ended(batch)
        assert self("POST", job, info(state="Closed"), **XML).status_code == 200
        return last, self("GET", f"{batch}/result")
