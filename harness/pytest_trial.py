"""The `trial` fixture: judges a test's own code under the scenario that the test is marked with."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.inputs import Input, given
from harness.judge import judge
from harness.report.terminal import render
from harness.result import TrialResult
from harness.subjects import CallableSubject, Run
from harness.trial import Trial, check, check_crashes
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from harness.letters import DeadLetterQueue
    from harness.scenario import Scenario
    from mock_server.api import Server


class TrialRunner:
    """`trial.run(function)` judges a function, with a baseline first; `with trial() as run:` judges the block."""

    def __init__(self, server: Server, scenario: Scenario) -> None:
        self._server = server
        self.scenario = scenario

    def run(self, function: Callable[[Run], object], **options: Any) -> TrialResult:
        """Judge a function that is called with a Run; options are fields of Trial. A violation fails the test."""
        trial = Trial(self._server, self.scenario, **options)
        _check_queue(trial)
        return _passed(trial.run(CallableSubject(function)))

    @contextmanager
    def __call__(
        self,
        *,
        dead_letters: DeadLetterQueue | None = None,
        inputs: Sequence[Mapping[str, Any]] | None = None,
        key: str | None = None,
        sobject: str | None = None,
        seed: int = 0,
    ) -> Iterator[Run]:
        """Judge what the block does. `inputs` are source rows of one's own, found in the org by the field `key`.

        There is no baseline. An exception that leaves the block fails the test as it is.
        """
        check(self.scenario)
        check_crashes(self.scenario)
        rows = None if inputs is None else self._rows(inputs, key, sobject)
        trial = Trial(self._server, self.scenario, seed=seed, dead_letters=dead_letters, rows=rows)
        _check_queue(trial)
        folder = Path(tempfile.mkdtemp(prefix="sfmock-"))
        started = wall()
        try:
            with trial.stage(folder, trial.inputs()) as stage:
                with stage.faults(), stage.block():
                    yield stage.run
                evidence = stage.evidence()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        _passed(
            TrialResult(
                scenario=self.scenario.name,
                title=self.scenario.title,
                seed=seed,
                seconds=wall() - started,
                baseline=None,
                judgement=judge(evidence, expect=self.scenario.expect, skip=self.scenario.skip),
                evidence=evidence,
                notes=("there was no baseline: the `with trial()` form runs the code once",),
            )
        )

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


def _check_queue(trial: Trial) -> None:
    """Refuse dead letters that cannot be read, before anything has run."""
    from harness.letters import QueueError, as_queue

    try:
        if trial.dead_letters is not None:
            as_queue(trial.dead_letters, trial.scenario.dead_letters)
    except QueueError as error:
        raise pytest.UsageError(str(error)) from None


def _passed(result: TrialResult) -> TrialResult:
    if not result.ok:
        pytest.fail(render(result), pytrace=False)
    return result
