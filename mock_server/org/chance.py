"""The one source of chance: seeded streams, one a purpose, and secrets that must not be guessable."""

from __future__ import annotations

import secrets
from random import Random
from string import ascii_letters, digits

__all__ = ["Random", "secret", "stream", "word"]

_ALPHABET = ascii_letters + digits + "._"
_FOLDED = (_ALPHABET * 4).encode()
"""A character for each byte: 64 of them, so that all are as likely."""


def stream(seed: int, *purpose: str) -> Random:
    """Return the generator for one purpose. The same seed and purpose give the same draws on every machine."""
    return Random(f"{seed}:{'/'.join(purpose)}")


def secret(length: int) -> str:
    """Return `length` unguessable characters of `A-Za-z0-9._`, as in Salesforce's tokens."""
    return secrets.token_bytes(length).translate(_FOLDED).decode()


def word(length: int, letters: str) -> str:
    """Return `length` unguessable ones of some letters."""
    return "".join(secrets.choice(letters) for _ in range(length))
