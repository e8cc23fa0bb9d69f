"""Tells the attempts of the inputs that a verdict is about, each input as a small timeline. Pure functions.

Contact C-000007: 2 attempts, lost: neither in the org nor dead-lettered
   0.00s  #3  rest.collections.upsert  refused: UNABLE_TO_LOCK_ROW  (fault 'locks')
  +0.52s  #5  rest.collections.upsert  done, but the reply was lost  (fault 'cut')
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.evidence import Attempt, Evidence, Outcome
from harness.exchanges import Exchange
from harness.letters import Letter
from harness.properties.property import Verdict, counted
from harness.report.story import tell_exchange

MOST_INPUTS = 3
MOST_ATTEMPTS = 12
"""Attempts of one input to show; of more, the first and the last ones."""
_BAD = frozenset({Outcome.LOST, Outcome.DUPLICATED})


def timelines(evidence: Evidence, verdict: Verdict, *, inputs: int = MOST_INPUTS) -> list[str]:
    """Return the timelines of the inputs a verdict is about; of its journal entries where it is about no input."""
    places = concerned(evidence, verdict)
    if not places:
        return list(_entries(evidence, verdict))
    lines = [line for place in places[:inputs] for line in chain_lines(evidence, place)]
    shown = {attempt.number for place in places for attempt in evidence.chains[place]}
    lines += _entries(evidence, verdict, leave_out=shown)
    if len(places) > inputs:
        lines.append(f"and {counted(len(places) - inputs, 'more input', 'more inputs')} in the same requests")
    return lines


def concerned(evidence: Evidence, verdict: Verdict) -> list[int]:
    """Return the places of the inputs a verdict is about, the most telling first.

    Those that its reason names come first; then those that were sent in its journal entries, the badly ended and the
    failed ones before the others.
    """
    numbers = set(verdict.evidence)
    named, sent = [], []
    for place, chain in enumerate(evidence.chains):
        if _names(verdict.reason, evidence.name(place)):
            named.append(place)
        elif any(attempt.number in numbers for attempt in chain):
            sent.append(place)
    if named and not numbers:
        return named
    failed = {place for place in sent if any(attempt.failure for attempt in evidence.chains[place])}
    sent.sort(key=lambda place: (evidence.outcomes[place] not in _BAD, place not in failed))
    # What merely travelled along in the same request says nothing.
    telling = [place for place in sent if evidence.outcomes[place] in _BAD or place in failed]
    return named + (telling or (sent if not named else []))


def _names(reason: str, name: str) -> bool:
    """Tell whether a text names an input: `Contact C-1` is not named by `Contact C-10`."""
    at = reason.find(name)
    while at >= 0:
        behind = reason[at + len(name) : at + len(name) + 1]
        if not (behind.isalnum() or behind in ("-", "_")):
            return True
        at = reason.find(name, at + 1)
    return False


def chain_lines(evidence: Evidence, place: int) -> Iterator[str]:
    """Yield the timeline of one input: how it ended, then each attempt with the time since the one before."""
    chain = evidence.chains[place]
    yield f"{evidence.name(place)}: {counted(len(chain), 'attempt')}, {_end(evidence, place)}"
    start = evidence.exchanges[0].at if evidence.exchanges else 0.0
    wide = max((len(f"#{attempt.number}") for attempt in chain), default=2)
    before: Attempt | None = None
    for attempt in _some(chain):
        if attempt is None:
            yield f"  {'...':>8}  {counted(len(chain) - MOST_ATTEMPTS, 'more attempt', 'more attempts')}"
            before = None
            continue
        moment = f"{attempt.exchange.at - start:.2f}s"
        if before is not None:
            moment = f"+{attempt.exchange.at - before.exchange.end:.2f}s"
        number = f"#{attempt.number}"
        told = f"{attempt.exchange.operation}  {_outcome(attempt)}{_fault(attempt.exchange)}"
        yield f"  {moment:>8}  {number:{wide}}  {told}"
        before = attempt


def _some(chain: Sequence[Attempt]) -> Iterator[Attempt | None]:
    """Yield the attempts to show, and None where some are left out."""
    if len(chain) <= MOST_ATTEMPTS:
        yield from chain
        return
    half = MOST_ATTEMPTS // 2
    yield from chain[:half]
    yield None
    yield from chain[-half:]


def _outcome(attempt: Attempt) -> str:
    exchange = attempt.exchange
    codes = " ".join(attempt.codes)
    if exchange.outcome in ("lost", "cut", "abandoned"):
        done = "saved" if attempt.committed else "not saved"
        told = {"lost": "the reply was lost", "cut": "the reply was cut off", "abandoned": "the client had gone"}
        return f"{done}, but {told[exchange.outcome]}"
    if exchange.outcome == "reset":
        return "connection reset" + (", though it was saved" if attempt.committed else ", nothing done")
    if attempt.committed and not attempt.heard:
        return f"saved, but answered {exchange.status} {codes}".rstrip()
    if attempt.success:
        return "saved"
    if exchange.failure is not None or not attempt.sure:
        return f"the request was answered {exchange.status} {codes}".rstrip()
    return f"refused: {codes}" if codes else f"refused with {exchange.status}"


def _fault(exchange: Exchange) -> str:
    if not exchange.rules:
        return ""
    named = ", ".join(f"'{rule}'" for rule in exchange.rules)
    return f"  (fault {named})" if len(exchange.rules) == 1 else f"  (faults {named})"


def _end(evidence: Evidence, place: int) -> str:
    outcome = evidence.outcomes[place]
    if outcome is Outcome.LOST:
        return "lost: neither in the org nor dead-lettered"
    if outcome is Outcome.DUPLICATED:
        return f"in the org {len(evidence.records[place])} times"
    letters = [evidence.letters[at] for at in evidence.letters_of[place]] if evidence.letters else []
    if not letters:
        return str(outcome.value)
    codes = [one.error_code for one in letters if isinstance(one, Letter) and one.error_code]
    text = f"dead-lettered ({codes[0]})" if codes else "dead-lettered"
    if len(letters) > 1:
        text += f" {len(letters)} times"
    return text if outcome is Outcome.DEAD_LETTERED else f"{outcome.value}, and {text}"


def _entries(evidence: Evidence, verdict: Verdict, leave_out: set[int] | None = None) -> Iterator[str]:
    """Yield the journal entries that a verdict rests on and no timeline shows."""
    start = evidence.exchanges[0].at if evidence.exchanges else 0.0
    wanted = set(verdict.evidence) - (leave_out or set())
    for exchange in evidence.exchanges:
        if exchange.number in wanted:
            yield tell_exchange(exchange, start)
