"""Text for the page."""

from __future__ import annotations

from html import escape

from harness.report.terminal import printable


def clean(text: str) -> str:
    """Return text for the page, escaped, without control characters."""
    return escape(printable(text))
