"""Replaces functions for a while: on modules, on classes, and wherever a module has imported them by name."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from harness.vtime import report

_MISSING = object()
_LEFT_ALONE = ("harness", "mock_server", "_pytest", "pluggy", "xdist", "execnet", "hypothesis", "_thread", "importlib")
_LOOKED_INTO = ("sched",)
"""Modules of the library that keep functions of time as default arguments, as the subject's own may."""


class Change(NamedTuple):
    """One attribute to replace; `value` passes through for threads that are no actors."""

    owner: Any
    name: str
    value: Any


class _Seen(NamedTuple):
    module: ModuleType
    size: int
    changes: tuple[Change, ...]


class Patches:
    """A set of changes that can be made and undone. `aliases` gives the replacement of each original by identity."""

    def __init__(self, changes: Iterable[Change], aliases: Mapping[int, tuple[Any, Any]]) -> None:
        self._changes = list(changes)
        self._forth = {key: replacement for key, (_, replacement) in aliases.items()}
        self._back = {id(replacement): original for original, replacement in aliases.values()}
        self._undo: list[tuple[Any, str, Any]] = []
        self._seen: dict[str, _Seen] = {}
        self._modules = 0

    def install(self, more: Iterable[Change] = ()) -> None:
        for change in (*self._changes, *more):
            self._set(change)
        for change in self._imported():
            self._set(change)

    def _set(self, change: Change) -> None:
        owner, name, value = change
        if isinstance(owner, FunctionType):
            before = getattr(owner, name)
        else:
            before = vars(owner).get(name, _MISSING)
            # A test that has put a replacement back after its trial must not make it the original.
            before = self._back.get(id(before), before)
        self._undo.append((owner, name, before))
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
        news = [] if len(sys.modules) == self._modules else list(sys.modules.items())
        for name, module in news:
            if name not in self._seen and isinstance(module, ModuleType) and not _left_alone(name):
                for owner, attribute, original in _found(module, self._back):
                    setattr(owner, attribute, original)

    def _imported(self) -> Iterator[Change]:
        """Yield each name under which a module, a class or a default argument holds an original."""
        seen = self._seen
        # All of them are looked through again only when one has come or gone: that is most of what a short run costs.
        if len(sys.modules) == self._modules:
            for one in seen.values():
                yield from one.changes
            return
        self._modules = len(sys.modules)
        for name in seen.keys() - sys.modules.keys():
            del seen[name]
        for name, module in list(sys.modules.items()):
            known = seen.get(name)
            if not isinstance(module, ModuleType):
                continue
            if known is None or known.module is not module or known.size != len(module.__dict__):
                found = () if _left_alone(name) else tuple(_found(module, self._forth))
                seen[name] = known = _Seen(module, len(module.__dict__), found)
            yield from known.changes


def _left_alone(name: str) -> bool:
    return name.partition(".")[0] in _LEFT_ALONE


def _found(module: ModuleType, replacements: Mapping[int, Any]) -> Iterator[Change]:
    deep = module.__name__ in _LOOKED_INTO or not report.foreign(getattr(module, "__file__", None) or "<")
    for name, value in list(module.__dict__.items()):
        if id(value) in replacements:
            yield Change(module, name, replacements[id(value)])
        elif deep and getattr(value, "__module__", None) == module.__name__:
            if isinstance(value, FunctionType):
                yield from _defaults(value, replacements)
            elif isinstance(value, type):
                for attribute, held in list(vars(value).items()):
                    if id(held) in replacements:
                        yield Change(value, attribute, replacements[id(held)])
                    elif isinstance(held, FunctionType):
                        yield from _defaults(held, replacements)


def _defaults(function: FunctionType, replacements: Mapping[int, Any]) -> Iterator[Change]:
    if any(id(value) in replacements for value in function.__defaults__ or ()):
        values = (replacements.get(id(value), value) for value in function.__defaults__ or ())
        yield Change(function, "__defaults__", tuple(values))
    given = function.__kwdefaults__ or {}
    if any(id(value) in replacements for value in given.values()):
        yield Change(
            function, "__kwdefaults__", {name: replacements.get(id(value), value) for name, value in given.items()}
        )
