"""The three laws: nothing lost, nothing twice, nothing invented."""

from __future__ import annotations

from harness.evidence import Evidence, Outcome, Process
from harness.properties.payload import differing, misplaced, parents_of
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_NEEDS = frozenset({"journal", "commits", "letters", "inputs"})


class NothingLost(Claim):
    name = "delivery.nothing_lost"
    trigger = "the subject was given inputs"
    rule = "Every input is in the org or in the dead-letter queue when the subject has ended."
    guidance = (
        "Look at the last answer each lost record got: it was not acted upon. Retry it, or write it to the dead-letter "
        "queue, and mark a source record as done only after one of the two has happened."
    )
    source = "https://sre.google/workbook/data-processing/"
    needs = _NEEDS
    consequences = frozenset({"report.truthful"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        if not evidence.inputs:
            return self.not_exercised("there were no inputs")
        lost = evidence.with_outcome(Outcome.LOST)
        if lost:
            unsent = sum(not evidence.chains[place] for place in lost)
            more = f"; {unsent} of them seen in no request" if unsent else ""
            where = "not in the org" if evidence.letters is None else "neither in the org nor in the dead letters"
            total = counted(len(evidence.inputs), "input")
            reason = (
                f"{len(lost)} of {total} {where}{more}: {some(map(evidence.name, lost))}{_ending(evidence.process)}"
            )
            return self.violated(reason, len(evidence.inputs), evidence.last_entries(lost))
        landed = len(evidence.inputs) - len(evidence.with_outcome(Outcome.DEAD_LETTERED))
        landed -= len(evidence.with_outcome(Outcome.SKIPPED))
        return self.held(f"{landed} of {counted(len(evidence.inputs), 'input')} landed", len(evidence.inputs))


def _ending(process: Process) -> str:
    """Say how the subject ended, where that may be why inputs are lost."""
    if process.timed_out:
        return " (the subject was stopped by the time limit)"
    if process.error:
        return f" (the subject ended with {process.error[:100]})"
    if process.signal:
        return f" (the subject ended by {process.signal})"
    return f" (the subject ended with exit status {process.exit_code})" if process.exit_code else ""


class NothingTwice(Claim):
    name = "delivery.nothing_twice"
    trigger = "an input landed"
    rule = "No input is in the org as more than one record."
    guidance = (
        "Upsert by an external id that the source record owns, in place of creating, so that a request which is sent "
        "again changes nothing; or look the key up before creating again."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm"
    needs = _NEEDS

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        landed = sum(bool(records) for records in evidence.records)
        if not landed:
            return self.not_exercised("no input landed")
        twice = evidence.with_outcome(Outcome.DUPLICATED)
        if twice:
            writers = (
                number for place in twice for id_ in evidence.records[place] for number in evidence.writers.get(id_, ())
            )
            reason = f"{counted(len(twice), 'input')} in the org more than once: {some(map(evidence.name, twice))}"
            return self.violated(reason, landed, writers)
        return self.held(f"{counted(landed, 'input')} landed once each", landed)


class NothingInvented(Claim):
    name = "delivery.nothing_invented"
    trigger = "a record of an input's object was written"
    rule = "Every record written stands for an input and holds what the input says."
    guidance = (
        "Compare the fields named here with the source: a body built anew for a retry, shifted columns, or an old "
        "request that overwrote newer values are the usual causes. Send the same body again, byte for byte."
    )
    source = "https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2"
    needs = _NEEDS

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        landed = [place for place, records in enumerate(evidence.records) if records]
        exposures = len(landed) + len(evidence.strays)
        if not exposures:
            return self.not_exercised("no record was written")
        if evidence.strays:
            named = some(f"{stray.sobject} {stray.id}" for stray in evidence.strays)
            reason = f"{counted(len(evidence.strays), 'write')} for no input: {named}"
            return self.violated(reason, exposures, (stray.exchange for stray in evidence.strays))
        wrong: list[str] = []
        entries: list[int] = []
        parents = parents_of(evidence)
        for place in landed:
            record = evidence.inputs[place].record
            for id_ in evidence.records[place]:
                fields = differing(record, evidence.stored[id_]) + misplaced(record, evidence.stored[id_], parents)
                # What the subject has not touched, it has not invented.
                if fields and id_ in evidence.writers:
                    wrong.append(f"{evidence.name(place)} ({', '.join(fields[:3])})")
                    entries.extend(evidence.writers[id_][-1:])
        if wrong:
            return self.violated(
                f"{counted(len(wrong), 'record')} not as the input says: {some(wrong)}", exposures, entries
            )
        return self.held(f"{counted(len(landed), 'record')} as the inputs say", exposures)


PROPERTIES = (NothingLost(), NothingTwice(), NothingInvented())
