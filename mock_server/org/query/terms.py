"""What stands between the braces of FIND: from text to a tree of words, and to an expression of the full-text index.

Operators and reserved characters: SOSL Reference, "FIND {SearchQuery}". The index folds case and accents; scripts
without blanks between words are searched character by character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Literal
from unicodedata import combining, normalize

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query.context import failure

LONGEST = 10_000
"""Characters beyond which a search finds nothing."""
LONGEST_WITH_OPERATORS = 4_000
"""Characters beyond which AND, OR and NOT are words like others."""
_MOST_WORDS = 500
_DEEPEST = 50
_RESERVED = frozenset("&|!{}[]^~:+-'")
_WILD = re.compile(r"[*?]")
_BREAK = re.compile(r"[^\w*?]+|_+")
_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af])")
"""Kana, Chinese characters and Hangul syllables."""

Expand = Callable[[str], Sequence[str]]
"""Returns the words of the index that a pattern with wildcards means."""


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is `word`, `phrase` or the operator itself. In a word, wildcards meant as such are `\\1` and `\\2`."""

    kind: Literal["word", "phrase", "AND", "OR", "NOT", "(", ")"]
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Words:
    """One word with or without wildcards, or a phrase."""

    text: str
    phrase: bool


@dataclass(frozen=True, slots=True)
class Joined:
    word: Literal["AND", "OR", "NOT"]
    parts: tuple[Tree, ...]


Tree = Words | Joined
_ANY, _ONE = "\1", "\2"


def scan(sosl: str, start: int) -> tuple[list[Token], int]:
    """Return the tokens behind an opening brace, and the place behind the closing one. Raises MALFORMED_SEARCH."""
    tokens: list[Token] = []
    at = start
    while at < len(sosl):
        character = sosl[at]
        if character == "}":
            return tokens, at + 1
        if character.isspace():
            at += 1
        elif character in "()":
            tokens.append(Token(character, character, at))  # type: ignore[arg-type]
            at += 1
        else:
            token, at = _quoted(sosl, at) if character == '"' else _word(sosl, at)
            tokens.append(token)
    raise _mismatched(sosl, at, "<EOF>")


def _word(sosl: str, at: int) -> tuple[Token, int]:
    start = at
    out: list[str] = []
    while at < len(sosl):
        character = sosl[at]
        if character.isspace() or character in '()}"':
            break
        if character == "\\" and at + 1 < len(sosl):
            at += 1
            out.append(sosl[at])
        elif character in _RESERVED or character == "\\":
            raise _mismatched(sosl, at, character)
        else:
            out.append({"*": _ANY, "?": _ONE}.get(character, character))
        at += 1
    text = "".join(out)
    kind = text.upper() if text.upper() in ("AND", "OR", "NOT") and "\\" not in sosl[start:at] else "word"
    return Token(kind, text, start), at  # type: ignore[arg-type]


def _quoted(sosl: str, start: int) -> tuple[Token, int]:
    at = start + 1
    out: list[str] = []
    while at < len(sosl):
        character = sosl[at]
        if character == '"':
            return Token("phrase", "".join(out), start), at + 1
        if character == "\\" and at + 1 < len(sosl):
            at += 1
        elif character in _RESERVED:
            raise _mismatched(sosl, at, character, '"')
        out.append(sosl[at])
        at += 1
    raise _mismatched(sosl, at, "<EOF>", '"')


def _mismatched(sosl: str, at: int, found: str, wanted: str = "}") -> ApiError:
    row, column = sosl.count("\n", 0, at) + 1, at - (sosl.rfind("\n", 0, at) + 1)
    text = f"line {row}:{column} mismatched character '{found}' expecting '{wanted}'"
    return failure(errors.MALFORMED_SEARCH, sosl, min(at, len(sosl)), text, column=max(1, column))


def plain(text: str) -> list[Token]:
    """Return the tokens of a search text outside SOSL: its reserved characters are blanks."""
    # What stands beyond the longest search is never looked for.
    loose = "".join(" " if one in _RESERVED or one in "\\()" else one for one in text[: LONGEST + 1])
    if loose.count('"') % 2:
        loose = loose.replace('"', " ")
    return scan(loose + "}", 0)[0]


def parse(sosl: str, tokens: list[Token], text: str) -> Tree:
    """Return the tree of tokens: NOT binds closest, then AND, then OR; words side by side are joined by AND.

    `text` is what was between the braces. Raises MALFORMED_SEARCH for operators out of place, and where no word has two
    characters.
    """
    if len(text) > LONGEST_WITH_OPERATORS:
        tokens = [token for token in tokens if token.kind in ("word", "phrase")]
    words = [token for token in tokens if token.kind in ("word", "phrase")]
    if not any(_long_enough(token.text) for token in words):
        raise errors.MALFORMED_SEARCH(text=f"search term must be longer than one character: {text.strip()}")
    if len(words) > _MOST_WORDS:
        raise errors.QUERY_TOO_COMPLICATED()
    tree, rest = _either(sosl, tokens, 0, 0)
    if rest < len(tokens):
        raise _misplaced(sosl, tokens[rest])
    return tree


def _long_enough(text: str) -> bool:
    bare = "".join(one for one in text if one.isalnum())
    return len(bare) > 1 or bool(_UNSPACED.search(bare))


def _either(sosl: str, tokens: list[Token], at: int, depth: int) -> tuple[Tree, int]:
    first, at = _all(sosl, tokens, at, depth)
    parts = [first]
    while at < len(tokens) and tokens[at].kind == "OR":
        part, at = _all(sosl, tokens, at + 1, depth)
        parts.append(part)
    return (parts[0] if len(parts) == 1 else Joined("OR", tuple(parts))), at


def _all(sosl: str, tokens: list[Token], at: int, depth: int) -> tuple[Tree, int]:
    first, at = _one(sosl, tokens, at, depth)
    wanted = [first]
    unwanted: list[Tree] = []
    while at < len(tokens) and tokens[at].kind not in ("OR", ")"):
        if tokens[at].kind == "AND":
            at += 1
        negated = at < len(tokens) and tokens[at].kind == "NOT"
        part, at = _one(sosl, tokens, at + negated, depth)
        (unwanted if negated else wanted).append(part)
    tree = wanted[0] if len(wanted) == 1 else Joined("AND", tuple(wanted))
    return (Joined("NOT", (tree, *unwanted)) if unwanted else tree), at


def _one(sosl: str, tokens: list[Token], at: int, depth: int) -> tuple[Tree, int]:
    if at == len(tokens):
        raise errors.MALFORMED_SEARCH(text="unexpected token: '}'")
    token = tokens[at]
    if token.kind == "(":
        if depth == _DEEPEST:
            raise errors.QUERY_TOO_COMPLICATED()
        tree, at = _either(sosl, tokens, at + 1, depth + 1)
        if at == len(tokens):
            raise errors.MALFORMED_SEARCH(text="expecting a right parentheses, found '}'")
        return tree, at + 1
    if token.kind not in ("word", "phrase"):
        raise _misplaced(sosl, token)
    return Words(token.text, token.kind == "phrase"), at + 1


def _misplaced(sosl: str, token: Token) -> ApiError:
    column = token.at - (sosl.rfind("\n", 0, token.at) + 1)
    text = f"unexpected token: '{token.text}'"
    return failure(errors.MALFORMED_SEARCH, sosl, token.at, text, column=max(1, column))


# -- to the index


def spaced(text: str) -> str:
    """Return text as it goes into the index: each character of an unspaced script is a word."""
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


def expression(tree: Tree, expand: Expand) -> str | None:
    """Return the full-text expression of a tree; None where nothing can match."""
    if isinstance(tree, Words):
        return _phrase(tree.text) if tree.phrase else _word_expression(tree.text, expand)
    first, *rest = [expression(part, expand) for part in tree.parts]
    if tree.word == "OR":
        found = [part for part in (first, *rest) if part is not None]
        return f"({' OR '.join(found)})" if found else None
    if first is None:
        return None
    if tree.word == "NOT":
        return f"({' NOT '.join([first, *(part for part in rest if part is not None)])})"
    if any(part is None for part in rest):
        return None
    return f"({' AND '.join([first, *(part for part in rest if part)])})"


def _word_expression(text: str, expand: Expand) -> str | None:
    shown = text.replace(_ANY, "*").replace(_ONE, "?")
    if not _WILD.search(shown) or text == text.replace(_ANY, "").replace(_ONE, ""):
        return _phrase(text)
    pieces = [piece for piece in _BREAK.split(spaced(shown)) if piece.strip("*?")]
    if not pieces:
        return None
    *before, last = pieces
    if last.endswith("*") and not any(_WILD.search(piece) for piece in (*before, last.rstrip("*"))):
        start = _phrase(" ".join([*before, last.rstrip("*")]))
        return start and f"{start} *"
    parts = [_expanded(piece, expand) for piece in pieces]
    return f"({' AND '.join(part for part in parts if part)})" if all(parts) else None


def _expanded(piece: str, expand: Expand) -> str | None:
    if not _WILD.search(piece):
        return _phrase(piece)
    found = [_phrase(word) for word in expand(without_accents(piece))]
    return f"({' OR '.join(one for one in found if one)})" if found else None


def _phrase(text: str) -> str | None:
    text = spaced(text)
    if not any(character.isalnum() for character in text):
        return None
    return '"' + text.replace('"', " ").replace("\0", " ") + '"'


def without_accents(text: str) -> str:
    """Return text as the index keeps its words."""
    return "".join(one for one in normalize("NFD", text.lower()) if not combining(one))


@lru_cache(64)
def pattern(text: str) -> re.Pattern[str]:
    """Return the regular expression of a word with `*` and `?`; what one part has matched is not tried again."""
    return re.compile(translate(text.replace("[", "[[]")))
