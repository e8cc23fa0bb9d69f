"""Parents: rows of one parent go together, for whoever saves a child locks its parent."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.evidence import Evidence
from harness.exchanges import Row
from harness.properties.property import Claim, Verdict, counted

_LOCK = "UNABLE_TO_LOCK_ROW"
_ID = re.compile(r"(?=[A-Za-z]{0,2}\d)[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
"""An id: its prefix, of three characters, has a digit in it."""
_FEW = 10
Parent = tuple[str, str]
"""A reference of a row: its field, and the value that says whose it is."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """`share`: of the parents whose rows may be split over batches that run side by side; `locks`: rows that may fail
    for the locks that this brings."""

    share: float = 0.05
    locks: int = 0


@dataclass(slots=True)
class _Batch:
    """Rows that were worked off together. Times are clock seconds."""

    number: int
    began: float
    ended: float
    rows: Sequence[Row]
    of_job: bool = False


class GroupedByParent(Claim):
    name = "bulk.grouped_by_parent"
    parameters = Splitting
    trigger = "rows of ten or more parents, two of each at least, went in batches or collections that ran side by side"
    rule = (
        "At most `share` of the parents have rows in batches that ran side by side, and no more than `locks` rows meet "
        "UNABLE_TO_LOCK_ROW because of it (those of a fault rule aside). Collections alone are blamed for locks only."
    )
    guidance = (
        "Sort the rows by their parent before cutting them into batches, so that each parent is in one batch, or load "
        "them in serial mode: batches beside each other lock each other's parents, wait ten seconds, and fail."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/asynch_api_concepts_lock_contention.htm"
    needs = frozenset({"journal", "jobs", "inputs"})
    consequences = frozenset({"bulk.eases_off_on_locks", "dead_letter.complete", "delivery.nothing_lost"})

    def judge(self, evidence: Evidence, parameters: Splitting) -> Verdict:
        batches = list(_batches(evidence))
        where: dict[Parent, list[_Batch]] = defaultdict(list)
        rows: dict[Parent, int] = defaultdict(int)
        beside = _side_by_side(batches)
        for batch in batches:
            if id(batch) not in beside:
                continue
            here: set[Parent] = set()
            for row in batch.rows:
                for parent in parents_of(row):
                    rows[parent] += 1
                    here.add(parent)
            for parent in here:
                where[parent].append(batch)
        families = [parent for parent, count in rows.items() if count > 1]
        if len(families) < _FEW:
            return self.not_exercised("no rows of ten parents or more went in batches that ran side by side")
        split = {parent for parent in families if len(_side_by_side(where[parent])) > 1}
        share = len(split) / len(families)
        locked = _locked(evidence, split)
        found = f"{len(split)} of {counted(len(families), 'parent')} split over batches that ran side by side"
        if locked:
            found += f", {counted(len(locked), 'row')} locked out by one another"
        # Collections are short: side by side they meet now and then, and are blamed when they did.
        by_jobs = any(batch.of_job for batch in batches)
        if (share > parameters.share and (by_jobs or locked)) or len(locked) > parameters.locks:
            entries = locked or [batch.number for parent in list(split)[:3] for batch in where[parent][:2]]
            return self.violated(f"{found} ({parameters.share:.0%} allowed)", len(families), entries)
        return self.held(found, len(families))


def _batches(evidence: Evidence) -> Iterator[_Batch]:
    """Yield what was worked off together: collections, and the batches of jobs, with the times of their work."""
    loads = {load.number: load for load in evidence.loads}
    for exchange in evidence.exchanges:
        load = loads.get(exchange.number)
        if load is None:
            if exchange.is_collection and exchange.is_write and len(exchange.rows) > 1:
                yield _Batch(exchange.number, exchange.at, exchange.end, exchange.rows)
            continue
        own = [load.batch] if load.batch is not None else [one for one in load.job.batches if one.done]
        done = [row for row in exchange.rows if row.success is not None]
        start = 0
        for batch in own:
            rows = done[start : start + batch.done] if load.batch is None else done
            start += batch.done
            if batch.began is not None and batch.ended is not None:
                # The locks of its last rows are held until its job goes on.
                until = max(batch.ended, load.job.ended or 0.0) if len(load.job.batches) == 1 else batch.ended
                yield _Batch(exchange.number, batch.began, until, rows, of_job=True)


def _side_by_side(batches: Sequence[_Batch]) -> set[int]:
    """Return the batches that ran beside another one, by identity."""
    found: set[int] = set()
    last: _Batch | None = None
    for batch in sorted(batches, key=lambda one: one.began):
        if last is not None and batch.began < last.ended:
            found |= {id(last), id(batch)}
        if last is None or batch.ended > last.ended:
            last = batch
    return found


def _locked(evidence: Evidence, split: set[Parent]) -> list[int]:
    """Return the requests of rows that were locked out although no fault had struck them, one for each row."""
    return [
        attempt.number
        for chain in evidence.chains
        for attempt in chain
        if _LOCK in attempt.codes and not attempt.rules and not split.isdisjoint(_references(attempt.values))
    ]


def parents_of(row: Row) -> list[Parent]:
    """Return the parents that a row refers to, by id or by a key of theirs."""
    return _references(row.values)


def _references(values: Mapping[str, object]) -> list[Parent]:
    found = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            keys = [key for key in value if key != "attributes"]
            if name != "attributes" and len(keys) == 1 and value[keys[0]] is not None:
                found.append((name.lower(), str(value[keys[0]])))
        elif isinstance(value, str) and value and _refers(name, value):
            found.append((name.lower(), value if "." in name else value[:15]))
    return found


def _refers(name: str, value: str) -> bool:
    if "." in name:
        return True
    return name.lower() != "id" and name.lower().endswith(("id", "__c")) and bool(_ID.fullmatch(value))
