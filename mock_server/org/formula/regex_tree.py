"""Patterns of REGEX as trees: what Java's syntax says, with each character as a pattern of Python's `re`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DEEPEST = 50


class PatternError(ValueError):
    """A pattern that Java refuses, or that this matcher cannot run safely."""


@dataclass(frozen=True, slots=True)
class One:
    """One character; `text` is a Python pattern for it."""

    text: str


@dataclass(frozen=True, slots=True)
class Assert:
    """A place: `^`, `$`, `\\b`."""

    text: str


@dataclass(frozen=True, slots=True)
class Back:
    group: int


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    part: Node
    least: int
    most: int | None
    mode: str
    """Empty, `?` for reluctant, `+` for possessive."""


@dataclass(frozen=True, slots=True)
class Group:
    part: Node
    opening: str
    """`(`, `(?:`, `(?=`, `(?!`, `(?<=`, `(?<!` or `(?>`."""


Node = One | Assert | Back | Sequence | Choice | Repeat | Group

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


class Reader:
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

    def whole(self) -> Node:
        node = self.choice()
        if self.at < len(self.text):
            raise self.fail("Unmatched closing ')'")
        return node

    def choice(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.fail("Pattern is too deeply nested")
        parts = [self.sequence()]
        while self.looking_at("|"):
            self.take()
            parts.append(self.sequence())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def sequence(self) -> Node:
        parts: list[Node] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            if self.looking_at("\\Q"):
                end = self.text.find("\\E", self.at)
                quoted = self.text[self.at + 2 : end if end >= 0 else None]
                self.at = len(self.text) if end < 0 else end + 2
                parts.extend(One(re.escape(character)) for character in quoted)
                if quoted:
                    parts.append(self.repeated(parts.pop()))
                continue
            parts.append(self.repeated(self.atom()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self, part: Node) -> Node:
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
            part = Repeat(part, least, most, mode)
        return part

    def atom(self) -> Node:
        character = self.take()
        if character == "(":
            return self.group()
        if character == "[":
            return One(self.set_())
        if character == ".":
            return One(".")
        if character in "^$":
            return Assert(character)
        if character in "*+?":
            self.at -= 1
            raise self.fail(f"Dangling meta character '{character}'")
        if character == "{":
            raise self.fail("Illegal repetition")
        if character == "\\":
            return self.escape()
        return One(re.escape(character))

    def group(self) -> Node:
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
        return Group(part, opening)

    def escape(self) -> Node:
        word = self.text[self.at] if self.at < len(self.text) else ""
        if word in _ASSERTIONS and word:
            self.take()
            return Assert(_ASSERTIONS[word])
        if word.isdigit() and word != "0":
            self.take()
            if int(word) > self.groups:
                raise self.fail("Reference to a group that is not there")
            return Back(int(word))
        inside, negated = self.class_escape()
        if inside == _LETTER:
            return One(r"[\W\d_]" if negated else _LETTER)
        return One(f"[{'^' if negated else ''}{inside}]")

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
