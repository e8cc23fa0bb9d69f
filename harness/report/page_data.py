"""The journal of a trial as the page's script reads it: columns, each text once, times in tenths of a millisecond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from harness.evidence import Attempt, Evidence, Outcome
from harness.exchanges import Exchange, Failure, class_of
from harness.properties.property import counted
from harness.report.digest import Digest
from harness.report.story import ENDINGS, journal_of, start_of, tell_answer, tell_causes

MOST_ENTRIES = 20_000
"""Journal entries that a page holds of one trial: beyond that the first ones and those that verdicts rest on."""
_TICKS = 10_000.0

KINDS = {
    "saved": "done, and the client was told",
    "partly": "some rows saved, some refused",
    "passing": "failed in a way that passes",
    "refused": "refused for good",
    "session": "the session was refused",
    "quota": "a limit was reached",
    "untold": "done, but the client was not told",
    "unanswered": "no answer to rely on",
}
"""How an attempt or request went, and the words for it. The page has a mark and a colour for each."""
_KIND = {kind: number for number, kind in enumerate(KINDS)}
_OF_FAILURE: dict[Failure, str] = {
    "transient": "passing",
    "permanent": "refused",
    "session": "session",
    "quota": "quota",
    "ambiguous": "unanswered",
    "stopped": "refused",
}
OUTCOMES = tuple(outcome.value for outcome in Outcome)


def kind_of_attempt(attempt: Attempt) -> str:
    """Return how an attempt of an input went."""
    if attempt.committed and not attempt.heard:
        return "untold"
    return _OF_FAILURE[attempt.failure] if attempt.failure else "saved"


def kind_of_exchange(exchange: Exchange, committed: bool) -> str:
    """Return how a request went, its rows taken together."""
    if committed and not exchange.heard:
        return "untold"
    if exchange.failure:
        return _OF_FAILURE[exchange.failure]
    failed = [row for row in exchange.rows if row.success is False]
    if not failed:
        return "saved"
    if len(failed) < len(exchange.rows):
        return "partly"
    return _OF_FAILURE[class_of(failed[0].codes, exchange.status)]


@dataclass
class _Texts:
    """Gives each text a number."""

    hide: Any
    numbers: dict[str, int] = field(default_factory=dict)

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))

    def __iter__(self) -> Iterator[str]:
        return (self.hide(text) for text in self.numbers)


def page_data(told: Digest) -> dict[str, Any]:
    """Return what the page draws and lists of a trial that was judged."""
    evidence = told.evidence
    assert evidence is not None
    start = start_of(evidence)
    parts: list[tuple[str, Evidence]] = [("", evidence), *evidence.after.items()]
    attempts: dict[int, list[tuple[int, str]]] = {}
    for _, part in parts:
        for place, chain in enumerate(part.chains):
            for attempt in chain:
                attempts.setdefault(attempt.number, []).append((place, kind_of_attempt(attempt)))
    commits = Counter(commit.exchange for _, part in parts for commit in part.commits if commit.exchange)
    exchanges = journal_of(evidence)
    shown = _shown(exchanges, {number for proof in told.proofs for number in proof.ruling.evidence})
    operations, answers, faults, paths = (_Texts(told.hide) for _ in range(4))
    columns: dict[str, list[Any]] = {
        key: [] for key in ("number", "at", "took", "op", "path", "answer", "kind", "struck", "rows", "saved", "commits", "links", "who", "how")
    }  # fmt: skip
    for exchange in shown:
        linked = attempts.get(exchange.number, [])
        columns["number"].append(exchange.number)
        columns["at"].append(_ticks(exchange.at - start))
        columns["took"].append(_ticks(exchange.end - exchange.at))
        columns["op"].append(operations(exchange.operation))
        columns["path"].append(paths(f"{exchange.method} {exchange.path}"))
        columns["answer"].append(answers(_answer(exchange)))
        columns["kind"].append(_KIND[kind_of_exchange(exchange, commits[exchange.number] > 0)])
        columns["struck"].append([faults(rule) for rule in exchange.rules])
        columns["rows"].append(len(exchange.rows))
        columns["saved"].append(sum(row.success is True for row in exchange.rows))
        columns["commits"].append(commits[exchange.number])
        columns["links"].append(len(linked))
        columns["who"].extend(place for place, _ in linked)
        columns["how"].extend(_KIND[kind] for _, kind in linked)
    return {
        **columns,
        "kinds": list(KINDS),
        "says": list(KINDS.values()),
        "ops": list(operations),
        "answers": list(answers),
        "paths": list(paths),
        "faults": list(faults),
        "inputs": [told.hide(evidence.name(place)) for place in range(len(evidence.inputs))],
        "ends": [OUTCOMES.index(outcome.value) for outcome in evidence.outcomes],
        "outcomes": list(OUTCOMES),
        "endings": [ENDINGS[outcome] for outcome in Outcome],
        "letters": _letters(evidence, start),
        "runs": [
            [name, max(0, _ticks(began - start)), max(0, _ticks(ended - start))]
            for name, began, ended in runs_of(evidence)
        ],
        "left": len(exchanges) - len(shown),
    }


def _answer(exchange: Exchange) -> str:
    """Return what the client got, with what its rows were refused for."""
    causes = "" if exchange.codes else tell_causes(exchange)
    copied = f"#{exchange.copy_of} once more: " if exchange.copy_of is not None else ""
    return copied + tell_answer(exchange) + (f": {causes}" if causes else "")


def _shown(exchanges: list[Exchange], wanted: set[int]) -> list[Exchange]:
    if len(exchanges) <= MOST_ENTRIES:
        return exchanges
    return exchanges[:MOST_ENTRIES] + [exchange for exchange in exchanges[MOST_ENTRIES:] if exchange.number in wanted]


def _ticks(seconds: float) -> int:
    return round(seconds * _TICKS)


def _letters(evidence: Evidence, start: float) -> list[list[int]]:
    """Return the dead-lettered inputs, each with the end of its last attempt: letters carry no clock of the org's."""
    return [
        [place, _ticks(evidence.chains[place][-1].exchange.end - start) if evidence.chains[place] else 0]
        for place, letters in enumerate(evidence.letters_of)
        if letters
    ]


def runs_of(evidence: Evidence) -> list[tuple[str, float, float]]:
    """Return the runs of the subject with begin and end in clock seconds; none where there was only one."""
    runs: list[tuple[str, float, float]] = [(leg.name, leg.began, leg.ended) for leg in evidence.legs]
    for name, part in evidence.after.items():
        if part.exchanges:
            began = part.exchanges[0].at
            runs.append((name, began, max(exchange.end for exchange in part.exchanges)))
    return runs if len(runs) > 1 else []


def tell_timeline(evidence: Evidence) -> str:
    """Return in words what the picture of the timeline shows."""
    exchanges = journal_of(evidence)
    if not exchanges:
        return "No request was made."
    committed = Counter(commit.exchange for commit in evidence.commits if commit.exchange)
    kinds = Counter(kind_of_exchange(exchange, committed[exchange.number] > 0) for exchange in exchanges)
    span = max(exchange.end for exchange in exchanges) - start_of(evidence)
    parts = [f"{counted(len(exchanges), 'request')} in {span:.2f} s"]
    parts += [f"{kinds[kind]} {words}" for kind, words in KINDS.items() if kinds[kind]]
    waits = [
        later.exchange.at - earlier.exchange.end for chain in evidence.chains for earlier, later in pairwise(chain)
    ]
    longest = max(waits, default=0.0)
    struck = sum(bool(exchange.rules) for exchange in exchanges)
    ends = [
        f"faults struck {counted(struck, 'request')}" if struck else "no fault struck",
        f"{counted(sum(committed.values()), 'record change')} committed",
        counted(sum(map(bool, evidence.letters_of)), "input") + " dead-lettered",
    ]
    if longest > 0:
        ends.append(f"the longest wait before another attempt was {longest:.2f} s")
    return f"{parts[0]}: {', '.join(parts[1:])}. {'; '.join(ends).capitalize()}."
