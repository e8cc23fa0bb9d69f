"""The report for programs: JSON (schema version 1) and JUnit XML."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from harness.evidence import Evidence, Outcome
from harness.properties import registry
from harness.report.story import tell_evidence, tell_process, tell_summary
from harness.result import TrialResult

SCHEMA = 1
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(results: Sequence[TrialResult]) -> dict[str, Any]:
    """Return the results as plain data."""
    return {
        "schema": SCHEMA,
        "ok": all(result.ok for result in results),
        "trials": [_trial(result) for result in results],
    }


def write_json(results: Sequence[TrialResult], file: Path) -> None:
    file.write_text(json.dumps(as_json(results), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _trial(result: TrialResult) -> dict[str, Any]:
    evidence, judgement = result.evidence, result.judgement
    body: dict[str, Any] = {
        "scenario": result.scenario,
        "title": result.title,
        "ok": result.ok,
        "seed": result.seed,
        "seconds": round(result.seconds, 3),
        "summary": tell_summary(result),
        "baseline": None,
        "notes": list(result.notes),
        "verdicts": [],
        "faults": [{"name": fault.name, "matched": fault.matched, "fired": fault.fired} for fault in result.faults],
    }
    if result.baseline is not None:
        body["baseline"] = {"met": result.baseline.met, "reason": result.baseline.reason or None}
    if evidence is None or judgement is None:
        return body
    guidance = registry()
    for verdict in result.verdicts:
        row: dict[str, Any] = {
            "property": verdict.property,
            "status": verdict.status,
            "reason": verdict.reason,
            "exposures": verdict.exposures,
            "evidence": list(verdict.evidence),
            "required": verdict.property in judgement.required,
            "waived": judgement.waived.get(verdict.property),
            "follows_from": judgement.follows.get(verdict.property),
        }
        if verdict.status == "violated":
            row["journal"] = list(tell_evidence(evidence, verdict))
            row["guidance"] = guidance[verdict.property].guidance
            row["source"] = guidance[verdict.property].source
        body["verdicts"].append(row)
    body["inputs"] = _outcomes(evidence)
    process = evidence.process
    body["subject"] = {
        "ending": tell_process(process),
        "exit_code": process.exit_code,
        "signal": process.signal,
        "timed_out": process.timed_out,
        "error": process.error,
        "requests": len(evidence.exchanges),
    }
    return body


def _outcomes(evidence: Evidence) -> dict[str, int]:
    counts = {outcome.value: len(evidence.with_outcome(outcome)) for outcome in Outcome}
    return {"total": len(evidence.inputs), **counts}


def as_junit(results: Sequence[TrialResult]) -> str:
    """Return the results as JUnit XML: a suite a scenario, a case a property."""
    root = Element("testsuites", name="sfmock")
    for result in results:
        _suite(root, result)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def write_junit(results: Sequence[TrialResult], file: Path) -> None:
    file.write_text(as_junit(results), encoding="utf-8")


def _suite(root: Element, result: TrialResult) -> None:
    suite = SubElement(root, "testsuite", name=_xml(result.scenario), time=f"{result.seconds:.3f}")
    if result.judgement is None or result.evidence is None:
        case = SubElement(suite, "testcase", classname=_xml(result.scenario), name="baseline")
        SubElement(case, "failure", message=_xml(tell_summary(result)))
    else:
        missing = {verdict.property for verdict in result.judgement.missing}
        for verdict in result.verdicts:
            case = SubElement(suite, "testcase", classname=_xml(result.scenario), name=verdict.property)
            if verdict.property in result.judgement.waived:
                SubElement(case, "skipped", message=_xml(f"waived: {result.judgement.waived[verdict.property]}"))
            elif verdict.status == "violated":
                failure = SubElement(case, "failure", message=_xml(verdict.reason))
                failure.text = _xml("\n".join(tell_evidence(result.evidence, verdict)))
            elif verdict.property in missing:
                SubElement(case, "failure", message=_xml(f"required, but {verdict.status}: {verdict.reason}"))
            elif verdict.status != "held":
                SubElement(case, "skipped", message=_xml(f"{verdict.status}: {verdict.reason}"))
        for fault in result.judgement.unfired:
            case = SubElement(
                suite, "testcase", classname=_xml(result.scenario), name=_xml(f"fault {fault.name} fired")
            )
            SubElement(case, "failure", message=f"armed, matched {fault.matched}, never fired")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))


def _xml(text: str) -> str:
    """Leave out the characters that XML cannot hold."""
    return _NOT_XML.sub("?", text)
