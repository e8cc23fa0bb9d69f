"""Sessions: an expired one is renewed once, by one worker, without losing progress; a refused login ends the matter."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from harness.evidence import Attempt, Evidence
from harness.exchanges import CREATIONS, Exchange
from harness.properties.expiries import Expiry, Span, expiries, family, let_in, opens_session, spans
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.second_jobs import jobs_and_second_ones

_REFRESH = "https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_refresh_token_flow.htm&type=5"


@dataclass(frozen=True, slots=True)
class Refreshes:
    """`max`: successful logins for one expiry."""

    max: int = 1


class RefreshedOnce(Claim):
    name = "session.refreshed_once"
    parameters = Refreshes
    trigger = "a request was refused because its session had ended (401 INVALID_SESSION_ID)"
    rule = (
        "One login follows, and the refused request is sent again with the new session; not a second time without one. "
        "Workers that were refused at the same time are the matter of session.single_flight_refresh."
    )
    guidance = (
        "On 401 INVALID_SESSION_ID log in once, behind a lock that all workers share, take the new token for every "
        "later call, and send the refused request again once. If that is refused too, stop."
    )
    source = _REFRESH
    needs = frozenset({"journal"})
    consequences = frozenset(
        {"delivery.nothing_lost", "dead_letter.complete", "retry.bounded", "retry.transient_retried"}
    )

    def judge(self, evidence: Evidence, parameters: Refreshes) -> Verdict:
        exposures, ends = 0, 0
        faults: list[str] = []
        entries: list[int] = []
        for span in spans(evidence):
            last = {family(exchange): exchange.number for exchange in span.exchanges}
            for expiry in expiries(span.exchanges):
                exposures += len(expiry.refused)
                ends += 1
                fault = _fault(expiry, parameters.max, last, span.cut_off, evidence.most_jobs)
                if fault:
                    faults.append(fault)
                    entries.extend(exchange.number for exchange in (*expiry.refused[:2], *expiry.logins[:3]))
        if not exposures:
            return self.not_exercised("no session ended under a request")
        if faults:
            return self.violated(some(faults), exposures, entries)
        return self.held(f"{counted(ends, 'expiry', 'expiries')}, each answered by one login", exposures)


def _fault(expiry: Expiry, most: int, last: Mapping[str, int], cut_off: bool, jobs: int) -> str | None:
    """Say what is wrong about one expiry. `last` is the last exchange of each operation, `jobs` how many jobs the
    subject may want to create at once."""
    first = expiry.refused[0]
    allowed = max(most, len(expiry.refused_together()), len(expiry.sessions))
    if len(expiry.logins) > allowed:
        return f"{len(expiry.logins)} logins for one expired session"
    again, times = _most_in_a_row(expiry)
    if times > (2 * jobs if again in CREATIONS else 2):
        return f"{again} was sent {times} times with an ended session"
    if cut_off:
        return None  # nobody knows what would have come next
    if expiry.logins:
        # A request whose body changed (a new batch of the same rows) is known by its operation.
        stuck = [one for one in expiry.refused if last[family(one)] <= expiry.logins[0].number]
        return f"{stuck[0].operation} was not sent again after the login" if stuck else None
    if not expiry.tried and not expiry.renewed:
        return f"{first.operation} was refused {counted(len(expiry.refused), 'time')} and no login followed"
    return None


def _most_in_a_row(expiry: Expiry) -> tuple[str, int]:
    """Return the request that was sent most often with its ended session, each time after it had been refused."""
    times: Counter[tuple[str | None, ...]] = Counter()
    ends: dict[tuple[str | None, ...], float] = {}
    for exchange in expiry.refused:
        key = (*exchange.repeat, exchange.session)
        if exchange.at >= ends.get(key, 0.0):
            times[key] += 1
            ends[key] = exchange.end
    key, most = times.most_common(1)[0]
    return str(key[0]), most


@dataclass(frozen=True, slots=True)
class ParallelRefreshes:
    """`max`: successful logins for one expiry, however many workers it meets; raise it for several processes that
    cannot share a session."""

    max: int = 2


class SingleFlightRefresh(Claim):
    name = "session.single_flight_refresh"
    parameters = ParallelRefreshes
    trigger = "a session ended under several requests at once"
    rule = "The workers share one login: at most `max` follow (2, for one that was under way already)."
    guidance = (
        "Put the refresh behind a lock, and look again once you hold it: when the token is no longer the one that was "
        "refused, another worker has renewed it, and there is nothing left to do. A login for each worker meets the "
        "limit of logins an hour."
    )
    source = _REFRESH
    needs = frozenset({"journal"})
    consequences = frozenset({"session.refreshed_once"})

    def judge(self, evidence: Evidence, parameters: ParallelRefreshes) -> Verdict:
        exposures = 0
        faults: list[str] = []
        entries: list[int] = []
        for span in spans(evidence):
            for expiry in expiries(span.exchanges):
                together = expiry.refused_together()
                ended = len(expiry.sessions)
                if len(together) <= ended or not expiry.logins:
                    continue
                exposures += 1
                if len(expiry.logins) > parameters.max * ended:
                    faults.append(f"{len(expiry.logins)} logins for {len(together)} requests refused at once")
                    entries.extend(exchange.number for exchange in (*together[:3], *expiry.logins[:5]))
        if faults:
            return self.violated(some(faults), exposures, entries)
        if not exposures:
            return self.not_exercised("no session ended under several requests at once")
        return self.held(f"{counted(exposures, 'expiry', 'expiries')} under several requests, renewed once", exposures)


@dataclass(frozen=True, slots=True)
class Patience:
    """`requests`: how many calls with the ended session may still follow, for work that was under way."""

    requests: int = 10


class StopsOnRefusedRefresh(Claim):
    name = "session.stops_on_refused_refresh"
    parameters = Patience
    trigger = "a login was refused for good (invalid_grant, a wrong secret, an inactive user)"
    rule = (
        "It is tried at most once more by each worker that was under way; then no login follows, and no stream of "
        "calls with the ended session."
    )
    guidance = (
        "A refused grant stays refused: stop the run, keep what is undelivered (as dead letters, or unacknowledged), "
        "alert. Trying again and again locks the user out, for every other integration too."
    )
    source = "https://www.rfc-editor.org/rfc/rfc6749#section-5.2"
    needs = frozenset({"journal"})
    consequences = frozenset({"session.refreshed_once", "delivery.nothing_lost", "retry.bounded"})

    def judge(self, evidence: Evidence, parameters: Patience) -> Verdict:
        exposures = 0
        faults: list[str] = []
        entries: list[int] = []
        for span in spans(evidence):
            for run in _refusals(span.exchanges):
                exposures += len(run.logins)
                first, late = run.logins[0], run.hopeless()
                if len(run.logins) > run.allowed:
                    faults.append(f"{len(run.logins)} logins although the first was refused for good ({_why(first)})")
                    entries.extend(login.number for login in (first, run.logins[run.allowed], run.logins[-1]))
                elif len(late) > parameters.requests:
                    faults.append(f"{len(late)} calls with the ended session after a refused login ({_why(first)})")
                    entries.extend((run.logins[-1].number, late[0].number, late[-1].number))
        if faults:
            return self.violated(some(faults), exposures, entries)
        if not exposures:
            return self.not_exercised("no login was refused for good")
        return self.held(f"{counted(exposures, 'refused login')}, and no more", exposures)


def _why(login: Exchange) -> str:
    return ", ".join(login.codes) or f"status {login.status}"


@dataclass(slots=True)
class _Refusals:
    """Logins that were refused for good, with none let in between, and the calls that met an ended session."""

    logins: list[Exchange] = field(default_factory=list)
    calls: list[Exchange] = field(default_factory=list)

    @property
    def allowed(self) -> int:
        """Two for each worker that was under way when the first was refused: each may find out for itself."""
        end = self.logins[0].end
        calls = {call.repeat for call in self.calls if call.at < end}
        return 2 * max(1, len(calls), sum(login.at < end for login in self.logins))

    def hopeless(self) -> list[Exchange]:
        """Return the calls that began after the last login that was allowed had been refused."""
        end = self.logins[: self.allowed][-1].end
        return [call for call in self.calls if call.at >= end]


def _refusals(exchanges: tuple[Exchange, ...]) -> list[_Refusals]:
    runs = [_Refusals()]
    for exchange in exchanges:
        if let_in(exchange):
            runs.append(_Refusals())
        elif opens_session(exchange):
            if exchange.heard and exchange.failure == "permanent":
                runs[-1].logins.append(exchange)
        elif exchange.failure == "session":
            runs[-1].calls.append(exchange)
    return [run for run in runs if run.logins]


class ExpiryKeepsProgress(Claim):
    name = "session.expiry_keeps_progress"
    trigger = (
        "a session ended when rows had landed already, between the pages of a query, or while a job was on its way"
    )
    rule = (
        "Work goes on where it was: the page that was refused is asked for again, its query is not begun anew, and no "
        "row that landed is sent a second time. A job that was asked about is asked again: no second one is made for "
        "the same query, or the same rows."
    )
    guidance = (
        "Renew the session inside the one call that met the 401, and leave everything around it as it is. A query "
        "locator belongs to the user, not to the session: it is good for two days. So does a job: it goes on, and "
        "tells the next session what became of it."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm"
    needs = frozenset({"journal", "inputs", "jobs"})
    consequences = frozenset(
        {
            "session.refreshed_once",
            "bulk.only_failed_rows_retried",
            "delivery.nothing_twice",
            "retry.amplification_bounded",
            "dead_letter.attempts_true",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        exposures = 0
        faults: list[str] = []
        entries: list[int] = []
        for span in spans(evidence):
            ends = expiries(span.exchanges)
            if not ends:
                continue
            pages = [one for end in ends for one in end.refused if one.operation == "rest.query.more"]
            exposures += len(pages)
            for page, anew in _begun_anew(pages, span.exchanges):
                faults.append("a query was begun anew in place of going on with its next page")
                entries.extend((page.number, anew.number))
            for asked, made in jobs_and_second_ones(evidence, ends):
                exposures += 1
                if made is not None:
                    faults.append(f"a second job was made after {asked.operation} had met the end of the session")
                    entries.extend((asked.number, made.number))
            landed, again = _sent_again(evidence, ends, span)
            exposures += landed
            if again:
                names = some(evidence.name(place) for place, _ in again)
                faults.append(f"{counted(len(again), 'row')} sent again although landed before: {names}")
                entries.extend((ends[0].refused[0].number, again[0][1].number, again[-1][1].number))
        if faults:
            return self.violated(some(faults), exposures, entries)
        if not exposures:
            return self.not_exercised("no session ended in the middle of work")
        met = counted(exposures, "expiry", "expiries")
        return self.held(f"{met} in the middle of work, none began it anew", exposures)


def _begun_anew(pages: list[Exchange], exchanges: tuple[Exchange, ...]) -> Iterator[tuple[Exchange, Exchange]]:
    """Yield each page in whose place an earlier query was sent again."""
    waiting: dict[tuple[str, ...], Exchange] = {}
    refused = {page.number: page for page in pages}
    queries: dict[tuple[str, ...], int] = {}
    for exchange in exchanges:
        if exchange.number in refused:
            waiting[exchange.repeat] = exchange
        elif exchange.operation == "rest.query.more":
            waiting.pop(exchange.repeat, None)
        elif exchange.operation == "rest.query.run" and exchange.failure != "session":
            earlier = queries.setdefault(exchange.repeat, exchange.number)
            for key in [key for key, page in waiting.items() if earlier < page.number]:
                yield waiting.pop(key), exchange


def _sent_again(evidence: Evidence, ends: list[Expiry], span: Span) -> tuple[int, list[tuple[int, Attempt]]]:
    """Count the expiries before which rows had landed; return the rows that were sent again after one all the same."""
    begin, last = span.exchanges[0].number, span.exchanges[-1].number
    first = [end.refused[0] for end in ends]
    times = [exchange.at for exchange in first]
    earliest = float("inf")
    # Rows of an answer in part may be sent again for its sake.
    part = {
        exchange.number for exchange in span.exchanges if exchange.many and not all(r.success for r in exchange.rows)
    }
    again: list[tuple[int, Attempt]] = []
    for place, chain in enumerate(evidence.chains):
        saved: Attempt | None = None
        for attempt in chain:
            if not begin <= attempt.number <= last:
                continue
            if saved is not None and (saved.verb, saved.fingerprint) == (attempt.verb, attempt.fingerprint):
                between = bisect_left(times, saved.exchange.end)
                if between < len(first) and first[between].number < attempt.number:
                    again.append((place, attempt))
                    break
            saved = attempt if attempt.success and attempt.heard and attempt.number not in part else None
            if saved is not None:
                earliest = min(earliest, saved.exchange.end)
    return len(times) - bisect_left(times, earliest), again


class InstanceUrlFollowed(Claim):
    name = "session.instance_url_followed"
    trigger = "a login named another address than the one it was sent to"
    rule = "Every later call with its session goes to that address."
    guidance = (
        "Take `instance_url` from every token reply, the first and each refresh, and build all addresses from it. An "
        "org that is moved answers elsewhere; a host that is written down stops working on that day."
    )
    source = "https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_endpoints.htm&type=5"
    needs = frozenset({"journal"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        wanted = _named(evidence.exchanges)
        used: set[str] = set()
        strayed: list[Exchange] = []
        for exchange in evidence.exchanges:
            address = wanted.get(exchange.session or "")
            if address is None or exchange.is_login:
                continue
            used.add(address.instance)
            if not address.admits(exchange.address):
                strayed.append(exchange)
        if strayed:
            hosts = Counter(urlsplit(exchange.address).netloc for exchange in strayed)
            named = wanted[strayed[0].session or ""]
            reason = (
                f"{counted(len(strayed), 'call')} to {some(hosts)} with a session whose login had named "
                f"{urlsplit(named.instance).netloc}"
            )
            return self.violated(reason, len(wanted), (named.login, *(exchange.number for exchange in strayed)))
        if not used:
            return self.not_exercised("no login named another address than its own")
        named_so = counted(len(used), "address", "addresses")
        return self.held(f"{named_so} named by logins, each used from then on", len(wanted))


@dataclass(frozen=True, slots=True)
class _Named:
    """The address that a login named. `moved`: an earlier login had named another one."""

    login: int
    instance: str
    moved: bool

    def admits(self, address: str) -> bool:
        if not address or _plain(address) == _plain(self.instance):
            return True
        # Whoever logs in at Salesforce's own login host and was given the address of the org besides may use that.
        return not self.moved and _salesforces(self.instance) and not _salesforces(address)


def _named(exchanges: tuple[Exchange, ...]) -> dict[str, _Named]:
    """Return what the logins named, by the session they opened; those that named their own address are left out."""
    found: dict[str, _Named] = {}
    earlier: set[str] = set()
    for login in exchanges:
        if not let_in(login) or login.instance is None or login.session is None:
            continue
        if _plain(login.instance) != _plain(login.address):
            moved = bool(earlier - {_plain(login.instance)})
            found[login.session] = _Named(login.number, login.instance, moved)
        earlier.add(_plain(login.instance))
    return found


def _plain(address: str) -> str:
    return address.lower().rstrip("/").removesuffix(":443")


def _salesforces(address: str) -> bool:
    return (urlsplit(address).hostname or "").endswith((".salesforce.com", ".force.com"))


PROPERTIES = (
    RefreshedOnce(),
    SingleFlightRefresh(),
    StopsOnRefusedRefresh(),
    ExpiryKeepsProgress(),
    InstanceUrlFollowed(),
)
