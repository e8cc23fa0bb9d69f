"""Display formats of auto numbers: `INV-{YYYY}-{0000}` (D: Auto-Number, display formats)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_TOKEN = re.compile(r"\{(YYYY|YY|MM|DD|0+)\}")
_DEFAULT = "{00000000}"


def displayed(display: str | None, number: int, moment: float) -> str:
    """Return a number in its format; the parts of a date are those of the day in UTC of `moment`, in seconds.

    A number longer than its zeros is written whole.
    """
    pieces, dated = _pieces(display or _DEFAULT)
    day = datetime.fromtimestamp(moment, UTC) if dated else None
    out = []
    for text, token in pieces:
        out.append(text)
        if token.startswith("0"):
            out.append(f"{number:0{len(token)}d}")
        elif token and day is not None:
            out.append({"YYYY": f"{day.year:04d}", "YY": f"{day.year % 100:02d}", "MM": f"{day.month:02d}"}.get(
                token, f"{day.day:02d}"
            ))  # fmt: skip
    return "".join(out)


@lru_cache(256)
def _pieces(display: str) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Return a format as texts, each with the token that follows it, and whether there are parts of a date."""
    parts = _TOKEN.split(display)
    if not any(token.startswith("0") for token in parts[1::2]):
        # A format without a place for the number has it at its end.
        parts = [*parts[:-1], parts[-1], "0", ""]
    pairs = tuple(zip(parts[::2], [*parts[1::2], ""], strict=True))
    return pairs, any(token[:1] in ("Y", "M", "D") for _, token in pairs if token)
