"""Differences of long texts: where an update changes little of one, its event tells the lines that are other ones.

Source: Change Data Capture Developer Guide, "Sending Data Differences for Fields of Updated Records". The Streaming API
tells `{"Description": {"diff": "..."}}`, the Pub/Sub API the text alone and the name of the field in `diffFields`.
Salesforce says that it does so sometimes; here it is done whenever the guide does not exclude it, so that whoever takes
a difference for the value is found out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from hashlib import sha256
from typing import Any

SHORTEST = 1_000
"""Characters of a value of which differences may be told."""
_MOST_LINES = 200
"""Lines from the first that differs to the last, at the most: comparing more may take long, the value is told whole."""
_KEY = "diff"


class Difference(str):
    """What an event tells in the place of a value: the difference from what was there before."""

    __slots__ = ()


def told(before: Any, now: Any) -> Any:
    """Return what an event tells of a long text that was changed: its value, or the difference."""
    if not isinstance(before, str) or not isinstance(now, str) or len(now) < SHORTEST:
        return now
    if abs(len(now) - len(before)) * 2 > max(len(now), len(before)):
        return now
    old, new = _lines(before), _lines(now)
    start, ends = _alike(old, new)
    if max(len(old), len(new)) - ends - start > _MOST_LINES:
        return now
    hunks = list(_hunks(old, new, start, ends))
    changed = sum(line[0] in "-+" for line in hunks)
    text = "\n".join(["--- ", f"+++ {_digest(now)}", *hunks])
    if changed * 4 > len(old) + len(new) or len(text) > len(now):
        return now
    return Difference(text)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def _lines(text: str) -> list[str]:
    # Other characters that end lines elsewhere end none here.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _alike(old: list[str], new: list[str]) -> tuple[int, int]:
    """Return how many lines two texts have in common at their start, and at their end."""
    most = min(len(old), len(new))
    start = next((place for place in range(most) if old[place] != new[place]), most)
    ends = next((place for place in range(most - start) if old[-1 - place] != new[-1 - place]), most - start)
    return start, ends


def _hunks(old: list[str], new: list[str], start: int, ends: int) -> Iterator[str]:
    """Yield a unified diff without context, its lines counted as the library does that the guide names."""
    was, now = old[start : len(old) - ends], new[start : len(new) - ends]
    for tag, first, last, other, until in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if tag != "equal":
            yield f"@@ -{start + first + 1},{last - first} +{start + other + 1},{until - other} @@"
            yield from (f"-{line}" for line in was[first:last])
            yield from (f"+{line}" for line in now[other:until])


def nested(value: Any) -> Any:
    """Return a value as the Streaming API tells it."""
    return {_KEY: str(value)} if isinstance(value, Difference) else value


def plain(payload: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Return the fields of an event that tell differences, as the Pub/Sub API tells them, and their names."""
    found = {name: one[_KEY] for name, one in payload.items() if isinstance(one, Mapping) and one.keys() == {_KEY}}
    return found, list(found)
