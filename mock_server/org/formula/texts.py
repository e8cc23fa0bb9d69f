"""Texts of formulas: a blank is an empty text, never None. What cannot be worked out raises EvaluationError."""

from __future__ import annotations

import re
from decimal import Decimal

from mock_server.org.formula.numbers import ONE, ZERO, Number, whole
from mock_server.org.formula.problems import EvaluationError
from mock_server.org.ids import to_18

MOST_TEXT = 131_072
"""Characters a text may grow to on the way: no field holds more."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
BR = "<br>"


def id_in(stored: str | None) -> str:
    """Read an id: formulas see 15 characters."""
    return stored[:15] if stored else ""


def joined(*texts: str) -> str:
    return grown("".join(texts))


def grown(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise EvaluationError("#Too Big!")
    return text


def text_of_number(value: Number) -> str:
    if value is None:
        return ""
    if not value:
        return "0"
    if not -200 < value.adjusted() < 200:
        raise EvaluationError("#Too Big!")
    shown = f"{value:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def number_of_text(text: str) -> Number:
    """Read a number as VALUE does: no blanks, no commas."""
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise EvaluationError(f"The value '{text[:80]}' is not a valid number.")
    return +Decimal(text)


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def length(text: str) -> Decimal:
    return Decimal(len(text))


def left(text: str, count: Number) -> str:
    return "" if count is None else text[: max(0, whole(count))]


def right(text: str, count: Number) -> str:
    return "" if count is None or (wanted := whole(count)) <= 0 else text[-wanted:]


def mid(text: str, start: Number, count: Number) -> str:
    if start is None or count is None:
        return ""
    first = max(1, whole(start)) - 1
    return text[first : first + max(0, whole(count))]


def lpad(text: str, count: Number, pad: str = " ") -> str:
    return _padded(text, count, pad, before=True)


def rpad(text: str, count: Number, pad: str = " ") -> str:
    return _padded(text, count, pad, before=False)


def _padded(text: str, count: Number, pad: str, *, before: bool) -> str:
    if count is None or not text:
        return ""
    wanted = max(0, whole(count))
    lacking = wanted - len(text)
    if lacking <= 0:
        return text[:wanted]
    if wanted > MOST_TEXT:
        raise EvaluationError("#Too Big!")
    filling = (pad * (lacking // len(pad) + 1))[:lacking] if pad else ""
    return filling + text if before else text + filling


def trim(text: str) -> str:
    return text.strip(" \t\n\r\f\v\u00a0")


def lower(text: str, _: str = "") -> str:
    return text.lower()


def upper(text: str, _: str = "") -> str:
    return text.upper()


def initcap(text: str) -> str:
    out, start = [], True
    for character in text:
        out.append(character.upper() if start else character.lower())
        start = not character.isalnum()
    return "".join(out)


def reverse(text: str) -> str:
    return text[::-1]


def contains(text: str, part: str) -> bool | None:
    """Tell whether a text holds another. Everything holds blank; of blank nothing else is known."""
    if not part:
        return True
    return part in text if text else None


def begins(text: str, start: str) -> bool | None:
    if not start:
        return True
    return text.startswith(start) if text else None


def find(part: str, text: str, start: Number = ONE) -> Decimal:
    if not part or not text:
        return ZERO
    first = 1 if start is None else whole(start)
    return Decimal(text.find(part, max(0, first - 1)) + 1)


def substitute(text: str, old: str, new: str) -> str:
    if not text or not old:
        return text
    grown = len(text) + text.count(old) * (len(new) - len(old))
    if grown > MOST_TEXT:
        raise EvaluationError("#Too Big!")
    return text.replace(old, new)


def ascii_(text: str) -> Number:
    return Decimal(ord(text[0])) if text else None


def chr_(code: Number) -> str:
    if code is None:
        return ""
    point = whole(code)
    if not 1 <= point <= 0x10FFFF or 0xD800 <= point <= 0xDFFF:
        raise EvaluationError("Out of range argument to CHR() function")
    return chr(point)


def includes(chosen: str, value: str) -> bool:
    return value in chosen.split(";") if chosen else not value


def hyperlink(url: str, label: str, target: str = "_blank") -> str:
    return grown(f'<a href="{url}" target="{target}">{label or url}</a>')


def image(url: str, alternate: str, height: Number = None, width: Number = None) -> str:
    size = "".join(
        f" {name}:{text_of_number(value)}px;"
        for name, value in (("height", height), ("width", width))
        if value is not None
    )
    style = f' style="{size.strip()}"' if size else ""
    return grown(f'<img src="{url}" alt="{alternate}"{style} border="0"/>')


def case_safe_id(identifier: str) -> str:
    return to_18(identifier) or identifier
