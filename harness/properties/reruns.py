"""Idempotency of whole runs: what was delivered may be delivered again, and nothing comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from harness.evidence import AfterName, Evidence
from harness.properties.payload import same
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_UPSERT = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm"
AUDIT = frozenset({"createddate", "createdbyid", "lastmodifieddate", "lastmodifiedbyid", "systemmodstamp"})
"""Fields that Salesforce itself writes at every save, in lower case."""


@dataclass(slots=True)
class _Changes:
    """What a later run did to inputs that had landed before it."""

    landed: int
    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    lettered: list[str] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)

    def faults(self) -> Iterator[str]:
        for names, what in (
            (self.created, "created once more"),
            (self.changed, "changed"),
            (self.lettered, "dead-lettered although in the org"),
        ):
            if names:
                yield f"{counted(len(names), 'record')} {what}: {some(names)}"


def _changes(evidence: Evidence, name: AfterName) -> _Changes:
    """Compare the state after a run with that before it. The runs before it, if there were any, have changed it too."""
    before = evidence
    state = {identifier: dict(values) for identifier, values in evidence.stored.items()}
    for earlier, run in evidence.after.items():
        if earlier == name:
            break
        for _ in _differing(state, run):
            pass
        before = run
    run = evidence.after[name]
    found = _Changes(sum(map(bool, before.records)))
    place_of = {identifier: place for place, ids in enumerate(before.records) for identifier in ids}
    strays = {stray.id for stray in before.strays}
    for place, ids in enumerate(before.records):
        if not ids:
            continue
        fresh = [identifier for identifier in run.records[place] if identifier not in ids]
        if fresh:
            found.created.append(evidence.name(place))
            found.entries.extend(number for identifier in fresh for number in run.writers.get(identifier, ())[:1])
        if len(run.letters_of[place]) > len(before.letters_of[place]):
            found.lettered.append(evidence.name(place))
            found.entries.extend(attempt.number for attempt in run.chains[place][-1:])
    for stray in run.strays:
        if stray.id not in strays:
            found.created.append(f"{stray.sobject} {stray.id}")
            found.entries.append(stray.exchange)
    for identifier, fields, exchange in _differing(state, run):
        owner = place_of.get(identifier)
        if owner is not None:
            found.changed.append(f"{evidence.name(owner)} ({', '.join(fields[:3])})")
            found.entries.append(exchange)
    return found


def _differing(state: dict[str, dict[str, object]], run: Evidence) -> Iterator[tuple[str, list[str], int]]:
    """Yield each commit of a run that changed a value, and bring the state up to date."""
    for commit in run.commits:
        values = state.setdefault(commit.id, {})
        if commit.verb == "delete":
            yield commit.id, ["deleted"], commit.exchange
            continue
        if commit.verb == "undelete":
            # It brings nothing new but the record itself, with the values that it had.
            yield commit.id, ["undeleted"], commit.exchange
            continue
        fields = [
            name
            for name, value in commit.values.items()
            if name.lower() not in AUDIT and not same(value, values.get(name.lower()))
        ]
        values.update({name.lower(): value for name, value in commit.values.items()})
        if fields:
            yield commit.id, fields, commit.exchange


class _SameAgain(Claim):
    run: ClassVar[AfterName]
    consequences: ClassVar[frozenset[str]] = frozenset({"dead_letter.complete", "delivery.nothing_twice"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if self.run not in evidence.after:
            return self.not_applicable(f"there was no {self.run}; it is made where a scenario requires this property")
        run = evidence.after[self.run]
        found = _changes(evidence, self.run)
        if not found.landed:
            return self.not_exercised("no input had landed before")
        if not run.exchanges and (run.process.error or run.process.exit_code not in (0, None)):
            return self.not_exercised("the subject failed before it sent anything")
        faults = [*self.more_faults(evidence), *found.faults()]
        if faults:
            return self.violated("; ".join(faults), found.landed, found.entries)
        return self.held(f"{counted(found.landed, 'landed input')}, none created or changed again", found.landed)

    def more_faults(self, evidence: Evidence) -> Iterator[str]:
        yield from ()


class RedeliveryChangesNothing(_SameAgain):
    name = "idempotency.redelivery_changes_nothing"
    run = "redelivery"
    trigger = "all inputs were delivered once more by a subject whose work folder was empty"
    rule = (
        "What had landed is neither created again, nor changed, nor dead-lettered as a duplicate; and the field it is "
        "known by is unique."
    )
    guidance = (
        "Queues deliver at least once. Upsert by an external id that is taken from the source record, and make that "
        "field unique: without the constraint two upserts at the same moment both create."
    )
    source = _UPSERT
    needs = frozenset({"journal", "commits", "inputs", "letters", "redelivery"})

    def more_faults(self, evidence: Evidence) -> Iterator[str]:
        if evidence.loose_keys:
            yield f"{some(evidence.loose_keys)} not unique: two upserts at once could both create"


class RerunIsNoop(_SameAgain):
    name = "idempotency.rerun_is_noop"
    run = "rerun"
    trigger = "the subject was run once more, with its work folder as it had left it"
    rule = "The second run creates nothing and changes no value of what had landed."
    guidance = (
        "A job that is started twice must find its work done. Write values that follow from the source alone (no "
        "time of the run, no counter), and create by key, or remember what is done."
    )
    source = "https://sre.google/workbook/data-processing/"
    needs = frozenset({"journal", "commits", "inputs", "letters", "rerun"})
    consequences = _SameAgain.consequences | {"idempotency.redelivery_changes_nothing"}


PROPERTIES = (RedeliveryChangesNothing(), RerunIsNoop())
