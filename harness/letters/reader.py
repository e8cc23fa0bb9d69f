"""Reads a queue before and after a run: what was there before does not count, and what goes wrong is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

from harness.letters.function import Readable, letters_of
from harness.letters.letter import BrokenLetter, Letter, LetterMap


@dataclass
class QueueReader:
    """A queue as a trial holds it. Letters are told apart by what they say, for a queue may be emptied or reordered."""

    queue: Readable
    mapping: LetterMap | None = None
    _before: Counter[bytes] = field(default_factory=Counter)

    def read(self) -> list[Letter | BrokenLetter]:
        """Return all letters. Raises QueueError when the queue cannot be read."""
        return letters_of(self.queue.read, type(self.queue).__name__, self.mapping)

    def mark(self) -> None:
        """Take the letters that are there now for older ones. Raises QueueError when the queue cannot be read."""
        self._before = Counter(map(identity, self.read()))

    def since(self) -> list[Letter | BrokenLetter]:
        """Return the letters that were not there at the mark. Never raises: an unreadable queue is a broken letter."""
        try:
            letters = self.read()
        except ValueError as error:
            return [BrokenLetter("", 0, str(error))]
        before = self._before.copy()
        later = []
        for letter in letters:
            mark = identity(letter) if before else b""
            if before.get(mark):
                before[mark] -= 1
            else:
                later.append(letter)
        return later


def identity(letter: Letter | BrokenLetter) -> bytes:
    """Return a digest of what a letter says, wherever in the queue it stands."""
    parts = [letter.raw]
    if isinstance(letter, Letter) and not letter.raw:
        parts += map(repr, (letter.key, letter.record, letter.error_code, letter.attempts, letter.failed_at))
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=12).digest()
