"""What a string literal stands for: its escapes, and those of LIKE patterns."""

from __future__ import annotations

import re

from mock_server.org import errors

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[\s\S])")


_WRITTEN = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\b": "\\b"})
_MARKS = str.maketrans({"%": "\\%", "_": "\\_"})


def escaped(text: str, *, pattern: bool = False) -> str:
    """Return what stands for a text between the quotes of a literal; in a LIKE `pattern`, with its marks as letters."""
    written = text.translate(_WRITTEN)
    return written.translate(_MARKS) if pattern else written


def text_of(literal: str) -> str:
    """Return the text that a string literal's inside stands for. Raises MALFORMED_QUERY for an unknown escape."""
    return _ESCAPE.sub(lambda match: _resolve(match, pattern=False), literal) if "\\" in literal else literal


def pattern_of(literal: str) -> str:
    """Return a LIKE pattern in which a backslash escapes `%`, `_` and itself."""
    return _ESCAPE.sub(lambda match: _resolve(match, pattern=True), literal) if "\\" in literal else literal


def _resolve(match: re.Match[str], *, pattern: bool) -> str:
    escape = match[1]
    if escape in ("%", "_"):
        return f"\\{escape}" if pattern else escape
    if len(escape) == 5:
        code = int(escape[1:], 16)
        # A lone surrogate is no text.
        return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)
    if escape not in _ESCAPES:
        raise errors.MALFORMED_QUERY(
            text=f"Invalid string literal '{match.string[:100]}'. Illegal character sequence '\\{escape}' in string "
            "literal."
        )
    return "\\\\" if pattern and escape == "\\" else _ESCAPES[escape]
