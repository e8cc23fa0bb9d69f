"""Record ids: 3 characters of key prefix, 3 of instance, 9 of counter, 3 of case checksum."""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ALNUM = frozenset(_BASE62)
_VALUE = {character: index for index, character in enumerate(_BASE62)}


def checksum(fifteen: str) -> str:
    """Return the three characters that make a case-sensitive 15-character id safe to compare without case."""
    suffix = ""
    for start in (0, 5, 10):
        bits = 0
        for place, character in enumerate(fifteen[start : start + 5]):
            if "A" <= character <= "Z":
                bits |= 1 << place
        suffix += _CHECK[bits]
    return suffix


@lru_cache(8192)
def to_18(text: str) -> str | None:
    """Return the 18-character form of a 15- or 18-character id, or None when it is not id-shaped.

    An 18-character id whose capitals were lost is restored from its checksum, as Salesforce does.
    """
    if not _ALNUM.issuperset(text):
        return None
    if len(text) == 15:
        return text + checksum(text)
    if len(text) != 18:
        return None
    if checksum(text) == text[15:]:
        return text
    if not (text.islower() or text.isupper()):
        return None
    restored = _restore(text)
    return restored if checksum(restored) == restored[15:] else None


def _restore(text: str) -> str:
    head, suffix = text[:15].lower(), text[15:].upper()
    out = []
    for index, character in enumerate(head):
        mark = _CHECK.find(suffix[index // 5])
        out.append(character.upper() if mark >= 0 and mark >> (index % 5) & 1 else character)
    return "".join(out) + suffix


def to_15(identifier: str) -> str:
    return identifier[:15]


def stable_id(prefix: str, name: str) -> str:
    """Return the id of something that a schema names rather than a record: the same in every org and every run."""
    number = crc32(name.encode())
    digits = []
    for _ in range(9):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    fifteen = f"{prefix}Kd0{''.join(reversed(digits))}"
    return fifteen + checksum(fifteen)


class IdSource:
    """Hands out ids in ascending order. `instance` is the three characters after the key prefix, e.g. `Kd0`."""

    def __init__(self, instance: str, first: int = 1) -> None:
        self._instance = instance
        self.next_number = first

    def take(self, prefix: str) -> str:
        return self.take_many(prefix, 1)[0]

    def take_many(self, prefix: str, count: int) -> list[str]:
        start, end = self.next_number, self.next_number + count
        self.next_number = end
        out: list[str] = []
        head = prefix + self._instance
        while start < end:
            high, low = divmod(start, 3844)
            stem, suffix, bits = _stem(head, high)
            part = slice(low, low + end - start)
            pairs, checks = _PAIRS[part], _checks(bits)[part]
            out += [f"{stem}{pair}{suffix}{check}" for pair, check in zip(pairs, checks, strict=True)]
            start += len(pairs)
        return out


@lru_cache(1024)
def _stem(head: str, high: int) -> tuple[str, str, int]:
    """Return what 3,844 ids in a row share: 13 characters, two of the checksum, and the first bits of the third."""
    digits = []
    for _ in range(7):
        high, digit = divmod(high, 62)
        digits.append(_BASE62[digit])
    stem = head[:6] + "".join(reversed(digits))
    padded = checksum(stem + "00")
    return stem, padded[:2], _CHECK.index(padded[2])


@lru_cache(8)
def _checks(bits: int) -> list[str]:
    """Return the third characters of the checksums of such ids, in their order."""
    return [_CHECK[bits + more] for more in _PAIR_BITS]


_PAIRS = [a + b for a in _BASE62 for b in _BASE62]
_PAIR_BITS = [(8 if "A" <= pair[0] <= "Z" else 0) | (16 if "A" <= pair[1] <= "Z" else 0) for pair in _PAIRS]


def number_of(identifier: str) -> int:
    """Return the counter value inside an id; the inverse of `IdSource.take` for ids of the same instance."""
    value = 0
    for character in identifier[6:15]:
        value = value * 62 + _VALUE[character]
    return value


def numbered(head: str, number: int) -> str:
    """Return the id of a counter value; `head` is its key prefix and instance."""
    digits = []
    for _ in range(9):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    fifteen = head + "".join(reversed(digits))
    return fifteen + checksum(fifteen)
