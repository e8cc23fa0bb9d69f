"""REGEX: Java's patterns, matched against a whole text, in bounded time.

A pattern is read into a tree of its own. Where the tree shows that backtracking stays cheap for the text at hand,
Python's `re` does the work; else a matcher that never visits a place of the pattern twice at the same place of the
text. Real Salesforce counts steps too, and refuses with "Regular expression runtime exceeded".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from mock_server.org.formula.problems import EvaluationError
from mock_server.org.formula.regex_tree import (
    Assert,
    Back,
    Choice,
    Group,
    Node,
    One,
    PatternError,
    Reader,
    Repeat,
    Sequence,
)

_CHEAP = 200_000
"""Steps of backtracking that Python's `re` may take: some milliseconds."""
_MOST_STEPS = 300_000
_LARGEST = 5_000
"""Instructions of a matcher."""
_COSTLY = 4
"""Repetitions beyond which a counted repetition is taken for an unbounded one."""
_FLAGS = re.compile(r"\(\?([imsux]+)\)")
_FLAG_VALUES = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "u": re.NOFLAG}


# -- how much backtracking a pattern may cost


def _degree(node: Node) -> int | None:
    """Return d where matching a text of n characters takes in the order of n^d steps; None for who knows how many."""
    if isinstance(node, One | Assert):
        return 0
    if isinstance(node, Back):
        return 1
    if isinstance(node, Group):
        return _degree(node.part)
    if isinstance(node, Repeat):
        if node.most is not None and node.most <= 1:
            inner = _degree(node.part)
            return None if inner is None else inner + 1
        if _fixed(node.part):
            return 0 if node.least == node.most else 1
        inner = _degree(node.part)
        if inner is None or node.most is None or node.most > _COSTLY:
            return None
        return (inner + 1) * node.most
    degrees = [_degree(part) for part in node.parts]
    if None in degrees:
        return None
    known = [degree for degree in degrees if degree is not None]
    if isinstance(node, Choice):
        return max(known, default=0) + 1
    # What stands in a lookahead is not entered again once it has matched.
    looks = [isinstance(part, Group) and part.opening in ("(?=", "(?!") for part in node.parts]
    ahead = max((degree for degree, look in zip(known, looks, strict=True) if look), default=0)
    return max(ahead, sum(degree for degree, look in zip(known, looks, strict=True) if not look))


def _fixed(node: Node) -> bool:
    """Tell whether a part matches in one way at most, always as many characters."""
    if isinstance(node, One | Assert):
        return True
    if isinstance(node, Sequence):
        return all(map(_fixed, node.parts))
    if isinstance(node, Group):
        return node.opening in ("(", "(?:") and _fixed(node.part)
    return isinstance(node, Repeat) and node.least == node.most and _fixed(node.part)


def _python(node: Node) -> str:
    """Return the same pattern for Python's `re`."""
    if isinstance(node, One | Assert):
        return node.text
    if isinstance(node, Back):
        return f"(?:\\{node.group})"
    if isinstance(node, Group):
        return f"{node.opening}{_python(node.part)})"
    if isinstance(node, Repeat):
        return f"(?:{_python(node.part)}){{{node.least},{'' if node.most is None else node.most}}}{node.mode}"
    if isinstance(node, Sequence):
        return "".join(map(_python, node.parts))
    return f"(?:{'|'.join(map(_python, node.parts))})"


# -- the matcher in bounded time


class _Program:
    """Instructions: `one` character, `place` to be, `split` into two ways, `jump`, `look` ahead, `done`."""

    def __init__(self, node: Node, flags: re.RegexFlag) -> None:
        self.code: list[tuple[str, object, int]] = []
        self._flags = flags
        self._emit(node)
        self._add("done")

    def _add(self, word: str, argument: object = None, target: int = 0) -> int:
        if len(self.code) > _LARGEST:
            raise PatternError("Pattern is too large")
        self.code.append((word, argument, target))
        return len(self.code) - 1

    def _emit(self, node: Node) -> None:
        if isinstance(node, One):
            self._add("one", re.compile(node.text, self._flags).match)
        elif isinstance(node, Assert):
            self._add("place", re.compile(node.text, self._flags).match)
        elif isinstance(node, Sequence):
            for part in node.parts:
                self._emit(part)
        elif isinstance(node, Choice):
            self._choose(node.parts)
        elif isinstance(node, Repeat):
            self._repeat(node)
        elif isinstance(node, Group) and node.opening in ("(", "(?:"):
            self._emit(node.part)
        elif isinstance(node, Group) and node.opening in ("(?=", "(?!"):
            self._add("look", (_Program(node.part, self._flags), node.opening == "(?!"))
        else:
            raise PatternError("Pattern is too complicated")

    def _choose(self, parts: tuple[Node, ...]) -> None:
        ends = []
        for part in parts[:-1]:
            split = self._add("split")
            self._emit(part)
            ends.append(self._add("jump"))
            self.code[split] = ("split", None, len(self.code))
        self._emit(parts[-1])
        for end in ends:
            self.code[end] = ("jump", None, len(self.code))

    def _repeat(self, node: Repeat) -> None:
        if node.mode == "+":
            raise PatternError("Pattern is too complicated")
        for _ in range(node.least):
            self._emit(node.part)
        if node.most is None:
            split = self._add("split")
            self._emit(node.part)
            self._add("jump", None, split)
            self.code[split] = ("split", None, len(self.code))
            return
        splits = []
        for _ in range(node.most - node.least):
            splits.append(self._add("split"))
            self._emit(node.part)
        for split in splits:
            self.code[split] = ("split", None, len(self.code))

    def matches(self, text: str, start: int, budget: list[int], *, whole: bool) -> bool:
        """Tell whether the text matches from a place on. Raises EvaluationError beyond the budget of steps."""
        code, size = self.code, len(text)
        seen: set[int] = set()
        width = size + 1
        waiting = [(0, start)]
        while waiting:
            step, at = waiting.pop()
            while step * width + at not in seen:
                seen.add(step * width + at)
                budget[0] -= 1
                if budget[0] < 0:
                    raise EvaluationError("Regular expression runtime exceeded")
                word, argument, target = code[step]
                if word == "one":
                    if at >= size or not argument(text, at):  # type: ignore[operator]
                        break
                    step, at = step + 1, at + 1
                elif word == "split":
                    waiting.append((target, at))
                    step += 1
                elif word == "jump":
                    step = target
                elif word == "done":
                    if at == size or not whole:
                        return True
                    break
                elif word == "place":
                    if not argument(text, at):  # type: ignore[operator]
                        break
                    step += 1
                else:
                    program, negated = argument  # type: ignore[misc]
                    if program.matches(text, at, budget, whole=False) == negated:  # type: ignore[has-type]
                        break
                    step += 1
        return False


@lru_cache(512)
def compiled(pattern: str) -> Callable[[str], bool]:
    """Return the function that tells whether a whole text matches a pattern. Raises PatternError."""
    flags = re.NOFLAG
    given = _FLAGS.match(pattern)
    body = pattern
    if given is not None:
        for letter in given[1]:
            if letter not in _FLAG_VALUES:
                raise PatternError(f"Unsupported flag (?{letter})")
            flags |= _FLAG_VALUES[letter]
        body = pattern[given.end() :]
    node = Reader(body).whole()
    degree = _degree(node)
    try:
        python = re.compile(_python(node), flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(str(error)) from None
    try:
        program = _Program(node, flags)
    except PatternError:
        if degree is None or degree > 1:
            raise
        program = None

    def matches_(text: str) -> bool:
        if degree is not None and (program is None or len(text) ** degree <= _CHEAP):
            return python.fullmatch(text) is not None
        assert program is not None
        return program.matches(text, 0, [_MOST_STEPS], whole=True)

    return matches_


def matches(text: str, pattern: str) -> bool:
    """Tell whether a text matches a pattern that is worked out too. Raises EvaluationError."""
    try:
        return compiled(pattern)(text)
    except PatternError as error:
        raise EvaluationError(f"Incorrect parameter value for function 'REGEX()': {error}") from None
