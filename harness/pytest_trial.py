"""The `trial` fixture: judges a test's own code under the scenario that the test is marked with."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.guard import unharmed
from harness.inputs import Input, given
from harness.judge import judge
from harness.letters import QueueError, as_queue
from harness.pytest_options import Choices
from harness.pytest_org import Given
from harness.pytest_server import told
from harness.report.failure import failure_text
from harness.result import TrialResult
from harness.services import seen_through
from harness.subjects import CallableSubject, Run, Subject
from harness.trial import Trial, check, check_crashes
from mock_server.control.client import ControlError
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.letters import DeadLetterQueue
    from harness.pytest_marks import Case
    from harness.stage import Stage
    from mock_server.api import Server


class TrialRunner:
    """`trial.run(function)` judges a function, with a baseline first; `with trial() as run:` judges the block."""

    def __init__(
        self,
        server: Server,
        case: Case,
        *,
        given: Given | None = None,
        dead_letters: DeadLetterQueue | None = None,
        choices: Choices | None = None,
        test: str = "",
    ) -> None:
        self._server = server
        self._given = given or Given()
        self._dead_letters = dead_letters
        self._choices = choices or Choices()
        self._test = test
        self._reported = 0
        self.tried = False
        """Whether the scenario was run at all."""
        self.seed = case.seed
        time = self._choices["sfmock_time"] or case.scenario.time
        self.scenario = replace(case.scenario, time=time, org=self._given.under(case.scenario.org))

    def run(self, subject: Subject | Callable[[Run], object], **options: Any) -> TrialResult:
        """Judge a function that is called with a Run, or a subject of another kind. A violation fails the test.

        A coroutine function runs on an event loop of its own. Options are fields of Trial.
        """
        self.tried = True
        trial = self._trial(**options)
        chosen = subject if hasattr(subject, "run") else CallableSubject(_called(subject), guard=unharmed)
        with self._told(trial):
            result = trial.run(chosen)
        return self._passed(result)

    @contextmanager
    def __call__(
        self,
        *,
        dead_letters: DeadLetterQueue | None = None,
        inputs: Sequence[Mapping[str, Any]] | None = None,
        key: str | None = None,
        sobject: str | None = None,
        seed: int | None = None,
    ) -> Iterator[Run]:
        """Judge what the block does. `inputs` are source rows of one's own, found in the org by the field `key`.

        There is no baseline. An exception that leaves the block fails the test as it is.
        """
        self.tried = True
        if self.scenario.service is not None:
            text = "a service is a function that the harness ends and starts again: call trial.run(function)"
            raise pytest.UsageError(f"{self.scenario.name}: {text}")
        with told(self.scenario):
            check_crashes(self.scenario)
        rows = None if inputs is None else self._rows(inputs, key, sobject)
        trial = self._trial(dead_letters=dead_letters, rows=rows, seed=seed)
        folder = Path(tempfile.mkdtemp(prefix="sfmock-"))
        started = wall()
        try:
            with self._staged(trial, folder) as stage:
                faults = ExitStack()
                with self._told(trial):
                    faults.enter_context(stage.faults())
                with faults, stage.block(), unharmed():
                    yield stage.run
                evidence = stage.evidence()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._passed(
            TrialResult(
                scenario=self.scenario.name,
                title=self.scenario.title,
                seed=trial.seed,
                seconds=wall() - started,
                baseline=None,
                judgement=judge(evidence, expect=self.scenario.expect, skip=self.scenario.skip),
                evidence=evidence,
                notes=("there was no baseline: the `with trial()` form runs the code once",),
            )
        )

    # -- making ready

    def _trial(self, **options: Any) -> Trial:
        """Return the trial; options that are None are as the fixtures and options of pytest say."""
        defaults = {
            "seed": self.seed,
            "timeout": self._choices["sfmock_timeout"],
            "dead_letters": self._dead_letters,
            "login": self._given.login,
        }
        chosen = defaults | {name: value for name, value in options.items() if value is not None}
        trial = Trial(self._server, self.scenario, **chosen)
        with told(self.scenario):
            check(self.scenario)
        try:
            if trial.dead_letters is not None:
                as_queue(trial.dead_letters, self.scenario.dead_letters)
        except QueueError as error:
            raise pytest.UsageError(str(error)) from None
        return trial

    @contextmanager
    def _told(self, trial: Trial) -> Iterator[None]:
        """Say where in the scenario stands what the org refuses."""
        with told(self.scenario):
            try:
                yield
            except ControlError:
                trial.rehearse()
                raise

    @contextmanager
    def _staged(self, trial: Trial, folder: Path) -> Iterator[Stage]:
        stack = ExitStack()
        with self._told(trial):
            stage = stack.enter_context(trial.stage(folder, trial.inputs()))
        with stack:
            yield stage

    def _rows(self, rows: Sequence[Mapping[str, Any]], key: str | None, sobject: str | None) -> list[Input]:
        kinds = self.scenario.inputs
        field = key or (kinds[0].key if kinds else None)
        name = sobject or (kinds[0].sobject if kinds else None)
        if field is None or name is None:
            raise pytest.UsageError("inputs of one's own need their `key` and `sobject`")
        try:
            return given(rows, name, field)
        except ValueError as error:
            raise pytest.UsageError(f"inputs: {error}") from None

    # -- the verdict

    def _passed(self, result: TrialResult) -> TrialResult:
        if not result.ok:
            told = replace(result, replay=self._replay())
            pytest.fail(failure_text(told, self._report(told)), pytrace=False)
        return result

    def _replay(self) -> str:
        """Return the command line that runs this test again, with this case alone."""
        words = ["pytest", self._test, "--sfmock-seed", str(self.seed)]
        if "sfmock_seeds" in self._choices.commanded:
            words += ["--sfmock-seeds", "1"]
        for name in ("sfmock_time", "sfmock_timeout"):
            if name in self._choices.commanded:
                words += [f"--{name.replace('_', '-')}", f"{self._choices[name]}"]
        return shlex.join(words)

    def _report(self, result: TrialResult) -> list[Path]:
        """Write the failed trial where reports are wanted; return the files."""
        folder = self._choices["sfmock_report"]
        if folder is None:
            return []
        from harness.report.machine import write_json
        from harness.report.page import write_html

        self._reported += 1
        name = re.sub(r"[^A-Za-z0-9._\-\[\]]+", "-", self._test).strip("-.")[-150:]
        if self._reported > 1:
            name += f"-{self._reported}"
        files = [folder / f"{name}.html", folder / f"{name}.json"]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_html([result], files[0])
            write_json([result], files[1])
        except OSError as error:
            return [Path(f"{files[0]} could not be written: {error.strerror}")]
        return files


def _called(function: Callable[[Run], object]) -> Callable[[Run], object]:
    """Return a function that also sees a coroutine through."""

    @functools.wraps(function)
    def call(run: Run) -> object:
        found = function(run)
        return asyncio.run(seen_through(found, run)) if inspect.isawaitable(found) else found

    return call
