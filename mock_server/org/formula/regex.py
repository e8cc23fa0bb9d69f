"""REGEX: Java's patterns, matched against a whole text, in bounded time.

A pattern is read into a tree of its own. Where the tree shows that backtracking stays cheap for the text at hand,
Python's `re` does the work; else a matcher that never visits a place of the pattern twice at the same place of the
text. Real Salesforce counts steps too, and refuses with "Regular expression runtime exceeded".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from mock_server.org.formula.problems import EvaluationError

_CHEAP = 200_000
"""Steps of backtracking that Python's `re` may take: some milliseconds."""
_MOST_STEPS = 300_000
_LARGEST = 5_000
"""Instructions of a matcher."""
_DEEPEST = 50
_COSTLY = 4
"""Repetitions beyond which a counted repetition is taken for an unbounded one."""


class PatternError(ValueError):
    """A pattern that Java refuses, or that this matcher cannot run safely."""


@dataclass(frozen=True, slots=True)
class _One:
    """One character; `text` is a Python pattern for it."""

    text: str


@dataclass(frozen=True, slots=True)
class _Assert:
    """A place: `^`, `$`, `\\b`."""

    text: str


@dataclass(frozen=True, slots=True)
class _Back:
    group: int


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: _Node
    least: int
    most: int | None
    mode: str
    """Empty, `?` for reluctant, `+` for possessive."""


@dataclass(frozen=True, slots=True)
class _Group:
    part: _Node
    opening: str
    """`(`, `(?:`, `(?=`, `(?!`, `(?<=`, `(?<!` or `(?>`."""


_Node = _One | _Assert | _Back | _Sequence | _Choice | _Repeat | _Group

_ESCAPED_SETS = {
    "d": "0-9",
    "w": "A-Za-z0-9_",
    "s": r" \t\n\x0b\f\r",
    "h": r" \t\xa0",
    "v": r"\n\x0b\f\r\x85\u2028\u2029",
}
_NAMED_SETS = {
    "Lower": "a-z", "Upper": "A-Z", "ASCII": r"\x00-\x7f", "Alpha": "A-Za-z", "Digit": "0-9", "Alnum": "A-Za-z0-9",
    "Punct": r"!-/:-@\[-`{-~", "Blank": r" \t", "Space": r" \t\n\x0b\f\r", "XDigit": "0-9A-Fa-f", "Graph": "!-~",
    "Print": " -~", "Cntrl": r"\x00-\x1f\x7f", "N": r"\d", "Nd": r"\d", "IsDigit": r"\d",
}  # fmt: skip
_LETTER = r"[^\W\d_]"
_LETTER_NAMES = frozenset({"L", "IsL", "IsAlphabetic", "IsLetter"})
_CONTROLS = {"t": r"\t", "n": r"\n", "r": r"\r", "f": r"\f", "a": r"\x07", "e": r"\x1b"}
_ASSERTIONS = {"b": r"\b", "B": r"\B", "A": r"\A", "z": r"\Z", "Z": r"(?=(?:\r?\n)?\Z)", "G": r"\A"}
_COUNT = re.compile(r"\{(\d{1,5})(,(\d{0,5}))?\}")
_OPENINGS = ("(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>")
_FLAGS = re.compile(r"\(\?([imsux]+)\)")
_FLAG_VALUES = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "u": re.NOFLAG}


class _Reader:
    """Reads a pattern. Raises PatternError."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.groups = 0
        self.depth = 0

    def fail(self, why: str) -> PatternError:
        return PatternError(f"{why} near index {self.at}")

    def take(self, count: int = 1) -> str:
        taken = self.text[self.at : self.at + count]
        if len(taken) < count:
            raise self.fail("Unexpected end of pattern")
        self.at += count
        return taken

    def looking_at(self, start: str) -> bool:
        return self.text.startswith(start, self.at)

    def whole(self) -> _Node:
        node = self.choice()
        if self.at < len(self.text):
            raise self.fail("Unmatched closing ')'")
        return node

    def choice(self) -> _Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.fail("Pattern is too deeply nested")
        parts = [self.sequence()]
        while self.looking_at("|"):
            self.take()
            parts.append(self.sequence())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else _Choice(tuple(parts))

    def sequence(self) -> _Node:
        parts: list[_Node] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            if self.looking_at("\\Q"):
                end = self.text.find("\\E", self.at)
                quoted = self.text[self.at + 2 : end if end >= 0 else None]
                self.at = len(self.text) if end < 0 else end + 2
                parts.extend(_One(re.escape(character)) for character in quoted)
                if quoted:
                    parts.append(self.repeated(parts.pop()))
                continue
            parts.append(self.repeated(self.atom()))
        return parts[0] if len(parts) == 1 else _Sequence(tuple(parts))

    def repeated(self, part: _Node) -> _Node:
        while self.at < len(self.text):
            sign = self.text[self.at]
            if sign in "*+?":
                self.take()
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
            elif sign == "{":
                count = _COUNT.match(self.text, self.at)
                if count is None:
                    raise self.fail("Illegal repetition")
                self.at = count.end()
                least = int(count[1])
                most = least if count[2] is None else int(count[3]) if count[3] else None
                if most is not None and most < least:
                    raise self.fail("Illegal repetition range")
            else:
                break
            mode = self.take() if self.at < len(self.text) and self.text[self.at] in "?+" else ""
            part = _Repeat(part, least, most, mode)
        return part

    def atom(self) -> _Node:
        character = self.take()
        if character == "(":
            return self.group()
        if character == "[":
            return _One(self.set_())
        if character == ".":
            return _One(".")
        if character in "^$":
            return _Assert(character)
        if character in "*+?":
            self.at -= 1
            raise self.fail(f"Dangling meta character '{character}'")
        if character == "{":
            raise self.fail("Illegal repetition")
        if character == "\\":
            return self.escape()
        return _One(re.escape(character))

    def group(self) -> _Node:
        self.at -= 1
        opening = next((one for one in _OPENINGS if self.looking_at(one)), "(")
        if opening == "(" and self.looking_at("(?"):
            raise self.fail("Unsupported group")
        self.at += len(opening)
        if opening == "(":
            self.groups += 1
        part = self.choice()
        if not self.looking_at(")"):
            raise self.fail("Unclosed group")
        self.take()
        return _Group(part, opening)

    def escape(self) -> _Node:
        word = self.text[self.at] if self.at < len(self.text) else ""
        if word in _ASSERTIONS and word:
            self.take()
            return _Assert(_ASSERTIONS[word])
        if word.isdigit() and word != "0":
            self.take()
            if int(word) > self.groups:
                raise self.fail("Reference to a group that is not there")
            return _Back(int(word))
        inside, negated = self.class_escape()
        if inside == _LETTER:
            return _One(r"[\W\d_]" if negated else _LETTER)
        return _One(f"[{'^' if negated else ''}{inside}]")

    def class_escape(self) -> tuple[str, bool]:
        """Read what follows a backslash; return the inside of a set and whether it is negated."""
        word = self.take()
        if word.lower() in _ESCAPED_SETS and word != "\\":
            return _ESCAPED_SETS[word.lower()], word.isupper()
        if word in "pP":
            name = self.take()
            if name == "{":
                end = self.text.find("}", self.at)
                if end < 0:
                    raise self.fail("Unclosed character family")
                name, self.at = self.text[self.at : end], end + 1
            if name in _LETTER_NAMES:
                return _LETTER, word == "P"
            if name not in _NAMED_SETS:
                raise self.fail("Unsupported character property")
            return _NAMED_SETS[name], word == "P"
        if word in _CONTROLS:
            return _CONTROLS[word], False
        if word in "xu":
            digits = self.take(2 if word == "x" else 4)
            if not re.fullmatch("[0-9A-Fa-f]+", digits):
                raise self.fail("Illegal hexadecimal escape sequence")
            return re.escape(chr(int(digits, 16))), False
        if word.isalnum() and word.isascii():
            raise self.fail("Illegal/unsupported escape sequence")
        return re.escape(word), False

    def set_(self) -> str:
        """Read a set behind its `[`; return a Python pattern for one character."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.fail("Pattern is too deeply nested")
        negated = self.looking_at("^")
        if negated:
            self.take()
        items: list[str] = []
        others: list[str] = []
        """What an intersection asks besides."""
        first = True
        while not self.looking_at("]") or first:
            first = False
            if self.at >= len(self.text):
                raise self.fail("Unclosed character class")
            if self.looking_at("&&"):
                self.take(2)
                others.append(self._side())
                continue
            items.append(self._item())
        self.take()
        self.depth -= 1
        united = "|".join(items) if len(items) != 1 else items[0]
        whole = f"(?:{united})" if items else "[\\s\\S]"
        for other in others:
            whole = f"(?:(?={other}){whole})"
        return f"(?:(?!{whole})[\\s\\S])" if negated else whole

    def _side(self) -> str:
        """Read the right side of `&&`, up to the next `&&` or the end of the set."""
        items = []
        while self.at < len(self.text) and not self.looking_at("]") and not self.looking_at("&&"):
            items.append(self._item())
        return f"(?:{'|'.join(items)})" if items else "[\\s\\S]"

    def _item(self) -> str:
        character = self.take()
        if character == "[":
            return self.set_()
        start, special = self._member(character)
        if special:
            return start
        if self.looking_at("-") and not self.text.startswith(("-]", "-["), self.at):
            self.take()
            end, special = self._member(self.take())
            if special or _code(end) < _code(start):
                raise self.fail("Illegal character range")
            return f"[{start}-{end}]"
        return f"[{start}]"

    def _member(self, character: str) -> tuple[str, bool]:
        """Return one member of a set, and whether it is a set by itself."""
        if character != "\\":
            return re.escape(character) if character != "^" else r"\^", False
        at = self.at
        inside, negated = self.class_escape()
        if inside == _LETTER:
            return (r"[\W\d_]" if negated else _LETTER), True
        single = not negated and self.text[at] not in "dDwWsShHvVpP"
        return (inside, False) if single else (f"[{'^' if negated else ''}{inside}]", True)


def _code(member: str) -> int:
    found = re.compile(f"[{member}]")
    return next((code for code in range(0x110000) if found.match(chr(code))), 0) if len(member) > 2 else ord(member[-1])


# -- how much backtracking a pattern may cost


def _degree(node: _Node) -> int | None:
    """Return d where matching a text of n characters takes in the order of n^d steps; None for who knows how many."""
    if isinstance(node, _One | _Assert):
        return 0
    if isinstance(node, _Back):
        return 1
    if isinstance(node, _Group):
        return _degree(node.part)
    if isinstance(node, _Repeat):
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
    if isinstance(node, _Choice):
        return max(known, default=0) + 1
    # What stands in a lookahead is not entered again once it has matched.
    looks = [isinstance(part, _Group) and part.opening in ("(?=", "(?!") for part in node.parts]
    ahead = max((degree for degree, look in zip(known, looks, strict=True) if look), default=0)
    return max(ahead, sum(degree for degree, look in zip(known, looks, strict=True) if not look))


def _fixed(node: _Node) -> bool:
    """Tell whether a part matches in one way at most, always as many characters."""
    if isinstance(node, _One | _Assert):
        return True
    if isinstance(node, _Sequence):
        return all(map(_fixed, node.parts))
    if isinstance(node, _Group):
        return node.opening in ("(", "(?:") and _fixed(node.part)
    return isinstance(node, _Repeat) and node.least == node.most and _fixed(node.part)


def _python(node: _Node) -> str:
    """Return the same pattern for Python's `re`."""
    if isinstance(node, _One | _Assert):
        return node.text
    if isinstance(node, _Back):
        return f"(?:\\{node.group})"
    if isinstance(node, _Group):
        return f"{node.opening}{_python(node.part)})"
    if isinstance(node, _Repeat):
        return f"(?:{_python(node.part)}){{{node.least},{'' if node.most is None else node.most}}}{node.mode}"
    if isinstance(node, _Sequence):
        return "".join(map(_python, node.parts))
    return f"(?:{'|'.join(map(_python, node.parts))})"


# -- the matcher in bounded time


class _Program:
    """Instructions: `one` character, `place` to be, `split` into two ways, `jump`, `look` ahead, `done`."""

    def __init__(self, node: _Node, flags: re.RegexFlag) -> None:
        self.code: list[tuple[str, object, int]] = []
        self._flags = flags
        self._emit(node)
        self._add("done")

    def _add(self, word: str, argument: object = None, target: int = 0) -> int:
        if len(self.code) > _LARGEST:
            raise PatternError("Pattern is too large")
        self.code.append((word, argument, target))
        return len(self.code) - 1

    def _emit(self, node: _Node) -> None:
        if isinstance(node, _One):
            self._add("one", re.compile(node.text, self._flags).match)
        elif isinstance(node, _Assert):
            self._add("place", re.compile(node.text, self._flags).match)
        elif isinstance(node, _Sequence):
            for part in node.parts:
                self._emit(part)
        elif isinstance(node, _Choice):
            self._choose(node.parts)
        elif isinstance(node, _Repeat):
            self._repeat(node)
        elif isinstance(node, _Group) and node.opening in ("(", "(?:"):
            self._emit(node.part)
        elif isinstance(node, _Group) and node.opening in ("(?=", "(?!"):
            self._add("look", (_Program(node.part, self._flags), node.opening == "(?!"))
        else:
            raise PatternError("Pattern is too complicated")

    def _choose(self, parts: tuple[_Node, ...]) -> None:
        ends = []
        for part in parts[:-1]:
            split = self._add("split")
            self._emit(part)
            ends.append(self._add("jump"))
            self.code[split] = ("split", None, len(self.code))
        self._emit(parts[-1])
        for end in ends:
            self.code[end] = ("jump", None, len(self.code))

    def _repeat(self, node: _Repeat) -> None:
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
    node = _Reader(body).whole()
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
