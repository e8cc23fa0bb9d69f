"""What compiled formulas call by name: all functions on values, and comparisons of values of any kind."""

from __future__ import annotations

from typing import Any

from mock_server.org.formula import moments, numbers, places, texts


def not_(value: bool | None) -> bool | None:
    return None if value is None else not value


def less(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else left < right


def less_or_equal(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else left <= right


def equal(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else left == right


def unequal(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else left != right


def text_less(left: str, right: str) -> bool | None:
    return left < right if left and right else None


def text_less_or_equal(left: str, right: str) -> bool | None:
    return left <= right if left and right else None


SPACE: dict[str, Any] = {
    name: value
    for module in (numbers, texts, moments, places)
    for name, value in vars(module).items()
    if not name.startswith("_")
} | {
    function.__name__: function
    for function in (not_, less, less_or_equal, equal, unequal, text_less, text_less_or_equal)
}
"""The names that the source of a formula may hold."""
