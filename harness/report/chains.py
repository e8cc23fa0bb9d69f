"""Draws what happened to a few inputs as small timelines: one mark an attempt, the waits between them to scale."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.evidence import Attempt, Evidence, Outcome
from harness.exchanges import Exchange
from harness.properties.property import Verdict, counted
from harness.report.story import ENDINGS, start_of, tell_answer, tell_faults

MOST_CHAINS = 3
_MOST_UNNAMED = 20
"""Inputs that requests have in common beyond which it is the requests that matter, not what they carried."""
_MOST_STEPS = 8
_FIRST, _LAST = 5, 2
_WIDTH = 48
SAVED, FAILED, UNTOLD = "o", "x", "?"
"""Marks: saved and told so; failed; the client was told nothing it could rely on."""
LEGEND = f"{SAVED} saved  {FAILED} failed  {UNTOLD} no answer to rely on"


@dataclass(frozen=True, slots=True)
class _Step:
    """One mark: an attempt of an input, or a request."""

    exchange: Exchange
    mark: str
    text: str
    run: str


def tell_chains(evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    """Yield the lines of a small timeline for each of the first inputs that a verdict is about.

    A verdict that concerns no input is told by its requests.
    """
    places, start = _concerned(evidence, verdict), start_of(evidence)
    for place in places[:MOST_CHAINS]:
        yield f"{evidence.name(place)}: {_end(evidence, place)}"
        yield from _drawn(_attempts(evidence, place), start)
    if len(places) > MOST_CHAINS:
        yield f"and {counted(len(places) - MOST_CHAINS, 'more input')} in the same requests"
    if not places:
        yield from _drawn(_requests(evidence, verdict), start)


def _concerned(evidence: Evidence, verdict: Verdict) -> list[int]:
    """Return the inputs that the reason names; else those of its journal entries, the worst endings first."""
    named = [
        place
        for place, given in enumerate(evidence.inputs)
        if str(given.key) in verdict.reason and _names(verdict.reason, evidence.name(place))
    ]
    if named:
        return sorted(named, key=lambda place: verdict.reason.find(evidence.name(place)))
    wanted = set(verdict.evidence)
    found = {
        place
        for part in (evidence, *evidence.after.values())
        for place, chain in enumerate(part.chains)
        if any(attempt.number in wanted for attempt in chain)
    }
    if len(found) > _MOST_UNNAMED:
        return []
    bad = (Outcome.LOST, Outcome.DUPLICATED)
    return sorted(found, key=lambda place: (evidence.outcomes[place] not in bad, -len(evidence.chains[place]), place))


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?![\w-])", text) is not None


def _end(evidence: Evidence, place: int) -> str:
    end = ENDINGS[evidence.outcomes[place]]
    sent = counted(len(evidence.chains[place]), "attempt") if evidence.chains[place] else "seen in no request"
    return f"{end}; {sent}"


def _attempts(evidence: Evidence, place: int) -> list[_Step]:
    parts = [("", evidence), *evidence.after.items()]
    return [
        _Step(attempt.exchange, _mark(attempt), _tell(attempt), run)
        for run, part in parts
        for attempt in (part.chains[place] if place < len(part.chains) else ())
    ]


def _mark(attempt: Attempt) -> str:
    if not attempt.heard:
        return UNTOLD
    return SAVED if attempt.success else FAILED


def _tell(attempt: Attempt) -> str:
    if attempt.success and attempt.heard:
        return "saved"
    if not attempt.heard:
        return tell_answer(attempt.exchange)
    return " ".join(attempt.codes) or tell_answer(attempt.exchange)


def _requests(evidence: Evidence, verdict: Verdict) -> list[_Step]:
    wanted = set(verdict.evidence)
    return [
        _Step(exchange, _mark_of(exchange), tell_answer(exchange), run)
        for run, part in [("", evidence), *evidence.after.items()]
        for exchange in part.exchanges
        if exchange.number in wanted
    ]


def _mark_of(exchange: Exchange) -> str:
    if exchange.failure == "ambiguous":
        return UNTOLD
    return FAILED if exchange.failure else SAVED


def _drawn(steps: Sequence[_Step], start: float) -> Iterator[str]:
    if not steps:
        return
    if len(steps) > 1:
        yield f"  {_axis(steps)}  {steps[-1].exchange.at - steps[0].exchange.at:.2f}s"
    listed = list(enumerate(steps))
    cut = listed if len(listed) <= _MOST_STEPS else listed[:_FIRST]
    for place, step in cut:
        yield _line(steps, place, step, start)
    if cut is not listed:
        yield f"    ... {counted(len(steps) - _FIRST - _LAST, 'attempt')} more"
        for place, step in listed[-_LAST:]:
            yield _line(steps, place, step, start)


def _axis(steps: Sequence[_Step]) -> str:
    """Return the marks on one line, as far apart as the attempts were in time."""
    start, span = steps[0].exchange.at, steps[-1].exchange.at - steps[0].exchange.at
    line: list[str] = []
    for step in steps:
        column = round((step.exchange.at - start) / span * (_WIDTH - 1)) if span > 0 else len(line)
        line += "-" * (column - len(line)) + step.mark
        if len(line) > 2 * _WIDTH:
            line += "..."
            break
    return "".join(line)


def _line(steps: Sequence[_Step], place: int, step: _Step, start: float) -> str:
    """Return one attempt: the first with its time in the trial, the others with the wait before them."""
    exchange = step.exchange
    when = f"+{exchange.at - steps[place - 1].exchange.at:.2f}s" if place else f"{exchange.at - start:.2f}s"
    faults = f", {tell_faults(exchange)}" if exchange.rules else ""
    run = f" [{step.run}]" if step.run else ""
    return f"    {when:>9} {step.mark} #{exchange.number} {exchange.operation}: {step.text}{faults}{run}"
