"""Whether the lines of a content end as its job says. Within quotes a line may end as it likes: that is data.

Recorded (forcedotcom/cli, salesforcecli/plugin-data): a job whose content does not end its lines so fails whole,
`ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF`, and nothing is saved.
"""

from __future__ import annotations


class LineEndings:
    """Looks at a content part by part."""

    def __init__(self, setting: str) -> None:
        self._crlf = setting == "CRLF"
        self._inside = False
        self._rest = b""

    def agree(self, part: bytes) -> bool:
        """Tell whether the next part of the content ends its lines as it should."""
        part = self._rest + part
        self._rest = b""
        if self._crlf and part.endswith(b"\r"):
            part, self._rest = part[:-1], b"\r"
        if not self._inside and self._good(part):
            if b'"' in part:
                self._inside = part.count(b'"') % 2 == 1
            return True
        pieces = part.split(b'"')
        outside = pieces[1 if self._inside else 0 :: 2]
        if len(pieces) % 2 == 0:
            self._inside = not self._inside
        return all(map(self._good, outside))

    def end(self) -> bool:
        """Tell whether the content ends as it should."""
        return not self._rest or self._inside

    def _good(self, text: bytes) -> bool:
        returns = text.count(b"\r")
        if not self._crlf:
            return returns == 0
        return returns == text.count(b"\n") == text.count(b"\r\n")
