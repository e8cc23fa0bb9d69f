"""What a subject says it took in is read whole; what cannot be read is said, and breaks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.effects import Effects, Report, read_effects

ID = "003000000000001AAA"


def read(tmp_path: Path, text: str | bytes) -> Effects:
    path = tmp_path / "effects.jsonl"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_effects(path)


def test_no_file_is_no_effect(tmp_path: Path) -> None:
    assert read_effects(tmp_path / "none") == Effects()


def test_a_folder_in_its_place_is_reported(tmp_path: Path) -> None:
    (broken,) = read_effects(tmp_path).broken
    assert "cannot be read" in broken.reason


@pytest.mark.parametrize(
    ("line", "sobject", "identity"),
    [
        (f'{{"sobject": "Contact", "id": "{ID}"}}', "Contact", ID[:15]),
        ('{"sobject": "Contact", "key": "K-1", "record": {"LastName": "Ada"}}', "Contact", "key K-1"),
        ('{"sobject": "Contact", "key": 17}', "Contact", "key 17"),
        (f'{{"record": {{"attributes": {{"type": "Contact"}}, "Id": "{ID}"}}}}', "Contact", ID[:15]),
    ],
)
def test_a_record_is_known_by_its_id_or_key(tmp_path: Path, line: str, sobject: str, identity: str) -> None:
    (taken,) = read(tmp_path, line + "\n").taken
    assert (taken.sobject, taken.identity) == (sobject, identity)


@pytest.mark.parametrize(
    ("line", "report"),
    [
        ('{"report": {"landed": 3, "failed": 1}}', Report(3, 1, 1)),
        ('{"report": {"landed": 3}}', Report(3, None, 1)),
    ],
)
def test_a_report_is_no_record(tmp_path: Path, line: str, report: Report) -> None:
    effects = read(tmp_path, line)
    assert (effects.reports, effects.taken) == ((report,), ())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"sobject": "Contact", "id": "00300', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"  ", "empty"),
        (b"[1]", "object"),
        (b'{"id": "003000000000001AAA"}', "sobject"),
        (b'{"sobject": "Contact"}', "neither"),
        (b'{"sobject": "Contact", "id": "short"}', "`id`"),
        (b'{"sobject": "Contact", "key": true}', "neither"),
        (b'{"sobject": "Contact", "key": "K", "record": 7}', "`record`"),
        (b'{"report": 7}', "`report`"),
        (b'{"report": {}}', "neither"),
        (b'{"report": {"landed": -1}}', "landed"),
        (b'{"report": {"landed": "all"}}', "landed"),
    ],
)
def test_a_broken_line_is_reported_and_leaves_the_others(tmp_path: Path, line: bytes, reason: str) -> None:
    good = b'{"sobject": "Contact", "key": "K-1"}\n'
    effects = read(tmp_path, good + line + b"\n" + good)
    assert len(effects.taken) == 2
    (broken,) = effects.broken
    assert (broken.line, reason in broken.reason) == (2, True), broken.reason
