"""Calls the integrations of this folder as functions, in this process: as a test of one's own would."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from types import ModuleType

from harness.subjects import Run

HERE = Path(__file__).parent


def function_of(subject: str) -> Callable[[Run], None]:
    """Return what delivers a Run's inputs, or reads, as the subject's command would."""
    module = _module(subject.removesuffix(".py"))
    main = module.__dict__.get("main")
    if main is not None and main.__module__ == module.__name__:
        return lambda run: main(_environment(run))
    sync = _module("sync")
    own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    kind = next((one for one in own if issubclass(one, sync.Sync)), sync.Sync)
    if len(signature(kind.run).parameters) == 1:
        return lambda run: kind(_environment(run)).run()  # it reads, and is given nothing to deliver
    return lambda run: sync.main(kind, _environment(run))


def _module(name: str) -> ModuleType:
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    return importlib.import_module(name)


def _environment(run: Run) -> dict[str, str]:
    # Plain HTTP: what the credentials of a function say, in place of the command's https.
    return {**run.environment, **run.credentials}
