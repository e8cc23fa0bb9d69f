"""The report for programs: JSON, as `report.schema.json` beside this file describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.evidence import Evidence, Process
from harness.report.digest import Digest, Proof, Ruling, digest
from harness.report.events import event_rows, summary_rows
from harness.report.story import start_of, tell_process
from harness.result import TrialResult

SCHEMA = 1
"""Goes up when a key changes its meaning or goes away; new keys come without that."""
SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


def as_json(results: Sequence[TrialResult]) -> dict[str, Any]:
    """Return the results as plain data."""
    return {
        "schema": SCHEMA,
        "ok": all(result.ok for result in results),
        "trials": [_trial(digest(result)) for result in results],
    }


def write_json(results: Sequence[TrialResult], file: Path) -> None:
    file.write_text(json.dumps(as_json(results), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _trial(told: Digest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "scenario": told.scenario,
        "title": told.title,
        "ok": told.ok,
        "seed": told.seed,
        "seconds": round(told.seconds, 3),
        "summary": told.summary,
        "replay": told.replay or None,
        "baseline": None if told.baseline is None else {"met": told.baseline[0], "reason": told.baseline[1] or None},
        "notes": list(told.notes),
        "verdicts": [],
        "families": [],
        "faults": [{"name": fault.name, "matched": fault.matched, "fired": fault.fired} for fault in told.faults],
    }
    evidence = told.evidence
    if evidence is None:
        return body
    proofs = {proof.ruling.name: proof for proof in told.proofs}
    body["verdicts"] = [_verdict(ruling, proofs.get(ruling.name)) for ruling in told.rulings]
    body["families"] = [{"family": family.name, **family.counts} for family in told.families]
    body["inputs"] = dict(told.outcomes)
    body["subject"] = {**_process(evidence.process, told), "requests": told.requests}
    start = start_of(evidence)
    body["legs"] = [
        {
            "name": leg.name,
            "began": round(leg.began - start, 6),
            "ended": round(leg.ended - start, 6),
            "first": leg.first,
            "last": leg.last,
            "letters": leg.letters,
            **_process(leg.process, told),
        }
        for leg in evidence.legs
    ]
    if evidence.happenings.service:
        body["happenings"] = summary_rows(evidence.happenings)
        body["events"] = [_hidden(row, told) for row in event_rows(evidence)]
    body["after"] = [_after(name, run, told) for name, run in evidence.after.items()]
    return body


def _hidden(row: dict[str, Any], told: Digest) -> dict[str, Any]:
    return {**row, "event": told.hide(row["event"])}


def _verdict(ruling: Ruling, proof: Proof | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "property": ruling.name,
        "status": ruling.found,
        "reason": ruling.reason,
        "exposures": ruling.exposures,
        "evidence": list(ruling.evidence),
        "required": ruling.required,
        "waived": ruling.waived,
        "follows_from": ruling.follows_from,
    }
    if proof is not None:
        row["claim"] = proof.claim
        row["chain"] = list(proof.chain)
        row["journal"] = list(proof.journal)
        row["guidance"] = proof.guidance
        row["source"] = proof.source
    return row


def _process(process: Process, told: Digest) -> dict[str, Any]:
    return {
        "ending": told.hide(tell_process(process)),
        "exit_code": process.exit_code,
        "signal": process.signal,
        "timed_out": process.timed_out,
        "crashed": process.crashed,
        "error": None if process.error is None else told.hide(process.error),
    }


def _after(name: str, run: Evidence, told: Digest) -> dict[str, Any]:
    numbers = [exchange.number for exchange in run.exchanges]
    return {
        "name": name,
        "requests": len(numbers),
        "first": numbers[0] if numbers else None,
        "last": numbers[-1] if numbers else None,
        "commits": len(run.commits),
        **_process(run.process, told),
    }
