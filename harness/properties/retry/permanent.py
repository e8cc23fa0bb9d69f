"""What was refused for good is not sent again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from harness.evidence import Attempt, Evidence
from harness.exchanges import CREATIONS, Exchange
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_RACES = frozenset({"DUPLICATE_VALUE"})
"""Permanent by their class, but a second writer may have caused them: trying again can be right."""
_DANGLING = frozenset({"INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED", "INVALID_FIELD"})
"""Said of a reference to a record that is not there; by its external id, INVALID_FIELD."""


class PermanentNotRetried(Claim):
    name = "retry.permanent_not_retried"
    trigger = "a row or request was refused for good: a validation, permission or syntax error"
    rule = (
        "It is never sent again unchanged. A record that was refused for its reference to another input may be, when "
        "that one has landed meanwhile."
    )
    guidance = (
        "Sort errors by errorCode before retrying: validation, permission, reference and syntax errors stay as they "
        "are however often the row is sent. Dead-letter it at the first refusal."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm"
    needs = frozenset({"journal", "inputs"})
    consequences = frozenset({"retry.bounded"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        exposures = 0
        again: list[str] = []
        entries: list[int] = []
        referenced = _Referenced(evidence)
        for place, chain in _runs(evidence):
            refused: Attempt | None = None
            for attempt in chain:
                if (
                    refused is not None
                    and attempt.exchange.at >= refused.exchange.end
                    and (attempt.verb, attempt.fingerprint) == (refused.verb, refused.fingerprint)
                    and not referenced.landed_between(place, refused, attempt)
                ):
                    again.append(f"{evidence.name(place)} ({refused.codes[0] if refused.codes else 'refused'})")
                    entries.extend((refused.number, attempt.number))
                    break
                if _refused_for_good(attempt):
                    exposures += 1
                    refused = attempt
        by_request, times = _refused_requests(evidence)
        exposures += times
        for first, second in by_request:
            again.append(f"{first.operation} ({', '.join(first.codes) or first.status})")
            entries.extend((first.number, second.number))
        if again:
            return self.violated(f"{len(again)} sent again unchanged: {some(again)}", exposures, entries)
        if not exposures:
            return self.not_exercised("nothing was refused for good")
        return self.held(f"{counted(exposures, 'refusal')}, none sent again", exposures)


def _runs(evidence: Evidence) -> Iterator[tuple[int, Sequence[Attempt]]]:
    """Yield each input's attempts run by run: a subject that was killed may not know any more what was refused."""
    for place, chain in enumerate(evidence.chains):
        for run in evidence.by_leg(chain):
            yield place, run


class _Referenced:
    """Knows the inputs that a row refers to, by key or id, and when they landed."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def landed_between(self, place: int, refused: Attempt, again: Attempt) -> bool:
        """Tell whether an input that a refused row refers to landed before the row was sent again."""
        if not _DANGLING.intersection(refused.codes):
            return False
        others = {other for text in _texts(refused.values) for other in self._places.get(text, ())} - {place}
        return any(
            attempt.committed
            and attempt.exchange.end > refused.exchange.at
            and attempt.exchange.at <= again.exchange.at
            and attempt.number < again.number
            for other in others
            for attempt in self._evidence.chains[other]
        )

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for place, given in enumerate(self._evidence.inputs):
            for name in (str(given.key), *(name for id_ in self._evidence.records[place] for name in (id_, id_[:15]))):
                found[name].append(place)
        return found


def _texts(values: object) -> Iterator[str]:
    """Yield all values of a row as texts, those of nested references (`{"Account": {"Key__c": "A1"}}`) among them."""
    if isinstance(values, Mapping):
        for value in values.values():
            yield from _texts(value)
    elif isinstance(values, str | int):
        yield str(values)


def _refused_for_good(attempt: Attempt) -> bool:
    return attempt.failure == "permanent" and attempt.heard and attempt.sure and not _RACES.intersection(attempt.codes)


def _refused_requests(evidence: Evidence) -> tuple[list[tuple[Exchange, Exchange]], int]:
    """Return pairs of a refused request and its first repetition, and how many were refused.

    Reads that found nothing are left out: what is not there yet may be there at the next look.
    """
    refused: dict[tuple[str, ...], Exchange] = {}
    pairs: dict[tuple[str, ...], tuple[Exchange, Exchange]] = {}
    creations: Counter[tuple[str, ...]] = Counter()
    times = 0
    leg = 0
    for exchange in evidence.exchanges:
        if exchange.is_stream or _asks_for_websocket(exchange):
            continue  # of two streams nobody knows whether the same was asked for
        if len(evidence.legs) > 1 and evidence.leg_of(exchange.number) != leg:
            leg = evidence.leg_of(exchange.number)
            refused.clear()
        earlier = refused.get(exchange.repeat)
        if exchange.operation in CREATIONS:
            # The creation of one job says what that of another one says.
            creations[exchange.repeat] += 1
            earlier = earlier if creations[exchange.repeat] > evidence.most_jobs else None
        if earlier is not None and exchange.at >= earlier.end:
            pairs.setdefault(exchange.repeat, (earlier, exchange))
        absent = exchange.status == 404 and not exchange.is_write
        if exchange.failure == "permanent" and exchange.heard and not (exchange.is_login or absent):
            times += 1
            refused.setdefault(exchange.repeat, exchange)
    return list(pairs.values()), times


def _asks_for_websocket(exchange: Exchange) -> bool:
    """Tell whether a client of the Streaming API looks for the fastest way to connect: faye, and with it jsforce, does
    so each time, and takes the next one when it is refused."""
    return exchange.method == "GET" and exchange.path.startswith("/cometd")
