"""Sessions: an expired one is renewed once, and the refused request sent again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.properties.property import Claim, Verdict, counted, some


@dataclass(frozen=True, slots=True)
class Refreshes:
    """`max`: successful logins for one expiry; raise it for workers that each hold their own session."""

    max: int = 1


@dataclass(slots=True)
class _Expiry:
    """One end of a session: the requests refused for it, and the logins that answered it."""

    refused: list[Exchange] = field(default_factory=list)
    logins: list[Exchange] = field(default_factory=list)


class RefreshedOnce(Claim):
    name = "session.refreshed_once"
    parameters = Refreshes
    trigger = "a request was refused because its session had ended (401 INVALID_SESSION_ID)"
    rule = (
        "One login follows, and the refused request is sent again with the new session; not a second time without one."
    )
    guidance = (
        "On 401 INVALID_SESSION_ID log in once, behind a lock that all workers share, take the new token for every "
        "later call, and send the refused request again once. If that is refused too, stop."
    )
    source = "https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_refresh_token_flow.htm&type=5"
    needs = frozenset({"journal"})
    consequences = frozenset(
        {"delivery.nothing_lost", "dead_letter.complete", "retry.bounded", "retry.transient_retried"}
    )

    def judge(self, evidence: Evidence, parameters: Refreshes) -> Verdict:
        expiries = _expiries(evidence.exchanges)
        exposures = sum(len(expiry.refused) for expiry in expiries)
        if not exposures:
            return self.not_exercised("no session ended under a request")
        faults: list[str] = []
        entries: list[int] = []
        for expiry in expiries:
            fault = _fault(expiry, evidence, parameters.max)
            if fault:
                faults.append(fault)
                entries.extend(exchange.number for exchange in (*expiry.refused[:2], *expiry.logins[:3]))
        if faults:
            return self.violated(some(faults), exposures, entries)
        return self.held(f"{counted(len(expiries), 'expiry', 'expiries')}, each answered by one login", exposures)


def _expiries(exchanges: tuple[Exchange, ...]) -> list[_Expiry]:
    found: list[_Expiry] = []
    current: _Expiry | None = None
    renewed = False
    for exchange in exchanges:
        if exchange.is_login:
            if current is not None and exchange.heard and exchange.failure is None:
                current.logins.append(exchange)
                renewed = False
        elif exchange.failure == "session":
            stale = current is not None and bool(current.logins) and exchange.at <= current.logins[-1].end
            ended_anew = "session" in exchange.struck and (current is None or bool(current.logins))
            if current is None or ((renewed or ended_anew) and not stale):
                current, renewed = _Expiry(), False
                found.append(current)
            current.refused.append(exchange)
        elif current is not None and current.logins and exchange.status is not None:
            renewed = True  # a request got through with the new session: what follows is another expiry
    return found


def _fault(expiry: _Expiry, evidence: Evidence, most: int) -> str | None:
    first = expiry.refused[0]
    if not expiry.logins:
        return f"{first.operation} was refused {counted(len(expiry.refused), 'time')} and no login followed"
    if len(expiry.logins) > most:
        return f"{len(expiry.logins)} logins for one expired session"
    same = Counter(exchange.repeat for exchange in expiry.refused)
    repeat, times = same.most_common(1)[0]
    if times > 2:
        return f"{repeat[0]} was sent {times} times with an ended session"
    renewed = expiry.logins[0].number
    for refused in expiry.refused:
        # A request whose body changed (a new batch of the same rows) is known by its operation.
        if not any(later.number > renewed and later.operation == refused.operation for later in evidence.exchanges):
            return f"{refused.operation} was not sent again after the login"
    return None


PROPERTIES = (RefreshedOnce(),)
