"""The report for people: it tells by itself what is claimed, what happened, why it is wrong and how to see it again."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.report import terminal
from harness.report.digest import digest
from harness.report.rich_terminal import show_rich
from tests.harness.report.samples import HOSTILE, REPLAY, SAMPLES, SECRET, broken, in_legs, retried, unsteady


def rich_text(name: str, *, colour: bool = False, width: int = 110) -> str:
    stream = io.StringIO()
    show_rich(digest(SAMPLES[name]), stream, colour=colour, width=width)
    return stream.getvalue()


def test_the_report_names_the_cause_first_and_proves_it() -> None:
    text = terminal.render(broken())
    cause, consequence = text.index("VIOLATED bulk.row_results_read"), text.index("VIOLATED retry.transient_retried")
    assert cause < consequence
    assert "#1 at 0.00s rest.collections.upsert; answered 200; 2 rows: 1 saved, 1 failed (UNABLE_TO_LOCK_ROW" in text
    assert "struck by fault 'locks'" in text
    assert "likely bug: HTTP 200 says that the request was read" in text
    assert "retry.transient_retried (follows from bulk.row_results_read)" in text
    assert "armed, but never fired: outage" in text
    assert "required, but not exercised: session.refreshed_once" in text
    assert "exited with status 3" in text
    assert "waived: known" in text


def test_a_violation_alone_tells_all() -> None:
    text = terminal.render(broken())
    start = text.index("VIOLATED bulk.row_results_read")
    block = text[start : text.index("\n\n", start)]
    assert (
        "claim:      When a row failed inside a collection that was answered with HTTP 200, the row is sent again or"
        in block
    )
    assert "Contact K1: 1 attempt, lost" in block
    assert "0.00s  #1  rest.collections.upsert  refused: UNABLE_TO_LOCK_ROW  (fault 'locks')" in block
    assert "see:        https://" in block
    assert f"run it again: {REPLAY}" in text


def test_a_chain_shows_the_waits_to_scale() -> None:
    lines = terminal.render(retried()).splitlines()
    place = next(number for number, line in enumerate(lines) if "Contact K4: 2 attempts, in the org 2 times" in line)
    axis, first, second = (line.strip() for line in lines[place + 1 : place + 4])
    assert axis == "?" + "-" * 46 + "o  2.50s"
    assert first == "15.00s  #9   rest.sobject.create  saved, but the reply was lost  (fault 'lost')"
    assert second == "+1.60s  #10  rest.sobject.create  saved"


def test_the_documented_example_is_what_is_printed() -> None:
    readme = (Path(terminal.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```text\n(VIOLATED .*?)```", readme, re.DOTALL)
    assert example in terminal.render(retried())


def test_the_runs_of_a_trial_are_told() -> None:
    text = terminal.render(in_legs())
    assert "run faults: from 0.00s to 0.60s, 1 request; killed on purpose after 2.0s" in text
    assert "run heal: from 6.50s to 7.50s, 1 request; ended after 1.0s" in text
    assert "run redelivery: from 9.00s, 1 request;" in text


def test_an_unmet_baseline_is_said_first() -> None:
    text = terminal.render(unsteady())
    assert "steady state not met: without any fault, 2 were lost" in text
    assert "delivery.nothing_lost" in text
    assert "| no inputs found" in text


def test_what_was_not_judged_is_summed_up_by_name() -> None:
    text = " ".join(terminal.render(SAMPLES["fine"]).split())
    assert "retry.permanent_not_retried" in text
    assert "retry.permanent_not_retried held" not in text
    assert "not exercised (" in text


@pytest.mark.parametrize("name", SAMPLES)
def test_what_a_subject_printed_cannot_move_the_cursor(name: str) -> None:
    for text in (terminal.render(SAMPLES[name]), rich_text(name)):
        assert "\x1b" not in text
        assert "\x00" not in text


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [40, 80, 118])
def test_lines_keep_to_the_width_where_they_are_not_to_be_copied(name: str, width: int) -> None:
    copied = ("run it again:", "its files:", "  see:")
    lines = [line for line in terminal.render(SAMPLES[name], width=width).splitlines() if not line.startswith(copied)]
    # A row of the table and a line of a timeline stay whole: cut, they could not be read.
    prose = [
        line for line in lines if line.startswith(("  claim:", "  found:", "  likely bug:", "not exercised", "run "))
    ]
    assert max(map(len, prose), default=0) <= width
    assert (
        max((len(line.rstrip()) for line in rich_text(name, width=width).splitlines() if REPLAY not in line), default=0)
        <= width
    )


@pytest.mark.parametrize(("no_color", "tty", "coloured"), [("", True, True), ("1", True, False), ("", False, False)])
def test_colour_only_on_a_terminal(no_color: str, tty: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: tty)
    assert terminal.wants_colour(stream) is coloured
    terminal.show(broken(), stream)
    assert ("\x1b[31m" in stream.getvalue() or "\x1b[1;31m" in stream.getvalue()) is coloured
    assert "bulk.row_results_read" in stream.getvalue()


@pytest.mark.parametrize("name", SAMPLES)
def test_both_forms_say_the_same(name: str) -> None:
    told = digest(SAMPLES[name])
    for text in (terminal.render(SAMPLES[name]), rich_text(name, width=190)):
        flat = " ".join(text.replace("│", " ").split())
        assert terminal.printable(told.summary) in flat
        for proof in told.proofs:
            assert proof.claim in flat
            assert proof.ruling.reason in flat


@pytest.mark.parametrize("name", SAMPLES)
def test_secrets_are_left_out(name: str) -> None:
    for text in (terminal.render(SAMPLES[name]), rich_text(name)):
        assert SECRET not in text
    assert "signed in with [the password]" in terminal.render(broken())


def test_markup_in_names_is_shown_as_it_is() -> None:
    assert terminal.printable(HOSTILE) in rich_text("broken")


def test_the_columns_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert terminal.width_of() == 70
    monkeypatch.setenv("COLUMNS", "5")
    assert terminal.width_of() == 40


def test_a_log_does_not_pay_for_rich() -> None:
    code = (
        "import sys; from harness.report import terminal; from tests.harness.report.samples import fine; "
        "terminal.show(fine(), sys.stdout); print('rich' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "False"
    assert "calm: Nothing happens" in done.stdout
