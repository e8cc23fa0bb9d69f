"""Declared callouts: what Apex would send to a service after a record changed, and what it does with the answer.

Source: Apex Developer Guide, "Callout Limits and Limitations", "Invoking Callouts Using Apex". A trigger cannot wait
for a service: its callouts run afterwards, as those of a queueable job do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mock_server.org.apex.templates import Template, Text
from mock_server.org.automation.execution import ApexError
from mock_server.org.automation.hooks import HookError
from mock_server.org.outbound.causes import Cause
from mock_server.org.outbound.messages import NAME
from mock_server.org.registered import Registered

if TYPE_CHECKING:
    from mock_server.org.apex.steps import Program
    from mock_server.org.automation.inner import InnerOrg

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
"""Those of HttpRequest.setMethod."""
TIMEOUT, LONGEST_TIMEOUT = 10.0, 120.0
"""Seconds: without a word, and at most; the latter also for all callouts of a transaction together."""
MOST = 100
"""Callouts of a transaction."""
LARGEST = 12_000_000
"""Bytes of a request or response, of asynchronous Apex; 6,000,000 of what a user waits for."""


class CalloutError(ApexError):
    """What Apex meets where a callout fails; `status` is what came back, where something did."""

    kind = "System.CalloutException"


TIMED_OUT = "Read timed out"
OUT_OF_TIME = "Exceeded maximum time allotted for callout (120000 ms)"
TOO_MANY = "System.LimitException: Too many callouts: 101"


def too_large(size: int) -> CalloutError:
    """Return what is met by a body beyond the limit (text recorded by integrators)."""
    return CalloutError(f"Exceeded max size limit of {LARGEST} with response size {size}")


@dataclass(frozen=True, slots=True)
class Soap:
    """A call of a SOAP service: the body's one element, by its name and namespace, and what stands in it."""

    operation: str
    namespace: str
    fields: Template = None
    action: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `url` is a whole one, or a path behind the URL of the credential."""

    method: str
    url: Text
    headers: Mapping[str, Text] = field(default_factory=dict)
    body: Template = None
    soap: Soap | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a callout that failed is tried in all, and the seconds before each further try, which grow."""

    attempts: int = 3
    wait: float = 30.0
    factor: float = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or the error that Apex meets in its place."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    body: Any = None
    """The parsed body, where it is JSON or XML, else its text."""
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.error is None and self.status is not None and 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def told(self) -> dict[str, Any]:
        """Return what templates find below `response`."""
        return {
            "ok": self.ok, "status": self.status, "headers": dict(self.headers), "body": self.body, "text": self.text,
            "error": self.error,
        }  # fmt: skip


Then = Callable[[Answer, "InnerOrg"], object]


@dataclass(frozen=True, slots=True)
class Callout:
    """One callout. `cause` is None for one that code alone asks for, `then` what follows the answer."""

    name: str
    sobject: str
    request: Request
    cause: Cause | None = None
    credential: str | None = None
    timeout: float = TIMEOUT
    each: Literal["record", "transaction"] = "record"
    retry: Retry = Retry(attempts=1)
    then: Program | Then | None = field(default=None, repr=False)
    declared: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)


class Callouts(Registered[Callout]):
    """The callouts of one org."""

    def check(self, one: Callout) -> None:
        if not NAME.fullmatch(one.name):
            raise HookError(f"{one.name!r:.60} is no name of a callout: letters, digits and single _", "name")
        if any(other.name.lower() == one.name.lower() for other in self._all):
            raise HookError(f"the callout {one.name} is there already", "name")
