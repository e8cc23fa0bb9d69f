"""Runs before a Python command's own code: takes it into virtual time, then hands on to the sitecustomize behind it."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(_HERE)))


class _Engine(importlib.abc.MetaPathFinder):
    """Finds the engine where the command's own Python has no such package, and nothing else."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name != "harness" and not name.startswith("harness.vtime"):
            return None
        return importlib.machinery.PathFinder.find_spec(name, [_ROOT] if path is None else path)


def _hand_on() -> None:
    """Run the sitecustomize that this one stands before."""
    for folder in sys.path:
        if os.path.abspath(folder or ".") == _HERE:
            continue
        file = os.path.join(folder, "sitecustomize.py")
        if os.path.isfile(file):
            spec = importlib.util.spec_from_file_location("sitecustomize", file)
            if spec is not None and spec.loader is not None:
                module = importlib.util.module_from_spec(spec)
                sys.modules["sitecustomize"] = module
                spec.loader.exec_module(module)
            return


def _begin() -> None:
    address = os.environ.pop("SFMOCK_VTIME", "")
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != _HERE]
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    rest = [folder for folder in paths if folder and os.path.abspath(folder) != _HERE]
    if rest:
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    else:
        os.environ.pop("PYTHONPATH", None)
    if address:
        sys.meta_path.insert(0, _Engine())
        from harness.vtime import child

        child.begin(address)


try:
    _begin()
finally:
    _hand_on()
