"""One transaction of triggers: what it has spent, how deep they stand, what they locked; and their exceptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from traceback import walk_tb

from mock_server.org.automation.budget import Budget, LimitExceeded
from mock_server.org.errors import ApiError

DEEPEST = 16
"""Triggers that may stand on one another (Apex Developer Guide, "Total stack depth for any Apex invocation")."""
_LONGEST = 4_000


@dataclass
class Execution:
    """The state of a transaction that nested saves share with the one they are part of."""

    budget: Budget = field(default_factory=Budget)
    stack: list[str] = field(default_factory=list)
    """The triggers that are running, outermost first, as the text of a stack that is too deep shows them."""
    locked: set[str] = field(default_factory=set)
    """Records whose locks the transaction holds from its end on."""
    later: bool = False
    """Whether it runs after the save that caused it, as asynchronous Apex does: it sets no callouts going itself."""
    fatal: BaseException | None = None
    """What ends the transaction whatever a trigger's code does with it: a limit, a lock that is held."""


class ApexError(Exception):
    """What Apex code would meet; `kind` is the name that the error text of the trigger says."""

    kind = "System.Exception"
    line: int | None = None
    """Of declared code: the number of the step that it came from."""


class SObjectError(ApexError):
    """A field that is not there, or cannot be set so."""

    kind = "System.SObjectException"


class FinalError(ApexError):
    """A record that cannot be changed any more."""

    kind = "System.FinalException"


class QueryError(ApexError):
    """A query that was refused; `code` is Salesforce's."""

    kind = "System.QueryException"

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.code = error.code


class DmlError(ApexError):
    """A save of which a row failed. `errors` holds each row's: empty for the rows that were right."""

    kind = "System.DmlException"

    def __init__(self, verb: str, errors: list[tuple[ApiError, ...]], ids: list[str | None]) -> None:
        place = next(place for place, found in enumerate(errors) if found)
        first = errors[place][0]
        known = f" with id {ids[place]}" if ids[place] else ""
        fields = ", ".join(first.fields or ())
        super().__init__(
            f"{verb} failed. First exception on row {place}{known}; first error: {first.code}, {first.message}: "
            f"[{fields}]"
        )
        self.errors = errors
        self.code = first.code


class Ended(BaseException):
    """A nested save met a limit: the transaction is over, whatever the trigger that asked for the save makes of it."""

    def __init__(self, cause: DmlError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def told(raised: BaseException) -> str:
    """Return an exception as error texts tell it, `System.QueryException: List has no rows`; a long one is cut off."""
    cause: BaseException = raised.cause if isinstance(raised, Ended) else raised
    if isinstance(cause, LimitExceeded):
        return f"System.LimitException: {cause}"
    kind = cause.kind if isinstance(cause, ApexError) else type(cause).__name__
    try:
        return f"{kind}: {cause}"[:_LONGEST]
    except Exception:
        return f"{kind}: (its message cannot be read)"


def traced(raised: BaseException, code: object, name: str) -> str:
    """Return an exception and the place that it came from, as the platform's stack traces do."""
    line = getattr(raised, "line", None) or _line_of(code, raised)
    return f"{told(raised)}\n\n{name}: line {line}, column 1"


def _line_of(code: object, raised: BaseException) -> int:
    """Return the line of a function's own code that an exception came through; 1 where it did not."""
    own = getattr(code, "__code__", None)
    lines = [number for frame, number in walk_tb(raised.__traceback__) if frame.f_code is own]
    return lines[0] if lines else 1
