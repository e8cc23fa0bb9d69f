"""Reads from the exchanges how sessions ended under requests, and what was done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.evidence import Evidence
from harness.exchanges import CREATIONS, Exchange

OPENERS = frozenset({"oauth.token", "soap.login"})
"""Operations that open a session; others of their families end or inspect one."""


@dataclass(slots=True)
class Expiry:
    """An end of one session, or of several at once: the requests refused for it, and the logins that answered it.

    `logins` are those that were let in before every refused request had its successor under a new session: a later one
    was made for another reason.
    """

    refused: list[Exchange] = field(default_factory=list)
    logins: list[Exchange] = field(default_factory=list)
    tried: list[Exchange] = field(default_factory=list)
    """All logins in that time, those that failed too."""
    renewed: list[Exchange] = field(default_factory=list)
    """Requests under another session from then on, as many as were refused."""
    sessions: set[str | None] = field(default_factory=set)
    """The sessions that ended."""
    given: set[str | None] = field(default_factory=set)
    """The sessions that the logins opened."""

    def refused_together(self) -> list[Exchange]:
        """Return the requests that were under way before the first new session was there: those of several workers."""
        end = self.logins[0].end if self.logins else float("inf")
        different: dict[object, Exchange] = {}
        for exchange in self.refused:
            if exchange.at < end:
                # The creation of one job says what that of another one says.
                key = exchange.number if exchange.operation in CREATIONS else exchange.repeat
                different.setdefault(key, exchange)
        return list(different.values())


@dataclass(frozen=True, slots=True)
class Span:
    """The exchanges of one run of the subject. `cut_off`: it was ended from outside, whatever it was about to do."""

    exchanges: tuple[Exchange, ...]
    cut_off: bool


def spans(evidence: Evidence) -> Iterator[Span]:
    """Yield the exchanges of each run that delivers. A new process begins with the session it was given."""
    if not evidence.legs:
        yield Span(evidence.exchanges, evidence.process.timed_out)
        return
    for leg, own in zip(evidence.legs, evidence.by_run, strict=True):
        yield Span(own, leg.process.crashed or leg.process.timed_out)


def opens_session(exchange: Exchange) -> bool:
    return exchange.operation in OPENERS


def let_in(exchange: Exchange) -> bool:
    """Tell whether a login gave its client a session."""
    return opens_session(exchange) and exchange.heard and exchange.failure is None


def expiries(exchanges: Iterable[Exchange]) -> list[Expiry]:
    """Return the expiries of one run, in order."""
    reader = _Reader()
    for exchange in exchanges:
        reader.take(exchange)
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found: list[Expiry] = []
        self._of_session: dict[str | None, Expiry] = {}
        self._open: Expiry | None = None
        self._waiting: Counter[str] = Counter()
        """Refused requests of the open expiry that have no successor yet, by operation."""

    def take(self, exchange: Exchange) -> None:
        if opens_session(exchange):
            if self._open is not None:
                self._open.tried.append(exchange)
                if let_in(exchange):
                    self._open.logins.append(exchange)
                self._open.given.add(exchange.session)
        elif exchange.is_login:
            return
        elif exchange.failure == "session":
            self._refused(exchange)
        elif self._open is not None and exchange.session not in self._open.sessions:
            self._succeeded(self._open, exchange)

    def _refused(self, exchange: Exchange) -> None:
        expiry = self._of_session.get(exchange.session)
        if expiry is None:
            if self._open is None or exchange.session in self._open.given:
                self._open = Expiry()
                self._waiting.clear()
                self.found.append(self._open)
            expiry = self._of_session[exchange.session] = self._open
        expiry.refused.append(exchange)
        expiry.sessions.add(exchange.session)
        if expiry is self._open:
            self._waiting[family(exchange)] += 1

    def _succeeded(self, expiry: Expiry, exchange: Exchange) -> None:
        expiry.renewed.append(exchange)
        kind = family(exchange)
        if self._waiting[kind] > 1:
            self._waiting[kind] -= 1
        else:
            del self._waiting[kind]
        if not self._waiting:
            self._open = None


def family(exchange: Exchange) -> str:
    """Return the operation, with a query and its further pages taken as one: a reader may begin anew."""
    return exchange.operation.removesuffix(".more").removesuffix(".run")
