"""`.forceignore`: which files of an SFDX project stay out, in the patterns of `.gitignore`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_MOST_STARS = 8


@dataclass(frozen=True)
class Ignored:
    """The patterns of one project, in order; a later one counts, and `!` takes a file in again."""

    root: Path
    patterns: tuple[tuple[re.Pattern[str], bool], ...] = ()

    @classmethod
    def of(cls, folder: Path) -> Ignored:
        """Read the `.forceignore` of a folder, if there is one that can be read."""
        try:
            text = (folder / ".forceignore").read_text("utf-8", errors="replace")
        except OSError:
            return cls(folder)
        patterns = []
        for line in text.splitlines():
            pattern = line.strip()
            # A pattern of many stars would make the search explode, and nobody needs one.
            if pattern and not pattern.startswith("#") and pattern.replace("**", "*").count("*") <= _MOST_STARS:
                patterns.append((_compiled(pattern.removeprefix("!")), not pattern.startswith("!")))
        return cls(folder.absolute(), tuple(patterns))

    def covers(self, path: Path) -> bool:
        if not self.patterns:
            return False
        try:
            inside = path.absolute().relative_to(self.root).as_posix()
        except ValueError:
            return False
        found = False
        for pattern, verdict in self.patterns:
            if pattern.fullmatch(inside):
                found = verdict
        return found


def _compiled(pattern: str) -> re.Pattern[str]:
    """Return what matches the files that a pattern names, and everything below the folders that it names."""
    anchored = "/" in pattern.rstrip("/")
    pattern = pattern.strip("/")
    out, place = "", 0
    while place < len(pattern):
        if pattern.startswith("**/", place):
            out, place = out + "(?:.*/)?", place + 3
        elif pattern.startswith("**", place):
            out, place = out + ".*", place + 2
        elif pattern[place] == "*":
            out, place = out + "[^/]*", place + 1
        elif pattern[place] == "?":
            out, place = out + "[^/]", place + 1
        else:
            out, place = out + re.escape(pattern[place]), place + 1
    return re.compile(("" if anchored else "(?:.*/)?") + out + "(?:/.*)?", re.DOTALL)
