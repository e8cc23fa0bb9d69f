"""CSV: what a file says is what the source said, whatever characters stand in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from harness.evidence import Evidence
from harness.loads import Load
from harness.properties.payload import differing
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a newline", re.compile(r"[\r\n]")),
    ("a quote", re.compile('"')),
    ("a delimiter", re.compile(r"[,;\t|^`]")),
    ("letters beyond ASCII", re.compile(r"[^\x00-\x7f]")),
    ("a blank at its end", re.compile(r"^\s|\s$")),
    ("more than 1,000 characters", re.compile(r".{1001}", re.DOTALL)),
)
_UNREADABLE = re.compile(r"csv|pars|column|delimiter|line ending", re.IGNORECASE)


class CsvFaithful(Claim):
    name = "bulk.csv_faithful"
    trigger = (
        "a job carried inputs with values that are hard to write in CSV: delimiters, quotes, newlines, letters beyond "
        "ASCII, long texts, none at all"
    )
    rule = (
        "The org holds what the input says, in every field of these records; no row of the file is one that no input "
        "is, and none is refused because the file could not be read."
    )
    guidance = (
        "Write the file with a CSV library, in UTF-8, with the job's own columnDelimiter and lineEnding; never join "
        "values by hand. Write `#N/A` for a field that is to be emptied: an empty cell leaves it as it is."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/datafiles_csv_valid_record_rows.htm"
    needs = frozenset({"journal", "jobs", "commits", "inputs"})
    consequences = frozenset(
        {
            "delivery.nothing_lost",
            "delivery.nothing_twice",
            "delivery.nothing_invented",
            "dead_letter.complete",
            "dead_letter.informative",
            "retry.permanent_not_retried",
            "retry.same_body",
            "idempotency.rerun_is_noop",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        loads = {load.number: load for load in evidence.loads}
        if not loads:
            return self.not_exercised("nothing went by a job")
        hard = {
            place: kinds
            for place, given in enumerate(evidence.inputs)
            if (kinds := _kinds(given.record)) and _went_by(evidence, place, loads)
        }
        if not hard:
            return self.not_exercised("no value that went by a job was hard to write in CSV")
        wrong: list[str] = []
        entries: list[int] = []
        for place, kinds in hard.items():
            for identifier in evidence.records[place]:
                writers = [number for number in evidence.writers.get(identifier, ()) if number in loads]
                fields = differing(evidence.inputs[place].record, evidence.stored[identifier]) if writers else []
                if fields:
                    wrong.append(f"{evidence.name(place)} ({', '.join(fields[:3])}; {kinds[0]})")
                    entries += writers[-1:]
        known = Counter(attempt.number for chain in evidence.chains for attempt in chain)
        for load in loads.values():
            for text in _misread(evidence, load, known[load.number]):
                wrong.append(text)
                entries.append(load.number)
        if wrong:
            return self.violated(f"not as the source says: {some(wrong)}", len(hard), entries)
        return self.held(f"{counted(len(hard), 'row')} that are hard to write in CSV, as their source says", len(hard))


def _went_by(evidence: Evidence, place: int, loads: Mapping[int, Load]) -> bool:
    chain = evidence.chains[place]
    if chain:
        return any(attempt.number in loads for attempt in chain)
    # A row that was torn is known as nobody's: the file may have held it.
    return any(load.job.sobject.lower() == evidence.inputs[place].sobject.lower() for load in loads.values())


def _kinds(record: Mapping[str, object]) -> list[str]:
    """Return what is hard about the values of a record."""
    texts = [value for value in record.values() if isinstance(value, str)]
    found = [name for name, pattern in _KINDS if any(pattern.search(text) for text in texts)]
    if any(value is None for value in record.values()):
        found.append("no value")
    return found


def _misread(evidence: Evidence, load: Load, known: int) -> Iterator[str]:
    """Yield what shows that a file was not read as it was meant; `known` of its rows are inputs."""
    if not any(given.sobject.lower() == load.job.sobject.lower() for given in evidence.inputs):
        return
    if known < len(load.exchange.rows):
        yield f"{counted(len(load.exchange.rows) - known, 'row')} of no input in {load.job.id}"
    why = load.batch.message if load.batch is not None else load.job.error
    if load.state == "Failed" and load.why == "permanent" and _UNREADABLE.search(why):
        yield f"{load.job.id} could not be read: {why[:100]}"
