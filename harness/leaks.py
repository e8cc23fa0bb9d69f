"""Leaks: whether a dead letter holds a secret that it should not hold."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.evidence import Canary
    from harness.letters import BrokenLetter, Letter


def in_letter(letter: Letter | BrokenLetter, canary: Canary, pattern: re.Pattern[str]) -> bool:
    """Tell whether a letter holds a secret; one of the payload is allowed in its record, and only there."""
    raw = letter.raw if isinstance(letter.raw, str) else json.dumps(letter.raw, default=str)
    found = pattern.findall(raw)
    if not (found and canary.payload):
        return bool(found)
    record = getattr(letter, "record", None)
    return len(found) > len(pattern.findall(json.dumps(record, default=str)))
