"""Replays: what may have been done is not done again unseen, and a retry says what the first attempt said."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from harness.evidence import Attempt, Evidence
from harness.exchanges import Exchange
from harness.lookups import Lookups
from harness.properties.payload import same
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_RFC = "https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2"


class UnsafeNotReplayed(Claim):
    name = "retry.unsafe_not_replayed"
    trigger = "a create ended without an answer that can be read, so that it may have been done"
    rule = (
        "The create is not sent again unless the input was looked up in between, or its key is a unique field that "
        "makes a second create fail."
    )
    guidance = (
        "A POST whose answer is missing may have saved its record. Upsert by an external id in place of creating, or "
        "query by the key before sending the create again."
    )
    source = _RFC
    needs = frozenset({"journal", "inputs"})
    consequences = frozenset({"delivery.nothing_twice"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        doubtful = [
            (place, at) for place, chain in enumerate(evidence.chains) for at, one in enumerate(chain) if _doubtful(one)
        ]
        if not doubtful:
            return self.not_exercised("no create ended without an answer")
        lookups = Lookups(evidence)
        guarded = {name for name, unique in evidence.unique.items() if unique}
        for given, chain in zip(evidence.inputs, evidence.chains, strict=True):
            if any("DUPLICATE_VALUE" in attempt.codes for attempt in chain):
                guarded.add((given.sobject.lower(), given.key_field.lower()))
        blind: dict[int, str] = {}
        entries: list[int] = []
        for place, at in doubtful:
            chain, given = evidence.chains[place], evidence.inputs[place]
            field = given.key_field.lower()
            first = chain[at]
            again = next((one for one in chain[at + 1 :] if one.exchange.at >= first.exchange.end), None)
            if again is None or again.verb != "create":
                continue
            if (given.sobject.lower(), field) in guarded and any(name.lower() == field for name in again.values):
                continue
            if not lookups.between(place, first.number, again.number):
                blind[place] = evidence.name(place)
                entries.extend((first.number, again.number))
        requests = len({evidence.chains[place][at].number for place, at in doubtful})
        if blind:
            reason = f"{counted(len(blind), 'create')} sent again without a look whether it was done: "
            return self.violated(reason + some(blind.values()), requests, entries)
        found = f"{counted(requests, 'create')} without an answer, none sent again unseen"
        return self.held(found, requests)


def _doubtful(attempt: Attempt) -> bool:
    return attempt.verb == "create" and attempt.failure == "ambiguous"


class SameBody(Claim):
    name = "retry.same_body"
    trigger = "an attempt that failed in passing was followed by another of the same input"
    rule = "The second says what the first said: the same fields with the same values, and its body is whole."
    guidance = (
        "Build the body once and keep it: time stamps, counters and ids that are made anew for each attempt let two "
        "attempts of one change differ, and a stream that was read for the first attempt is empty at the second."
    )
    source = _RFC
    needs = frozenset({"journal", "inputs"})
    consequences = frozenset(
        {
            "delivery.nothing_lost",
            "delivery.nothing_invented",
            "retry.transient_retried",
            "retry.permanent_not_retried",
            "dead_letter.complete",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        exposures = 0
        other: list[str] = []
        entries: list[int] = []
        compared: set[tuple[int, int]] = set()
        for place, chain in enumerate(evidence.chains):
            for first, again in pairwise(chain):
                if first.failure in (None, "permanent") or again.exchange.at < first.exchange.end:
                    continue
                if not (first.sure and again.sure):
                    continue
                exposures += 1
                if first.fingerprint == again.fingerprint:
                    continue
                fields = _differing(first, again, evidence.inputs[place].key_field)
                if fields:
                    other.append(f"{evidence.name(place)} ({', '.join(fields[:3])})")
                    if (first.number, again.number) not in compared:
                        compared.add((first.number, again.number))
                        entries.extend((first.number, again.number))
        for whole, broken in _broken(evidence):
            exposures += 1
            other.append(f"{broken.operation} (no readable body)")
            entries.extend((whole.number, broken.number))
        if other:
            reason = f"{counted(len(other), 'retry', 'retries')} said something else: {some(other)}"
            return self.violated(reason, exposures, entries)
        if not exposures:
            return self.not_exercised("nothing was tried again")
        return self.held(f"{counted(exposures, 'retry', 'retries')}, each with the same body", exposures)


def _differing(first: Attempt, again: Attempt, key_field: str) -> list[str]:
    """Return the fields in which two attempts differ; of another verb's, only those that both give."""
    one, other = _plain(first.values), _plain(again.values)
    names = one.keys() | other.keys() if first.verb == again.verb else one.keys() & other.keys()
    left_out = {"id", "attributes", key_field.lower()}
    return sorted(name for name in names - left_out if not _alike(one.get(name), other.get(name)))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in values.items()}


def _alike(left: Any, right: Any) -> bool:
    return left == right or (not isinstance(left, Mapping) and not isinstance(right, Mapping) and same(left, right))


def _broken(evidence: Evidence) -> list[tuple[Exchange, Exchange]]:
    """Return pairs of a write that failed in passing and a later one to the same address without a readable body."""
    failed: dict[tuple[str, str], Exchange] = {}
    found = []
    for exchange in evidence.exchanges:
        if not exchange.is_write:
            continue
        address = (exchange.operation, exchange.path)
        earlier = failed.get(address)
        unreadable = "JSON_PARSER_ERROR" in exchange.codes and exchange.heard
        if unreadable and not exchange.rows and earlier is not None and exchange.at >= earlier.end:
            found.append((earlier, exchange))
        if exchange.failure in ("transient", "ambiguous", "session") and exchange.rows:
            failed[address] = exchange
        elif exchange.failure is None:
            failed.pop(address, None)
    return found
