"""Security of the access itself: the right server, and no more rights than the work needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import unquote

from harness.evidence import Evidence, Outcome
from harness.exchanges import Exchange
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_REFUSED = frozenset(
    {"INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"}
)
_FROM = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)
_INNER = re.compile(r"\([^()]*\)")
_OBJECT = re.compile(r"/sobjects/(\w+)")


class TlsVerified(Claim):
    name = "security.tls_verified"
    trigger = "the subject was led to a server whose certificate comes from an unknown authority"
    rule = "It sends no request there, neither in spite of the certificate nor in plain HTTP."
    guidance = (
        "Leave certificate checks on. A private authority, of a proxy or of a test server, is trusted by name "
        '(REQUESTS_CA_BUNDLE, SSL_CERT_FILE, `verify="ca.pem"`), never by switching the check off: whoever answers '
        "instead of Salesforce gets the password and every record."
    )
    source = "https://cheatsheetseries.owasp.org/cheatsheets/Transport_Layer_Security_Cheat_Sheet.html"
    needs = frozenset({"impostor"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        run = evidence.after.get("impostor")
        if run is None or run.interception is None:
            return self.not_applicable("no impostor was set up; it is where a scenario requires this property")
        offered, taken = run.interception.offered, run.interception.taken
        if taken:
            return self.violated(f"sent to an impostor: {some(dict.fromkeys(taken))}", max(offered, len(taken)))
        if not offered:
            return self.not_exercised("the subject never came to the impostor")
        return self.held(f"{counted(offered, 'connection')} to an impostor, each ended at its certificate", offered)


@dataclass(frozen=True, slots=True)
class Privileges:
    """`objects`: what the subject may touch besides the inputs' objects and those that the org was seeded with;
    `operations`: globs of what it may do besides logging in. What is not given is not judged."""

    objects: tuple[str, ...] | None = None
    operations: tuple[str, ...] | None = None


class LeastPrivilege(Claim):
    name = "security.least_privilege"
    parameters = Privileges
    trigger = "access to a record or object was refused, or the scenario says what the subject may touch"
    rule = (
        "A refused access is final: the row is not sent again, and ends as a dead letter. Only declared objects and "
        "operations are touched."
    )
    guidance = (
        "Run with a user of its own that may do what the integration does, and no more; ask for no other object, not "
        "even to describe it. INSUFFICIENT_ACCESS does not pass by itself: dead-letter the row."
    )
    source = "https://cheatsheetseries.owasp.org/cheatsheets/Authorization_Cheat_Sheet.html#enforce-least-privileges"
    needs = frozenset({"journal", "commits", "inputs", "letters"})
    consequences = frozenset(
        {
            "retry.permanent_not_retried",
            "retry.bounded",
            "bulk.row_results_read",
            "dead_letter.complete",
            "delivery.nothing_lost",
        }
    )

    def judge(self, evidence: Evidence, parameters: Privileges) -> Verdict:
        refusals, faults, entries = _refusals(evidence)
        touched = 0
        for exchange, what in _undeclared(evidence, parameters):
            faults.append(what)
            entries.append(exchange.number)
        if parameters.objects is not None or parameters.operations is not None:
            touched = sum(not exchange.is_login for exchange in evidence.exchanges)
        exposures = refusals + touched
        if faults:
            return self.violated(some(dict.fromkeys(faults)), exposures, entries)
        if not exposures:
            return self.not_exercised("no access was refused, and none is declared")
        said = [counted(refusals, "refused access", "refused accesses") + ", each final"] if refusals else []
        said += [f"{counted(touched, 'call')} within what is declared"] if touched else []
        return self.held("; ".join(said), exposures)


def _refusals(evidence: Evidence) -> tuple[int, list[str], list[int]]:
    """Return how many rows were refused for want of rights, and which of them were not left at that."""
    exposures = 0
    faults: list[str] = []
    entries: list[int] = []
    for place, chain in enumerate(evidence.chains):
        refused = [one for one in chain if one.codes and one.heard and one.sure and not _REFUSED.isdisjoint(one.codes)]
        exposures += len(refused)
        if not refused:
            continue
        first = refused[0]
        again = [
            attempt
            for attempt in chain
            if attempt.number > first.number
            and attempt.exchange.at >= first.exchange.end
            and evidence.runs_begun(attempt.number) == evidence.runs_begun(first.number)
            and (attempt.verb, attempt.fingerprint) == (first.verb, first.fingerprint)
        ]
        code = next(code for code in first.codes if code in _REFUSED)
        if again:
            faults.append(f"{evidence.name(place)} sent again after {code}")
            entries.extend((first.number, again[0].number))
        elif (
            evidence.outcomes[place] is Outcome.LOST and evidence.letters is not None and not evidence.process.timed_out
        ):
            faults.append(f"{evidence.name(place)} dropped after {code}")
            entries.append(first.number)
    return exposures, faults, entries


def _undeclared(evidence: Evidence, allowed: Privileges) -> Iterator[tuple[Exchange, str]]:
    declared = {given.sobject.lower() for given in evidence.inputs}
    declared |= {commit.sobject.lower() for commit in evidence.commits if not commit.exchange}
    declared |= {name.lower() for name in allowed.objects or ()}
    for exchange in evidence.exchanges:
        if exchange.is_login:
            continue
        if allowed.operations is not None and not _matches(exchange.operation, allowed.operations):
            yield exchange, f"{exchange.operation} is not declared"
        if allowed.objects is not None:
            for name in _objects(exchange):
                if name.lower() not in declared:
                    yield exchange, f"{name} is not declared ({exchange.operation})"


def _matches(operation: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(operation, glob) for glob in globs)


def _objects(exchange: Exchange) -> list[str]:
    """Return the objects that a request names, as far as its rows, path and query tell."""
    names = [row.sobject for row in exchange.rows]
    path = _OBJECT.search(unquote(exchange.path))
    if path:
        names.append(path[1])
    query, inner = exchange.repeat[3], 1
    while inner:
        query, inner = _INNER.subn(" ", query)
    names += _FROM.findall(query)[:1]
    return [name for name in dict.fromkeys(names) if name]


PROPERTIES = (LeastPrivilege(), TlsVerified())
