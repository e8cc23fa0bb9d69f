"""How deep a body may be nested."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from mock_server.jsontext import DEEPEST, check_depth
from mock_server.org.errors import ApiError

UNWRITABLE = 1 << 70
"""A number that is read and cannot be written again, so that levels are counted one by one."""


def nested(levels: int, inner: Any) -> Any:
    value = inner
    for level in range(levels):
        value = [value] if level % 2 else {"a": value, "b": 0}
    return value


@pytest.mark.parametrize("inner", [1, UNWRITABLE])
def test_a_body_may_be_nested_200_levels_deep_and_no_further(inner: int) -> None:
    body = b"[" * (DEEPEST + 1)
    check_depth(body, nested(DEEPEST, inner))
    for levels in (DEEPEST + 1, DEEPEST + 2, 253, 254, 255, 400):
        with pytest.raises(ApiError, match="nesting"):
            check_depth(body, nested(levels, inner))


def test_what_is_not_too_deep_can_be_written_again() -> None:
    orjson.dumps(nested(DEEPEST, 1))
