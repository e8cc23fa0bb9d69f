"""How encrypted text is shown to who may not see it (D: Classic Encryption, mask types)."""

from __future__ import annotations

from collections.abc import Callable

_CLEAR = 4
"""How many characters at the end most masks leave."""


def masking(character: str, kind: str | None) -> Callable[[str | None], str | None]:
    """Return the function that masks a value with `*` or `X`."""

    def everything(value: str | None) -> str | None:
        return None if value is None else character * len(value)

    def last_four(value: str | None) -> str | None:
        return None if value is None else character * max(0, len(value) - _CLEAR) + value[-_CLEAR:]

    def grouped(*groups: int) -> Callable[[str | None], str | None]:
        shown = "-".join(character * size for size in groups)

        def mask(value: str | None) -> str | None:
            return None if value is None else f"{shown}-{value[-_CLEAR:]}"

        return mask

    if kind == "creditCard":
        return grouped(4, 4, 4)
    if kind == "ssn":
        return grouped(3, 2)
    if kind in ("lastFour", "sin"):
        return last_four
    return everything
