"""The report for test collectors: JUnit XML, a suite a scenario, a case a property."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from harness.report.digest import Digest, Proof, digest
from harness.result import TrialResult

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(results: Sequence[TrialResult]) -> str:
    """Return the results as JUnit XML."""
    root = Element("testsuites", name="sfmock")
    for result in results:
        _suite(root, digest(result))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def write_junit(results: Sequence[TrialResult], file: Path) -> None:
    file.write_text(as_junit(results), encoding="utf-8")


def _suite(root: Element, told: Digest) -> None:
    suite = SubElement(root, "testsuite", name=_xml(told.scenario), time=f"{told.seconds:.3f}")
    if told.evidence is None:
        case = SubElement(suite, "testcase", classname=_xml(told.scenario), name="baseline")
        SubElement(case, "failure", message=_xml(told.summary)).text = _xml("\n".join(told.output))
    else:
        proofs = {proof.ruling.name: proof for proof in told.proofs}
        for ruling in told.rulings:
            case = SubElement(suite, "testcase", classname=_xml(told.scenario), name=ruling.name)
            if ruling.waived is not None:
                SubElement(case, "skipped", message=_xml(f"waived: {ruling.waived}"))
            elif ruling.status == "violated":
                failure = SubElement(case, "failure", message=_xml(ruling.reason))
                failure.text = _xml("\n".join(_text(proofs[ruling.name], told)))
            elif ruling.missing:
                SubElement(case, "failure", message=_xml(f"required, but {ruling.status}: {ruling.reason}"))
            elif ruling.status != "held":
                SubElement(case, "skipped", message=_xml(f"{ruling.status}: {ruling.reason}"))
        for fault in told.unfired:
            case = SubElement(suite, "testcase", classname=_xml(told.scenario), name=_xml(f"fault {fault.name} fired"))
            SubElement(case, "failure", message=f"armed, matched {fault.matched}, never fired")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))


def _text(proof: Proof, told: Digest) -> list[str]:
    follows = [f"follows from {proof.ruling.follows_from}"] if proof.ruling.follows_from else []
    again = [f"run it again: {told.replay}"] if told.replay else []
    return [f"claim: {proof.claim}", *follows, *proof.chain, *proof.journal, f"likely bug: {proof.guidance}", *again]


def _xml(text: str) -> str:
    """Leave out the characters that XML cannot hold."""
    return _NOT_XML.sub("?", text)
