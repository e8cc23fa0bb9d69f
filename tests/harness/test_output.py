"""What of a subject's output counts as a call for somebody."""

from pathlib import Path

import pytest

from harness.output import Output

WARNING = b"sync.py:46: DeprecationWarning: 'initial' is deprecated\n  for attempt in Retrying(wait=wait(initial=1)):\n"


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (WARNING, False),
        (WARNING + b"3 rows given up\n", True),
        (b"  3 rows given up\n", True),
        (b"Traceback (most recent call last):\n  File 'x'\n", True),
        (b"WARNING ERROR 3 rows\n", True),
        (b"INFO: done\n", False),
    ],
)
def test_a_warning_and_its_source_line_call_nobody(tmp_path: Path, text: bytes, calls: bool) -> None:
    with Output(tmp_path / "output.log") as output:
        output.take(text, stderr=True)
        assert bool(output.alerts) is calls
