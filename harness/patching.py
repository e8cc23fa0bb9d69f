"""Puts wrappers in the place of functions and methods, and takes them out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_MISSING = object()
_STANDS_FOR = "_sfmock_stands_for"

Wrap = Callable[[Any], Any]
"""Takes what stood there before, returns what stands there from now on."""


@dataclass(frozen=True)
class Patch:
    """One attribute of a module or class that has been replaced."""

    owner: Any
    name: str
    before: Any
    wrapper: Any

    @classmethod
    def put(cls, owner: Any, name: str, wrap: Wrap) -> Patch:
        """Replace an attribute. Raises AttributeError when the owner has none of the name."""
        before = vars(owner).get(name, _MISSING)
        while hasattr(before, _STANDS_FOR):
            # A wrapper that was undone long ago, and that somebody has put back: not to be wrapped again and again.
            before = getattr(before, _STANDS_FOR)
        _set(owner, name, before)
        wrapper = wrap(getattr(owner, name))
        setattr(wrapper, _STANDS_FOR, before)
        setattr(owner, name, wrapper)
        return cls(owner, name, before, wrapper)

    def undo(self) -> None:
        """Put back what stood there, unless somebody has put another wrapper over it: that one stays in force.

        Wrappers must therefore be harmless when they are called late.
        """
        if vars(self.owner).get(self.name) is self.wrapper:
            _set(self.owner, self.name, self.before)


def _set(owner: Any, name: str, value: Any) -> None:
    if value is not _MISSING:
        setattr(owner, name, value)
    elif name in vars(owner):  # it was inherited
        delattr(owner, name)
