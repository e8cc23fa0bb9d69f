"""Reads as much of a SOQL text as a verdict needs: its shape, the object it asks for, the values it asks with."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_plus

_TEXT = r"'(?:[^'\\]|\\.)*'?"
_TOKEN = re.compile(
    rf"(?P<text>{_TEXT})"
    r"|(?P<moment>\b\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?)"
    r"|(?P<number>(?<![\w.])[+-]?\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<space>\s+)"
)
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)*\s*(?:,\s*)?(?:\)|$)")
_FROM = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)
_OFFSET = re.compile(r"\bOFFSET\s+(\d+)", re.IGNORECASE)
_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'")


@lru_cache(4096)
def shape(soql: str) -> str:
    """Return the query with its literals as `?`, a list of them as `(?)`, in small letters and single spaces.

    Two runs of one statement in a program's text have one shape, whatever values they were made with.
    """
    plain = _TOKEN.sub(lambda found: " " if found.lastgroup == "space" else "?", soql)
    return re.sub(r"\s*([(),=<>!])\s*", r"\1", _LIST.sub("(?)", plain)).strip().lower()


@lru_cache(4096)
def literals(soql: str) -> tuple[str, ...]:
    """Return the texts between quotes, as they stand there."""
    return tuple(text.replace("\\'", "'") for text in _LITERAL.findall(soql))


def object_of(soql: str) -> str:
    """Return the object a query is about; empty where it names none. Subqueries stand before it, in parentheses."""
    depth, plain = 0, []
    for character in _LITERAL.sub("?", soql):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            plain.append(character)
    found = _FROM.search("".join(plain))
    return found[1] if found else ""


def offset_of(soql: str) -> int:
    """Return the rows that a query passes over, 0 without an OFFSET."""
    found = _OFFSET.search(soql)
    return int(found[1]) if found else 0


def locator_of(path: str) -> tuple[str, int]:
    """Take apart the path of a further page: the locator, and how many rows came before it."""
    name, _, start = unquote_plus(path.rstrip("/").rpartition("/")[2]).partition("-")
    return name, int(start) if start.isdecimal() and len(start) < 10 else 0
