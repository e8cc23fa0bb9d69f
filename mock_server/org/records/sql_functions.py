"""The functions that SQL of an org's database may use: folded text, likeness, the first and last of texts."""

from __future__ import annotations

import sqlite3
from typing import Any

from mock_server.org.records.alike import alike
from mock_server.org.schema.types import caseless, fold


def equip(connection: sqlite3.Connection) -> None:
    """Give a connection its functions."""
    connection.create_function("sf_fold", 1, _sf_fold, deterministic=True)
    connection.create_function("sf_alike", 2, alike, deterministic=True)
    connection.create_function("sf_caseless", 1, _sf_caseless, deterministic=True)
    connection.create_aggregate("sf_min", 1, _First)
    connection.create_aggregate("sf_max", 1, _Last)


def _sf_fold(value: str | float | bytes | None) -> str | float | bytes | None:
    return fold(value) if isinstance(value, str) else value


def _sf_caseless(value: str | float | bytes | None) -> str | float | bytes | None:
    return caseless(value) if isinstance(value, str) else value


class _First:
    """The SQL aggregate that gives the first text of a group in sorted order, null for none."""

    def __init__(self) -> None:
        self.key: str | None = None
        self.text: str | None = None

    def step(self, text: Any) -> None:
        if text is not None:
            key = fold(text)
            if self.key is None or self.before(key, self.key):
                self.key, self.text = key, text

    @staticmethod
    def before(key: str, known: str) -> bool:
        return key < known

    def finalize(self) -> Any:
        return self.text


class _Last(_First):
    """The same for the last text."""

    @staticmethod
    def before(key: str, known: str) -> bool:
        return key > known
