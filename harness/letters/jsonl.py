"""A dead-letter queue in a JSON Lines file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from harness.letters.files import check_file, read_file
from harness.letters.letter import BrokenLetter, Letter, LetterMap, read_letter


@dataclass(frozen=True)
class JsonlQueue:
    """A file with one JSON object a line."""

    path: Path | str
    mapping: LetterMap | None = None

    def check(self) -> None:
        """Raise QueueError when the file, or a first letter in it, could not be read."""
        check_file(self.path)

    def read(self) -> list[Letter | BrokenLetter]:
        """Read the file, or nothing where there is none. Raises QueueError when it cannot be read."""
        lines = read_file(self.path).split(b"\n")
        if not lines[-1]:
            lines.pop()
        return [self._letter(line, number) for number, line in enumerate(lines, 1)]

    def _letter(self, line: bytes, number: int) -> Letter | BrokenLetter:
        raw = line.decode("utf-8", "replace")
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            reason = "the line is empty" if not line.strip() else f"not JSON: {error}"
            return BrokenLetter(raw, number, reason)
        if not isinstance(value, dict):
            return BrokenLetter(raw, number, "a letter must be a JSON object")
        return read_letter(raw, value, number, self.mapping)
