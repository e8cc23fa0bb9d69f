"""Redrive: dead letters that are delivered again land, once, without harm to newer data, or come back once."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.evidence import Attempt, Evidence, Outcome
from harness.letters import BrokenLetter, Letter
from harness.properties.payload import same
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_NO_REDRIVE = "no redrive was given: `sfmock prove --redrive COMMAND`, or `trial.run(function, redrive=function)`"
_NO_LETTERS = "there was no letter to redrive"
_NEEDS = frozenset({"journal", "commits", "letters", "inputs", "redrive"})
_DLQ_REDRIVE = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html"
_COUNTS = re.compile(
    r'"(?:redrives?|redrive_?count|redriven|requeues?|requeue_?count)"\s*:\s*"?(\d{1,9})', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Redriven:
    """The redrive of a trial: `places` are the inputs whose letters were redriven and that had not landed before."""

    before: Evidence
    run: Evidence
    places: tuple[int, ...]

    def refused(self, place: int) -> Attempt | None:
        """Return the refusal for good that the input ended with in the redrive."""
        chain = self.run.chains[place]
        return chain[-1] if chain and chain[-1].failure == "permanent" else None


class _RedriveClaim(Claim, ABC):
    """A claim about the first redrive."""

    needs = _NEEDS
    source = _DLQ_REDRIVE

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        run = evidence.after.get("redrive")
        lettered = [place for place, numbers in enumerate(evidence.letters_of) if numbers]
        if evidence.letters is None:
            return self.not_applicable("no dead-letter queue was given")
        if run is None:
            return self.not_exercised(_NO_LETTERS) if not lettered else self.not_applicable(_NO_REDRIVE)
        places = tuple(place for place in lettered if not evidence.landed(place))
        if not places:
            return self.not_exercised(_NO_LETTERS)
        for letter in run.letters or ():
            if isinstance(letter, BrokenLetter) and letter.whole_queue:
                return self.violated(f"after the redrive the letters could not be read: {letter.reason}", len(places))
        return self.judge_redrive(_Redriven(evidence, run, places))

    @abstractmethod
    def judge_redrive(self, redriven: _Redriven) -> Verdict:
        """Judge what the redrive did."""


class Lands(_RedriveClaim):
    name = "dead_letter.redrive_lands"
    trigger = "dead letters were redriven after the faults had stopped"
    rule = "Each of their inputs lands, and its letter is gone; what is refused for good again is left to other claims."
    guidance = (
        "Keep the whole record and its object in the letter, so that it can be sent again as it stands. Take a letter "
        "out of the queue once its record is known to be in the org, and not before."
    )
    consequences = frozenset({"dead_letter.no_poison_loop"})

    def judge_redrive(self, redriven: _Redriven) -> Verdict:
        run = redriven.run
        due = [place for place in redriven.places if redriven.refused(place) is None]
        if not due:
            return self.not_exercised("every redriven record was refused for good again")
        absent = [place for place in due if not run.landed(place)]
        if absent and any(exchange.failure == "quota" for exchange in run.exchanges):
            return self.not_exercised("the calls of the day were spent still when the letters were redriven")
        left = [place for place in due if run.landed(place) and run.letters_of[place]]
        wrong = [
            f"{counted(len(places), 'input')} {what}: {some(map(run.name, places))}"
            for places, what in (
                (absent, "not in the org after the redrive"),
                (left, "landed, but still in the queue: the next redrive sends them again"),
            )
            if places
        ]
        if wrong:
            return self.violated("; ".join(wrong), len(due), run.last_entries([*absent, *left]))
        return self.held(f"{counted(len(due), 'redriven input')} landed, and their letters are gone", len(due))


class Idempotent(Claim):
    name = "dead_letter.redrive_idempotent"
    trigger = "letters whose records had landed in a redrive were redriven once more"
    rule = "No redrive leaves an input in the org as more than one record."
    guidance = (
        "A redrive can be cut off between the write and the removal of the letter, and is then done again. Upsert by "
        "the external id in a redrive too, or look the key up first."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm"
    needs = _NEEDS

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        runs = [evidence.after[name] for name in ("redrive", "redrive again") if name in evidence.after]
        lettered = [place for place, numbers in enumerate(evidence.letters_of) if numbers]
        if len(runs) < 2:
            return self.not_exercised(_NO_LETTERS) if not lettered else self.not_applicable(_NO_REDRIVE)
        first, second = runs
        once = [place for place in lettered if evidence.outcomes[place] is not Outcome.DUPLICATED]
        landed = [place for place in once if first.landed(place)]
        twice = [place for place in once if len(second.records[place]) > 1 or len(first.records[place]) > 1]
        if twice:
            writers = (
                number for place in twice for id_ in second.records[place] for number in second.writers.get(id_, ())
            )
            reason = (
                f"{counted(len(twice), 'redriven input')} in the org more than once: {some(map(evidence.name, twice))}"
            )
            return self.violated(reason, max(len(landed), 1), writers)
        if not landed or not second.exchanges:
            return self.not_exercised("the second redrive had nothing to send that had landed in the first")
        return self.held(f"{counted(len(landed), 'input')} redriven twice, each there once", len(landed))


class NotStale(Claim):
    name = "dead_letter.redrive_not_stale"
    trigger = "records had been changed by somebody else when their old letters were redriven"
    rule = "The newer values stay."
    guidance = (
        "Before a redrive look up SystemModstamp (or a version field of your own) of the records, and drop the letters "
        "that are older: what they say has been overtaken."
    )
    source = (
        "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest_conditional_requests.htm"
    )
    needs = _NEEDS

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        run = evidence.after.get("redrive again")
        if run is None:
            lettered = any(evidence.letters_of)
            return self.not_applicable(_NO_REDRIVE) if lettered else self.not_exercised(_NO_LETTERS)
        if not run.newer:
            return self.not_exercised("no record was changed between the redrives: the scenario must expect this claim")
        if not run.exchanges:
            return self.not_exercised("the second redrive sent nothing")
        stale: list[str] = []
        entries: list[int] = []
        for place, values in run.newer.items():
            # A second record beside the changed one is another matter, and so is one that was deleted.
            held = [run.stored.get(id_, {}) for id_ in run.records[place]]
            if held and not any(_holds(stored, values) for stored in held):
                stale.append(f"{evidence.name(place)} ({', '.join(values)})")
                entries.extend(number for id_ in run.records[place] for number in run.writers.get(id_, ())[-1:])
        if stale:
            reason = f"{counted(len(stale), 'newer record')} overwritten by an old letter: {some(stale)}"
            return self.violated(reason, len(run.newer), entries)
        return self.held(f"{counted(len(run.newer), 'newer record')} left as they were", len(run.newer))


def _holds(stored: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(same(value, stored.get(name.lower())) for name, value in values.items())


class NoPoisonLoop(_RedriveClaim):
    name = "dead_letter.no_poison_loop"
    trigger = "a redriven record was refused for good again"
    rule = (
        "It was sent once in the redrive, and is in the queue once afterwards, with more attempts than before, or a "
        "count of its redrives."
    )
    guidance = (
        "Count redrives in the letter, add the attempts up, put a refused letter back once, in the place of the old "
        "one, and set it aside for a person after a few rounds."
    )
    source = "https://learn.microsoft.com/azure/service-bus-messaging/service-bus-dead-letter-queues"
    consequences = frozenset({"retry.permanent_not_retried"})

    def judge_redrive(self, redriven: _Redriven) -> Verdict:
        refused = [place for place in redriven.places if redriven.refused(place) is not None]
        if not refused:
            return self.not_exercised("no redriven record was refused for good again")
        wrong = [f"{redriven.run.name(place)} {fault}" for place in refused for fault in _faults(redriven, place)]
        if wrong:
            return self.violated(some(wrong), len(refused), redriven.run.last_entries(refused))
        return self.held(
            f"{counted(len(refused), 'refused letter')}, each back once, with its count raised", len(refused)
        )


def _faults(redriven: _Redriven, place: int) -> Iterator[str]:
    """Yield what is wrong with the way a refused letter came back; the first fault says enough."""
    chain, run = redriven.run.chains[place], redriven.run
    refusals = [attempt for attempt in chain if attempt.failure == "permanent" and attempt.heard and attempt.sure]
    back = [run.letters[number] for number in run.letters_of[place]] if run.letters else []
    if len(refusals) > 1 and len({attempt.fingerprint for attempt in refusals}) < len(refusals):
        yield f"was sent {len(chain)} times in one redrive although it was refused for good"
    elif not back:
        yield "was refused again and is not in the queue any more"
    elif len(back) > 1:
        yield f"is in the queue {len(back)} times after one redrive"
    else:
        old = redriven.before.letters[redriven.before.letters_of[place][-1]] if redriven.before.letters else None
        if isinstance(old, Letter) and isinstance(back[0], Letter) and not _raised(old, back[0]):
            yield f"came back with {_said(back[0])}, as before: nobody can see that it goes round"


def _raised(old: Letter, new: Letter) -> bool:
    if _redrives(new) > _redrives(old):
        return True
    before, after = old.attempts, new.attempts
    both = isinstance(before, int) and isinstance(after, int)
    return both and after > before


def _redrives(letter: Letter) -> int:
    found = _COUNTS.search(letter.raw)
    return int(found[1]) if found else 0


def _said(letter: Letter) -> str:
    return f"attempts: {letter.attempts}" if letter.attempts is not None else "no count"


PROPERTIES = (Lands(), Idempotent(), NotStale(), NoPoisonLoop())
