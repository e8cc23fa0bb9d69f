"""Queues on a server: their addresses shown without passwords, and waited for no longer than they may take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from harness.letters.letter import QueueError

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T], where: str) -> T:
    """Return what the work returns, or raises. Raises QueueError when it takes longer; the work is left to itself."""
    results: list[T] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call, name="dead letters", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise QueueError(f"{where}: no answer within {seconds:g} s")
    return results[0]


def shown(url: str) -> str:
    """Return a URL without its password."""
    password = password_of(url)
    return url.replace(f":{password}@", ":***@", 1) if password else url


def password_of(url: str) -> str:
    """Return the password as it is written in the URL, empty where there is none."""
    authority = url.partition("://")[2].partition("#")[0].rpartition("@")[0]
    return authority.partition(":")[2]
