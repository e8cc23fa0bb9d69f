"""Subjects: commands and callables, and everything that can go wrong with them."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import output, subjects
from harness.evidence import Canary
from harness.output import Output
from harness.subjects import CallableSubject, CommandSubject, Run, SubjectError
from tests.waiting import PATIENCE, until

PYTHON = sys.executable


def run_of(folder: Path, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "org": SimpleNamespace(credentials={}),
        "inputs": (),
        "dlq_path": folder / "dlq.jsonl",
        "workdir": folder,
        "environment": {"SFMOCK_SEED": "7"},
        "timeout": PATIENCE,
    }
    return Run(**{**values, **changes})


def test_a_command_runs_in_its_environment(tmp_path: Path) -> None:
    process = CommandSubject("echo seed $SFMOCK_SEED; exit 4").run(run_of(tmp_path))
    assert (process.exit_code, process.timed_out, process.signal) == (4, False, None)
    assert process.output == "seed 7\n"
    assert (tmp_path / "output.log").read_text() == "seed 7\n"


def test_a_command_has_nothing_to_read(tmp_path: Path) -> None:
    assert CommandSubject("cat; echo done").run(run_of(tmp_path)).output == "done\n"


@pytest.mark.parametrize("command", ["/no/such/program --flag", "no-such-program-anywhere", "/etc/hostname", "bad\0"])
def test_a_command_that_cannot_start(command: str, tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="could not be started"):
        CommandSubject(command).run(run_of(tmp_path))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SubjectError):
        CommandSubject("true", cwd=tmp_path / "missing").run(run_of(tmp_path))


def gone(pid: int) -> bool:
    """Tell whether a process has ended; a zombie that nobody has waited for yet counts."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_a_command_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    timeout = 0.2
    while not file.exists():
        # A command may take longer than that to begin at all.
        timeout *= 2
        command = CommandSubject(f"sleep 86400 & echo $! > {file}.new && mv {file}.new {file}; wait")
        process = command.run(run_of(tmp_path, timeout=timeout))
    assert process.timed_out
    assert process.exit_code is None
    until(lambda: gone(int(file.read_text())))


def test_a_command_that_ignores_the_request_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "GRACE", 0.2)
    process = CommandSubject("trap '' TERM; while true; do sleep 0.05; done").run(run_of(tmp_path, timeout=0.2))
    assert process.timed_out


def test_children_left_behind_are_ended(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    process = CommandSubject(f"sleep 86400 & echo $! > {file}").run(run_of(tmp_path))
    assert process.exit_code == 0
    until(lambda: gone(int(file.read_text())))


@pytest.mark.parametrize("command", ["kill -SEGV $$", f"{PYTHON} -c 'import os; os.kill(os.getpid(), 11)'; exit $?"])
def test_death_by_signal_is_noted(command: str, tmp_path: Path) -> None:
    assert CommandSubject(command).run(run_of(tmp_path)).signal == "SIGSEGV"


def test_huge_output_is_bounded_and_searched_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MOST_KEPT", 100_000)
    script = "import sys\nsys.stdout.write('hunter2' + 'x' * 30_000_000 + 'the end')"
    canaries = (Canary("the password", "hunter2"), Canary("another", "absent"))
    process = CommandSubject(f'{PYTHON} -c "{script}"').run(run_of(tmp_path, canaries=canaries))
    assert process.output.endswith("the end")
    assert len(process.output) <= output.TAIL
    assert (tmp_path / "output.log").stat().st_size == 100_000
    assert process.leaks == ("the password",)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_holds_no_subject_up(tmp_path: Path) -> None:
    (tmp_path / "output.log").symlink_to("/dev/full")
    script = "import sys\nsys.stdout.write('x' * 1_000_000 + 'hunter2' + 'the end')"
    canaries = (Canary("the password", "hunter2"),)
    process = CommandSubject(f'{PYTHON} -c "{script}"').run(run_of(tmp_path, canaries=canaries))
    assert (process.exit_code, process.timed_out, process.leaks) == (0, False, ("the password",))
    assert process.output.endswith("the end")


def test_a_secret_between_two_chunks_is_seen(tmp_path: Path) -> None:
    with Output(tmp_path / "log", [Canary("it", "hunter2")]) as sink:
        sink.take(b"x" * 50_000 + b"hun")
        sink.take(b"ter2")
    assert sink.leaks == ("it",)


def test_a_callable_gets_the_run(tmp_path: Path) -> None:
    seen: list[Run] = []
    run = run_of(tmp_path)
    process = CallableSubject(seen.append).run(run)
    assert seen == [run]
    assert (process.error, process.timed_out) == (None, False)


def test_a_callable_that_raises_is_evidence(tmp_path: Path) -> None:
    def fails(run: Run) -> None:
        raise RuntimeError("no luck with hunter2")

    process = CallableSubject(fails).run(run_of(tmp_path, canaries=(Canary("the password", "hunter2"),)))
    assert process.error == "RuntimeError('no luck with hunter2')"
    assert process.leaks == ("the password",)


def test_a_callable_past_its_time_is_left(tmp_path: Path) -> None:
    over = threading.Event()
    process = CallableSubject(lambda run: over.wait(PATIENCE)).run(run_of(tmp_path, timeout=0.05))
    over.set()
    assert process.timed_out


def test_the_environment_of_the_caller_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "kept")
    assert CommandSubject("echo $MINE").run(run_of(tmp_path)).output == "kept\n"
    assert "SFMOCK_SEED" not in os.environ
