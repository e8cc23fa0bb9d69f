"""Replaces functions for a while: on modules, on classes, and wherever a module has imported them by name."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from harness.vtime import report

_MISSING = object()
_LEFT_ALONE = ("harness", "mock_server", "_pytest", "pluggy", "xdist", "execnet", "hypothesis", "_thread", "importlib")


class Change(NamedTuple):
    """One attribute to replace; `value` passes through for threads that are no actors."""

    owner: Any
    name: str
    value: Any


class _Seen(NamedTuple):
    module: ModuleType
    size: int
    hits: tuple[tuple[Any, str, int], ...]


class Patches:
    """A set of changes that can be made and undone. `aliases` gives the replacement of each original by identity."""

    def __init__(self, changes: Iterable[Change], aliases: Mapping[int, Any]) -> None:
        self._changes = list(changes)
        self._aliases = dict(aliases)
        self._undo: list[tuple[Any, str, Any]] = []
        self._seen: dict[str, _Seen] = {}

    def install(self, more: Iterable[Change] = ()) -> None:
        for owner, name, value in (*self._changes, *more):
            self._set(owner, name, value)
        for owner, name, original in self._imported():
            self._set(owner, name, self._aliases[original])

    def _set(self, owner: Any, name: str, value: Any) -> None:
        self._undo.append((owner, name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, value)

    def undo(self) -> None:
        """Put everything back, whatever the subject has made of it meanwhile."""
        while self._undo:
            owner, name, value = self._undo.pop()
            if value is _MISSING:
                if name in vars(owner):
                    delattr(owner, name)
            else:
                setattr(owner, name, value)

    def _imported(self) -> Iterator[tuple[Any, str, int]]:
        """Yield each name under which a module, a class or a default argument's owner holds an original."""
        seen, aliases = self._seen, self._aliases
        for name, module in list(sys.modules.items()):
            known = seen.get(name)
            space = getattr(module, "__dict__", None)
            if space is None:
                continue
            if known is None or known.module is not module or known.size != len(space):
                hits = () if _left_alone(name) else tuple(_hits(module, aliases))
                seen[name] = known = _Seen(module, len(space), hits)
            yield from known.hits


def _left_alone(name: str) -> bool:
    return name.partition(".")[0] in _LEFT_ALONE


def _hits(module: ModuleType, aliases: Mapping[int, Any]) -> Iterator[tuple[Any, str, int]]:
    own = not report.foreign(getattr(module, "__file__", None) or "<")
    for name, value in list(module.__dict__.items()):
        if id(value) in aliases:
            yield module, name, id(value)
        elif own and isinstance(value, type) and value.__module__ == module.__name__:
            for attribute, held in list(vars(value).items()):
                if id(held) in aliases:
                    yield value, attribute, id(held)
