"""Keeps the secrets that a subject was given out of every report, wherever the subject has put them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from harness.evidence import Canary

Hide = Callable[[str], str]


def hider(canaries: Iterable[Canary]) -> Hide:
    """Return a function that puts `[the password]` and the like in the place of each secret in a text."""
    known = [(f"[{canary.name}]", re.compile(canary.pattern)) for canary in canaries]
    if not known:
        return lambda text: text
    any_of_them = re.compile("|".join(f"(?:{pattern.pattern})" for _, pattern in known))

    def hide(text: str) -> str:
        if any_of_them.search(text):
            for name, pattern in known:
                text = pattern.sub(lambda _, name=name: name, text)  # type: ignore[misc]
        return text

    return hide
