"""Links journal, commits, inputs and letters into one Evidence. Every list is walked once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from harness.effects import Effects
from harness.evidence import (
    AfterName,
    ArmedFault,
    Attempt,
    Canary,
    Evidence,
    Leg,
    Outcome,
    Process,
    Stray,
)
from harness.exchanges import Exchange, Failure, Row, blameless, class_of, read_exchange, read_row, row_of_path
from harness.happenings import Happenings
from harness.inputs import Input
from harness.jobs import read_jobs
from harness.letters import BrokenLetter, Letter
from harness.loads import Load, loads_of
from harness.plans import Policy
from harness.properties.payload import differing
from mock_server.control.client import CommitRow
from mock_server.uncollected import uncollected

NO_EFFECTS = Effects()
NO_HAPPENINGS = Happenings()
_FINISHED = Process(exit_code=0, seconds=0.0)


@uncollected()
def link(
    *,
    entries: Iterable[Mapping[str, Any]],
    commits: Sequence[CommitRow],
    inputs: Sequence[Input],
    letters: Sequence[Letter | BrokenLetter] | None = None,
    process: Process = _FINISHED,
    policy: Policy | None = None,
    canaries: Sequence[Canary] = (),
    faults: Sequence[ArmedFault] = (),
    skipped: Collection[str] = (),
    legs: Sequence[Leg] = (),
    after: Mapping[AfterName, Evidence] | None = None,
    since: int = 0,
    clock: Literal["real", "virtual"] = "real",
    deadline: float | None = None,
    healed: float | None = None,
    unique: Mapping[tuple[str, str], bool] | None = None,
    effects: Effects = NO_EFFECTS,
    newer: Mapping[int, Mapping[str, Any]] | None = None,
    jobs: Sequence[Mapping[str, Any]] = (),
    seeded: int | None = None,
    happenings: Happenings = NO_HAPPENINGS,
) -> Evidence:
    """Build the evidence of a trial from the control plane's journal entries, commits and jobs.

    `letters` is None where there is no queue; `skipped` are keys that the subject says it left out on purpose.
    Of a run after delivery, `since` is the last journal entry before it: what came earlier tells the state, no more.
    """
    read = [read_exchange(entry) for entry in entries if entry["number"] > since and entry.get("call") is None]
    untouched = _untouched(jobs)
    if untouched:
        read = [_with_rows(exchange, untouched.get(exchange.number, ())) for exchange in read]
    exchanges = tuple(exchange for exchange in read if exchange.copy_of is None)
    found = tuple(job for job in read_jobs(jobs, exchanges) if job.exchanges)
    loads = loads_of(found)
    names = _Names(inputs)
    history = _History(names, commits)
    chains, unlinked = _chains(exchanges, names, history, {load.number: load for load in loads})
    records = tuple(history.live(place, given.record) for place, given in enumerate(inputs))
    letters_of = _letters_of(names, letters or (), records)
    return Evidence(
        exchanges=exchanges,
        copies=tuple(exchange for exchange in read if exchange.copy_of is not None),
        inputs=tuple(inputs),
        chains=chains,
        outcomes=tuple(
            _outcome(records[place], bool(letters_of[place]), str(given.key) in skipped)
            for place, given in enumerate(inputs)
        ),
        records=records,
        stored=history.stored,
        writers={id_: tuple(numbers) for id_, numbers in history.writers.items()},
        strays=tuple(history.strays),
        letters=None if letters is None else tuple(letters),
        letters_of=letters_of,
        unlinked=unlinked,
        process=process,
        policy=policy,
        canaries=tuple(canaries),
        faults=tuple(faults),
        commits=tuple(commit for commit in commits if not since or commit.exchange > since),
        legs=tuple(legs),
        after=dict(after or {}),
        clock=clock,
        deadline=deadline,
        healed=healed,
        unique=dict(unique or {}),
        effects=effects,
        newer=dict(newer or {}),
        jobs=found,
        loads=loads,
        seeded=seeded,
        happenings=happenings,
    )


def _untouched(jobs: Sequence[Mapping[str, Any]]) -> dict[int, list[Row]]:
    """Return the rows with which a job has done nothing, by the request that brought them."""
    found: dict[int, list[Row]] = defaultdict(list)
    for job in jobs:
        for row in job.get("unprocessed") or ():
            found[row["exchange"]].append(read_row(row))
    return found


def _with_rows(exchange: Exchange, rows: Sequence[Row]) -> Exchange:
    return replace(exchange, rows=(*exchange.rows, *rows)) if rows else exchange


def inputs_of(inputs: Sequence[Input], letters: Sequence[Letter | BrokenLetter]) -> dict[int, tuple[int, ...]]:
    """Return the places of the inputs that have letters, each with the places of its letters."""
    found = _letters_of(_Names(inputs), letters)
    return {place: numbers for place, numbers in enumerate(found) if numbers}


def _outcome(records: tuple[str, ...], lettered: bool, skipped: bool) -> Outcome:
    if len(records) > 1:
        return Outcome.DUPLICATED
    if records:
        return Outcome.LANDED
    if lettered:
        return Outcome.DEAD_LETTERED
    return Outcome.SKIPPED if skipped else Outcome.LOST


class _Names:
    """Finds an input by the object and the value of its key field, or by the id of a record known to be its own.

    A row that has neither is known by what it says, as far as only one input says the same.
    """

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._by_key: dict[tuple[str, str, str], int] = {}
        self._by_id: dict[str, int] = {}
        self._by_bare_key: dict[str, list[int]] = defaultdict(list)
        self._key_fields: dict[str, set[str]] = defaultdict(set)
        self._prints: dict[tuple[str, str], int | None] | None = None
        self._said_fields: dict[str, set[str]] = {}
        self.count = len(inputs)
        for place, given in enumerate(inputs):
            sobject, field = given.sobject.lower(), given.key_field.lower()
            self._key_fields[sobject].add(field)
            self._by_key.setdefault((sobject, field, str(given.key)), place)
            self._by_bare_key[str(given.key)].append(place)

    def concerns(self, sobject: str) -> bool:
        return sobject.lower() in self._key_fields

    def by_id(self, identifier: str | None) -> int | None:
        return self._by_id.get(identifier[:15]) if identifier else None

    def by_key(self, sobject: str, field: str, key: Any) -> int | None:
        return self._by_key.get((sobject.lower(), field.lower(), str(key)))

    def by_values(self, sobject: str, values: Mapping[str, Any]) -> int | None:
        fields = self._key_fields.get(sobject.lower())
        if fields:
            for name, value in values.items():
                if value is not None and name.lower() in fields:
                    place = self.by_key(sobject, name, value)
                    if place is not None:
                        return place
        return None

    def claim(self, identifier: str, place: int) -> None:
        """Remember that a record belongs to an input."""
        self._by_id[identifier[:15]] = place

    def of_row(self, row: Row) -> int | None:
        if row.key_field is not None and row.key is not None:
            place = self.by_key(row.sobject, row.key_field, row.key)
            if place is not None:
                return place
        place = self.by_values(row.sobject, row.values)
        if place is None:
            place = self.by_id(row.id)
        return self._by_print(row) if place is None and row.id is None and row.values else place

    def _by_print(self, row: Row) -> int | None:
        sobject = row.sobject.lower()
        if sobject not in self._key_fields:
            return None
        if self._prints is None:
            self._prints = {}
            self._said_fields = defaultdict(set)
            for given in self._inputs:
                self._said_fields[given.sobject.lower()].update(name.lower() for name in given.record)
            for place, given in enumerate(self._inputs):
                said = self._print(given.sobject.lower(), given.record)
                self._prints[said] = None if said in self._prints else place
        return self._prints.get(self._print(sobject, row.values))

    def _print(self, sobject: str, values: Mapping[str, Any]) -> tuple[str, str]:
        """Return what values say, keys and the fields that no input has (stamps, ids of a request) left out."""
        wanted = self._said_fields[sobject] - self._key_fields[sobject]
        said = {name.lower(): value for name, value in values.items() if name.lower() in wanted}
        return sobject, repr(sorted((name, value) for name, value in said.items() if value is not None))

    def of_letter(self, letter: Letter) -> list[int]:
        """Return the inputs that a letter may mean: by its key, else by the key in its record.

        Inputs of several objects may share a key; then the object that the letter names, or its record, tell.
        """
        found = self._by_bare_key.get(str(letter.key), []) if letter.key is not None else []
        if not found and isinstance(letter.record, Mapping):
            places = (self.by_values(sobject, letter.record) for sobject in self._key_fields)
            found = [place for place in places if place is not None]
        if len(found) < 2:
            return found
        attributes = (letter.record or {}).get("attributes")
        named = attributes.get("type") if isinstance(attributes, Mapping) else letter.sobject
        if isinstance(named, str):
            return [place for place in found if self._inputs[place].sobject.lower() == named.lower()] or found
        if letter.record is None:
            return found
        odd = {place: len(differing(self._inputs[place].record, letter.record)) for place in found}
        return [place for place in found if odd[place] == min(odd.values())]


class _History:
    """What the commits say: which records stand for which input, and what they hold at the end."""

    def __init__(self, names: _Names, commits: Sequence[CommitRow]) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        self.writers: dict[str, list[int]] = defaultdict(list)
        self.strays: list[Stray] = []
        self.by_exchange: dict[int, set[int]] = defaultdict(set)
        self._live: dict[int, dict[str, bool]] = defaultdict(dict)
        self._seeded: dict[int, dict[str, bool]] = defaultdict(dict)
        for commit in commits:
            self._add(names, commit)

    def _add(self, names: _Names, commit: CommitRow) -> None:
        sobject, identifier, exchange = commit.sobject, commit.id, commit.exchange
        if not names.concerns(sobject):
            return
        place = names.by_values(sobject, commit.values)
        if place is None:
            place = names.by_id(identifier)
        if place is not None:
            names.claim(identifier, place)
        if commit.verb == "delete":
            if place is not None:
                self._live[place].pop(identifier, None)
                self._seeded[place].pop(identifier, None)
            return
        values = self.stored.setdefault(identifier, {})
        for name, value in commit.values.items():
            values[name.lower()] = value
        if not exchange:
            # The harness's own seeding delivers nothing, but what it put there counts as soon as it is touched.
            if place is not None:
                self._seeded[place][identifier] = True
            return
        self.writers[identifier].append(exchange)
        if place is None:
            self.strays.append(Stray(sobject, identifier, exchange))
        else:
            self._live[place][identifier] = True
            self.by_exchange[exchange].add(place)

    def live(self, place: int, record: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the records that stand for an input: those that were written, and what was there under its key before.

        An input that was there already, as it should be, needs no write.
        """
        written, seeded = self._live.get(place, {}), self._seeded.get(place, {})
        if written:
            return tuple({**written, **seeded})
        return tuple(identifier for identifier in seeded if not differing(record, self.stored[identifier]))[:1]


def _chains(
    exchanges: Sequence[Exchange], names: _Names, history: _History, loads: Mapping[int, Load]
) -> tuple[tuple[tuple[Attempt, ...], ...], tuple[Exchange, ...]]:
    decoded: dict[tuple[str, ...], tuple[Row, ...]] = {}
    for exchange in exchanges:
        if exchange.rows and exchange.repeat[-1]:
            decoded.setdefault(_said(exchange), exchange.rows)
    tries = _Uploads(exchanges)
    chains: dict[int, list[Attempt]] = defaultdict(list)
    unlinked = []
    for exchange in exchanges:
        if not exchange.is_write and (exchange.job_role != "create" or _said(exchange) not in decoded):
            continue
        rows, sure = exchange.rows, True
        if not rows:
            rows, sure = decoded.get(_said(exchange), ()), False
            by_path = row_of_path(exchange) if not rows else None
            rows = (by_path,) if by_path else rows
        if rows and exchange.number in tries.later and exchange.number not in loads:
            continue  # a try of the one upload of its job
        if not rows and exchange.failure is not None:
            unlinked.append(exchange)
        saved = history.by_exchange.get(exchange.number, set())
        placed = [(place, row) for row in rows if (place := names.of_row(row)) is not None]
        load = loads.get(exchange.number)
        for place, row in _once(placed) if exchange.is_composite else placed:
            attempt = _attempt(exchange, row, sure, place in saved)
            if load is not None:
                attempt = _loaded(attempt, load, row)
            elif exchange.job_role == "upload":
                attempt = replace(attempt, tried=tries.of(exchange))
            chains[place].append(attempt)
    return tuple(tuple(chains.get(place, ())) for place in range(names.count)), tuple(unlinked)


def _said(exchange: Exchange) -> tuple[str, ...]:
    """Return what is equal for requests that say the same; the rows of another job are the same rows."""
    if exchange.job_role is None:
        return exchange.repeat
    return (exchange.job_role, exchange.repeat[-1])


class _Uploads:
    """How often each upload was sent to its job; `later` are those that were sent once more, with the same rows."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._sent: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for exchange in exchanges:
            if exchange.job_role == "upload":
                self._sent[exchange.repeat].append(exchange.number)
        self.later = {number for numbers in self._sent.values() for number in numbers[:-1]}

    def of(self, exchange: Exchange) -> int:
        return len(self._sent[exchange.repeat])


def _once(placed: Sequence[tuple[int, Row]]) -> list[tuple[int, Row]]:
    """Make one row of all those of a composite request that are about one input: together they are one attempt."""
    rows: dict[int, list[Row]] = {}
    for place, row in placed:
        rows.setdefault(place, []).append(row)
    return [(place, _joined(some) if len(some) > 1 else some[0]) for place, some in rows.items()]


def _joined(rows: Sequence[Row]) -> Row:
    failed = [row for row in rows if row.success is False]
    # Its own failure says more than that it was rolled back with another.
    worst = next((row for row in failed if not blameless(row.codes)), failed[0] if failed else rows[0])
    success = False if failed else rows[0].success
    return replace(rows[0], success=success, codes=worst.codes, fingerprint=" ".join(row.fingerprint for row in rows))


def _attempt(exchange: Exchange, row: Row, sure: bool, committed: bool) -> Attempt:
    success = sure and row.success is True
    codes = (row.codes or exchange.codes) if sure else exchange.codes
    return Attempt(
        exchange=exchange,
        verb=row.verb,
        fingerprint=row.fingerprint,
        success=success,
        committed=committed,
        codes=codes,
        failure=_failure(exchange, success, codes),
        sure=sure,
        heard=exchange.heard,
        values=row.values,
        rules=exchange.rules if codes and not success else _of_request(exchange),
    )


def _loaded(attempt: Attempt, load: Load, row: Row) -> Attempt:
    """Return the attempt of a row that went by a job: what came of it was told later, by other requests, or never."""
    codes = row.codes or (load.codes if row.success is None else ())
    failed = row.success is False
    rules = dict.fromkeys((*load.rules, *load.exchange.rules))
    return replace(
        attempt,
        exchange=load.sending,
        codes=codes,
        success=row.success is True,
        failure=load.failure_of(row),
        heard=load.told(row) is not None,
        rules=tuple(rule for rule in rules if failed or rule not in load.exchange.row_rules),
        tried=1 + load.failed_steps,
    )


def _of_request(exchange: Exchange) -> tuple[str, ...]:
    if not exchange.row_rules:
        return exchange.rules
    return tuple(rule for rule in exchange.rules if rule not in exchange.row_rules)


def _failure(exchange: Exchange, success: bool, codes: tuple[str, ...]) -> Failure | None:
    if exchange.failure is not None:
        return exchange.failure
    return None if success else class_of(codes, exchange.status)


def _letters_of(
    names: _Names, letters: Sequence[Letter | BrokenLetter], records: Sequence[tuple[str, ...]] = ()
) -> tuple[tuple[int, ...], ...]:
    found: dict[int, list[int]] = defaultdict(list)
    for number, letter in enumerate(letters):
        places = names.of_letter(letter) if isinstance(letter, Letter) else []
        if places:
            # In doubt it means what has no letter yet, and did not land.
            place = min(places, key=lambda place: (len(found[place]), bool(records and records[place])))
            found[place].append(number)
    return tuple(tuple(found.get(place, ())) for place in range(names.count))
