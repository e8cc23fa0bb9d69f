"""How findings are told: on a terminal, as JSON, as JUnit XML. Nothing secret is in a finding."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO
from xml.etree.ElementTree import Element, SubElement, tostring

from mock_server.conform.runner import Finding
from mock_server.conform.table import MARKS

_COLOURS = {"held": "32", "drift": "31;1", "departs": "33", "skipped": "2"}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def tell(finding: Finding, out: TextIO, *, colour: bool) -> None:
    """Write what is to be said of one row: a line, and for a drift what was expected, what came and who says so."""
    word = f"{finding.verdict:7}"
    if colour:
        word = f"\x1b[{_COLOURS[finding.verdict]}m{word}\x1b[0m"
    out.write(f"{word}  {finding.row.name}{f': {finding.reason}' if finding.reason else ''}\n")
    if finding.verdict == "drift":
        for line in story(finding):
            out.write(f"           {line}\n")


def story(finding: Finding) -> list[str]:
    """Return the lines about a row that is not as expected."""
    row = finding.row
    lines = [f"{finding.request} ({row.place})"]
    for one in finding.differences:
        lines += [f"{one.where}", f"  expected  {one.expected}", f"  came      {one.came}"]
    return [*lines, f"source: {source(row.source)}"]


def source(text: str) -> str:
    """Return a source in words."""
    return ", ".join(filter(None, (MARKS[text[0]], text[2:])))


def summary(findings: Sequence[Finding]) -> str:
    """Return the last line."""
    counts = Counter(finding.verdict for finding in findings)
    words = [f"{counts['held']} as expected", f"{counts['drift']} drift"]
    if counts["departs"]:
        words.append(f"{counts['departs']} where the mock departs knowingly")
    if counts["skipped"]:
        words.append(f"{counts['skipped']} skipped")
    return f"{len(findings)} rows: {', '.join(words)}"


def as_json(findings: Sequence[Finding], about: dict[str, Any]) -> str:
    rows = [
        {
            "row": finding.row.name,
            "says": finding.row.says,
            "place": finding.row.place,
            "source": finding.row.source,
            "verdict": finding.verdict,
            "reason": finding.reason,
            "request": finding.request,
            "differences": [
                {"where": one.where, "expected": one.expected, "came": one.came} for one in finding.differences
            ],
        }
        for finding in findings
    ]
    return json.dumps({**about, "rows": rows}, indent=2, ensure_ascii=False) + "\n"


def as_junit(findings: Sequence[Finding], name: str) -> str:
    """Return the findings as JUnit XML, a suite a group."""
    root = Element("testsuites", name="sfmock conform")
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.row.name.partition("/")[0], []).append(finding)
    for group, members in groups.items():
        suite = SubElement(root, "testsuite", name=_xml(f"{name} {group}"), tests=str(len(members)))
        suite.set("failures", str(sum(not one.ok for one in members)))
        suite.set("skipped", str(sum(one.verdict in ("skipped", "departs") for one in members)))
        for finding in members:
            case = SubElement(suite, "testcase", classname=group, name=finding.row.name.partition("/")[2])
            if not finding.ok:
                first = finding.differences[0] if finding.differences else finding.reason
                SubElement(case, "failure", message=_xml(str(first))).text = _xml("\n".join(story(finding)))
            elif finding.verdict != "held":
                SubElement(case, "skipped", message=_xml(finding.reason))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    """Leave out the characters that XML cannot hold."""
    return _NOT_XML.sub("?", text)


def writable(files: Sequence[Path | None]) -> str | None:
    """Return why a report file cannot be written, None where all can."""
    for file in files:
        if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
            return f"cannot write {file}: its folder does not exist, or it is a folder itself"
    return None
