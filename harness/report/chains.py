"""Tells the attempts of the inputs that a verdict is about, each input as a small timeline. Pure functions.

Contact C-000007: 3 attempts, in the org twice
  x-------?---------------------------------------o  3.10s
     0.00s  #3  rest.sobject.create  refused: UNABLE_TO_LOCK_ROW  (fault 'locks')
    +0.52s  #5  rest.sobject.create  saved, but the reply was lost  (fault 'cut')
    +2.50s  #9  rest.sobject.create  saved
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from harness.evidence import Attempt, Evidence, Outcome
from harness.exchanges import Exchange
from harness.letters import Letter
from harness.properties.property import Verdict, counted
from harness.report.story import ENDINGS, journal_of, start_of, tell_exchange, tell_faults

MOST_INPUTS = 3
MOST_ATTEMPTS = 12
"""Attempts of one input to show; of more, the first and the last ones."""
SAVED, FAILED, UNTOLD = "o", "x", "?"
"""Marks of an axis: saved and told so; failed; nothing was told that could be relied on."""
_MOST_ALIKE = 20
"""Inputs of the same requests beyond which the requests matter, not what they carried."""
_WIDTH = 48
_BAD = frozenset({Outcome.LOST, Outcome.DUPLICATED})
_UNHEARD = {
    "lost": "the reply was lost",
    "cut": "the reply was cut off",
    "malformed": "the reply could not be read",
    "abandoned": "the client had gone",
}

T = TypeVar("T")


def timelines(evidence: Evidence, verdict: Verdict, *, inputs: int = MOST_INPUTS, journal: bool = True) -> list[str]:
    """Return the timelines of the inputs a verdict is about; of its journal entries where it is about no input.

    `journal` adds the journal entries that the verdict rests on and no timeline shows.
    """
    places = concerned(evidence, verdict)
    if not places:
        axis, entries = _entries(evidence, verdict, set())
        return [*axis, *(entries if journal else ())]
    lines = [line for place in places[:inputs] for line in chain_lines(evidence, place)]
    if journal:
        shown = {attempt.number for place in places for _, attempt in _attempts(evidence, place)}
        lines += _entries(evidence, verdict, shown)[1]
    if len(places) > inputs:
        lines.append(f"and {counted(len(places) - inputs, 'more input', 'more inputs')} in the same requests")
    return lines


def concerned(evidence: Evidence, verdict: Verdict) -> list[int]:
    """Return the places of the inputs a verdict is about, the most telling first.

    Those that its reason names; where it names none, those that were sent in its journal entries, the badly ended and
    the failed ones before the others.
    """
    named = [
        place
        for place, given in enumerate(evidence.inputs)
        if str(given.key) in verdict.reason and _names(verdict.reason, evidence.name(place))
    ]
    if named:
        return sorted(named, key=lambda place: verdict.reason.find(evidence.name(place)))
    numbers = set(verdict.evidence)
    runs = (evidence, *evidence.after.values())
    sent = {
        place: any(attempt.failure for attempt in chain)
        for run in runs
        for place, chain in enumerate(run.chains)
        if any(attempt.exchange.number in numbers for attempt in chain)
    }
    places = sorted(sent, key=lambda place: (evidence.outcomes[place] not in _BAD, not sent[place], place))
    # What merely travelled along in the same request says nothing.
    telling = [place for place in places if evidence.outcomes[place] in _BAD or sent[place]]
    return [] if len(telling or places) > _MOST_ALIKE else telling or places


def _names(reason: str, name: str) -> bool:
    """Tell whether a text names an input: `Contact C-1` is not named by `Contact C-10`."""
    return re.search(rf"(?<!\w){re.escape(name)}(?![\w-])", reason) is not None


def _attempts(evidence: Evidence, place: int) -> Iterator[tuple[str, Attempt]]:
    """Yield the attempts of an input, those of the runs after delivery with the name of their run."""
    yield from (("", attempt) for attempt in evidence.chains[place])
    for name, run in evidence.after.items():
        yield from ((name, attempt) for attempt in run.chains[place])


def chain_lines(evidence: Evidence, place: int) -> Iterator[str]:
    """Yield the timeline of one input: how it ended, an axis to scale, then each attempt with the wait before it."""
    chain = list(_attempts(evidence, place))
    yield f"{evidence.name(place)}: {counted(len(evidence.chains[place]), 'attempt')}, {_end(evidence, place)}"
    if len(chain) > 1:
        span = chain[-1][1].exchange.at - chain[0][1].exchange.at
        yield f"  {_axis([(attempt.exchange.at, _mark(attempt)) for _, attempt in chain])}  {span:.2f}s"
    wide = max((len(f"#{attempt.number}") for _, attempt in chain), default=2)
    before: Attempt | None = None
    for step in some_of(chain):
        if step is None:
            yield f"  {'...':>8}  {counted(len(chain) - MOST_ATTEMPTS, 'more attempt', 'more attempts')}"
            before = None
            continue
        run, attempt = step
        moment = f"{attempt.exchange.at - start_of(evidence):.2f}s"
        if before is not None:
            # Of requests at the same time the later one may have begun before the other had ended.
            moment = f"+{max(0.0, attempt.exchange.at - before.exchange.end):.2f}s"
        number = f"#{attempt.number}"
        faults = f"  ({tell_faults(attempt.exchange)})" if attempt.exchange.rules else ""
        tag = f"  [{run}]" if run else ""
        yield f"  {moment:>8}  {number:{wide}}  {attempt.exchange.operation}  {_outcome(attempt)}{faults}{tag}"
        before = attempt


def some_of(steps: Sequence[T]) -> Iterator[T | None]:
    """Yield what is to be shown of a long list, and None where some are left out."""
    if len(steps) <= MOST_ATTEMPTS:
        yield from steps
        return
    half = MOST_ATTEMPTS // 2
    yield from steps[:half]
    yield None
    yield from steps[-half:]


def _axis(steps: Sequence[tuple[float, str]]) -> str:
    """Return the marks on one line, as far apart as the attempts were in time."""
    start, span = steps[0][0], steps[-1][0] - steps[0][0]
    line = ""
    for at, mark in steps:
        column = round((at - start) / span * (_WIDTH - 1)) if span > 0 else len(line)
        line += "-" * (column - len(line)) + mark
        if len(line) > 2 * _WIDTH:
            return line + "..."
    return line


def _mark(attempt: Attempt) -> str:
    if attempt.failure == "ambiguous" or (attempt.committed and not attempt.heard):
        return UNTOLD
    return SAVED if attempt.success else FAILED


def mark_of(outcome: str) -> str:
    """Return the mark that fits the words of an attempt's outcome, for those who colour lines."""
    if ", but" in outcome or outcome.startswith("connection reset"):
        return UNTOLD
    return SAVED if outcome.startswith("saved") else FAILED


def _outcome(attempt: Attempt) -> str:
    exchange = attempt.exchange
    codes = " ".join(attempt.codes)
    if exchange.job_role is not None and attempt.sure:
        return _in_a_job(attempt, codes)
    if exchange.outcome in _UNHEARD:
        return f"{'saved' if attempt.committed else 'not saved'}, but {_UNHEARD[exchange.outcome]}"
    if exchange.outcome == "reset":
        return "connection reset" + (", though it was saved" if attempt.committed else ", nothing done")
    if attempt.committed and not attempt.heard:
        return f"saved, but answered {exchange.status} {codes}".rstrip()
    if attempt.success:
        return "saved"
    if exchange.failure is not None or not attempt.sure:
        return f"the request was answered {exchange.status} {codes}".rstrip()
    return f"refused: {codes}" if codes else f"refused with {exchange.status}"


def _in_a_job(attempt: Attempt, codes: str) -> str:
    """Say how a row went that a job worked off, and whether its client read it."""
    if attempt.success:
        return "saved" if attempt.heard else "saved, but the client never learnt it"
    unread = "" if attempt.heard else ", but nobody read it"
    if attempt.failure in ("ambiguous", "stopped"):
        how = "the job was aborted" if attempt.failure == "stopped" else "its job did not end"
        return f"not done: {how}"
    return f"refused: {codes}{unread}" if codes else f"not done: its job failed{unread}"


def _end(evidence: Evidence, place: int) -> str:
    outcome = evidence.outcomes[place]
    if outcome is Outcome.LOST:
        return "lost: neither in the org nor dead-lettered"
    if outcome is Outcome.DUPLICATED:
        return f"in the org {len(evidence.records[place])} times"
    letters = [evidence.letters[at] for at in evidence.letters_of[place]] if evidence.letters else []
    if not letters:
        return ENDINGS[outcome]
    codes = [one.error_code for one in letters if isinstance(one, Letter) and one.error_code]
    text = f"dead-lettered ({codes[0]})" if codes else "dead-lettered"
    if len(letters) > 1:
        text += f" {len(letters)} times"
    return text if outcome is Outcome.DEAD_LETTERED else f"{ENDINGS[outcome]}, and {text}"


def _entries(evidence: Evidence, verdict: Verdict, leave_out: set[int]) -> tuple[list[str], list[str]]:
    """Return the axis of the journal entries that a verdict rests on, without those shown already, and their lines."""
    wanted = set(verdict.evidence) - leave_out
    found = [exchange for exchange in journal_of(evidence) if exchange.number in wanted]
    axis = []
    if len(found) > 1:
        span = found[-1].at - found[0].at
        axis = [f"  {_axis([(exchange.at, _mark_of(exchange)) for exchange in found])}  {span:.2f}s"]
    return axis, [tell_exchange(exchange, start_of(evidence)) for exchange in found]


def _mark_of(exchange: Exchange) -> str:
    if exchange.failure == "ambiguous":
        return UNTOLD
    return FAILED if exchange.failure else SAVED
