"""Lookups: which reads asked for which input, so that a lost answer may be looked up in place of sent again."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from harness.evidence import Evidence
    from harness.exchanges import Exchange

_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'")
_ESCAPE = re.compile(r"\\(.)")


class Lookups:
    """Finds the reads that may have shown whether an input is in the org.

    A read that names values is a lookup of the inputs that have them; one of the object that names none is one of every
    input.
    Only reads that were answered count; with `failed` only those that were not.
    """

    def __init__(self, evidence: Evidence, *, failed: bool = False) -> None:
        # A read that was struck has left its print alone: the same one, answered, has said what it asks for.
        self._texts = {exchange.repeat: exchange.soql for exchange in evidence.exchanges if exchange.soql}
        self._by_value: dict[str, list[int]] = defaultdict(list)
        self._broad: dict[str, list[int]] = defaultdict(list)
        self._inputs = evidence.inputs
        sobjects = {given.sobject.lower() for given in evidence.inputs}
        for exchange in evidence.exchanges:
            read = not (exchange.is_write or exchange.is_login)
            # What was not found (404) is an answer too.
            answered = exchange.heard and exchange.failure in (None, "permanent")
            if read and answered is not failed:
                self._read(exchange, sobjects)

    def _read(self, exchange: Exchange, sobjects: set[str]) -> None:
        text = self._texts.get(exchange.repeat) or exchange.repeat[3]
        query = unquote_plus(text)
        # In a journal the text is plain; a plus in it is one.
        literals = dict.fromkeys((*_LITERAL.findall(text), *_LITERAL.findall(query)))
        parts = [unquote(part) for part in exchange.path.split("/")]
        for value in (*(_ESCAPE.sub(r"\1", literal) for literal in literals), *parts[-1:]):
            self._by_value[value.casefold()].append(exchange.number)
        if not literals:
            words = {word.lower() for word in re.findall(r"\w+", query)} | {part.lower() for part in parts}
            for sobject in sobjects & words:
                self._broad[sobject].append(exchange.number)

    def between(self, place: int, first: int, last: int) -> bool:
        """Tell whether the input was looked up between two journal entries: by its key, or by anything else it says."""
        given = self._inputs[place]
        values = {str(given.key), *(value for value in given.record.values() if isinstance(value, str) and value)}
        found = [self._by_value.get(value.casefold(), ()) for value in values]
        found.append(self._broad.get(given.sobject.lower(), ()))
        return any(_within(numbers, first, last) for numbers in found)


def _within(numbers: Sequence[int], first: int, last: int) -> bool:
    at = bisect_right(numbers, first)
    return at < len(numbers) and numbers[at] < last
